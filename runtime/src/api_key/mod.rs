//! API keys: long-lived credentials for programs, in the header `X-API-Key`.
//!
//! Threat: a key that is read from a stolen store (CWE-256), guessed digit by digit through timing (CWE-208), valid forever
//! (CWE-613), or never rotated because rotation would cause an outage (CWE-324).
//!
//! Promise: the store contains only a hash. A key is found by its id and compared in constant time, with the same work for an
//! unknown id. A key is valid until it expires or its record is removed. An owner can have several keys at once, so that the
//! new key is in use before the old one is removed.
//!
//! A key is `<prefix>_<id: 32 hex digits>_<secret: 64 hex digits><checksum: 8 hex digits>`; the checksum is CRC-32 (ISO-HDLC) of
//! everything before it.
//!
//! Each rejection has a stable reason in the audit log, which never contains text from the key:
//!
//! | reason | the key was rejected because |
//! |---|---|
//! | `api_key_repeated` | there are two `X-API-Key` headers |
//! | `api_key_malformed` | it has another prefix, or does not match the format above |
//! | `api_key_checksum` | the checksum is wrong, because of a typing error or a truncated copy; the store is not queried |
//! | `api_key_unknown`, `api_key_secret` | no key has this id; the key with this id has a different secret |
//! | `api_key_expired` | it has expired |
//! | `api_key_network` | the client is in none of the networks of the key |
//! | `api_key_store` | (503) the store is down |
//!
//! ```
//! use palisade::Palisade;
//! use palisade::api_key::{ApiKeys, MemoryApiKeys};
//!
//! let keys = ApiKeys::new("acme", "https://accounts.example", MemoryApiKeys::new())?;
//! Palisade::builder().authenticator(keys).build()?;
//! # Ok::<(), palisade::ConfigError>(())
//! ```
//!
//! [`ApiKeys`] creates, lists and removes keys. The [guide](crate::guide::api_keys) shows routes for them.

mod builder;
mod format;
mod memory;
mod new_key;
mod record;
#[cfg(any(feature = "sqlx-sqlite", feature = "sqlx-postgres"))]
mod sql;
mod store;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::rt::time::timeout;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

pub use self::builder::ApiKeysBuilder;
use self::format::{KeyFormat, PresentedKey};
pub use self::memory::MemoryApiKeys;
pub use self::new_key::NewApiKey;
pub use self::record::{ApiKey, CreatedApiKey};
#[cfg(any(feature = "sqlx-sqlite", feature = "sqlx-postgres"))]
pub use self::sql::SqlApiKeys;
pub use self::store::{ApiKeyStore, InsertedApiKey};
use crate::authn::{Attempt, AuthError, Authenticator, Challenge, ChallengeContext, Challenges};
use crate::clock::Clock;
use crate::config_error::ConfigError;
use crate::principal::Principal;
use crate::problem::{FieldError, Problem, respond_with_problem};
use crate::unavailable::Unavailable;

const SCHEME: &str = "ApiKey";
const HEADER: &str = "x-api-key";
/// The minimum time between two updates of a key's last use.
const TOUCH_PAUSE: Duration = Duration::from_secs(60);
/// The longest time that a request waits for the update.
const TOUCH_TIMEOUT: Duration = Duration::from_millis(100);
/// If this many updates are remembered, those over a minute old are dropped.
const MAX_TOUCHED: usize = 10_000;

/// Creates API keys and authenticates requests that carry one as `X-API-Key: <key>`, never in a query or a body.
///
/// Cheap to clone; clones share the store. `Debug` shows no secret. Browsers do not send the header automatically, so API keys
/// need no protection against cross-site request forgery. An application can have several `ApiKeys`, each with its own prefix.
///
/// ```
/// use std::time::Duration;
/// use palisade::Palisade;
/// use palisade::api_key::{ApiKeys, MemoryApiKeys, NewApiKey};
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let keys = ApiKeys::new("acme", "https://accounts.example", MemoryApiKeys::new())?;
/// let palisade = Palisade::builder().authenticator(keys.clone()).build()?;
///
/// // Rotation without an outage: create the new key first, then remove the old one.
/// let old = keys.create(NewApiKey::new("u-1").scopes(["orders:read"])).await?;
/// let new = keys.create(NewApiKey::new("u-1").scopes(["orders:read"])).await?;
/// assert!(new.expose().starts_with("acme_"));
/// assert!(keys.remove("u-1", old.record().id()).await?);
/// # let _ = palisade;
/// # Ok(())
/// # }
/// ```
pub struct ApiKeys<S = MemoryApiKeys> {
    format: Arc<KeyFormat>,
    issuer: Arc<str>,
    store: Arc<S>,
    most_per_owner: usize,
    clock: Clock,
    /// Compared with a key whose id is unknown. Its digest is random, so no key matches.
    dummy: ApiKey,
    /// When this process last recorded the use of each key. It contains only valid keys, so that unauthenticated clients cannot
    /// make it grow.
    touched: Arc<DashMap<Box<str>, SystemTime>>,
}

impl<S: ApiKeyStore> ApiKeys<S> {
    /// Creates the value for keys that start with `prefix_` and are stored in `store`, with the default settings.
    ///
    /// `prefix` must be a lowercase letter and up to 15 lowercase letters or digits. Use the name of your service, so that
    /// secret scanners recognise leaked keys. Do not change it later: keys with another prefix are rejected. `issuer` is the
    /// issuer of the owners ([`Principal::issuer`]): use that of your [`Jwt`](crate::Jwt) if owners are its subjects.
    ///
    /// # Errors
    ///
    /// If the prefix is malformed, the issuer is blank, or the machine cannot provide random numbers.
    pub fn new(prefix: impl Into<String>, issuer: impl Into<String>, store: S) -> Result<Self, ConfigError> {
        Self::builder(prefix, issuer, store).build()
    }

    /// Starts a configuration with other settings than those of [`new`](Self::new).
    ///
    /// ```
    /// use palisade::api_key::{ApiKeys, MemoryApiKeys};
    ///
    /// let keys = ApiKeys::builder("acme", "https://accounts.example", MemoryApiKeys::new()).most_per_owner(5).build()?;
    /// # let _ = keys;
    /// # Ok::<(), palisade::ConfigError>(())
    /// ```
    pub fn builder(prefix: impl Into<String>, issuer: impl Into<String>, store: S) -> ApiKeysBuilder<S> {
        ApiKeysBuilder::new(prefix.into(), issuer.into(), store)
    }

    /// Creates a key. Only the result contains its text: the store gets a hash.
    ///
    /// # Errors
    ///
    /// [`ApiKeyError`], if no key was created.
    pub async fn create(&self, new: NewApiKey) -> Result<CreatedApiKey, ApiKeyError> {
        if new.issuer.as_deref().is_some_and(|issuer| *issuer != *self.issuer) {
            return Err(ApiKeyError::ForeignOwner);
        }
        self.create_at(new, self.clock.wall_time()).await
    }

    async fn create_at(&self, new: NewApiKey, now: SystemTime) -> Result<CreatedApiKey, ApiKeyError> {
        if let Some(mistake) = new.mistake() {
            return Err(ApiKeyError::Invalid(mistake));
        }
        let expires = match new.lifetime {
            None => None,
            Some(lifetime) => {
                let end = now.checked_add(lifetime);
                Some(end.ok_or(ApiKeyError::Invalid("the expiry of the key is too far in the future"))?)
            }
        };
        let networks = new.read_networks().ok_or(ApiKeyError::Invalid("a network of the key cannot be read"))?;
        let generated = self.format.generate().ok_or(ApiKeyError::Randomness)?;
        let record = ApiKey::from_row(generated.id, new.owner, generated.digest, now)
            .with_name(new.name)
            .with_scopes(new.scopes)
            .with_roles(new.roles)
            .with_tenant(new.tenant)
            .with_networks(networks)
            .with_expires(expires);
        match self.store.insert(record.clone(), self.most_per_owner).await {
            Ok(InsertedApiKey::Kept) => Ok(CreatedApiKey { text: generated.text, record }),
            Ok(InsertedApiKey::OwnerFull) => Err(ApiKeyError::OwnerFull),
            Ok(InsertedApiKey::StoreFull) => Err(ApiKeyError::StoreFull),
            Err(Unavailable) => Err(ApiKeyError::Unavailable),
        }
    }

    /// The keys of this owner, the newest first. Expired keys may be among them.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is down.
    pub async fn list(&self, owner: &str) -> Result<Vec<ApiKey>, Unavailable> {
        let mut keys = self.store.list(owner).await?;
        keys.sort_by(|one, other| other.created().cmp(&one.created()).then_with(|| one.id().cmp(other.id())));
        Ok(keys)
    }

    /// Removes a key of this owner, and returns whether it existed. The key is rejected from then on.
    ///
    /// Take `owner` from the [`Principal`], never from the request. Otherwise callers could remove each other's keys.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is down; the key may then still work.
    pub async fn remove(&self, owner: &str, id: &str) -> Result<bool, Unavailable> {
        self.store.remove(owner, id).await
    }

    /// Returns the owner of a well-formed key, if the key is valid.
    async fn judge(&self, presented: PresentedKey<'_>, now: SystemTime) -> Result<Principal, AuthError> {
        let found =
            self.store.find(presented.id).await.map_err(|Unavailable| AuthError::Unavailable("api_key_store"))?;
        // Known and unknown ids cost the same comparison.
        let known = found.is_some();
        let key = found.unwrap_or_else(|| self.dummy.clone());
        let same = verify_slices_are_equal(key.digest(), &presented.digest).is_ok();
        match (known, same) {
            (false, _) => return Err(AuthError::Invalid("api_key_unknown")),
            (true, false) => return Err(AuthError::Invalid("api_key_secret")),
            (true, true) if !key.is_active(now) => return Err(AuthError::Invalid("api_key_expired")),
            (true, true) => {}
        }
        self.record_use(&key, now).await;
        let mut principal =
            Principal::new(SCHEME, &*self.issuer, key.owner()).with_roles(key.roles()).with_scopes(key.scopes());
        if let Some(tenant) = key.tenant() {
            principal = principal.with_tenant(tenant);
        }
        // Which address the client has is known to the guard, which checks the networks before the principal is used.
        if !key.networks().is_empty() {
            principal = principal.only_from(key.networks());
        }
        Ok(principal.with_api_key(key.id()))
    }

    async fn record_use(&self, key: &ApiKey, now: SystemTime) {
        let is_recent = |last: SystemTime| now.duration_since(last).is_ok_and(|past| past < TOUCH_PAUSE);
        if key.last_used().is_some_and(is_recent) || !self.must_record_use(key.id(), now, is_recent) {
            return;
        }
        // The update does not change the result, so a slow one is abandoned.
        if timeout(TOUCH_TIMEOUT, self.store.touch(key.id(), now)).await != Ok(Ok(())) {
            tracing::warn!(key = key.id(), "the last use of an API key could not be recorded");
        }
    }

    /// Whether this request must record the use. If so, later requests of the same minute need not.
    fn must_record_use(&self, id: &str, now: SystemTime, is_recent: impl Fn(SystemTime) -> bool) -> bool {
        if self.touched.len() >= MAX_TOUCHED {
            self.touched.retain(|_, last| is_recent(*last));
        }
        match self.touched.entry(id.into()) {
            Entry::Occupied(last) if is_recent(*last.get()) => false,
            Entry::Occupied(mut last) => {
                last.insert(now);
                true
            }
            Entry::Vacant(slot) => {
                slot.insert(now);
                true
            }
        }
    }

    fn attempt<'a>(&'a self, request: &'a HttpRequest, now: SystemTime) -> Attempt<'a> {
        let mut values = request.headers().get_all(HEADER);
        let value = match (values.next(), values.next()) {
            (None, _) => return Attempt::Absent,
            (Some(value), None) => value,
            // RFC 9110 §5.3: the header is not a list, so with two values it is undefined which one applies.
            (Some(_), Some(_)) => return Attempt::Done(Err(AuthError::Invalid("api_key_repeated"))),
        };
        match self.format.read(value.as_bytes()) {
            Err(reason) => Attempt::Done(Err(AuthError::Invalid(reason))),
            Ok(presented) => Attempt::Pending(Box::pin(self.judge(presented, now))),
        }
    }
}

impl<S: ApiKeyStore> Authenticator for ApiKeys<S> {
    fn authenticate<'a>(&'a self, request: &'a HttpRequest) -> Attempt<'a> {
        self.attempt(request, self.clock.wall_time())
    }

    fn scheme(&self) -> &'static str {
        SCHEME
    }

    fn issuer(&self) -> Option<&str> {
        Some(&self.issuer)
    }

    fn has_api_keys(&self) -> bool {
        true
    }

    fn can_be_bound(&self) -> bool {
        false
    }

    fn can_state_login(&self) -> bool {
        false
    }

    fn disowns(&self, request: &HttpRequest) -> bool {
        request.headers().get_all(HEADER).all(|value| !self.format.has_prefix(value.as_bytes()))
    }

    // RFC 9110 §11.6.1 requires a challenge in every 401. No registered scheme fits, so a parameter names the header to send.
    fn challenge(&self, context: &ChallengeContext<'_>, challenges: &mut Challenges) {
        challenges.add(Challenge::new(SCHEME).with("realm", context.realm()).with("header", "X-API-Key"));
    }
}

impl<S> Clone for ApiKeys<S> {
    fn clone(&self) -> Self {
        Self {
            format: Arc::clone(&self.format),
            issuer: Arc::clone(&self.issuer),
            store: Arc::clone(&self.store),
            most_per_owner: self.most_per_owner,
            clock: self.clock.clone(),
            dummy: self.dummy.clone(),
            touched: Arc::clone(&self.touched),
        }
    }
}

impl<S> fmt::Debug for ApiKeys<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeys")
            .field("format", &self.format)
            .field("issuer", &self.issuer)
            .field("most_per_owner", &self.most_per_owner)
            .finish_non_exhaustive()
    }
}

/// Why no key was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApiKeyError {
    /// The [`NewApiKey`] has an invalid value: 422. The text names the value without quoting it.
    #[error("{0}")]
    Invalid(&'static str),
    /// The owner has another issuer than these keys: 403.
    #[error("the owner has another issuer than these API keys")]
    ForeignOwner,
    /// The owner already has the maximum number of active keys: 409.
    #[error("the owner has the maximum number of active API keys; remove one first")]
    OwnerFull,
    /// The store is full: 503 with `Retry-After`.
    #[error("the store of API keys is full")]
    StoreFull,
    /// The store is unavailable: 503 with `Retry-After`.
    #[error("the store of API keys is unavailable")]
    Unavailable,
    /// The machine has no random numbers or no working crypto backend: 500.
    #[error("the machine lacks random numbers or a crypto backend")]
    Randomness,
}

impl From<ApiKeyError> for Problem {
    fn from(error: ApiKeyError) -> Self {
        let problem = match error {
            ApiKeyError::Invalid(mistake) => Self::invalid(vec![FieldError::new("", "api_key", mistake)]),
            ApiKeyError::ForeignOwner => Self::forbidden(),
            ApiKeyError::OwnerFull => Self::new(StatusCode::CONFLICT)
                .with_detail("The owner has the maximum number of API keys; remove one first."),
            ApiKeyError::StoreFull | ApiKeyError::Unavailable => Self::unavailable(),
            ApiKeyError::Randomness => Self::internal(),
        };
        problem.caused_by(error)
    }
}

respond_with_problem!(ApiKeyError);
