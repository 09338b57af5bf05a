//! The configuration of sessions.
//!
//! Threat: sessions that last longer than intended (CWE-613). Promise: lifetimes out of bounds are errors when the value is
//! built.

use std::sync::Arc;
use std::time::Duration;

use super::{DAY, DEFAULT_AGE, DEFAULT_IDLE, Sessions, SessionsInner};
use crate::config_error::{ConfigError, Mistakes};
use crate::jwt::TokenIssuer;

const SHORTEST_REFRESH_TOKEN: Duration = Duration::from_secs(60);
const LONGEST_SESSION: Duration = DAY.saturating_mul(3650);

/// Settings of [`Sessions`]: see [`Sessions::builder`].
#[derive(Clone, Debug)]
#[must_use]
pub struct SessionsBuilder<S, R> {
    issuer: TokenIssuer,
    store: S,
    revocations: R,
    idle: Duration,
    age: Duration,
}

impl<S, R> SessionsBuilder<S, R> {
    pub(super) fn new(issuer: TokenIssuer, store: S, revocations: R) -> Self {
        Self { issuer, store, revocations, idle: DEFAULT_IDLE, age: DEFAULT_AGE }
    }

    /// How long a refresh token is valid, and so how long a session may be idle (ASVS V7.3.1): at least a minute. Default: 14 days.
    pub fn refresh_token_lifetime(mut self, lifetime: Duration) -> Self {
        self.idle = lifetime;
        self
    }

    /// How long a session lasts at most, even if it is refreshed (ASVS V7.3.2): at least the lifetime of a refresh token, at
    /// most 10 years. Default: 90 days.
    pub fn session_lifetime(mut self, lifetime: Duration) -> Self {
        self.age = lifetime;
        self
    }

    /// The configured value.
    ///
    /// # Errors
    ///
    /// All lifetimes that are out of bounds.
    pub fn build(self) -> Result<Sessions<S, R>, ConfigError> {
        let Self { issuer, store, revocations, idle, age } = self;
        let mut mistakes = Mistakes::default();
        if idle < SHORTEST_REFRESH_TOKEN {
            mistakes.report("refresh_token_lifetime", "must be at least a minute");
        }
        if age < idle || age > LONGEST_SESSION {
            let problem = "must be at least the lifetime of a refresh token, and at most 10 years";
            mistakes.report("session_lifetime", problem);
        }
        mistakes.into_result()?;
        Ok(Sessions(Arc::new(SessionsInner { issuer, store, revocations: Arc::new(revocations), idle, age })))
    }
}
