use actix_web::web::Json;
use palisade::{owner, post, public, rate_limit, require_role, validate};

#[post("users/{id}", nmae = "users")]
#[public(" ")]
#[require_role("", Role::Admin)]
#[owner("id")]
#[rate_limit(0, "15 mins", coutn = failures, by = principals)]
#[rate_limit(5, "15m", by = principal)]
#[validate(boby)]
unsafe fn create<T>(body: Json<u32>) -> &'static str {
    "in"
}

fn main() {}
