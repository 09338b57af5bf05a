use actix_web::web::Path;
use palisade::{get, public, validate};

#[get("/users/{id}")]
#[public]
#[validate]
async fn show(id: Path<u32>) -> String {
    id.to_string()
}

fn main() {}
