use actix_web::web::Json;
use palisade::{post, public, validate};
use serde::Deserialize;

#[derive(Deserialize)]
struct User {
    name: String,
}

type Body = Json<User>;

#[post("/users")]
#[public]
#[validate]
async fn create(body: Body) -> String {
    body.name.clone()
}

fn main() {}
