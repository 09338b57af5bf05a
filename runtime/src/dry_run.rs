//! What a test may claim about its own requests.
//!
//! Threat: a back door for tests that stands open in production (CWE-489). Promise: nothing on the wire reaches this, only
//! code of the same process through [`crate::testing`]; and a build without debug assertions, or without the feature
//! `testing`, has none of it.

use actix_web::{HttpRequest, HttpResponse};

use crate::principal::Principal;

#[cfg(all(feature = "testing", debug_assertions))]
mod marks {
    use crate::principal::Principal;

    /// The request comes from this principal.
    pub(crate) struct AssumedPrincipal(pub(crate) Principal);

    /// The request ends where the handler's arguments would be taken from it: no rate limit counts it and no handler runs.
    pub(crate) struct DryRun;

    /// The mark of a response to a dry run that was let through.
    pub(crate) struct LetThrough;
}

#[cfg(all(feature = "testing", debug_assertions))]
pub(crate) use self::marks::{AssumedPrincipal, DryRun, LetThrough};

#[cfg(all(feature = "testing", debug_assertions))]
pub(crate) fn assumed_principal(request: &HttpRequest) -> Option<Principal> {
    use actix_web::HttpMessage as _;
    request.extensions().get::<AssumedPrincipal>().map(|assumed| assumed.0.clone())
}

#[cfg(not(all(feature = "testing", debug_assertions)))]
pub(crate) fn assumed_principal(_: &HttpRequest) -> Option<Principal> {
    None
}

#[cfg(all(feature = "testing", debug_assertions))]
pub(crate) fn is_dry_run(request: &HttpRequest) -> bool {
    use actix_web::HttpMessage as _;
    request.extensions().contains::<DryRun>()
}

#[cfg(not(all(feature = "testing", debug_assertions)))]
pub(crate) fn is_dry_run(_: &HttpRequest) -> bool {
    false
}

/// The answer to a dry run that was let through.
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
