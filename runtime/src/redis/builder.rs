//! The configuration of the connection.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::Client;
use redis::cluster::ClusterClient;
use zeroize::Zeroizing;

use super::connection::{CONNECT_TIMEOUT, Peer};
use super::names::KeyNames;
use super::runner::Runner;
use super::sealed::Sealer;
use super::{ConnectionInner, RedisConnection};
use crate::config_error::{ConfigError, Mistakes};

const SECRET_BYTES: usize = 32;

/// See [`RedisConnection::builder`] and [`RedisConnection::cluster`]. No setter fails; [`build`](Self::build) reports all
/// mistakes.
#[must_use]
pub struct RedisConnectionBuilder {
    peer: Result<Peer, ConfigError>,
    prefix: String,
    secret: Zeroizing<Vec<u8>>,
    timeout: Option<Duration>,
}

impl RedisConnectionBuilder {
    pub(super) fn server(url: &str, prefix: String, secret: &[u8]) -> Self {
        // The error may contain the URL, and the URL may contain a password.
        let client = Client::open(url).map_err(|_| {
            ConfigError::new("redis url", "is not the URL of a Redis server; write `redis://host:port/db`")
        });
        Self::new(client.map(|client| Peer::Server(Box::new(client))), prefix, secret)
    }

    pub(super) fn cluster<'u>(urls: impl IntoIterator<Item = &'u str>, prefix: String, secret: &[u8]) -> Self {
        // A command on a connection that broke may have been executed, so the client must not send it again.
        let nodes = ClusterClient::builder(urls).retries(0);
        let client = nodes.connection_timeout(CONNECT_TIMEOUT).response_timeout(CONNECT_TIMEOUT).build();
        let client = client.map_err(|_| {
            ConfigError::new("redis cluster", "are not the URLs of nodes of one Redis Cluster; write `redis://host:port`, all with the same user and password")
        });
        Self::new(client.map(|client| Peer::Cluster(Box::new(client))), prefix, secret)
    }

    fn new(peer: Result<Peer, ConfigError>, prefix: String, secret: &[u8]) -> Self {
        Self { peer, prefix, secret: Zeroizing::new(secret.to_vec()), timeout: None }
    }

    /// How long an operation may take from the moment when it is sent, including the time to connect if there is no connection.
    /// Default: 50 ms for a decision about rate limits, a second for sessions and revocations.
    ///
    /// Danger: while Redis is silent, requests wait this long until the breaker opens. If it is too short, requests fail whenever
    /// the network is slow, and what was charged meanwhile stays charged.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The connection. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// All of these that apply: a URL that cannot be read; for a cluster no URL, or URLs with different passwords; a prefix that
    /// is empty or contains a brace; a secret of less than 32 bytes; a timeout of zero.
    ///
    /// ```
    /// use std::time::Duration;
    /// use palisade::redis::RedisConnection;
    ///
    /// let builder = RedisConnection::builder("127.0.0.1", "", [0; 5]).timeout(Duration::ZERO);
    /// assert_eq!(builder.build().unwrap_err().to_string().lines().count(), 4);
    /// ```
    pub fn build(self) -> Result<RedisConnection, ConfigError> {
        let mut mistakes = Mistakes::default();
        let peer = mistakes.note(self.peer);
        if self.prefix.is_empty() || self.prefix.contains(['{', '}']) {
            let message =
                "is empty or contains a brace; write the name of the application, so that no other uses its keys";
            mistakes.report("redis prefix", message);
        }
        if self.secret.len() < SECRET_BYTES {
            let message = "is shorter than 32 bytes; write random bytes, the same in all processes";
            mistakes.report("redis secret", message);
        }
        if self.timeout.is_some_and(|timeout| timeout.is_zero()) {
            mistakes.report("redis timeout", "is zero, so every operation would fail; write for example 50 ms");
        }
        let sealer = mistakes.note(Sealer::new(&self.secret).map_err(|_| {
            ConfigError::new("redis secret", "cannot be used: the cryptographic backend derives no key from it")
        }));
        let (peer, sealer) = mistakes.value_or_error(peer.zip(sealer))?;
        Ok(RedisConnection(Arc::new(ConnectionInner {
            runner: Runner::new(peer),
            names: KeyNames::new(self.prefix, &self.secret),
            sealer,
            timeout: self.timeout,
        })))
    }
}

impl fmt::Debug for RedisConnectionBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisConnectionBuilder")
            .field("prefix", &self.prefix)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(url: &str, prefix: &str, secret: &[u8]) -> Result<RedisConnection, ConfigError> {
        RedisConnection::builder(url, prefix, secret).build()
    }

    #[test]
    fn short_secret_and_prefix_with_brace_are_rejected() {
        const URL: &str = "redis://127.0.0.1/";
        assert!(built(URL, "app", &[7; 32]).is_ok());
        assert!(built(URL, "app", &[7; 31]).is_err());
        for prefix in ["", "a{b}", "{", "a}"] {
            assert!(built(URL, prefix, &[7; 32]).is_err(), "{prefix}");
        }
    }

    #[test]
    fn all_mistakes_are_reported_at_once_without_secrets() {
        let builder = RedisConnection::builder("http://:hunter2@127.0.0.1", "", *b"hunter2").timeout(Duration::ZERO);
        assert!(!format!("{builder:?}").contains("hunter2"));
        let text = builder.build().unwrap_err().to_string();
        let settings: Vec<_> = text.lines().map(|line| line.split(':').next().unwrap()).collect();
        assert_eq!(settings, ["redis url", "redis prefix", "redis secret", "redis timeout"]);
        assert!(!text.contains("hunter2"), "{text}");
    }
}
