//! One Redis for all stores: rate limits, sessions and revocations of several processes.
//!
//! A [`RedisConnection`] is configured once: the address of one server or of a Redis Cluster, the prefix of all keys, the
//! secret that hides clients and subjects in the keys, and the timeout. Each store is made from it:
//!
//! ```
//! use palisade::Palisade;
//! use palisade::jwt::TokenIssuer;
//! use palisade::rate_limit::RedisRateLimits;
//! use palisade::redis::RedisConnection;
//! use palisade::revocation::RedisRevocations;
//! use palisade::session::{RedisSessions, Sessions};
//!
//! # fn main() -> Result<(), palisade::ConfigError> {
//! # let (redis_secret, token_secret) = ([7; 32], [8; 32]);
//! let redis = RedisConnection::builder("redis://127.0.0.1:6379/0", "accounts", redis_secret).build()?;
//!
//! let builder = Palisade::builder().rate_limit_store(RedisRateLimits::new(&redis));
//! let issuer = TokenIssuer::hs256("https://accounts.example", "accounts-api", token_secret)?;
//! let sessions = Sessions::new(issuer, RedisSessions::new(&redis), RedisRevocations::new(&redis));
//! # let _ = (builder, sessions);
//! # Ok(()) }
//! ```
//!
//! Threat: processes that count and remember separately (CWE-799, CWE-613). A Redis that is slow, silent or down blocks the
//! application too (CWE-400, CWE-636). A third party that can read the Redis learns who calls and who is logged in (CWE-359).
//! Promise: a joint decision takes one script and one round trip. No answer within the timeout is
//! [`Unavailable`]; after five failures in a row calls fail at once, and once a second one is
//! tried. Keys and values contain no address, subject, session or token in readable form.

mod background;
mod breaker;
mod builder;
mod clock;
mod connection;
mod names;
mod operation;
mod runner;
mod sealed;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;

pub(crate) use self::background::spawn;
pub use self::builder::RedisConnectionBuilder;
pub(crate) use self::names::{KeyName, TagKind};
pub(crate) use self::operation::{Call, Operation, Reply};

use self::names::KeyNames;
use self::runner::Runner;
use self::sealed::Sealer;
use crate::unavailable::Unavailable;

/// (Feature `redis`.) One Redis 7 or newer, Valkey or Redis Cluster, shared by every process that is given the same address,
/// prefix and secret. Clones, and all stores that are made from it, share their network connections: one of the process, and one
/// of each worker that decides about rate limits. Each is made when it is first needed, and again when it broke.
///
/// At most 128 operations are sent at once on a connection. Others wait until one of these ends, which does not count as a
/// failure; an operation that has waited for a second is [`Unavailable`]. After five failures
/// in a row, all operations are `Unavailable` at once, and once a second one is tried. A command whose answer was lost is not
/// sent again: it may or may not have been executed.
///
/// Danger: a Redis without persistence forgets everything when it is restarted, and a fail-over may lose the last writes, because
/// replicas follow a little later. A Redis that evicts keys (`maxmemory-policy` other than `noeviction`) forgets when it is full.
/// While a cluster moves a slot from one node to another, the keys of that slot are `Unavailable`.
#[derive(Clone)]
pub struct RedisConnection(Arc<ConnectionInner>);

struct ConnectionInner {
    runner: Runner,
    names: KeyNames,
    sealer: Sealer,
    timeout: Option<Duration>,
}

impl RedisConnection {
    /// Configures a connection to the Redis server at this URL: `redis://[user:password@]host:port/db`, or `rediss://` for
    /// TLS. The name of each key begins with the prefix, so no other application of the same Redis uses these keys. The
    /// secret, at least 32 random bytes and the same in all processes, hides clients and subjects in the keys and values.
    /// With another secret, all rate limits start from zero and all sessions and revocations are forgotten.
    ///
    /// Nothing is sent before a store needs an answer.
    pub fn builder(url: &str, prefix: impl Into<String>, secret: impl AsRef<[u8]>) -> RedisConnectionBuilder {
        RedisConnectionBuilder::server(url, prefix.into(), secret.as_ref())
    }

    /// Configures a connection to a Redis Cluster. The URLs are those of some of its nodes; one that answers is enough to find
    /// the others. Otherwise as [`builder`](Self::builder).
    ///
    /// ```
    /// use palisade::redis::RedisConnection;
    ///
    /// # let secret = [7; 32];
    /// let nodes = ["redis://10.0.0.1:6379", "redis://10.0.0.2:6379"];
    /// assert!(RedisConnection::cluster(nodes, "accounts", secret).build().is_ok());
    /// ```
    pub fn cluster<'u>(
        urls: impl IntoIterator<Item = &'u str>,
        prefix: impl Into<String>,
        secret: impl AsRef<[u8]>,
    ) -> RedisConnectionBuilder {
        RedisConnectionBuilder::cluster(urls, prefix.into(), secret.as_ref())
    }

    /// Runs an operation: one answer for each call, in their order. See [`Runner::run`]. `default_timeout` applies unless the
    /// application has set one.
    pub(crate) async fn run<R: Reply>(
        &self,
        operation: &'static Operation,
        calls: Vec<(&KeyName, Call)>,
        default_timeout: Duration,
    ) -> Vec<Result<R, Unavailable>> {
        self.0.runner.run(operation, calls, self.0.timeout.unwrap_or(default_timeout)).await
    }

    /// Runs an operation with a single call.
    pub(crate) async fn run_one<R: Reply>(
        &self,
        operation: &'static Operation,
        name: &KeyName,
        call: Call,
        default_timeout: Duration,
    ) -> Result<R, Unavailable> {
        self.run(operation, vec![(name, call)], default_timeout).await.pop().unwrap_or(Err(Unavailable))
    }

    /// Whether keys with different tags may be on different nodes.
    pub(crate) fn is_cluster(&self) -> bool {
        self.0.runner.is_cluster()
    }

    /// The keyed hash of the bytes that `feed` gives it. The first byte must be its kind; see [`TagKind`].
    pub(crate) fn tag(&self, feed: impl FnOnce(&mut hmac::Context)) -> String {
        self.0.names.tag(feed)
    }

    /// `prefix:section:{tag}`.
    pub(crate) fn name(&self, section: &str, tag: String) -> KeyName {
        self.0.names.name(section, tag)
    }

    /// `prefix:section:{tag}:number`.
    pub(crate) fn numbered_name(&self, section: &str, tag: String, number: u64) -> KeyName {
        self.0.names.numbered_name(section, tag, number)
    }

    /// `prefix:section:{tag}`, where the tag is the keyed hash of the parts.
    pub(crate) fn name_of(&self, section: &str, kind: TagKind, parts: &[&str]) -> KeyName {
        self.0.names.name(section, self.0.names.tag_of(kind, parts))
    }

    /// Encrypts a value that is kept under this name.
    pub(crate) fn seal(&self, name: &KeyName, value: Vec<u8>) -> Result<Vec<u8>, Unavailable> {
        self.0.sealer.seal(&name.key, value).map_err(|_| Unavailable)
    }

    /// Decrypts a value that was kept under this name. Returns `None` if it was not sealed for it.
    pub(crate) fn open(&self, name: &KeyName, sealed: Vec<u8>) -> Option<Vec<u8>> {
        self.0.sealer.open(&name.key, sealed)
    }
}

impl fmt::Debug for RedisConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisConnection")
            .field("prefix", &self.0.names.prefix())
            .field("cluster", &self.is_cluster())
            .field("timeout", &self.0.timeout)
            .finish_non_exhaustive()
    }
}
