//! Extractors of the application and of other crates beside `#[validate]`, and the derive of `palisade::validator`.

#![deny(warnings)]

use std::future::{Ready, ready};
use std::marker::PhantomData;

use actix_web::dev::Payload;
use actix_web::web::Json;
use actix_web::{FromRequest, HttpRequest};
use palisade::validator::Validate;
use palisade::{Endpoint, Extractor, post, public, validate};
use palisade_tests::inside::Inside;

#[derive(Extractor)]
struct Session<'s, T: ?Sized, const N: usize>(PhantomData<&'s T>)
where
    T: Send;

impl<T: ?Sized + Send, const N: usize> FromRequest for Session<'_, T, N> {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(_: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Session(PhantomData)))
    }
}

#[derive(Extractor)]
enum Language {
    English,
}

impl FromRequest for Language {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(_: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Language::English))
    }
}

#[derive(serde::Deserialize, Validate)]
#[validate(crate = "palisade::validator")]
struct User {
    #[validate(length(min = 2))]
    name: String,
}

#[post("/users")]
#[public]
#[validate]
async fn create(session: Session<'static, str, 3>, language: Language, body: Json<User>) -> String {
    let Language::English = language;
    let Session(_) = session;
    body.name.clone()
}

/// `Inside` is of another crate. So is its `r#type` of an unusual name.
#[post("/others")]
#[public]
#[validate(except(r#type, request))]
async fn other(r#type: Inside<HttpRequest>, body: Json<User>, #[cfg(all())] request: Inside<HttpRequest>) -> String {
    format!("{} {} {}", body.name, r#type.0.path(), request.0.path())
}

fn main() {
    let _ = palisade::scope("").service(create).service(other);
    assert_eq!(create::POLICY.validation(), palisade::policy::Validation::Inputs);
    assert_eq!(other::POLICY.validation(), palisade::policy::Validation::InputsExcept(&["type", "request"]));
}
