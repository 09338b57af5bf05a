//! The stores of sessions, revocations and rate limits: the database and memory of this server, or a Redis that several servers
//! share.
//!
//! The threats are a rate limit that each server counts separately (CWE-799), a logout that only one server knows (CWE-613), and
//! an attacker who reads the Redis and learns who calls or who is logged in, or gets a key that signs tokens (CWE-359, CWE-321). So
//! all keys in Redis are hashed with a key that is derived from the secret of the tokens. The secret itself is not used.
//!
//! Accounts, documents and API keys always stay in the database. So do the times before which tokens with
//! former rights are revoked: they are written in the transaction that changes the rights, and each request checks them in addition
//! to Redis.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use palisade::Principal;
use palisade::rate_limit::{MemoryRateLimits, RateLimitStore, RedisRateLimits};
use palisade::redis::RedisConnection;
use palisade::resource::Unavailable;
use palisade::revocation::{RedisRevocations, RevocationStore, SqlRevocations};
use palisade::session::{RedisSessions, SessionRecord, SessionStore, SqlSessions};
use secrecy::{ExposeSecret as _, SecretString};

use crate::{boot::BootError, config::Config, db::Db};

const VARIABLE: &str = "ACCOUNTS_REDIS_URL";
/// The prefix of each key, so that the keys of other applications in the same Redis do not collide.
const PREFIX: &str = "accounts";
/// The label of the key derivation. Each use of the secret must have its own label.
const REDIS_SECRET: &[u8] = b"accounts: hashes of rate limit keys in Redis, version 1";

/// The URL of one Redis server. It may contain a password, so `Debug` does not show it.
#[derive(Clone)]
pub struct RedisUrl(SecretString);

impl RedisUrl {
    /// `redis://[user:password@]host[:port][/db]`, or `rediss://` for TLS. Does not connect.
    pub fn parse(text: String) -> Result<Self, String> {
        let url = Self(text.into());
        let text = url.0.expose_secret();
        if text.is_empty() {
            return Err("is empty; unset it for the database and memory of this server".to_owned());
        }
        if !["redis://", "rediss://"].iter().any(|scheme| text.starts_with(scheme)) {
            return Err("must begin with redis:// or rediss://".to_owned());
        }
        if text.contains(',') {
            let problem = "must be a single address, not those of a cluster (write a comma in a password as %2C)";
            return Err(problem.to_owned());
        }
        // A fragment could disable the verification of certificates, and would be rejected only when the server connects.
        if text.contains('#') {
            return Err("contains # (write it as %23 in a password)".to_owned());
        }
        if RedisConnection::builder(text, PREFIX, [0; 32]).build().is_err() {
            return Err("is not an address such as redis://user:password@127.0.0.1:6379/0".to_owned());
        }
        Ok(url)
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisUrl")
    }
}

/// The settings of a shared Redis.
#[derive(Debug, Clone)]
pub struct Redis {
    /// The URL of the server.
    pub url: RedisUrl,
    /// The time limit of a response; `None` uses the defaults of palisade.
    pub timeout: Option<Duration>,
}

/// The configured stores.
pub struct Stores {
    /// Sessions and revocations.
    pub sessions: AppStore,
    /// The counters of rate limits.
    pub rate_limits: RateLimitStore,
}

impl Stores {
    /// Creates the configured stores, without connecting to Redis yet. `secret` signs tokens. Servers with the same secret share
    /// their data in Redis.
    pub fn connect(config: &Config, secret: &SecretString, db: &Db) -> Result<Self, BootError> {
        let Some(shared) = &config.redis else {
            return Ok(Self { sessions: AppStore::database(db), rate_limits: MemoryRateLimits::shared().into() });
        };
        let redis = RedisConnection::builder(shared.url.0.expose_secret(), PREFIX, redis_secret(secret)?);
        let redis = shared.timeout.into_iter().fold(redis, |redis, timeout| redis.timeout(timeout));
        let redis = redis.build().map_err(|error| BootError::new(VARIABLE, error))?;
        let (sessions, revocations) = (RedisSessions::new(&redis), RedisRevocations::new(&redis));
        let sessions = AppStore::Redis { sessions, revocations, in_database: db.revocations() };
        Ok(Self { sessions, rate_limits: RedisRateLimits::new(&redis).into() })
    }

    /// Creates the configured stores for a server. If it uses Redis, sessions that are still in the database end: a logout would
    /// not reach them, and they would be valid again if the server returned to the database.
    pub async fn open(config: &Config, secret: &SecretString, db: &Db) -> Result<Self, BootError> {
        let stores = Self::connect(config, secret, db)?;
        if config.redis.is_some() {
            let ended = db.end_sessions().await;
            ended.map_err(|error| {
                BootError::new("ACCOUNTS_REDIS_URL", format_args!("cannot end the sessions of the database: {error}"))
            })?;
        }
        Ok(stores)
    }
}

/// Derives the secret for the keys in Redis with HKDF (RFC 5869), so that it does not reveal the secret of the tokens.
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
    Database {
        /// The sessions.
        sessions: SqlSessions,
        /// The revocations.
        revocations: SqlRevocations,
    },
    /// In Redis. Revocations because of changed rights are also in the database.
    Redis {
        /// The sessions, which several servers share.
        sessions: RedisSessions,
        /// The revocations, which several servers share.
        revocations: RedisRevocations,
        /// The revocations because of changed rights, which are in the transaction of the change.
        in_database: SqlRevocations,
    },
}

impl AppStore {
    /// The stores in the database.
    pub fn database(db: &Db) -> Self {
        Self::Database { sessions: db.sessions(), revocations: db.revocations() }
    }

    /// Whether Redis responds. `true` if the server does not use Redis.
    pub async fn is_available(&self) -> bool {
        match self {
            Self::Database { .. } => true,
            // No session has this id.
            Self::Redis { sessions, .. } => sessions.find("").await.is_ok(),
        }
    }

    /// Logs which store is used, and warns if Redis does not respond. The server starts in any case.
    pub async fn log_status(self) {
        match self {
            Self::Database { .. } => tracing::info!(store = "database", "sessions and rate limits"),
            Self::Redis { .. } => {
                tracing::info!(store = "redis", "sessions and rate limits");
                if !self.is_available().await {
                    tracing::warn!("Redis does not respond yet; logins and access tokens get 503 until it does");
                }
            }
        }
    }
}

impl SessionStore for AppStore {
    async fn insert(&self, session: SessionRecord) -> Result<(), Unavailable> {
        match self {
            Self::Database { sessions, .. } => sessions.insert(session).await,
            Self::Redis { sessions, .. } => sessions.insert(session).await,
        }
    }

    async fn find(&self, id: &str) -> Result<Option<SessionRecord>, Unavailable> {
        match self {
            Self::Database { sessions, .. } => sessions.find(id).await,
            Self::Redis { sessions, .. } => sessions.find(id).await,
        }
    }

    async fn replace(&self, digest: &[u8; 32], next: SessionRecord) -> Result<bool, Unavailable> {
        match self {
            Self::Database { sessions, .. } => sessions.replace(digest, next).await,
            Self::Redis { sessions, .. } => sessions.replace(digest, next).await,
        }
    }

    async fn list(&self, subject: &str) -> Result<Vec<SessionRecord>, Unavailable> {
        match self {
            Self::Database { sessions, .. } => sessions.list(subject).await,
            Self::Redis { sessions, .. } => sessions.list(subject).await,
        }
    }

    async fn remove(&self, id: &str) -> Result<(), Unavailable> {
        match self {
            Self::Database { sessions, .. } => sessions.remove(id).await,
            Self::Redis { sessions, .. } => sessions.remove(id).await,
        }
    }

    async fn remove_all(&self, subject: &str) -> Result<(), Unavailable> {
        match self {
            Self::Database { sessions, .. } => sessions.remove_all(subject).await,
            Self::Redis { sessions, .. } => sessions.remove_all(subject).await,
        }
    }
}

impl RevocationStore for AppStore {
    async fn revoke(&self, issuer: &str, token: &str, until: SystemTime) -> Result<(), Unavailable> {
        match self {
            Self::Database { revocations, .. } => revocations.revoke(issuer, token, until).await,
            Self::Redis { revocations, .. } => revocations.revoke(issuer, token, until).await,
        }
    }

    async fn revoke_before(&self, issuer: &str, subject: &str, moment: SystemTime) -> Result<(), Unavailable> {
        match self {
            Self::Database { revocations, .. } => revocations.revoke_before(issuer, subject, moment).await,
            Self::Redis { revocations, .. } => revocations.revoke_before(issuer, subject, moment).await,
        }
    }

    /// With Redis, both stores are checked: if a server crashed after it changed rights and before it wrote to Redis, only the
    /// database contains the revocation.
    async fn is_revoked(&self, principal: &Principal) -> Result<bool, Unavailable> {
        match self {
            Self::Database { revocations, .. } => revocations.is_revoked(principal).await,
            Self::Redis { revocations, in_database, .. } => {
                Ok(in_database.is_revoked(principal).await? || revocations.is_revoked(principal).await?)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redis_secret_is_derived_and_stable() {
        let secret = "0123456789abcdef0123456789abcdef";
        let derived = redis_secret(&secret.into()).unwrap();
        assert_eq!(derived, redis_secret(&secret.into()).unwrap());
        assert_ne!(derived, secret.as_bytes());
        assert_ne!(derived, redis_secret(&"fedcba9876543210fedcba9876543210".into()).unwrap());
    }
}
