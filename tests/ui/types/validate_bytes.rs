use actix_web::web::Bytes;
use palisade::{post, public, validate};

#[post("/users")]
#[public]
#[validate]
async fn create(body: Bytes) -> String {
    body.len().to_string()
}

fn main() {}
