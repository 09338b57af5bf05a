//! Why a sign-in did not begin, or did not end in an identity.
//!
//! Threat: a response that tells an attacker which part of a forged answer is wrong (CWE-204). Promise: all rejected answers of a provider get
//! the same response; the reason is only logged.

use actix_web::http::StatusCode;

use crate::client_auth::RequestError;
use crate::problem::{Problem, respond_with_problem};
use crate::unavailable::Unavailable;

/// Why a sign-in was rejected. A handler that returns it, or a [`Problem`] that was made from it with `?`, responds with the
/// status that is given here, and with a text for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignInError {
    /// The answer of the provider does not belong to a sign-in of this browser, or its tokens are not acceptable, or the link to the
    /// sign-in leads to another site: 400. The user should begin again.
    #[error("the sign-in was rejected: {0}")]
    Rejected(&'static str),
    /// The user or the provider said no: 403.
    #[error("the provider did not sign the user in: {0}")]
    Denied(&'static str),
    /// The provider does not respond, or cannot be used: 503 with `Retry-After`.
    #[error("the sign-in is not possible now: {0}")]
    Unavailable(&'static str),
    /// The request did not come through palisade, so the response cannot set a cookie: 500.
    #[error("the handler is not behind palisade, so its response cannot set a cookie")]
    NotGuarded,
}

pub(super) const MISSING: SignInError = rejected("flow_missing");
/// The provider does not accept this client. This is an event where it happens.
pub(super) const CLIENT_REFUSED: SignInError = unavailable("client_refused");
/// The text to return to leads to another site (CWE-601).
pub(super) const FOREIGN_RETURN: SignInError = rejected("return_path");
pub(super) const SEALED: SignInError = rejected("flow_sealed");

pub(super) const fn rejected(reason: &'static str) -> SignInError {
    SignInError::Rejected(reason)
}

pub(super) const fn unavailable(reason: &'static str) -> SignInError {
    SignInError::Unavailable(reason)
}

impl SignInError {
    /// The reason in the audit log.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Rejected(reason) | Self::Denied(reason) | Self::Unavailable(reason) => reason,
            Self::NotGuarded => "not_guarded",
        }
    }
}

impl From<Unavailable> for SignInError {
    fn from(_: Unavailable) -> Self {
        unavailable("provider_unavailable")
    }
}

impl From<RequestError> for SignInError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Unavailable | RequestError::TooLarge => unavailable("provider_unavailable"),
            RequestError::Garbage => unavailable("provider_garbage"),
            RequestError::Refused(code) if &*code == "invalid_grant" => rejected("code_refused"),
            RequestError::Refused(_) => CLIENT_REFUSED,
        }
    }
}

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        let problem = match &error {
            &FOREIGN_RETURN => Self::new(StatusCode::BAD_REQUEST).with_detail(
                "The link to this sign-in does not lead back to this site. Please start again from our page.",
            ),
            SignInError::Rejected(_) => Self::new(StatusCode::BAD_REQUEST)
                .with_detail("Your sign-in could not be completed. Please start again."),
            SignInError::Denied(_) => {
                Self::forbidden().with_detail("You were not signed in. You may start again, or use another account.")
            }
            SignInError::Unavailable(_) => Self::unavailable()
                .with_detail("The sign-in is not available now. Please try again in a moment.")
                .with_own_event(),
            SignInError::NotGuarded => Self::internal(),
        };
        problem.caused_by(error)
    }
}

respond_with_problem!(SignInError);
