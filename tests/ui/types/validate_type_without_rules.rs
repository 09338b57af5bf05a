use actix_web::web::Json;
use palisade::{post, public, validate};
use serde::Deserialize;

#[derive(Deserialize)]
struct User {
    name: String,
}

#[post("/users")]
#[public]
#[validate]
async fn create(body: Json<User>) -> String {
    body.name.clone()
}

fn main() {}
