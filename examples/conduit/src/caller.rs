//! The caller, as handlers use it: the id of a user.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::StatusCode};
use palisade::{Extractor, Principal, Problem};

/// The id of the user whose token the request carries. On a route with `#[optional_auth]` a handler takes an `Option<Caller>`.
#[derive(Clone, Copy, Debug, Extractor)]
pub struct Caller(pub i64);

impl FromRequest for Caller {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(match Principal::from_request(request, payload).into_inner() {
            // Only this server issues tokens, so every subject is the id of a user.
            Ok(principal) => {
                principal.subject().parse().map(Self).map_err(|_| Problem::new(StatusCode::UNAUTHORIZED).into())
            }
            Err(error) => Err(error.into()),
        })
    }
}
