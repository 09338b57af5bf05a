//! The token with which the caller of a request was authenticated.
//!
//! Threat: a token that was not verified is exchanged for another one, or a verified one is forwarded (CWE-441). Promise: the value
//! exists only for a caller that the guard authenticated by a bearer token in `Authorization`, also one with a proof (RFC 9449). It knows the
//! issuer of the token. It is shown by no `Debug`, and it is good for an exchange only. The header of a caller that was authenticated in another way, such as by a cookie, was
//! verified by nobody, and is not read.

use std::fmt;
use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpRequest};
use zeroize::Zeroizing;

use crate::principal::ArgumentError;
use crate::settings::RequestState;

/// RFC 6750 §2.1.
const BEARER: &str = "Bearer";
/// RFC 9449 §7.1.
const DPOP: &str = "DPoP";

/// The verified token of the caller, for a [`TokenExchange`](crate::oauth::TokenExchange). A handler takes it as an argument.
///
/// If the caller was not authenticated by a token in the `Authorization` header under the scheme `Bearer` or `DPoP`, such as by a cookie, by an
/// API key, or by a token of a [scheme of its own](crate::jwt::JwtBuilder::scheme), the response is 403. The provider may refuse to exchange a
/// token that is bound to a key of the caller. `Debug` does not show the token.
///
/// An [`Authenticator`](crate::Authenticator) of the application that returns the principals of a [`Jwt`](crate::Jwt) must read its token from
/// `Authorization`, as the contract of [`scheme`](crate::Authenticator::scheme) says.
#[derive(Clone)]
pub struct CallerToken(Arc<CallerTokenParts>);

struct CallerTokenParts {
    text: Zeroizing<String>,
    issuer: Box<str>,
}

impl CallerToken {
    pub(super) fn text(&self) -> &str {
        &self.0.text
    }

    /// Who issued it, as its authenticator has verified.
    pub(super) fn issuer(&self) -> &str {
        &self.0.issuer
    }
}

impl FromRequest for CallerToken {
    type Error = ArgumentError;
    type Future = Ready<Result<Self, ArgumentError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let help =
            "the caller was not authenticated by a bearer token in `Authorization`, so there is none to exchange";
        ready(presented(request).ok_or(ArgumentError { status: StatusCode::FORBIDDEN, help }))
    }
}

fn presented(request: &HttpRequest) -> Option<CallerToken> {
    let principal = RequestState::of(request)?.principal.get()?;
    // The caller chooses the scheme of the header, so it proves nothing. The principal of a session has another scheme, and the one of an API
    // key has no token.
    principal.token().filter(|_| principal.scheme().eq_ignore_ascii_case(BEARER))?;
    // Repeated headers were rejected before.
    let (scheme, token) = request.headers().get(AUTHORIZATION)?.to_str().ok()?.trim_ascii().split_once(' ')?;
    let token = token.trim_ascii_start();
    // Those who accept bearer tokens read both, and had to accept the token for this principal.
    let was_verified = [BEARER, DPOP].iter().any(|read| scheme.eq_ignore_ascii_case(read));
    let parts = || CallerTokenParts { text: Zeroizing::new(token.to_owned()), issuer: principal.issuer().into() };
    was_verified.then(|| CallerToken(Arc::new(parts())))
}

impl fmt::Debug for CallerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallerToken")
    }
}
