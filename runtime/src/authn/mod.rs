//! Who calls.
//!
//! Threat: a request that passes for somebody (CWE-287). Promise: an [`Authenticated`] exists only where one of the
//! configured authenticators vouched for the request; nothing else can make one. A credential that can't be checked now
//! (a key server is down) is neither good nor bad: the answer is 503, not 401 and not let through.

mod jwt;

use actix_web::HttpRequest;
use futures_util::future::LocalBoxFuture;

pub use self::jwt::{Grant, IssueError, Jwt};
use crate::principal::{Authority, Principal};
use crate::rehearsal;

/// What an authenticator found in a request.
pub enum Attempt<'a> {
    /// No credential of its scheme: the next authenticator is asked.
    Absent,
    /// A credential, and the verdict on it.
    Done(Result<Principal, AuthError>),
    /// A credential whose verdict has to be awaited.
    Pending(LocalBoxFuture<'a, Result<Principal, AuthError>>),
}

/// Why a credential gives no principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthError {
    /// It is not valid: 401. The word goes to the audit log alone, such as `token_expired`.
    Invalid(&'static str),
    /// It could not be checked: 503. The word goes to the audit log alone.
    Unavailable(&'static str),
}

/// Finds out who sent a request, for one authentication scheme.
///
/// [`Jwt`] is one. Write your own for another scheme and give it to
/// [`PalisadeBuilder::authenticator`](crate::PalisadeBuilder::authenticator).
///
/// ```
/// use actix_web::HttpRequest;
/// use palisade::{Attempt, AuthError, Authenticator, Principal};
///
/// struct Badge;
///
/// impl Authenticator for Badge {
///     fn authenticate<'a>(&'a self, request: &'a HttpRequest) -> Attempt<'a> {
///         match request.headers().get("x-badge").map(|value| value.to_str()) {
///             None => Attempt::Absent,
///             Some(Ok("7")) => Attempt::Done(Ok(Principal::new("Badge", "front-desk", "7"))),
///             Some(_) => Attempt::Done(Err(AuthError::Invalid("badge_unknown"))),
///         }
///     }
///
///     fn challenge(&self, realm: &str, _presented: bool) -> String {
///         format!("Badge realm=\"{realm}\"")
///     }
/// }
/// ```
pub trait Authenticator: Send + Sync + 'static {
    /// Looks for a credential and judges it. The body is out of its reach.
    fn authenticate<'a>(&'a self, request: &'a HttpRequest) -> Attempt<'a>;

    /// The `WWW-Authenticate` challenge of the scheme (RFC 9110 §11.6.1), asked for once when the application is built;
    /// `presented` is whether it answers a credential that was not accepted.
    fn challenge(&self, realm: &str, presented: bool) -> String;
}

/// Proof that an authenticator vouched for the request.
pub(crate) struct Authenticated(Principal);

impl Authenticated {
    pub(crate) fn principal(&self) -> &Principal {
        &self.0
    }

    /// The same principal, with what its roles mean here.
    pub(crate) fn with_authority(self, authority: std::sync::Arc<Authority>) -> Self {
        Self(self.0.with_authority(authority))
    }
}

/// Why there is no [`Authenticated`].
pub(crate) enum Failure {
    NoCredentials,
    Rejected(AuthError),
}

/// Asks the authenticators in their order; the first that finds a credential of its scheme decides.
pub(crate) async fn authenticate(
    authenticators: &[std::sync::Arc<dyn Authenticator>],
    request: &HttpRequest,
) -> Result<Authenticated, Failure> {
    if let Some(principal) = rehearsal::claimed(request) {
        return Ok(Authenticated(principal));
    }
    for authenticator in authenticators {
        let verdict = match authenticator.authenticate(request) {
            Attempt::Absent => continue,
            Attempt::Done(verdict) => verdict,
            Attempt::Pending(verdict) => verdict.await,
        };
        return verdict.map(Authenticated).map_err(Failure::Rejected);
    }
    Err(Failure::NoCredentials)
}
