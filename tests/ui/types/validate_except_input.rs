use actix_web::web::{Json, Query};
use palisade::{post, public, validate};
use serde::Deserialize;
use validator::Validate;

#[derive(Deserialize, Validate)]
struct User {
    #[validate(length(min = 2))]
    name: String,
}

#[derive(Deserialize)]
struct Page {
    size: u32,
}

type Aliased = Query<Page>;

#[post("/users")]
#[public]
#[validate(except(body))]
async fn create(body: Json<User>, page: Query<User>) -> String {
    format!("{} {}", body.name, page.name)
}

#[post("/pages")]
#[public]
#[validate(except(page, text))]
async fn turn(page: Aliased, user: Query<User>, text: Result<String, actix_web::Error>) -> String {
    format!("{} {} {text:?}", page.size, user.name)
}

fn main() {}
