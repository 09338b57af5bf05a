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
use crate::config_error::ConfigError;

const SECRET_BYTES: usize = 32;

/// The name of a setting, and what is wrong with it.
type ConnectionMistake = (&'static str, &'static str);

/// See [`RedisConnection::builder`] and [`RedisConnection::cluster`]. No setter fails; [`build`](Self::build) reports all
/// mistakes.
#[must_use]
pub struct RedisConnectionBuilder {
    peer: Result<Peer, ConnectionMistake>,
    prefix: String,
    secret: Zeroizing<Vec<u8>>,
    timeout: Option<Duration>,
}

impl RedisConnectionBuilder {
    pub(super) fn server(url: &str, prefix: String, secret: &[u8]) -> Self {
        // The error may contain the URL, and the URL may contain a password.
        let client = Client::open(url)
            .map_err(|_| ("redis url", "is not the URL of a Redis server; write `redis://host:port/db`"));
        Self::new(client.map(|client| Peer::Server(Box::new(client))), prefix, secret)
    }

    pub(super) fn cluster<'u>(urls: impl IntoIterator<Item = &'u str>, prefix: String, secret: &[u8]) -> Self {
        // A command on a connection that broke may have been executed, so the client must not send it again.
        let nodes = ClusterClient::builder(urls).retries(0);
        let client = nodes.connection_timeout(CONNECT_TIMEOUT).response_timeout(CONNECT_TIMEOUT).build();
        let client = client.map_err(|_| {
            ("redis cluster", "are not the URLs of nodes of one Redis Cluster; write `redis://host:port`, all with the same user and password")
        });
        Self::new(client.map(|client| Peer::Cluster(Box::new(client))), prefix, secret)
    }

    fn new(peer: Result<Peer, ConnectionMistake>, prefix: String, secret: &[u8]) -> Self {
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
        let mut mistakes: Vec<ConnectionMistake> = Vec::new();
        if self.prefix.is_empty() || self.prefix.contains(['{', '}']) {
            mistakes.push((
                "redis prefix",
                "is empty or contains a brace; write the name of the application, so that no other uses its keys",
            ));
        }
        if self.secret.len() < SECRET_BYTES {
            mistakes.push(("redis secret", "is shorter than 32 bytes; write random bytes, the same in all processes"));
        }
        if self.timeout.is_some_and(|timeout| timeout.is_zero()) {
            mistakes.push(("redis timeout", "is zero, so every operation would fail; write for example 50 ms"));
        }
        let sealer = Sealer::new(&self.secret)
            .map_err(|_| ("redis secret", "cannot be used: the cryptographic backend derives no key from it"));
        match (self.peer, sealer) {
            (Ok(peer), Ok(sealer)) if mistakes.is_empty() => Ok(RedisConnection(Arc::new(ConnectionInner {
                runner: Runner::new(peer),
                names: KeyNames::new(self.prefix, &self.secret),
                sealer,
                timeout: self.timeout,
            }))),
            (peer, sealer) => Err(all(peer.err().into_iter().chain(mistakes).chain(sealer.err()))),
        }
    }
}

/// One error with a line for each mistake.
fn all(mistakes: impl Iterator<Item = ConnectionMistake>) -> ConfigError {
    let mut mistakes = mistakes;
    let (setting, mut text) =
        mistakes.next().map_or(("redis", String::new()), |(setting, problem)| (setting, problem.to_owned()));
    for (setting, problem) in mistakes {
        text.push_str(&format!("\n{setting}: {problem}"));
    }
    ConfigError::new(setting, text)
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
