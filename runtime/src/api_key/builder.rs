//! The configuration of API keys.
//!
//! Threat: a mistyped setting that takes effect on the first request (CWE-1188). Promise: every invalid setting is an error
//! when the value is built, and all are reported at once.

use std::sync::Arc;
use std::time::SystemTime;

use super::format::KeyFormat;
use super::{ApiKey, ApiKeyStore, ApiKeys};
use crate::authn::digest::Digest;
use crate::clock::Clock;
use crate::config_error::{ConfigError, Mistakes};

const DEFAULT_MOST_PER_OWNER: usize = 20;

/// Settings of [`ApiKeys`]: see [`ApiKeys::builder`].
#[derive(Clone, Debug)]
#[must_use]
pub struct ApiKeysBuilder<S> {
    prefix: String,
    issuer: String,
    store: S,
    most_per_owner: usize,
    clock: Clock,
}

impl<S: ApiKeyStore> ApiKeysBuilder<S> {
    pub(super) fn new(prefix: String, issuer: String, store: S) -> Self {
        Self { prefix, issuer, store, most_per_owner: DEFAULT_MOST_PER_OWNER, clock: Clock::system() }
    }

    /// How many active keys an owner may have: at least 2, because a new key must work before the old one is removed. Default: 20.
    pub fn most_per_owner(mut self, keys: usize) -> Self {
        self.most_per_owner = keys;
        self
    }

    /// The clock by which keys are created and expire. Default: the clock of the machine.
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.clock = clock.into();
        self
    }

    /// The configured value.
    ///
    /// # Errors
    ///
    /// If the prefix is malformed, the issuer is blank, fewer than 2 keys per owner are allowed, or the machine cannot provide
    /// random numbers.
    pub fn build(self) -> Result<ApiKeys<S>, ConfigError> {
        let Self { prefix, issuer, store, most_per_owner, clock } = self;
        let mut mistakes = Mistakes::default();
        let format = mistakes.note(KeyFormat::new(&prefix));
        if issuer.trim().is_empty() {
            let problem = "must not be blank; use the issuer of the owners, such as the `iss` of their tokens";
            mistakes.report("api key issuer", problem);
        }
        if most_per_owner < 2 {
            mistakes.report(
                "api keys most_per_owner",
                "must be at least 2, because a new key must work before the old one is removed",
            );
        }
        let mut dummy = Digest::default();
        if getrandom::fill(&mut dummy).is_err() {
            mistakes.report("api keys", "cannot be created, because the machine provides no random numbers");
        }
        let format = mistakes.value_or_error(format)?;
        Ok(ApiKeys {
            format: Arc::new(format),
            issuer: issuer.into(),
            store: Arc::new(store),
            most_per_owner,
            clock,
            dummy: ApiKey::from_row("", "", dummy, SystemTime::UNIX_EPOCH),
            touched: Arc::default(),
        })
    }
}
