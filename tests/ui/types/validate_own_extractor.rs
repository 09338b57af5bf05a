use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::web::Json;
use actix_web::{FromRequest, HttpRequest};
use palisade::{post, public, validate};
use serde::Deserialize;
use validator::Validate;

struct Session;

impl FromRequest for Session {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(_: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Session))
    }
}

#[derive(Deserialize, Validate)]
struct User {
    #[validate(length(min = 2))]
    name: String,
}

#[post("/users")]
#[public]
#[validate]
async fn create(_session: Session, body: Json<User>) -> String {
    body.name.clone()
}

fn main() {}
