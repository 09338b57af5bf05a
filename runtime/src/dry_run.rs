//! Assumed principals and dry runs, for the application's tests.
//!
//! Threat: a test back door in production (CWE-489). Promise: no request from the network can use it, only code of the same
//! process through [`crate::testing`]. A build without debug assertions, or without the feature `testing`, does not contain it.

use actix_web::{HttpRequest, HttpResponse};

use crate::principal::Principal;

#[cfg(all(feature = "testing", debug_assertions))]
mod marks {
    use crate::principal::Principal;

    /// The request comes from this principal.
    pub(crate) struct AssumedPrincipal(pub(crate) Principal);

    /// The request ends before the handler's arguments are extracted: no rate limit counts it and no handler runs.
    pub(crate) struct DryRun;

    /// Marks the response to a dry run that was admitted.
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

/// The response to a dry run that was admitted.
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
