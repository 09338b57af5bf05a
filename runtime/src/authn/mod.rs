//! Who calls.
//!
//! Threat: a request that passes for somebody (CWE-287). Promise: an [`Authenticated`] exists only where one of the
//! configured authenticators vouched for the request; nothing else can make one. A credential that can't be checked now
//! (a key server is down) is neither good nor bad: the answer is 503, not 401 and not let through.

pub(crate) mod digest;
pub(crate) mod names;
pub(crate) mod sweep;

use std::fmt;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use futures_util::future::LocalBoxFuture;

use crate::dry_run;
use crate::principal::{Authority, Principal};
use crate::problem::{BAD_CREDENTIALS, Problem, answer_with_a_problem};
use crate::unavailable::Unavailable;

/// How far the clocks of issuer and verifier may be apart at most; what was taken back is remembered so much longer.
pub(crate) const LONGEST_LEEWAY: Duration = Duration::from_secs(60);

/// Of a credential that was taken back.
pub(crate) const REVOKED: AuthError = AuthError::Invalid("token_revoked");

/// What an authenticator found in a request.
#[allow(clippy::exhaustive_enums, reason = "authenticators of the application wrap others, and must handle each case")]
pub enum Attempt<'a> {
    /// No credential of its scheme.
    Absent,
    /// A credential, and the verdict on it.
    Done(Result<Principal, AuthError>),
    /// A credential whose verdict has to be awaited.
    Pending(LocalBoxFuture<'a, Result<Principal, AuthError>>),
}

impl fmt::Debug for Attempt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("Absent"),
            Self::Done(verdict) => f.debug_tuple("Done").field(verdict).finish(),
            Self::Pending(_) => f.write_str("Pending"),
        }
    }
}

/// Why a credential gives no principal.
///
/// The text is the same for every word, so that nobody sends the word to a client by accident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// It is not valid: 401. The word goes to the audit log alone, such as `token_expired`.
    #[error("the credential is not valid")]
    Invalid(&'static str),
    /// It could not be checked: 503 with `Retry-After`. The word goes to the audit log alone.
    #[error("the credential could not be checked")]
    Unavailable(&'static str),
}

/// For an [`Authenticator`] whose store does not answer.
impl From<Unavailable> for AuthError {
    fn from(_: Unavailable) -> Self {
        Self::Unavailable("store_unavailable")
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        let problem = match error {
            AuthError::Invalid(_) => Self::new(StatusCode::UNAUTHORIZED).detail(BAD_CREDENTIALS),
            AuthError::Unavailable(_) => Self::unavailable(),
        };
        problem.caused_by(error)
    }
}

answer_with_a_problem!(AuthError);

/// Finds out who sent a request, for one authentication scheme.
///
/// [`Jwt`] is one. Write your own for another scheme and give it to
/// [`PalisadeBuilder::authenticator`](crate::PalisadeBuilder::authenticator).
///
/// ```
/// use actix_web::HttpRequest;
/// use palisade::{Authenticator, Principal};
/// use palisade::authn::{Attempt, AuthError};
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
///     fn scheme(&self) -> &'static str {
///         "Badge"
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

    /// The authentication scheme, the same as in the principals that it makes, such as `"Basic"`.
    ///
    /// Authenticators of one scheme read the same credential: they are asked in their order until one accepts it.
    fn scheme(&self) -> &'static str;

    /// The one issuer of all its principals, where there is one: so a misspelt
    /// [`resource_owner_issuer`](crate::PalisadeBuilder::resource_owner_issuer) is found at boot, and none is needed where all have the same. Default: not
    /// known.
    fn issuer(&self) -> Option<&str> {
        None
    }

    /// Whether its credentials are API keys, so that each can have a rate limit of its own: a
    /// [`By::ApiKey`](crate::rate_limit::By::ApiKey) that no authenticator has keys for is an error of
    /// [`build`](crate::PalisadeBuilder::build). Return `true` if the principals have the id of the key
    /// ([`Principal::with_api_key`]). Default: `false`.
    fn has_api_keys(&self) -> bool {
        false
    }

    /// Whether a credential that it refused was meant for another authenticator of its scheme, such as a token of another
    /// issuer; that one's verdict counts then. Default: never, and a refusal is final.
    ///
    /// It is not asked about a credential that was refused as `token_revoked`: whoever knows that a credential was revoked has
    /// recognised it, and no other verdict on it counts.
    fn disowns(&self, request: &HttpRequest) -> bool {
        let _ = request;
        false
    }

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
    /// Two credentials, of two callers.
    Disagree,
}

/// Asks every authenticator whose scheme has no verdict yet. Every credential has to be good, and all have to be of one caller:
/// of two that disagree, nobody could tell which was meant. What the caller may do is what the first of them says.
pub(crate) async fn authenticate(
    authenticators: &[std::sync::Arc<dyn Authenticator>],
    request: &HttpRequest,
) -> Result<Authenticated, Failure> {
    if let Some(principal) = dry_run::assumed_principal(request) {
        return Ok(Authenticated(principal));
    }
    let mut caller: Option<Principal> = None;
    let mut accepted = Accepted::default();
    let mut disowned = None;
    for (place, authenticator) in authenticators.iter().enumerate() {
        if accepted.covers(authenticator.scheme()) {
            continue;
        }
        let verdict = match authenticator.authenticate(request) {
            Attempt::Absent => continue,
            Attempt::Done(verdict) => verdict,
            Attempt::Pending(verdict) => verdict.await,
        };
        match verdict {
            Ok(principal) => {
                accepted.add(authenticator.scheme());
                match &caller {
                    None => caller = Some(principal),
                    Some(first) if first.is_same_caller_as(&principal) => {}
                    Some(_) => return Err(Failure::Disagree),
                }
            }
            Err(refusal @ AuthError::Invalid(_))
                if refusal != REVOKED && shares_its_scheme(authenticators, place) && authenticator.disowns(request) =>
            {
                disowned = Some((authenticator.scheme(), refusal));
            }
            Err(error) => return Err(Failure::Rejected(error)),
        }
    }
    match (caller, disowned) {
        // A credential that nobody accepted is none that can be passed over.
        (_, Some((scheme, refusal))) if !accepted.covers(scheme) => Err(Failure::Rejected(refusal)),
        (Some(caller), _) => Ok(Authenticated(caller)),
        (None, _) => Err(Failure::NoCredentials),
    }
}

fn shares_its_scheme(authenticators: &[std::sync::Arc<dyn Authenticator>], place: usize) -> bool {
    let Some(scheme) = authenticators.get(place).map(|authenticator| authenticator.scheme()) else { return false };
    authenticators.iter().enumerate().any(|(other, authenticator)| other != place && authenticator.scheme() == scheme)
}

/// The schemes whose credential was accepted: rarely more than one, so nothing is allocated for the first.
#[derive(Default)]
struct Accepted(Option<&'static str>, Vec<&'static str>);

impl Accepted {
    fn covers(&self, scheme: &str) -> bool {
        self.0 == Some(scheme) || self.1.contains(&scheme)
    }

    fn add(&mut self, scheme: &'static str) {
        match self.0 {
            None => self.0 = Some(scheme),
            Some(_) => self.1.push(scheme),
        }
    }
}
