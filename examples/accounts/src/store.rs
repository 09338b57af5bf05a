//! Where sessions, revocations and rate limits are kept: in the database and memory of this server, or in a Redis that several
//! servers share.
//!
//! The threats: servers that each grant a rate limit (CWE-799), a logout that only one of them knows (CWE-613), and somebody who
//! reads the Redis and learns who calls or who is logged in, or gets a key that signs tokens (CWE-359, CWE-321). So all names in
//! Redis are hashed with a key that is derived from the secret of the tokens, and is not that secret.
//!
//! Accounts, documents and API keys are data of the application and stay in the database. So do the moments before which tokens
//! with former rights are revoked: they are written in one step with the rights, and each request asks them besides Redis.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use palisade::Principal;
use palisade::rate_limit::{MemoryRateLimits, RateLimitStore, RedisRateLimits};
use palisade::redis::RedisConnection;
use palisade::resource::Unavailable;
use palisade::revocation::{RedisRevocations, RevocationStore};
use palisade::session::{RedisSessions, SessionRecord, SessionStore};
use secrecy::{ExposeSecret as _, SecretString};

use crate::{boot::BootError, config::Config, db::Db};

const VARIABLE: &str = "ACCOUNTS_REDIS_URL";
/// The beginning of each key, so that no other application of the same Redis uses it.
const PREFIX: &str = "accounts";
/// Another use of the secret must have another label.
const REDIS_SECRET: &[u8] = b"accounts: hashes of rate limit keys in Redis, version 1";

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
            let cure = "is one address, of a server and not of a cluster (a comma in a password is written %2C)";
            return Err(cure.to_owned());
        }
        // A fragment could turn off the check of certificates, and would be rejected only when the server connects.
        if text.contains('#') {
            return Err("has a # (in a password it is written %23)".to_owned());
        }
        if RedisConnection::builder(text, PREFIX, [0; 32]).build().is_err() {
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
    /// How long an answer may take; `None` leaves it to palisade.
    pub timeout: Option<Duration>,
}

/// All that is kept about callers.
pub struct Stores {
    /// Sessions and revocations.
    pub sessions: AppStore,
    /// Who called how often.
    pub rate_limits: RateLimitStore,
}

impl Stores {
    /// The stores of the configuration. `secret` signs tokens: servers that share it share what is in Redis. Redis is not asked
    /// yet.
    pub fn connect(config: &Config, secret: &SecretString, db: &Db) -> Result<Self, BootError> {
        let db = db.clone();
        let Some(shared) = &config.redis else {
            return Ok(Self { sessions: AppStore::Database(db), rate_limits: MemoryRateLimits::shared().into() });
        };
        let redis = RedisConnection::builder(shared.url.0.expose_secret(), PREFIX, redis_secret(secret)?);
        let redis = shared.timeout.into_iter().fold(redis, |redis, timeout| redis.timeout(timeout));
        let redis = redis.build().map_err(|error| BootError::new(VARIABLE, error))?;
        let (sessions, revocations) = (RedisSessions::new(&redis), RedisRevocations::new(&redis));
        let sessions = AppStore::Redis { sessions, revocations, db };
        Ok(Self { sessions, rate_limits: RedisRateLimits::new(&redis).into() })
    }

    /// The same for a server. If it uses Redis, sessions that are still in the database end: a logout would not reach them, and
    /// they would be alive again if the server went back to the database.
    pub async fn open(config: &Config, secret: &SecretString, db: &Db) -> Result<Self, BootError> {
        let stores = Self::connect(config, secret, db)?;
        if config.redis.is_some() {
            let forgotten = db.forget_sessions().await;
            forgotten
                .map_err(|Unavailable| BootError::new("ACCOUNTS_DATA", "cannot end the sessions of the database"))?;
        }
        Ok(stores)
    }
}

/// The secret of the names in Redis. It is derived by RFC 5869, so it does not tell the secret of the tokens.
fn redis_secret(secret: &SecretString) -> Result<[u8; 32], BootError> {
    let mut derived = [0; 32];
    let extracted = Salt::new(HKDF_SHA256, &[]).extract(secret.expose_secret().as_bytes());
    let filled = extracted.expand(&[REDIS_SECRET], HKDF_SHA256).and_then(|expanded| expanded.fill(&mut derived));
    filled.map_err(|error| BootError::new(VARIABLE, error))?;
    Ok(derived)
}

/// Sessions and revocations.
#[derive(Clone)]
pub enum AppStore {
    /// In the database.
    Database(Db),
    /// In Redis; the database knows of changed rights.
    Redis {
        /// The sessions, which several servers share.
        sessions: RedisSessions,
        /// The revocations, which several servers share.
        revocations: RedisRevocations,
        /// The accounts.
        db: Db,
    },
}

impl AppStore {
    /// Whether Redis answers. `true` if the server does not use it.
    pub async fn answers(&self) -> bool {
        match self {
            Self::Database(_) => true,
            // No session has this id.
            Self::Redis { sessions, .. } => sessions.find("").await.is_ok(),
        }
    }

    /// Logs which store it is, and whether it answers. The server starts also if Redis does not answer.
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
            Self::Redis { sessions, .. } => sessions.insert(session).await,
        }
    }

    async fn find(&self, id: &str) -> Result<Option<SessionRecord>, Unavailable> {
        match self {
            Self::Database(db) => db.find(id).await,
            Self::Redis { sessions, .. } => sessions.find(id).await,
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
            Self::Redis { sessions, .. } => sessions.replace(id, secret, next, expires).await,
        }
    }

    async fn remove(&self, id: &str) -> Result<(), Unavailable> {
        match self {
            Self::Database(db) => db.remove(id).await,
            Self::Redis { sessions, .. } => sessions.remove(id).await,
        }
    }

    async fn remove_all(&self, subject: &str) -> Result<(), Unavailable> {
        match self {
            Self::Database(db) => db.remove_all(subject).await,
            Self::Redis { sessions, .. } => sessions.remove_all(subject).await,
        }
    }
}

impl RevocationStore for AppStore {
    async fn revoke(&self, issuer: &str, token: &str, until: SystemTime) -> Result<(), Unavailable> {
        match self {
            Self::Database(db) => db.revoke(issuer, token, until).await,
            Self::Redis { revocations, .. } => revocations.revoke(issuer, token, until).await,
        }
    }

    async fn revoke_before(&self, issuer: &str, subject: &str, moment: SystemTime) -> Result<(), Unavailable> {
        match self {
            Self::Database(db) => db.revoke_before(issuer, subject, moment).await,
            Self::Redis { revocations, .. } => revocations.revoke_before(issuer, subject, moment).await,
        }
    }

    /// With Redis, both are asked: if a server ended after it changed rights and before it told Redis, only the database knows.
    async fn is_revoked(&self, principal: &Principal) -> Result<bool, Unavailable> {
        match self {
            Self::Database(db) => db.is_revoked(principal).await,
            Self::Redis { revocations, db, .. } => {
                Ok(db.is_revoked(principal).await? || revocations.is_revoked(principal).await?)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_of_redis_differs_from_that_of_tokens_and_is_the_same_in_every_server() {
        let secret = "0123456789abcdef0123456789abcdef";
        let derived = redis_secret(&secret.into()).unwrap();
        assert_eq!(derived, redis_secret(&secret.into()).unwrap());
        assert_ne!(derived, secret.as_bytes());
        assert_ne!(derived, redis_secret(&"fedcba9876543210fedcba9876543210".into()).unwrap());
    }
}
