use actix_web::web::Json;
use palisade::{post, public, validate};
use serde::Deserialize;
use validator_of_another_version::Validate;

#[derive(Deserialize, Validate)]
#[validate(crate = "validator_of_another_version")]
struct User {
    #[validate(length(min = 2))]
    name: String,
}

#[post("/users")]
#[public]
#[validate]
async fn create(body: Json<User>) -> String {
    body.name.clone()
}

fn main() {}
