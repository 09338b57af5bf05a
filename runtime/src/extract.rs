//! The principal as an argument of a handler.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse, ResponseError, dev};

use crate::audit;
use crate::principal::Principal;
use crate::settings::InFlight;

/// Only a guarded handler can be given one, because only the guard stores it.
impl FromRequest for Principal {
    type Error = NoPrincipal;
    type Future = Ready<Result<Self, NoPrincipal>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let principal = request.extensions().get::<InFlight>().and_then(|in_flight| in_flight.principal.get()).cloned();
        ready(principal.ok_or_else(|| {
            let route = request.match_pattern().unwrap_or_default();
            let cure = "a handler takes a `Principal`, but its route demands none: replace `#[public]` by an attribute that does";
            audit::misconfigured(&route, cure);
            NoPrincipal(())
        }))
    }
}

/// A handler asked for a [`Principal`] on a route that demands none: a defect of the application, answered with 500.
#[derive(Debug)]
pub struct NoPrincipal(());

impl std::fmt::Display for NoPrincipal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the route demands no principal")
    }
}

impl ResponseError for NoPrincipal {
    fn error_response(&self) -> HttpResponse {
        HttpResponse::InternalServerError().finish()
    }
}
