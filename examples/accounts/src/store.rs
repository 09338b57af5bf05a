//! Where sessions, what was taken back, and rate limits are kept: in this server's database and memory, or in a Redis that several
//! servers share.
//!
//! The threats are servers that grant a rate limit each (CWE-799), a logout that only one of them knows (CWE-613), and a Redis
//! whose readers learn who calls, or sign tokens (CWE-321): the key of its hashes is derived from the secret of the tokens,
//! and is not that secret.
//!
//! Accounts, documents and API keys are the application's data and stay in the database. So do the moments until which
//! tokens of changed rights do not count: they are written in one step with the rights, and asked beside Redis.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use palisade::Principal;
use palisade::rate_limit::{MemoryRateLimits, RateLimitStore, RedisRateLimits};
use palisade::resource::Unavailable;
use palisade::revocation::RevocationStore;
use palisade::session::{RedisStore, SessionRecord, SessionStore};
use secrecy::{ExposeSecret as _, SecretString};

use crate::{boot::BootError, config::Config, db::Db};

const VARIABLE: &str = "ACCOUNTS_REDIS_URL";
/// Before every key, so that no other application of the same Redis uses them.
const PREFIX: &str = "accounts";
/// Another use of the secret has another label.
const RATE_LIMIT_KEYS: &[u8] = b"accounts: hashes of rate limit keys in Redis, version 1";

/// The address of one Redis, which may hold a password and is never shown.
#[derive(Clone)]
pub struct RedisUrl(SecretString);

impl RedisUrl {
    /// `redis://[user:password@]host[:port][/db]`, or `rediss://` for TLS. Nothing is asked.
    pub fn parse(text: String) -> Result<Self, String> {
        let url = Self(text.into());
        let text = url.0.expose_secret();
        if text.is_empty() {
            return Err("is empty; unset it for the database and memory of this server".to_owned());
        }
        if !["redis://", "rediss://"].iter().any(|scheme| text.starts_with(scheme)) {
            return Err("begins with neither redis:// nor rediss://".to_owned());
        }
        if text.contains(',') {
            let cure = "is one address: sessions are in no cluster (a comma in a password is written %2C)";
            return Err(cure.to_owned());
        }
        // What follows it would turn off the check of certificates, and be refused only when it connects.
        if text.contains('#') {
            return Err("has a # (in a password it is written %23)".to_owned());
        }
        if RedisStore::new(text, PREFIX).is_err() {
            return Err("is no address of a Redis, such as redis://user:password@127.0.0.1:6379/0".to_owned());
        }
        Ok(url)
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisUrl")
    }
}

/// A Redis that servers share.
#[derive(Debug, Clone)]
pub struct Redis {
    /// Where it is.
    pub url: RedisUrl,
    /// How long the decision of a rate limit may take.
    pub timeout: Duration,
}

/// All that is kept of callers.
pub struct Stores {
    /// Sessions, and what was taken back.
    pub sessions: AppStore,
    /// Who called how often.
    pub rate_limits: RateLimitStore,
}

impl Stores {
    /// Those of the configuration. A Redis is not asked yet. `secret` signs tokens: servers that share it share rate limits.
    ///
    /// With Redis, sessions that are still in the database end: a logout would not reach them, and whoever goes back to the
    /// database would find them alive.
    pub async fn open(config: &Config, secret: &SecretString, db: &Db) -> Result<Self, BootError> {
        let sessions = AppStore::open(config, db)?;
        let Some(shared) = &config.redis else {
            return Ok(Self { sessions, rate_limits: MemoryRateLimits::shared().into() });
        };
        let refuse = |error| BootError::new(VARIABLE, error);
        let url = shared.url.0.expose_secret();
        let rate_limits = RedisRateLimits::new(url, PREFIX, rate_limit_secret(secret)?).map_err(refuse)?;
        let rate_limits =
            rate_limits.timeout(shared.timeout).map_err(|error| BootError::new("ACCOUNTS_REDIS_TIMEOUT", error))?;
        let kept = db.forget_sessions().await;
        kept.map_err(|Unavailable| BootError::new("ACCOUNTS_DATA", "cannot end the sessions of the database"))?;
        Ok(Self { sessions, rate_limits: rate_limits.into() })
    }
}

/// RFC 5869: whoever learns it can't find the secret of the tokens.
fn rate_limit_secret(secret: &SecretString) -> Result<[u8; 32], BootError> {
    let mut derived = [0; 32];
    let extracted = Salt::new(HKDF_SHA256, &[]).extract(secret.expose_secret().as_bytes());
    let filled = extracted.expand(&[RATE_LIMIT_KEYS], HKDF_SHA256).and_then(|expanded| expanded.fill(&mut derived));
    filled.map_err(|error| BootError::new(VARIABLE, error))?;
    Ok(derived)
}

/// Sessions, and what was taken back.
#[derive(Clone)]
pub enum AppStore {
    /// In the database.
    Database(Db),
    /// In Redis; the database knows of changed rights.
    Redis {
        /// What several servers share.
        redis: RedisStore,
        /// The accounts.
        db: Db,
    },
}

impl AppStore {
    /// That of the configuration. A Redis is not asked yet.
    pub fn open(config: &Config, db: &Db) -> Result<Self, BootError> {
        let db = db.clone();
        let Some(shared) = &config.redis else { return Ok(Self::Database(db)) };
        let redis = RedisStore::new(shared.url.0.expose_secret(), PREFIX);
        Ok(Self::Redis { redis: redis.map_err(|error| BootError::new(VARIABLE, error))?, db })
    }

    /// Whether what is not the database answers; there may be nothing of that kind.
    pub async fn answers(&self) -> bool {
        match self {
            Self::Database(_) => true,
            // There is no session of this name.
            Self::Redis { redis, .. } => redis.find("").await.is_ok(),
        }
    }

    /// Says in the log which it is, and whether it answers; a Redis that does not is no reason not to start.
    pub async fn tell(self) {
        match self {
            Self::Database(_) => tracing::info!(store = "database", "sessions and rate limits"),
            Self::Redis { .. } => {
                tracing::info!(store = "redis", "sessions and rate limits");
                if !self.answers().await {
                    tracing::warn!("Redis does not answer yet: logins and tokens are 503 until it does");
                }
            }
        }
    }
}

impl SessionStore for AppStore {
    async fn insert(&self, session: SessionRecord) -> Result<(), Unavailable> {
        match self {
            Self::Database(db) => SessionStore::insert(db, session).await,
            Self::Redis { redis, .. } => redis.insert(session).await,
        }
    }

    async fn find(&self, id: &str) -> Result<Option<SessionRecord>, Unavailable> {
        match self {
            Self::Database(db) => db.find(id).await,
            Self::Redis { redis, .. } => redis.find(id).await,
        }
    }

    async fn replace(
        &self,
        id: &str,
        secret: &[u8; 32],
        next: &[u8; 32],
        expires: SystemTime,
    ) -> Result<bool, Unavailable> {
        match self {
            Self::Database(db) => db.replace(id, secret, next, expires).await,
            Self::Redis { redis, .. } => redis.replace(id, secret, next, expires).await,
        }
    }

    async fn remove(&self, id: &str) -> Result<(), Unavailable> {
        match self {
            Self::Database(db) => db.remove(id).await,
            Self::Redis { redis, .. } => redis.remove(id).await,
        }
    }

    async fn remove_all(&self, subject: &str) -> Result<(), Unavailable> {
        match self {
            Self::Database(db) => db.remove_all(subject).await,
            Self::Redis { redis, .. } => redis.remove_all(subject).await,
        }
    }
}

impl RevocationStore for AppStore {
    async fn revoke(&self, issuer: &str, token: &str, until: SystemTime) -> Result<(), Unavailable> {
        match self {
            Self::Database(db) => db.revoke(issuer, token, until).await,
            Self::Redis { redis, .. } => redis.revoke(issuer, token, until).await,
        }
    }

    async fn revoke_before(&self, issuer: &str, subject: &str, moment: SystemTime) -> Result<(), Unavailable> {
        match self {
            Self::Database(db) => db.revoke_before(issuer, subject, moment).await,
            Self::Redis { redis, .. } => redis.revoke_before(issuer, subject, moment).await,
        }
    }

    /// With Redis, by either: a change of rights whose server ended before it told Redis is in the database.
    async fn is_revoked(&self, principal: &Principal) -> Result<bool, Unavailable> {
        match self {
            Self::Database(db) => db.is_revoked(principal).await,
            Self::Redis { redis, db } => Ok(db.is_revoked(principal).await? || redis.is_revoked(principal).await?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_of_rate_limits_is_another_than_that_of_tokens_and_the_same_in_every_server() {
        let secret = "0123456789abcdef0123456789abcdef";
        let derived = rate_limit_secret(&secret.into()).unwrap();
        assert_eq!(derived, rate_limit_secret(&secret.into()).unwrap());
        assert_ne!(derived, secret.as_bytes());
        assert_ne!(derived, rate_limit_secret(&"fedcba9876543210fedcba9876543210".into()).unwrap());
    }
}
