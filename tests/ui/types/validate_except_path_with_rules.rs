use actix_web::web::{Json, Path};
use palisade::{post, public, validate};
use serde::Deserialize;
use validator::Validate;

#[derive(Deserialize, Validate)]
struct User {
    #[validate(length(min = 2))]
    name: String,
}

#[derive(Deserialize, garde::Validate)]
struct Place {
    #[garde(length(min = 2))]
    city: String,
}

#[post("/users/{name}")]
#[public]
#[validate(except(path))]
async fn create(path: Path<User>, body: Json<User>) -> String {
    format!("{} {}", path.name, body.name)
}

#[post("/cities/{city}")]
#[public]
#[validate(except(path))]
async fn build(path: Option<Path<Place>>, body: Json<User>) -> String {
    format!("{} {}", path.is_some(), body.name)
}

fn main() {}
