//! What a test may claim about its own requests.
//!
//! Threat: a back door for tests that stands open in production (CWE-489). Promise: nothing on the wire reaches this, only
//! code of the same process through [`crate::testing`]; and a build without debug assertions, or without the feature
//! `testing`, has none of it.

use actix_web::{HttpRequest, HttpResponse};

use crate::principal::Principal;

#[cfg(all(feature = "testing", debug_assertions))]
mod claims {
    use crate::principal::Principal;

    /// The request comes from this principal.
    pub(crate) struct Claimed(pub(crate) Principal);

    /// The request ends where the handler's arguments would be taken from it: no quota counts it and no handler runs.
    pub(crate) struct Rehearsal;

    /// The mark of a response to a rehearsal that was let through.
    pub(crate) struct LetThrough;
}

#[cfg(all(feature = "testing", debug_assertions))]
pub(crate) use self::claims::{Claimed, LetThrough, Rehearsal};

#[cfg(all(feature = "testing", debug_assertions))]
pub(crate) fn claimed(request: &HttpRequest) -> Option<Principal> {
    use actix_web::HttpMessage as _;
    request.extensions().get::<Claimed>().map(|claimed| claimed.0.clone())
}

#[cfg(not(all(feature = "testing", debug_assertions)))]
pub(crate) fn claimed(_: &HttpRequest) -> Option<Principal> {
    None
}

#[cfg(all(feature = "testing", debug_assertions))]
pub(crate) fn is_one(request: &HttpRequest) -> bool {
    use actix_web::HttpMessage as _;
    request.extensions().contains::<Rehearsal>()
}

#[cfg(not(all(feature = "testing", debug_assertions)))]
pub(crate) fn is_one(_: &HttpRequest) -> bool {
    false
}

/// The answer to a rehearsal that was let through.
#[cfg(all(feature = "testing", debug_assertions))]
pub(crate) fn let_through() -> HttpResponse {
    let mut response = HttpResponse::NoContent().finish();
    response.extensions_mut().insert(LetThrough);
    response
}

#[cfg(not(all(feature = "testing", debug_assertions)))]
pub(crate) fn let_through() -> HttpResponse {
    HttpResponse::NoContent().finish()
}
