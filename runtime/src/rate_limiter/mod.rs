//! Rate limits from inside of a handler.
//!
//! Threat: a limit that only attributes can reach: an operator who can't let a locked-out user in again, and a costly step deep
//! in a handler that nothing bounds (CWE-770).
//! Promise: the same stores, buckets and numbers as the attributes have; a store that does not answer is an error, or what
//! the rate limit says, never a silent yes.

mod permit;

use std::borrow::Cow;
use std::fmt;
use std::future::{Ready, ready};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpMessage, HttpRequest, dev};
use tokio::time::Instant;

pub use self::permit::Permit;
use crate::audit;
use crate::builder::Palisade;
use crate::policy::HandlerPath;
use crate::principal::{ArgumentError, Principal};
use crate::problem::{OVER_RATE_LIMIT, Problem, answer_with_a_problem};
use crate::rate_limit::RateLimitMode;
use crate::rate_limit::{Ask, Cause, Client, Decision, Limit, Place, RateLimitStatus};
use crate::rate_limit::{By, OnStoreFailure, RateLimit, normal};
use crate::reservations::{Full, wait};
use crate::settings::{RequestState, Settings};
use crate::unavailable::Unavailable;
use crate::validation::{Input, NotValidated};

/// Rate limits from inside of a handler, as an argument; outside of one, [`Palisade::rate_limiter`].
///
/// A rate limit is found by its name and numbers, so one written here and one above a handler with `name = ".."` and the same numbers
/// are one bucket; the same name with other numbers is an error. A rate limit without `name` (of a scope: that is not
/// [`shared`](RateLimit::shared)) can't be reached from here.
///
/// Danger: a name that no handler has is a bucket of its own: nothing is found in it, and resetting it resets nothing.
///
/// ```
/// use std::time::Duration;
/// use actix_web::{HttpResponse, web::Path};
/// use palisade::{RateLimit, RateLimiter, delete, require_role};
/// use palisade::rate_limit::{By, Count};
/// use palisade::rate_limiter::{RateLimitError, RateLimitKey};
///
/// const LOGIN: RateLimit = RateLimit::new("login", 5, Duration::from_secs(15 * 60))
///     .count(Count::Failures)
///     .by_each(&[By::Ip, By::Field("body.email")]);
///
/// /// An administrator lets somebody in again.
/// #[delete("/lockouts/{email}")]
/// #[require_role("admin")]
/// async fn unblock(email: Path<String>, limiter: RateLimiter) -> Result<HttpResponse, RateLimitError> {
///     limiter.reset(&LOGIN, &RateLimitKey::field(email.as_str())).await?;
///     Ok(HttpResponse::NoContent().finish())
/// }
/// # let _ = palisade::scope("").service(unblock);
/// ```
#[derive(Clone)]
pub struct RateLimiter(Arc<Settings>);

/// Whom to count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimitKey(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Address(IpAddr),
    Principal { issuer: String, subject: String },
    ApiKey(String),
    Header(String),
    Field(String),
    Key(String),
}

impl RateLimitKey {
    /// A client's address, for `by = ip`.
    #[must_use]
    pub fn address(address: IpAddr) -> Self {
        Self(Kind::Address(address.to_canonical()))
    }

    /// A caller, for `by = principal`.
    #[must_use]
    pub fn principal(principal: &Principal) -> Self {
        Self::subject(principal.issuer(), principal.subject())
    }

    /// A caller by issuer and subject, for `by = principal`.
    #[must_use]
    pub fn subject(issuer: impl Into<String>, subject: impl Into<String>) -> Self {
        Self(Kind::Principal { issuer: issuer.into(), subject: subject.into() })
    }

    /// The id of an API key, for `by = api_key`.
    #[must_use]
    pub fn api_key(id: impl Into<String>) -> Self {
        Self(Kind::ApiKey(id.into()))
    }

    /// The value of a header, for `by = header("..")`.
    #[must_use]
    pub fn header(value: impl Into<String>) -> Self {
        Self(Kind::Header(value.into()))
    }

    /// The value of a field of the input, for `by = field(..)`: whatever its case, and without space around it.
    #[must_use]
    pub fn field(text: &str) -> Self {
        Self(Kind::Field(normal(text)))
    }

    /// What the function of `by = key(..)` answers.
    #[must_use]
    pub fn key(key: impl Into<String>) -> Self {
        Self(Kind::Key(key.into()))
    }

    fn is_for(&self, by: By) -> bool {
        matches!(
            (&self.0, by),
            (Kind::Address(_), By::Ip)
                | (Kind::Principal { .. }, By::Principal | By::ApiKey)
                | (Kind::ApiKey(_), By::ApiKey)
                | (Kind::Header(_), By::Header(_))
                | (Kind::Field(_), By::Field(_))
                | (Kind::Key(_), By::Key(_))
        )
    }
}

/// Why a rate limit says no, or nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RateLimitError {
    /// The client is at its rate limit: 429 with `Retry-After`.
    #[error("the request rate limit is used up; try again later")]
    RateLimited {
        /// A client that waits this long passes, if nothing else is charged.
        retry_after: Duration,
    },
    /// The store does not answer: 503 with `Retry-After`.
    #[error("the store of rate limits does not answer; try again later")]
    Unavailable,
    /// No such rate limit: what has to be written instead. 500; the words are for the log.
    #[error("{0}")]
    Misconfigured(String),
}

impl From<Unavailable> for RateLimitError {
    fn from(_: Unavailable) -> Self {
        RateLimitError::Unavailable
    }
}

impl From<RateLimitError> for Problem {
    fn from(error: RateLimitError) -> Self {
        let problem = match &error {
            RateLimitError::RateLimited { retry_after } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS).detail(OVER_RATE_LIMIT).retry_after(*retry_after)
            }
            RateLimitError::Unavailable => Self::unavailable(),
            RateLimitError::Misconfigured(_) => Self::internal(),
        };
        problem.caused_by(error)
    }
}

answer_with_a_problem!(RateLimitError);

impl RateLimiter {
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        Self(settings)
    }

    /// Takes what one request costs, if there is as much.
    ///
    /// The rule of good records (see [`RateLimit`]) is for attributes: here a name that is at its rate limit is refused wherever it
    /// comes from.
    ///
    /// Where the rate limit counts failures, successes or by status, a permit is in flight until it is
    /// [settled](Permit::settle), [given back](Permit::give_back) or dropped. A client whose rate limit is full of permits in flight waits as
    /// a request does: see [`rate_limit_wait`](crate::PalisadeBuilder::rate_limit_wait). If that is too long, `retry_after` is a second.
    ///
    /// # Errors
    ///
    /// A client that is at its rate limit; a store that does not answer, where the rate limit is [closed](OnStoreFailure::Deny) then; a rate limit
    /// that is none.
    pub async fn check(&self, rate_limit: &RateLimit, key: &RateLimitKey) -> Result<Permit, RateLimitError> {
        let ask = self.ask(rate_limit, key)?;
        let full = match self.decide(rate_limit, &ask).await {
            Ok(decided) => return decided,
            Err(full) => full,
        };
        let now = Instant::now();
        let until = now.checked_add(self.0.rate_limit_wait).unwrap_or(now);
        let waited = wait(full, until, async || self.decide(rate_limit, &ask).await).await;
        waited.unwrap_or(Err(RateLimitError::RateLimited { retry_after: Duration::from_secs(1) }))
    }

    async fn decide(&self, rate_limit: &RateLimit, ask: &Ask<'_>) -> Result<Result<Permit, RateLimitError>, Full> {
        let store = &self.0.rate_limit_store;
        let permit = |charged| Ok(Permit::new(store, rate_limit, charged));
        let mut place = store.place();
        let decided = match place.reserve(std::slice::from_ref(ask)).await {
            Ok(decided) => decided,
            Err(Unavailable) => match rate_limit.outage() {
                OnStoreFailure::Deny => return Ok(Err(RateLimitError::Unavailable)),
                OnStoreFailure::Allow => return Ok(permit(None)),
                OnStoreFailure::Local => {
                    place = store.local();
                    place.reserve(std::slice::from_ref(ask)).await.unwrap_or_default()
                }
            },
        };
        let charged = match decided.into_iter().next() {
            Some(Decision::Charged(charge)) => Some(charge),
            Some(Decision::Refused(refused)) if ask.binding && refused.cause == Cause::InFlight => {
                return Err(Full { queue: place.queue(ask), passes: refused.retry_after });
            }
            Some(Decision::Refused(refused)) if ask.binding => {
                return Ok(Err(RateLimitError::RateLimited { retry_after: refused.retry_after }));
            }
            Some(Decision::Refused(_)) => {
                audit::over_rate_limit_observed(rate_limit.name(), &"RateLimiter::check", None);
                None
            }
            Some(Decision::Spared(_)) | None => return Ok(Err(RateLimitError::Unavailable)),
        };
        Ok(permit(charged))
    }

    /// Where the client stands. Charges nothing.
    ///
    /// # Errors
    ///
    /// A store that does not answer, unless the rate limit is [local](OnStoreFailure::Local) then: this process's memory answers; a rate limit that
    /// is none.
    pub async fn peek(&self, rate_limit: &RateLimit, key: &RateLimitKey) -> Result<RateLimitStatus, RateLimitError> {
        let ask = self.ask(rate_limit, key)?;
        Ok(match self.place().standing(&ask).await {
            Err(Unavailable) if rate_limit.outage() == OnStoreFailure::Local => {
                self.0.rate_limit_store.local().standing(&ask).await?
            }
            known => known?,
        })
    }

    /// Charges what one request costs, or as much of it as there is room for: for what happened already.
    ///
    /// # Errors
    ///
    /// A store that does not answer, unless the rate limit is [local](OnStoreFailure::Local) then: this process's memory is charged; a rate limit
    /// that is none.
    pub async fn charge(&self, rate_limit: &RateLimit, key: &RateLimitKey) -> Result<RateLimitStatus, RateLimitError> {
        let ask = self.ask(rate_limit, key)?;
        Ok(match self.place().charge(&ask).await {
            Err(Unavailable) if rate_limit.outage() == OnStoreFailure::Local => {
                self.0.rate_limit_store.local().charge(&ask).await?
            }
            known => known?,
        })
    }

    /// Forgets all that the client was charged: an administrator lets somebody in again. What is under way then gives nothing
    /// back. What an address with a good record was charged by itself, while a name was at its rate limit, stays until its window is
    /// over.
    ///
    /// # Errors
    ///
    /// A store that does not answer; a rate limit that is none.
    pub async fn reset(&self, rate_limit: &RateLimit, key: &RateLimitKey) -> Result<(), RateLimitError> {
        let ask = self.ask(rate_limit, key)?;
        // What was counted here, while the shared store was away, goes too.
        self.0.rate_limit_store.local().reset(&ask).await?;
        Ok(self.place().reset(&ask).await?)
    }

    fn place(&self) -> Place<'_> {
        self.0.rate_limit_store.place()
    }

    fn ask(&self, rate_limit: &RateLimit, key: &RateLimitKey) -> Result<Ask<'static>, RateLimitError> {
        let name = rate_limit.name();
        let Some(by) = rate_limit.keys().iter().copied().find(|by| key.is_for(*by)) else {
            return Err(RateLimitError::Misconfigured(format!(
                "the rate limit \"{name}\" does not count by such a key"
            )));
        };
        let mut declared = self.0.policies.rows().iter().flat_map(|row| row.each_rate_limit());
        if declared.any(|(other, _)| other.is_shared() && other.contradicts(rate_limit)) {
            let problem = format!("the rate limit \"{name}\" has other numbers above a handler: write the same here");
            return Err(RateLimitError::Misconfigured(problem));
        }
        let limit = Limit::new(rate_limit.limit(), rate_limit.window());
        let limit =
            limit.ok_or_else(|| RateLimitError::Misconfigured(format!("the rate limit \"{name}\" admits nobody")))?;
        let nobody = HandlerPath { module: "", name: "" };
        Ok(Ask {
            bucket: rate_limit.bucket_of(rate_limit.shared().bucket(nobody), by),
            limit,
            cost: rate_limit.units(),
            client: self.client(key, by),
            binding: self.0.rate_limit_mode == RateLimitMode::Enforce && !rate_limit.is_observed(),
            pending: rate_limit.count.gives_back(),
        })
    }

    fn client(&self, key: &RateLimitKey, by: By) -> Client<'static> {
        let named =
            |kind: &'static str, text: &str| Client::Named { kind: Cow::Borrowed(kind), text: text.to_owned().into() };
        match &key.0 {
            Kind::Address(address) => Client::Address(self.0.group.client_of(*address)),
            Kind::Principal { issuer, subject } => {
                Client::Principal { issuer: issuer.clone().into(), subject: subject.clone().into() }
            }
            Kind::ApiKey(id) => named("api_key", id),
            Kind::Header(value) => named(by.word(), value),
            Kind::Field(text) => named("field", text),
            Kind::Key(key) => named(by.word(), key),
        }
    }
}

impl Palisade {
    /// Rate limits from outside of a handler, such as in a job that an operator starts.
    #[must_use]
    pub fn rate_limiter(&self) -> RateLimiter {
        RateLimiter::new(Arc::clone(&self.0))
    }
}

impl FromRequest for RateLimiter {
    type Error = ArgumentError;
    type Future = Ready<Result<Self, ArgumentError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let extensions = request.extensions();
        let known = extensions.get::<RequestState>().map(|state| Self(state.settings.of_all_workers()));
        ready(
            known.ok_or(ArgumentError::defect("a `RateLimiter` needs `Palisade` as the outermost `wrap` of the `App`")),
        )
    }
}

/// It comes from the configuration.
impl Input for RateLimiter {
    type Kind = NotValidated;
}

impl fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RateLimiter").field(&self.0.rate_limit_store).finish()
    }
}
