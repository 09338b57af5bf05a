use actix_web::web::{Form, Query};
use palisade::{get, input, post, public, validate};
use serde::Deserialize;
use validator::Validate;

#[derive(Deserialize, Validate)]
struct Search {
    #[validate(length(min = 2))]
    name: String,
}

#[get("/query")]
#[public]
#[validate(strict)]
async fn query(search: Query<Search>) -> String {
    search.name.clone()
}

#[post("/beside")]
#[public]
#[validate(strict)]
async fn beside(body: input::Json<Search>, search: Query<Search>) -> String {
    format!("{} {}", body.name, search.name)
}

#[post("/form")]
#[public]
#[validate(strict)]
async fn form(form: Form<Search>) -> String {
    form.name.clone()
}

fn main() {}
