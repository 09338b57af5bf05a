use actix_web::web::Json;
use palisade::{owner, post, public, rate_limit, require_role, validate};
use serde::Deserialize;
use validator::Validate;

#[derive(Deserialize, Validate)]
struct User {
    #[validate(length(min = 1))]
    name: String,
}

#[post("users/{id}", nmae = "users")]
#[public(" ")]
#[require_role("", Role::Admin)]
#[owner("id")]
#[rate_limit(0, "15 mins", coutn = failures, by = principals)]
#[rate_limit(5, "15m", by = principal)]
#[validate(boby)]
unsafe fn create(body: Json<User>) -> String {
    body.into_inner().name
}

fn main() {}
