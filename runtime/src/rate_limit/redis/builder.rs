//! The configuration of rate limits in Redis.

use std::time::Duration;

use super::RedisRateLimits;
use super::leases::Leases;
use crate::config_error::ConfigError;
use crate::redis::RedisConnection;

/// See [`RedisRateLimits::builder`]. No setter fails; [`build`](Self::build) reports all mistakes.
#[derive(Clone, Debug)]
#[must_use]
pub struct RedisRateLimitsBuilder {
    redis: RedisConnection,
    leases: Option<(u32, Duration)>,
}

impl RedisRateLimitsBuilder {
    pub(super) fn new(redis: &RedisConnection) -> Self {
        Self { redis: redis.clone(), leases: None }
    }

    /// Lets this process lease a share of a rate limit, and use it up within the term without a call to Redis. So most
    /// decisions about a busy client need no round trip. The share is 1 to 20 percent, the term 10 milliseconds to 10
    /// seconds. Default: no leases.
    ///
    /// The total is never exceeded, for any number of processes with leases. The cost is that charges are held for the term
    /// longer, and that no other process can use a leased unit until it is returned at the end of the term. While Redis does
    /// not answer, a lease is valid until its end. If the share is less than the cost of two requests, each request calls
    /// Redis.
    ///
    /// Danger: if a client is [reset](crate::RateLimiter::reset), other processes still use up their leases.
    ///
    /// ```
    /// use std::time::Duration;
    /// use palisade::rate_limit::RedisRateLimits;
    /// use palisade::redis::RedisConnection;
    ///
    /// # fn main() -> Result<(), palisade::ConfigError> {
    /// # let secret = [7; 32];
    /// let redis = RedisConnection::builder("redis://127.0.0.1/", "accounts", secret).build()?;
    /// let rate_limits = RedisRateLimits::builder(&redis).leases(5, Duration::from_millis(500)).build()?;
    /// # let _ = rate_limits;
    /// # Ok(()) }
    /// ```
    pub fn leases(mut self, percent: u32, term: Duration) -> Self {
        self.leases = Some((percent, term));
        self
    }

    /// The store.
    ///
    /// # Errors
    ///
    /// A share or a term of leases that is out of range.
    pub fn build(self) -> Result<RedisRateLimits, ConfigError> {
        let Some((percent, term)) = self.leases else { return Ok(RedisRateLimits::new(&self.redis)) };
        let problem = match (
            (1..=20).contains(&percent),
            (Duration::from_millis(10)..=Duration::from_secs(10)).contains(&term),
        ) {
            (true, true) => return Ok(RedisRateLimits::with(&self.redis, Some(Leases::new(percent, term)))),
            (false, true) => "must be 1 to 20 percent of a rate limit",
            (true, false) => "must last 10 milliseconds to 10 seconds",
            (false, false) => "must be 1 to 20 percent of a rate limit, and last 10 milliseconds to 10 seconds",
        };
        Err(ConfigError::new("redis rate limit leases", problem))
    }
}
