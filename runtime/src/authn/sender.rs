//! The proof that a credential is used by the client that it was issued to.
//!
//! Threat: a stolen access token is used by the thief (CWE-294). Promise: a bound credential is accepted only with the proof of its key,
//! for each authenticator alike. If nothing checks such proofs, the credential is rejected.

use actix_web::HttpRequest;
use futures_util::future::LocalBoxFuture;

use crate::principal::Confirmation;

/// Checks the proofs of an application.
pub(crate) trait SenderConstraint: Send + Sync {
    /// Whether the request proves what this confirmation demands.
    fn check<'a>(
        &'a self,
        confirmation: &'a Confirmation,
        request: &'a HttpRequest,
    ) -> LocalBoxFuture<'a, Result<(), Unproved>>;

    /// The algorithms of DPoP proofs, separated by spaces. `None` if no such proofs are checked.
    fn dpop_algorithms(&self) -> Option<&str>;

    /// Whether certificates of clients are read from headers of proxies.
    #[cfg(feature = "oauth")]
    fn reads_certificates_of_proxies(&self) -> bool;
}

/// Why a bound credential was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "oauth"), expect(dead_code, reason = "without the feature nothing checks a proof"))]
pub(crate) enum Unproved {
    /// It was presented without its proof: 401.
    Credential(&'static str),
    /// The proof is not valid: 401.
    Proof(&'static str),
    /// The proof needs the nonce that the response has: 401.
    Nonce,
    /// The proof cannot be checked now: 503.
    Unavailable(&'static str),
}
