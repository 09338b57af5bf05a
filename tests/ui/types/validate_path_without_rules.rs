use actix_web::web::{Json, Path};
use palisade::{post, public, validate};
use serde::Deserialize;
use validator::Validate;

#[derive(Deserialize)]
struct Place {
    city: String,
}

#[derive(Deserialize, Validate)]
struct User {
    #[validate(length(min = 2))]
    name: String,
}

#[post("/cities/{city}")]
#[public]
#[validate]
async fn create(place: Path<Place>, body: Json<User>) -> String {
    format!("{} {}", place.city, body.name)
}

fn main() {}
