//! The token with which the caller of a request was authenticated.
//!
//! Threat: a token that was not verified is exchanged for another one, or a verified one is forwarded (CWE-441). Promise: the value
//! exists only for a caller that the guard authenticated by a token in `Authorization`, it is shown by no `Debug`, and it is good for
//! an exchange only.

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

/// The verified token of the caller, for a [`TokenExchange`](crate::oauth::TokenExchange). A handler takes it as an argument.
///
/// If the caller was not authenticated by a token in the `Authorization` header, such as by a cookie or an API key, the response is 403.
/// `Debug` does not show it.
#[derive(Clone)]
pub struct CallerToken(Arc<Zeroizing<String>>);

impl CallerToken {
    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

impl FromRequest for CallerToken {
    type Error = ArgumentError;
    type Future = Ready<Result<Self, ArgumentError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let help = "the caller was not authenticated by a token in `Authorization`, so there is none to exchange";
        ready(presented(request).ok_or(ArgumentError { status: StatusCode::FORBIDDEN, help }))
    }
}

fn presented(request: &HttpRequest) -> Option<CallerToken> {
    let principal = RequestState::of(request)?.principal.get()?;
    // The principal of a session has claims too, but no token that anybody could exchange.
    principal.token()?;
    // Repeated headers were rejected before.
    let (scheme, token) = request.headers().get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim_start_matches(' ');
    let is_of_caller = scheme.eq_ignore_ascii_case(principal.scheme());
    is_of_caller.then(|| CallerToken(Arc::new(Zeroizing::new(token.to_owned()))))
}

impl fmt::Debug for CallerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallerToken")
    }
}
