use actix_web::web::{Form, Query};
use palisade::{authenticated, get, optional_auth, post};
use serde::Deserialize;

#[derive(Deserialize)]
struct Search {
    name: String,
}

#[get("/query")]
#[authenticated]
async fn query(search: Option<Query<Search>>) -> String {
    search.map_or_else(String::new, |search| search.into_inner().name)
}

#[post("/form")]
#[optional_auth]
async fn form(form: Option<Form<Search>>) -> String {
    form.map_or_else(String::new, |form| form.into_inner().name)
}

fn main() {}
