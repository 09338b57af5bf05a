use actix_web::web::Json;
use actix_web::{HttpRequest, Result};
use palisade::{input, post, public, validate};
use palisade_tests::inside::Inside;
use serde::Deserialize;
use validator::Validate;

#[derive(Deserialize, Validate)]
struct User {
    #[validate(length(min = 2))]
    name: String,
}

// The exception leaves the other argument strict.
#[post("/other")]
#[public]
#[validate(strict, except(other))]
async fn beside_an_exception(other: Inside<HttpRequest>, body: Json<User>) -> String {
    format!("{} {}", other.0.path(), body.name)
}

// Input is no exception.
#[post("/input")]
#[public]
#[validate(strict, except(body))]
async fn excepted_input(body: input::Json<User>, other: input::Query<User>) -> Result<String> {
    Ok(format!("{} {}", body.name, other.name))
}

fn main() {}
