//! Rate limits inside of a handler.
//!
//! Threat: if only attributes could use rate limits, an operator could not unlock a user who is locked out, and an expensive step
//! deep in a handler would have no limit (CWE-770).
//! Promise: it uses the same stores, buckets and numbers as the attributes. If the store does not respond, the result is an error or
//! what the [`OnStoreFailure`] of the rate limit demands, and never a silent success.
//!
//! ```
//! use std::time::Duration;
//! use palisade::rate_limiter::RateLimitKey;
//! use palisade::{Problem, RateLimit, RateLimiter, post, public};
//!
//! const CODES: RateLimit = RateLimit::new("codes", 3, Duration::from_secs(3600)).by(palisade::rate_limit::By::Field("phone"));
//!
//! #[post("/codes/{phone}")]
//! #[public]
//! async fn send_code(phone: actix_web::web::Path<String>, limiter: RateLimiter) -> Result<&'static str, Problem> {
//!     limiter.check(&CODES, &RateLimitKey::field(&phone)).await?;
//!     Ok("sent")
//! }
//! # let _ = palisade::scope("").service(send_code);
//! ```

mod permit;

use std::borrow::Cow;
use std::fmt;
use std::future::{Ready, ready};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, dev};
use tokio::time::Instant;

pub use self::permit::Permit;
use crate::audit;
use crate::builder::Palisade;
use crate::policy::HandlerPath;
use crate::principal::{ArgumentError, Principal};
use crate::problem::{OVER_RATE_LIMIT, Problem, respond_with_problem};
use crate::rate_limit::RateLimitMode;
use crate::rate_limit::{By, OnStoreFailure, RateLimit, normal};
use crate::rate_limit::{Cause, ChargeRequest, Client, Decision, FullLimit, Limit, RateLimitStatus, wait};
use crate::settings::{RequestState, Settings};
use crate::unavailable::Unavailable;
use crate::validation::without_rules::NoInput;

/// Rate limits inside of a handler, as an argument. Outside of a handler use [`Palisade::rate_limiter`].
///
/// A rate limit is found by its name and numbers. So a rate limit that is passed here and one above a handler with
/// `name = ".."` and the same numbers share one bucket; the same name with other numbers is an error. A rate limit without
/// `name` cannot be reached from here; in a scope, one that is not [`shared`](RateLimit::shared).
///
/// Danger: a name that no handler uses has a bucket of its own, which is empty. Resetting it has no effect.
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
/// /// An administrator unlocks a user.
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

/// The key to count by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimitKey(KeyKind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum KeyKind {
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
        Self(KeyKind::Address(address.to_canonical()))
    }

    /// A caller, for `by = principal`.
    #[must_use]
    pub fn principal(principal: &Principal) -> Self {
        Self::subject(principal.issuer(), principal.subject())
    }

    /// A caller by issuer and subject, for `by = principal`.
    #[must_use]
    pub fn subject(issuer: impl Into<String>, subject: impl Into<String>) -> Self {
        Self(KeyKind::Principal { issuer: issuer.into(), subject: subject.into() })
    }

    /// The id of an API key, for `by = api_key`.
    #[must_use]
    pub fn api_key(id: impl Into<String>) -> Self {
        Self(KeyKind::ApiKey(id.into()))
    }

    /// The value of a header, for `by = header("..")`.
    #[must_use]
    pub fn header(value: impl Into<String>) -> Self {
        Self(KeyKind::Header(value.into()))
    }

    /// The value of a field of the input, for `by = field(..)`. Upper and lower case are the same, and surrounding space is
    /// ignored.
    #[must_use]
    pub fn field(text: &str) -> Self {
        Self(KeyKind::Field(normal(text)))
    }

    /// A key that the function of `by = key(..)` returns.
    #[must_use]
    pub fn key(key: impl Into<String>) -> Self {
        Self(KeyKind::Key(key.into()))
    }

    fn is_for(&self, by: By) -> bool {
        matches!(
            (&self.0, by),
            (KeyKind::Address(_), By::Ip)
                | (KeyKind::Principal { .. }, By::Principal | By::ApiKey)
                | (KeyKind::ApiKey(_), By::ApiKey)
                | (KeyKind::Header(_), By::Header(_))
                | (KeyKind::Field(_), By::Field(_))
                | (KeyKind::Key(_), By::Key(_))
        )
    }
}

/// Why a rate limit rejects, or cannot decide.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RateLimitError {
    /// The client is at its rate limit: 429 with `Retry-After`.
    #[error("the rate limit is used up; try again later")]
    RateLimited {
        /// A client that waits this long is admitted, unless another request takes the units.
        retry_after: Duration,
    },
    /// The store does not respond: 503 with `Retry-After`.
    #[error("the store of rate limits does not respond; try again later")]
    Unavailable,
    /// The rate limit or its key does not match the declared one: 500. The text is for the log, and explains the fix.
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
                Self::new(StatusCode::TOO_MANY_REQUESTS).with_detail(OVER_RATE_LIMIT).with_retry_after(*retry_after)
            }
            RateLimitError::Unavailable => Self::unavailable(),
            RateLimitError::Misconfigured(_) => Self::internal(),
        };
        problem.caused_by(error)
    }
}

respond_with_problem!(RateLimitError);

impl RateLimiter {
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        Self(settings)
    }

    /// Charges what one request costs, if there is room for it.
    ///
    /// Known addresses (see [`RateLimit`]) have no effect here: a name that is at its rate limit is rejected from every address.
    ///
    /// If the rate limit counts failures, successes or by status, a permit is in flight until it is
    /// [settled](Permit::settle), [refunded](Permit::refund) or dropped. A client whose rate limit is full of permits in flight
    /// waits as a request does: see [`rate_limit_wait`](crate::PalisadeBuilder::rate_limit_wait). If that takes too long, it is
    /// rejected with a `retry_after` of one second.
    ///
    /// # Errors
    ///
    /// The client is at its rate limit; the store does not respond and the rate limit [rejects](OnStoreFailure::Deny) in this case;
    /// or the rate limit is misconfigured.
    pub async fn check(&self, rate_limit: &RateLimit, key: &RateLimitKey) -> Result<Permit, RateLimitError> {
        let request = self.request(rate_limit, key)?;
        let full = match self.decide(rate_limit, &request).await {
            Ok(decided) => return decided,
            Err(full) => full,
        };
        let now = Instant::now();
        let until = now.checked_add(self.0.rate_limit_wait).unwrap_or(now);
        let waited = wait(full, until, async || self.decide(rate_limit, &request).await).await;
        waited.unwrap_or(Err(RateLimitError::RateLimited { retry_after: Duration::from_secs(1) }))
    }

    async fn decide(
        &self,
        rate_limit: &RateLimit,
        request: &ChargeRequest<'_>,
    ) -> Result<Result<Permit, RateLimitError>, FullLimit> {
        let configured = &self.0.rate_limit_store;
        let permit = |charged| Ok(Permit::new(configured, rate_limit, charged));
        let local;
        let mut store = configured;
        let decided = match store.reserve(std::slice::from_ref(request)).await {
            Ok(decided) => decided,
            Err(Unavailable) => match rate_limit.action_on_outage() {
                OnStoreFailure::Deny => return Ok(Err(RateLimitError::Unavailable)),
                OnStoreFailure::Allow => return Ok(permit(None)),
                OnStoreFailure::Local => {
                    local = configured.local();
                    store = &local;
                    store.reserve(std::slice::from_ref(request)).await.unwrap_or_default()
                }
            },
        };
        let charged = match decided.into_iter().next() {
            Some(Decision::Charged(charge)) => Some(charge),
            Some(Decision::Rejected(rejected)) if request.binding && rejected.cause == Cause::InFlight => {
                return Err(FullLimit { queue: store.queue(request), has_room_in: rejected.retry_after });
            }
            Some(Decision::Rejected(rejected)) if request.binding => {
                return Ok(Err(RateLimitError::RateLimited { retry_after: rejected.retry_after }));
            }
            Some(Decision::Rejected(_)) => {
                audit::over_rate_limit_observed(rate_limit.name(), &"RateLimiter::check", None);
                None
            }
            Some(Decision::RolledBack(_)) | None => return Ok(Err(RateLimitError::Unavailable)),
        };
        Ok(permit(charged))
    }

    /// What the client has left. Charges nothing.
    ///
    /// # Errors
    ///
    /// The store does not respond, unless the rate limit is [local](OnStoreFailure::Local) in this case: then the memory of this
    /// process answers. Or the rate limit is misconfigured.
    pub async fn peek(&self, rate_limit: &RateLimit, key: &RateLimitKey) -> Result<RateLimitStatus, RateLimitError> {
        let request = self.request(rate_limit, key)?;
        Ok(match self.0.rate_limit_store.status(&request).await {
            Err(Unavailable) if rate_limit.action_on_outage() == OnStoreFailure::Local => {
                self.0.rate_limit_store.local().status(&request).await?
            }
            known => known?,
        })
    }

    /// Charges what one request costs, or as much of it as there is room for: for something that has already happened.
    ///
    /// # Errors
    ///
    /// The store does not respond, unless the rate limit is [local](OnStoreFailure::Local) in this case: then the memory of this
    /// process is charged. Or the rate limit is misconfigured.
    pub async fn charge(&self, rate_limit: &RateLimit, key: &RateLimitKey) -> Result<RateLimitStatus, RateLimitError> {
        let request = self.request(rate_limit, key)?;
        Ok(match self.0.rate_limit_store.charge(&request).await {
            Err(Unavailable) if rate_limit.action_on_outage() == OnStoreFailure::Local => {
                self.0.rate_limit_store.local().charge(&request).await?
            }
            known => known?,
        })
    }

    /// Forgets everything that the client was charged, for example to unlock a user. Charges in flight refund nothing
    /// afterwards. Separate charges of a known address, made while a name was at its rate limit, stay until their window is
    /// over.
    ///
    /// # Errors
    ///
    /// The store does not respond, or the rate limit is misconfigured.
    pub async fn reset(&self, rate_limit: &RateLimit, key: &RateLimitKey) -> Result<(), RateLimitError> {
        let request = self.request(rate_limit, key)?;
        // Also what was counted in this process while the shared store did not respond.
        self.0.rate_limit_store.local().reset(&request).await?;
        Ok(self.0.rate_limit_store.reset(&request).await?)
    }

    fn request(&self, rate_limit: &RateLimit, key: &RateLimitKey) -> Result<ChargeRequest<'static>, RateLimitError> {
        let name = rate_limit.name();
        let Some(by) = rate_limit.counted_by().iter().copied().find(|by| key.is_for(*by)) else {
            return Err(RateLimitError::Misconfigured(format!(
                "the rate limit \"{name}\" does not count by this kind of key"
            )));
        };
        let mut declared = self.0.policies.rows().iter().flat_map(|row| row.each_rate_limit());
        if declared.any(|(other, _)| other.is_shared() && other.contradicts(rate_limit)) {
            let problem = format!(
                "the rate limit \"{name}\" is declared with other numbers above a handler: use the same numbers here"
            );
            return Err(RateLimitError::Misconfigured(problem));
        }
        let limit = Limit::new(rate_limit.limit(), rate_limit.window());
        let limit = limit.ok_or_else(|| {
            RateLimitError::Misconfigured(format!("the rate limit \"{name}\" has an invalid limit or window"))
        })?;
        let no_handler = HandlerPath { module: "", name: "" };
        Ok(ChargeRequest {
            bucket: rate_limit.bucket_of(rate_limit.shared().bucket(no_handler), by),
            limit,
            cost: rate_limit.request_cost(),
            client: self.client(key, by),
            binding: self.0.rate_limit_mode == RateLimitMode::Enforce && !rate_limit.is_observed(),
            settles_later: rate_limit.count.may_refund(),
        })
    }

    fn client(&self, key: &RateLimitKey, by: By) -> Client<'static> {
        let named =
            |kind: &'static str, text: &str| Client::Named { kind: Cow::Borrowed(kind), text: text.to_owned().into() };
        match &key.0 {
            KeyKind::Address(address) => Client::Address(self.0.group.client_of(*address)),
            KeyKind::Principal { issuer, subject } => {
                Client::Principal { issuer: issuer.clone().into(), subject: subject.clone().into() }
            }
            KeyKind::ApiKey(id) => named("api_key", id),
            KeyKind::Header(value) => named(by.label(), value),
            KeyKind::Field(text) => named("field", text),
            KeyKind::Key(key) => named(by.label(), key),
        }
    }
}

impl Palisade {
    /// Rate limits outside of a handler, such as in a job that an operator starts.
    #[must_use]
    pub fn rate_limiter(&self) -> RateLimiter {
        RateLimiter::new(Arc::clone(&self.0))
    }
}

impl FromRequest for RateLimiter {
    type Error = ArgumentError;
    type Future = Ready<Result<Self, ArgumentError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let known = RequestState::of(request).map(|state| Self(state.settings.of_all_workers()));
        ready(
            known.ok_or(ArgumentError::defect("a `RateLimiter` needs `Palisade` as the outermost `wrap` of the `App`")),
        )
    }
}

/// It comes from the configuration, so it is not validated.
impl NoInput for RateLimiter {}

impl fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RateLimiter").field(&self.0.rate_limit_store).finish()
    }
}
