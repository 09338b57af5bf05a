use actix_web::Either;
use actix_web::web::{Form, Json, Path, Query};
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

type Alias = Option<Path<Place>>;

#[post("/{city}/option")]
#[public]
#[validate]
async fn option(user: Json<User>, page: Option<palisade::input::Query<Place>>) -> String {
    format!("{} {}", user.name, page.is_some())
}

#[post("/{city}/result")]
#[public]
#[validate]
async fn result(user: Json<User>, page: Result<Query<Place>, actix_web::Error>) -> String {
    format!("{} {}", user.name, page.is_ok())
}

#[post("/{city}/either")]
#[public]
#[validate]
async fn either(body: Either<Json<User>, Form<Place>>) -> String {
    match body {
        Either::Left(user) => user.name.clone(),
        Either::Right(place) => place.city.clone(),
    }
}

#[post("/{city}/alias")]
#[public]
#[validate]
async fn alias(user: Json<User>, place: Alias) -> String {
    format!("{} {}", user.name, place.is_some())
}

#[post("/{city}/list")]
#[public]
#[validate]
async fn list(places: Json<Vec<Place>>) -> String {
    places.len().to_string()
}

fn main() {}
