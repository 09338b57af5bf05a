//! The principal as an argument of a handler.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev};

use crate::principal::{NoPrincipal, Principal};
use crate::settings::InFlight;

/// Only a guarded handler can be given one, because only the guard stores it.
impl FromRequest for Principal {
    type Error = NoPrincipal;
    type Future = Ready<Result<Self, NoPrincipal>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let principal = request.extensions().get::<InFlight>().and_then(|in_flight| in_flight.principal.get()).cloned();
        ready(principal.ok_or(NoPrincipal(())))
    }
}
