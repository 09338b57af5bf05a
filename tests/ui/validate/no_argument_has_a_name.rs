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
#[validate(body)]
async fn create(_: Json<User>) -> &'static str {
    "in"
}

fn main() {}
