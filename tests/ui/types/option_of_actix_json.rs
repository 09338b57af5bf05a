use actix_web::Either;
use actix_web::web::{Form, Json};
use palisade::{input, post, public, validate};
use serde::Deserialize;
use validator::Validate;

#[derive(Deserialize, Validate)]
struct User {
    #[validate(length(min = 2))]
    name: String,
}

type Aliased = Option<Json<User>>;

#[post("/plain")]
#[public]
async fn plain(_: Option<Json<User>>) -> &'static str {
    "never"
}

#[post("/validated")]
#[public]
#[validate]
async fn validated(_: Aliased) -> &'static str {
    "never"
}

#[post("/either")]
#[public]
async fn either(_: Option<Either<input::Json<User>, Form<User>>>) -> &'static str {
    "never"
}

fn main() {}
