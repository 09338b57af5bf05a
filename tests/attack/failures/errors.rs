//! Errors of an application that reveal internals.

use std::fmt;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError};
use serde::{Serialize, Serializer};

/// Text that no client may see.
pub const SECRET: &str = "db password is hunter2";

pub type Boxed = Box<dyn std::error::Error>;

/// An error that reveals its text in the body and in a header.
#[derive(Debug)]
pub struct DatabaseDown;

impl fmt::Display for DatabaseDown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SECRET)
    }
}

impl std::error::Error for DatabaseDown {}

impl ResponseError for DatabaseDown {
    fn status_code(&self) -> StatusCode {
        StatusCode::SERVICE_UNAVAILABLE
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status_code())
            .insert_header(("retry-after", "7"))
            .insert_header(("x-debug", SECRET))
            .body(SECRET)
    }
}

/// An error with a cause.
#[derive(Debug)]
pub struct Wrapped(pub DatabaseDown);

impl fmt::Display for Wrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no account could be read")
    }
}

impl std::error::Error for Wrapped {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

/// A value whose JSON serialization fails.
pub struct Unwritable;

impl Serialize for Unwritable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom(SECRET))
    }
}

/// An extractor that fails through no fault of the client.
pub struct Pool;

impl FromRequest for Pool {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(_: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Err(DatabaseDown.into()))
    }
}
