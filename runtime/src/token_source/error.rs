//! Why there is no token for a call to another service.
//!
//! Threat: an outage of the provider that a client reads as a decision about itself (CWE-636), and a
//! refusal of its own token that it reads as an outage, so that it tries for ever. Promise: the client of the application reads 503 with
//! `Retry-After`, or 403 for a token that the provider does not exchange, and learns nothing about the provider.

use crate::client_auth::RequestError;
use crate::problem::{Problem, respond_with_problem};

/// Why there is no token. A handler that returns it with `?` responds with 503 and `Retry-After`, because the caller cannot change the
/// reason, unless the reason is the token of the caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The provider does not respond, and there is no token that is still valid.
    #[error("the provider of tokens is unavailable")]
    Unavailable,
    /// The provider refused to issue a token, with this code of RFC 6749 §5.2, such as `invalid_client` or `invalid_scope`. The
    /// registration of the client, or the settings, must be changed.
    #[error("the provider of tokens refused the request: {0}")]
    Refused(Box<str>),
    /// The provider does not exchange the token of this caller (`invalid_request` of RFC 8693 §2.2.2, or `invalid_grant`), for example because
    /// it was revoked there; or the token is of another issuer, so the provider was not asked (`token_foreign_issuer`). Another try cannot change
    /// that: 403.
    #[error("the token of the caller cannot be exchanged: {0}")]
    CallerRefused(Box<str>),
    /// The answer of the provider is not one of the standard, or the token is not a bearer token.
    #[error("the provider of tokens responded with something else than a bearer token")]
    Garbage,
}

impl From<RequestError> for TokenError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Unavailable | RequestError::TooLarge => Self::Unavailable,
            RequestError::Refused(code) => Self::Refused(code),
            RequestError::Garbage => Self::Garbage,
        }
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        let problem = match &error {
            TokenError::CallerRefused(_) => Self::forbidden().with_detail("Your token cannot be used for this."),
            _ => Self::unavailable(),
        };
        problem.caused_by(error)
    }
}

respond_with_problem!(TokenError);
