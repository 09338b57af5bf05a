//! Quotas from inside of a handler.
//!
//! Threat: a limit that only attributes can reach: an operator who can't let a locked-out user in again, and a costly step deep
//! in a handler that nothing bounds (CWE-770).
//! Promise: the same stores, buckets and numbers as the attributes have; a store that does not answer is an error, or what
//! the quota says, never a silent yes.

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
use crate::ledger::{Full, wait};
use crate::palisade::Palisade;
use crate::policy::{By, HandlerPath, Outage, Quota, Unavailable, normal};
use crate::principal::{ArgumentError, Principal};
use crate::problem::{OVER_QUOTA, Problem, answer_with_a_problem};
use crate::quota::{Ask, Cause, Client, Decision, Limit, Place, Standing};
use crate::settings::{InFlight, RateLimits, Settings};
use crate::validation::{Input, NotInput};

/// Quotas from inside of a handler, as an argument; outside of one, [`Palisade::rate_limiter`].
///
/// A quota is found by its name and numbers, so one written here and one above a handler with `name = ".."` and the same numbers
/// are one bucket; the same name with other numbers is an error. A quota without `name` (of a scope: that is not
/// [`shared`](Quota::shared)) can't be reached from here.
///
/// Danger: a name that no handler has is a bucket of its own: nothing is found in it, and resetting it resets nothing.
///
/// ```
/// use std::time::Duration;
/// use actix_web::{HttpResponse, web::Path};
/// use palisade::{By, Count, LimitError, Quota, QuotaKey, RateLimiter, delete, require_role};
///
/// const LOGIN: Quota = Quota::new("login", 5, Duration::from_secs(15 * 60))
///     .count(Count::Failures)
///     .by_each(&[By::Ip, By::Field("body.email")]);
///
/// /// An administrator lets somebody in again.
/// #[delete("/lockouts/{email}")]
/// #[require_role("admin")]
/// async fn unblock(email: Path<String>, limiter: RateLimiter) -> Result<HttpResponse, LimitError> {
///     limiter.reset(&LOGIN, &QuotaKey::field(email.as_str())).await?;
///     Ok(HttpResponse::NoContent().finish())
/// }
/// # let _ = palisade::scope("").service(unblock);
/// ```
#[derive(Clone)]
pub struct RateLimiter(Arc<Settings>);

/// Whom to count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotaKey(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Address(IpAddr),
    Principal { issuer: String, subject: String },
    ApiKey(String),
    Header(String),
    Field(String),
    Key(String),
}

impl QuotaKey {
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

/// Why a quota says no, or nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LimitError {
    /// The client is at its quota: 429 with `Retry-After`.
    #[error("the request quota is used up; try again later")]
    OverQuota {
        /// A client that waits this long passes, if nothing else is charged.
        retry_after: Duration,
    },
    /// The store does not answer: 503 with `Retry-After`.
    #[error("the store of quotas does not answer; try again later")]
    Unavailable,
    /// No such quota: what has to be written instead. 500; the words are for the log.
    #[error("{0}")]
    Misconfigured(String),
}

impl From<Unavailable> for LimitError {
    fn from(_: Unavailable) -> Self {
        LimitError::Unavailable
    }
}

impl From<LimitError> for Problem {
    fn from(error: LimitError) -> Self {
        let problem = match &error {
            LimitError::OverQuota { retry_after } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS).detail(OVER_QUOTA).retry_after(*retry_after)
            }
            LimitError::Unavailable => Self::unavailable(),
            LimitError::Misconfigured(_) => Self::internal(),
        };
        problem.caused_by(error)
    }
}

answer_with_a_problem!(LimitError);

impl RateLimiter {
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        Self(settings)
    }

    /// Takes what one request costs, if there is as much.
    ///
    /// The rule of good records (see [`Quota`]) is for attributes: here a name that is at its quota is refused wherever it
    /// comes from.
    ///
    /// Where the quota counts failures, successes or by status, a permit is in flight until it is
    /// [settled](Permit::settle), [given back](Permit::give_back) or dropped. A client whose quota is full of permits in flight waits as
    /// a request does: see [`rate_limit_wait`](crate::PalisadeBuilder::rate_limit_wait). If that is too long, `retry_after` is a second.
    ///
    /// # Errors
    ///
    /// A client that is at its quota; a store that does not answer, where the quota is [closed](Outage::Deny) then; a quota
    /// that is none.
    pub async fn check(&self, quota: &Quota, key: &QuotaKey) -> Result<Permit, LimitError> {
        let ask = self.ask(quota, key)?;
        let full = match self.decide(quota, &ask).await {
            Ok(decided) => return decided,
            Err(full) => full,
        };
        let now = Instant::now();
        let until = now.checked_add(self.0.rate_limit_wait).unwrap_or(now);
        let waited = wait(full, until, async || self.decide(quota, &ask).await).await;
        waited.unwrap_or(Err(LimitError::OverQuota { retry_after: Duration::from_secs(1) }))
    }

    async fn decide(&self, quota: &Quota, ask: &Ask<'_>) -> Result<Result<Permit, LimitError>, Full> {
        let store = &self.0.quotas;
        let permit = |charged| Ok(Permit::new(store, quota, charged));
        let mut place = store.place();
        let decided = match place.reserve(std::slice::from_ref(ask)).await {
            Ok(decided) => decided,
            Err(Unavailable) => match quota.outage() {
                Outage::Deny => return Ok(Err(LimitError::Unavailable)),
                Outage::Allow => return Ok(permit(None)),
                Outage::Local => {
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
                return Ok(Err(LimitError::OverQuota { retry_after: refused.retry_after }));
            }
            Some(Decision::Refused(_)) => {
                audit::over_quota_observed(quota.name(), &"RateLimiter::check", None);
                None
            }
            Some(Decision::Spared(_)) | None => return Ok(Err(LimitError::Unavailable)),
        };
        Ok(permit(charged))
    }

    /// Where the client stands. Charges nothing.
    ///
    /// # Errors
    ///
    /// A store that does not answer, unless the quota is [local](Outage::Local) then: this process's memory answers; a quota that
    /// is none.
    pub async fn peek(&self, quota: &Quota, key: &QuotaKey) -> Result<Standing, LimitError> {
        let ask = self.ask(quota, key)?;
        Ok(match self.place().standing(&ask).await {
            Err(Unavailable) if quota.outage() == Outage::Local => self.0.quotas.local().standing(&ask).await?,
            known => known?,
        })
    }

    /// Charges what one request costs, or as much of it as there is room for: for what happened already.
    ///
    /// # Errors
    ///
    /// A store that does not answer, unless the quota is [local](Outage::Local) then: this process's memory is charged; a quota
    /// that is none.
    pub async fn charge(&self, quota: &Quota, key: &QuotaKey) -> Result<Standing, LimitError> {
        let ask = self.ask(quota, key)?;
        Ok(match self.place().charge(&ask).await {
            Err(Unavailable) if quota.outage() == Outage::Local => self.0.quotas.local().charge(&ask).await?,
            known => known?,
        })
    }

    /// Forgets all that the client was charged: an administrator lets somebody in again. What is under way then gives nothing
    /// back. What an address with a good record was charged by itself, while a name was at its quota, stays until its window is
    /// over.
    ///
    /// # Errors
    ///
    /// A store that does not answer; a quota that is none.
    pub async fn reset(&self, quota: &Quota, key: &QuotaKey) -> Result<(), LimitError> {
        let ask = self.ask(quota, key)?;
        // What was counted here, while the shared store was away, goes too.
        self.0.quotas.local().reset(&ask).await?;
        Ok(self.place().reset(&ask).await?)
    }

    fn place(&self) -> Place<'_> {
        self.0.quotas.place()
    }

    fn ask(&self, quota: &Quota, key: &QuotaKey) -> Result<Ask<'static>, LimitError> {
        let name = quota.name();
        let Some(by) = quota.keys().iter().copied().find(|by| key.is_for(*by)) else {
            return Err(LimitError::Misconfigured(format!("the quota \"{name}\" does not count by such a key")));
        };
        let mut declared = self.0.policies.rows().iter().flat_map(|row| row.each_quota());
        if declared.any(|(other, _)| other.is_shared() && other.contradicts(quota)) {
            let problem = format!("the quota \"{name}\" has other numbers above a handler: write the same here");
            return Err(LimitError::Misconfigured(problem));
        }
        let limit = Limit::new(quota.limit(), quota.window());
        let limit = limit.ok_or_else(|| LimitError::Misconfigured(format!("the quota \"{name}\" admits nobody")))?;
        let nobody = HandlerPath { module: "", name: "" };
        Ok(Ask {
            bucket: quota.bucket_of(quota.shared().bucket(nobody), by),
            limit,
            cost: quota.units(),
            client: self.client(key, by),
            binding: self.0.rate_limits == RateLimits::Enforce && !quota.is_observed(),
            pending: quota.count.gives_back(),
        })
    }

    fn client(&self, key: &QuotaKey, by: By) -> Client<'static> {
        let named =
            |kind: &'static str, text: &str| Client::Named { kind: Cow::Borrowed(kind), text: text.to_owned().into() };
        match &key.0 {
            Kind::Address(address) => Client::Address(self.0.network(*address)),
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
    /// Quotas from outside of a handler, such as in a job that an operator starts.
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
        let known = extensions.get::<InFlight>().map(|in_flight| Self(in_flight.settings.of_all_workers()));
        ready(
            known.ok_or(ArgumentError::defect("a `RateLimiter` needs `Palisade` as the outermost `wrap` of the `App`")),
        )
    }
}

/// It comes from the configuration.
impl Input for RateLimiter {
    type Kind = NotInput;
}

impl fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RateLimiter").field(&self.0.quotas).finish()
    }
}
