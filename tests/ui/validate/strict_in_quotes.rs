use actix_web::web::Json;
use palisade::{post, public, validate};
use serde::Deserialize;
use validator::Validate;

#[derive(Deserialize, Validate)]
struct User {
    #[validate(length(min = 1))]
    name: String,
}

#[post("/users")]
#[public]
#[validate("strict")]
async fn create(body: Json<User>) -> String {
    body.into_inner().name
}

fn main() {}
