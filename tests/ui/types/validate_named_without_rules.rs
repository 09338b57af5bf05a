use actix_web::web::Path;
use palisade::{post, public, validate};

#[post("/users")]
#[public]
#[validate(id)]
async fn create(id: Path<u32>) -> String {
    id.to_string()
}

fn main() {}
