use actix_web::web::{self, Form, Json};
use actix_web::Either;
use palisade::{input, post, public, validate};
use serde::Deserialize;
use validator::Validate;

#[derive(Deserialize, Validate)]
struct User {
    #[validate(length(min = 2))]
    name: String,
}

type Aliased = web::Json<User>;

#[post("/plain")]
#[public]
#[validate(strict)]
async fn plain(body: Json<User>) -> String {
    body.name.clone()
}

#[post("/aliased")]
#[public]
#[validate(strict, body)]
async fn aliased(body: Aliased) -> String {
    body.name.clone()
}

#[post("/result")]
#[public]
#[validate(strict)]
async fn result(body: Result<Json<User>, actix_web::Error>) -> String {
    body.map_or_else(|_| String::new(), |body| body.into_inner().name)
}

#[post("/either")]
#[public]
#[validate(strict)]
async fn either(_: Either<input::Json<User>, Form<User>>) -> &'static str {
    "never"
}

fn main() {}
