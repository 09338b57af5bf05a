//! Authentication of requests.
//!
//! Threat: a request that impersonates a user (CWE-287). Promise: a caller is authenticated only if a
//! configured authenticator accepted the credential. If a credential cannot be checked now, for example because a key server is down, the
//! request is rejected with 503, not 401.
//!
//! [`Jwt`](crate::Jwt) and [`ApiKeys`](crate::api_key::ApiKeys) are authenticators. Implement [`Authenticator`] for another scheme.
//!
//! ```
//! use palisade::{Jwt, Palisade};
//!
//! // Both accept a credential of the scheme `Bearer`, each of its own issuer.
//! let ours = Jwt::hs256("https://issuer.example", "my-api", [7; 32])?;
//! let theirs = Jwt::hs256("https://partner.example", "my-api", [8; 32])?;
//! Palisade::builder().authenticator(ours).authenticator(theirs).build()?;
//! # Ok::<(), palisade::ConfigError>(())
//! ```

#[cfg(feature = "cookies")]
pub(crate) mod cookies;
pub(crate) mod digest;
mod lookup;
pub(crate) mod names;
mod sender;
pub(crate) mod sweep;

use std::fmt;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use futures_util::future::LocalBoxFuture;
use smallvec::SmallVec;

pub(crate) use self::lookup::PrincipalLookup;
pub(crate) use self::sender::{SenderConstraint, Unproved};
pub use crate::challenge::{Challenge, ChallengeCause, ChallengeContext, Challenges};
use crate::dry_run;
use crate::principal::{Authority, Principal};
use crate::problem::{BAD_CREDENTIALS, Problem, respond_with_problem};
use crate::unavailable::Unavailable;

/// The largest allowed difference between the clocks of issuer and verifier. Revocations are kept for this additional time.
pub(crate) const LONGEST_LEEWAY: Duration = Duration::from_secs(60);

/// The error for a revoked credential.
pub(crate) const REVOKED: AuthError = AuthError::Invalid("token_revoked");

/// The result of looking for a credential in a request.
#[allow(clippy::exhaustive_enums, reason = "authenticators of the application wrap others, and must handle each case")]
pub enum Attempt<'a> {
    /// The request has no credential of the scheme.
    Absent,
    /// The request has a credential, and this is the verdict.
    Done(Result<Principal, AuthError>),
    /// The request has a credential, and the verdict must be awaited.
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

/// Why a credential was not accepted.
///
/// `Display` does not show the reason, so that it cannot leak to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The credential is not valid: 401. Only the audit log shows the reason, such as `token_expired`.
    #[error("the credential is not valid")]
    Invalid(&'static str),
    /// The credential cannot be checked now: 503 with `Retry-After`. Only the audit log shows the reason.
    #[error("the credential could not be checked")]
    Unavailable(&'static str),
}

/// For an [`Authenticator`] whose store is unavailable.
impl From<Unavailable> for AuthError {
    fn from(_: Unavailable) -> Self {
        Self::Unavailable("store_unavailable")
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        let problem = match error {
            AuthError::Invalid(_) => Self::new(StatusCode::UNAUTHORIZED).with_detail(BAD_CREDENTIALS),
            AuthError::Unavailable(_) => Self::unavailable(),
        };
        problem.caused_by(error)
    }
}

respond_with_problem!(AuthError);

/// Authenticates requests by one authentication scheme.
///
/// [`Jwt`](crate::Jwt) is an example. Implement this trait for another scheme, and pass the value to
/// [`PalisadeBuilder::authenticator`](crate::PalisadeBuilder::authenticator).
///
/// ```
/// use actix_web::HttpRequest;
/// use palisade::{Authenticator, Principal};
/// use palisade::authn::{Attempt, AuthError, Challenge, ChallengeContext, Challenges};
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
///     fn challenge(&self, context: &ChallengeContext<'_>, challenges: &mut Challenges) {
///         challenges.add(Challenge::new("Badge").with("realm", context.realm()));
///     }
/// }
/// ```
pub trait Authenticator: Send + Sync + 'static {
    /// Looks for a credential in the request and verifies it. The body cannot be read here.
    fn authenticate<'a>(&'a self, request: &'a HttpRequest) -> Attempt<'a>;

    /// The authentication scheme, such as `"Basic"`. The principals of this authenticator have the same scheme.
    ///
    /// Several authenticators of one scheme read the same credential. They are called in order until one accepts it.
    fn scheme(&self) -> &'static str;

    /// The issuer of all principals of this authenticator, if they have the same one. The builder then detects a misspelt
    /// [`resource_owner_issuer`](crate::PalisadeBuilder::resource_owner_issuer), and does not need that setting if all
    /// authenticators have the same issuer. Default: `None`, which means that the issuer is unknown.
    fn issuer(&self) -> Option<&str> {
        None
    }

    /// Whether the principals have different issuers, so that two of them may have the same subject. Rules about owners then need
    /// [`resource_owner_issuer`](crate::PalisadeBuilder::resource_owner_issuer), even with one authenticator. Default: `false`.
    fn has_many_issuers(&self) -> bool {
        false
    }

    /// Whether a tenant of the principals is always one that the application
    /// [assigned](Principal::with_assigned_tenant), and never one that the credential claims. A rule about the tenant then needs no
    /// [`resource_owner_issuer`](crate::PalisadeBuilder::resource_owner_issuer). Default: `false`.
    fn assigns_tenants(&self) -> bool {
        false
    }

    /// Whether the credentials are API keys. Return `true` if the principals have the id of the key
    /// ([`Principal::with_api_key`]). A rate limit by [`By::ApiKey`](crate::rate_limit::By::ApiKey) is a configuration error if
    /// no authenticator returns `true`. Default: `false`.
    fn has_api_keys(&self) -> bool {
        false
    }

    /// Whether credentials are read from a header that a trusted proxy writes, such as `Client-Cert` (RFC 9440). It is then a
    /// configuration error if there is [no trusted proxy](crate::PalisadeBuilder::trusted_proxies). Default: `false`.
    fn reads_headers_of_proxies(&self) -> bool {
        false
    }

    /// Whether a credential that this authenticator rejected is meant for another authenticator of the same scheme, such as a
    /// token of another issuer. The verdict of that authenticator then decides. Default: `false`, which makes every rejection
    /// final.
    ///
    /// This method is not called for a credential that was rejected as `token_revoked`. The authenticator has recognised such a
    /// credential, so its verdict is final.
    fn disowns(&self, request: &HttpRequest) -> bool {
        let _ = request;
        false
    }

    /// Whether a browser adds the credential of this request by itself, also to a request that the page of another site causes
    /// (CWE-352): a cookie, the user name and password of HTTP Basic, which browsers remember, or the client certificate of the
    /// connection. Default: `false`, for credentials that only code of the client adds, such as a bearer token in `Authorization`.
    ///
    /// It is called if the credential was accepted. If it returns `true`, a request whose method is not safe (RFC 9110 §9.2.1),
    /// and an upgrade to another protocol, is rejected with 403 if the page of another origin caused it: `Sec-Fetch-Site` must be
    /// `same-origin` or `none`, or, if that header is missing, `Origin` must name the host of the request, or be missing too, as in
    /// requests of programs. Origins that the CORS rule of the route allows [with
    /// credentials](crate::Cors::allow_credentials) are admitted, and [`allow_cross_site`](macro@crate::allow_cross_site) exempts one
    /// route. The guide's page about [CORS](crate::guide::cors_and_headers) has the details.
    ///
    /// An authenticator that reads a certificate from the data of the connection (`HttpRequest::conn_data`, written by
    /// `HttpServer::on_connect`) must return `true`: a browser presents the certificate whatever page causes the request.
    ///
    /// Danger: without `true` here, every page that a user visits may act as the user.
    fn is_ambient(&self, request: &HttpRequest) -> bool {
        let _ = request;
        false
    }

    /// Writes the `WWW-Authenticate` challenges of the scheme (RFC 9110 §11.6.1), at least one.
    ///
    /// For [no credentials](ChallengeCause::NoCredentials) and a [rejected one](ChallengeCause::Rejected) it is called when the
    /// application is built, and each response outside of a protected resource (`Scope::protected_resource`) gets a copy. For other
    /// causes, and in a protected resource, it is called for each response. A scheme with one challenge for everything need not look
    /// at the cause.
    fn challenge(&self, context: &ChallengeContext<'_>, challenges: &mut Challenges);

    /// The issuer of the OAuth 2.0 authorization server whose tokens it accepts, for the metadata (RFC 9728 §2) of each protected
    /// resource whose identifier it [accepts](Self::accepts_audience) as the audience. Default: `None`.
    fn authorization_server(&self) -> Option<&str> {
        None
    }

    /// Whether it can accept a token whose `aud` names this audience. A protected resource (`ProtectedResource`) whose
    /// identifier no authenticator accepts is a configuration error. An authenticator that wraps another one should return what that
    /// one does. Default: `false`, for credentials that have no audience.
    fn accepts_audience(&self, audience: &str) -> bool {
        let _ = audience;
        false
    }

    /// Whether the challenge differs from request to request, such as one with a nonce of its own. It is then written for each
    /// response, and the context has the request. Default: `false`.
    fn challenge_varies(&self) -> bool {
        false
    }
}

/// Proof that an authenticator accepted the credential of the request.
pub(crate) struct Authenticated {
    principal: Principal,
    ambient: bool,
}

impl Authenticated {
    pub(crate) fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Whether a browser may have added one of the credentials by itself.
    pub(crate) fn is_ambient(&self) -> bool {
        self.ambient
    }

    /// Adds the permissions and implied roles that the role registry defines for the roles of the principal.
    pub(crate) fn with_authority(self, authority: std::sync::Arc<Authority>) -> Self {
        Self { principal: self.principal.with_authority(authority), ambient: self.ambient }
    }
}

/// Why a request is not [`Authenticated`].
pub(crate) enum Failure {
    NoCredentials,
    Rejected(AuthError),
    /// The credential is bound to a key, and the request does not prove that the client has it.
    Unproved(Unproved),
    /// The request has two credentials of different callers.
    Disagree,
    /// The application's function returned another caller.
    Changed,
}

/// Determines the caller with those of the authenticators that `is_asked` accepts. If the request has credentials of several of
/// their schemes, each must be valid, and all must belong to the same caller. The roles and scopes of the first bound credential
/// apply, or else those of the first credential.
pub(crate) async fn authenticate(
    authenticators: &[std::sync::Arc<dyn Authenticator>],
    is_asked: impl Fn(&dyn Authenticator) -> bool,
    request: &HttpRequest,
) -> Result<Authenticated, Failure> {
    if let Some(principal) = dry_run::assumed_principal(request) {
        return Ok(Authenticated { principal, ambient: false });
    }
    let mut caller: Option<Principal> = None;
    // The schemes whose credential was accepted.
    let mut accepted: SmallVec<[&'static str; 2]> = SmallVec::new();
    let mut disowned = None;
    let mut ambient = false;
    for (index, authenticator) in authenticators.iter().enumerate() {
        if !is_asked(&**authenticator) || contains(&accepted, authenticator.scheme()) {
            continue;
        }
        let verdict = match authenticator.authenticate(request) {
            Attempt::Absent => continue,
            Attempt::Done(verdict) => verdict,
            Attempt::Pending(verdict) => verdict.await,
        };
        match verdict {
            Ok(principal) => {
                accepted.push(authenticator.scheme());
                ambient |= authenticator.is_ambient(request);
                match &caller {
                    None => caller = Some(principal),
                    // A bound credential beside another one must be proved too.
                    Some(first) if first.is_same_caller_as(&principal) && principal.is_bound() => {
                        if first.is_bound() && first.confirmation() != principal.confirmation() {
                            return Err(Failure::Rejected(AuthError::Invalid("credentials_bound_differently")));
                        }
                        // Its proof says nothing about the other credential, so its rights count.
                        caller = Some(if first.is_bound() { first.clone() } else { principal }.limited_as(first));
                    }
                    Some(first) if first.is_same_caller_as(&principal) => {}
                    Some(_) => return Err(Failure::Disagree),
                }
            }
            Err(rejection @ AuthError::Invalid(_))
                if rejection != REVOKED && shares_scheme(authenticators, index) && authenticator.disowns(request) =>
            {
                disowned = Some((authenticator.scheme(), rejection));
            }
            Err(error) => return Err(Failure::Rejected(error)),
        }
    }
    match (caller, disowned) {
        // A credential that no authenticator accepted must not be ignored.
        (_, Some((scheme, rejection))) if !contains(&accepted, scheme) => Err(Failure::Rejected(rejection)),
        (Some(principal), _) => Ok(Authenticated { principal, ambient }),
        (None, _) => Err(Failure::NoCredentials),
    }
}

fn shares_scheme(authenticators: &[std::sync::Arc<dyn Authenticator>], index: usize) -> bool {
    let Some(scheme) = authenticators.get(index).map(|authenticator| authenticator.scheme()) else { return false };
    authenticators
        .iter()
        .enumerate()
        .any(|(other, authenticator)| other != index && authenticator.scheme().eq_ignore_ascii_case(scheme))
}

/// RFC 9110 §11.1: the name of a scheme is compared without regard to case.
fn contains(schemes: &[&str], scheme: &str) -> bool {
    schemes.iter().any(|known| known.eq_ignore_ascii_case(scheme))
}
