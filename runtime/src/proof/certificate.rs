//! Tokens that are bound to the certificate of their client (RFC 8705 §3).
//!
//! Threat: a stolen token that is used over another connection, and a certificate in a header that anybody can write (CWE-290, CWE-345).
//! Promise: the certificate is that of the connection, or the one in `Client-Cert` (RFC 9440) if the application says that its trusted
//! proxies write it. Only its hash counts: whether a CA issued it does not matter, because the token names exactly this certificate.

use actix_web::HttpRequest;

use crate::authn::digest::{Digest, sha256};
use crate::authn::{AuthError, Unproved};
use crate::settings::RequestState;
use crate::tls;

const NOT_BOUND: Unproved = Unproved::Credential("certificate_not_bound");

/// Whether the client of the request has the certificate with this hash. `from_proxies` is whether trusted proxies write `Client-Cert`.
pub(super) fn check(request: &HttpRequest, bound_to: &Digest, from_proxies: bool) -> Result<(), Unproved> {
    let state = RequestState::of(request).ok_or(NOT_BOUND)?;
    // The connection of a proxy has the certificate of the proxy, which is not that of the client.
    let is_of_proxy = state.settings.proxies.set_headers_of(request.head());
    let own = match (is_of_proxy, from_proxies) {
        (true, true) => match tls::forwarded_certificate(request.headers()) {
            Some(Ok(certificate)) => sha256(&certificate),
            Some(Err(AuthError::Invalid(reason))) => return Err(Unproved::Credential(reason)),
            Some(Err(AuthError::Unavailable(reason))) => return Err(Unproved::Unavailable(reason)),
            None => return Err(NOT_BOUND),
        },
        (true, false) => return Err(NOT_BOUND),
        (false, _) => sha256(tls::certificate_of(request).ok_or(NOT_BOUND)?),
    };
    aws_lc_rs::constant_time::verify_slices_are_equal(&own, bound_to).map_err(|_| NOT_BOUND)
}
