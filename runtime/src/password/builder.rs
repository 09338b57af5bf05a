//! The settings of password hashing.
//!
//! Threat: hashes that are cheap to guess because a parameter is too low (CWE-916), or so costly that one login exhausts the
//! machine (CWE-400). Promise: parameters below OWASP's minimum or above the upper bounds are a configuration error.

use std::num::NonZeroUsize;
use std::thread::available_parallelism;
use std::time::Duration;

use super::concurrency::ConcurrencyLimit;
use super::phc::{self, Cost};
use super::{Passwords, QUEUE_TIMEOUT};
use crate::config_error::{ConfigError, Mistakes};

const HIGHEST_LIMIT: usize = 1_024;

/// Settings of [`Passwords`]: see [`Passwords::builder`].
#[derive(Clone, Debug)]
#[must_use]
pub struct PasswordsBuilder {
    concurrency_limit: usize,
    queue_timeout: Duration,
    cost: Cost,
}

impl PasswordsBuilder {
    pub(super) fn new() -> Self {
        let cores = available_parallelism().map_or(1, NonZeroUsize::get);
        Self { concurrency_limit: cores.min(HIGHEST_LIMIT), queue_timeout: QUEUE_TIMEOUT, cost: Cost::OWASP }
    }

    /// How many passwords are hashed or verified at once: 1 to 1,024. Default: the number of cores. Each takes the memory of
    /// [`memory_kib`](Self::memory_kib) and one core.
    pub fn concurrency_limit(mut self, passwords: usize) -> Self {
        self.concurrency_limit = passwords;
        self
    }

    /// How long a password waits while the limit is reached, before the result is
    /// [`PasswordError::Busy`](super::PasswordError::Busy). Default: 10 seconds. With zero, it does not wait.
    pub fn queue_timeout(mut self, timeout: Duration) -> Self {
        self.queue_timeout = timeout;
        self
    }

    /// The memory of one hash, in KiB: 19,456 (the default, OWASP's minimum) to 1,048,576 (1 GiB); memory times passes is at
    /// most 4 GiB. A stored hash with another value is verified with its own value and then renewed
    /// ([`PasswordMatch::Right`](super::PasswordMatch::Right)).
    ///
    /// Until all hashes are renewed, the response time for an account with an old hash differs from that for an unknown
    /// account.
    pub fn memory_kib(mut self, memory: u32) -> Self {
        self.cost.memory = memory;
        self
    }

    /// How many passes go over the memory: 2 (the default, OWASP's minimum for its memory) to 64; memory times passes is at
    /// most 4 GiB. See [`memory_kib`](Self::memory_kib) for stored hashes with another value.
    pub fn passes(mut self, passes: u32) -> Self {
        self.cost.passes = passes;
        self
    }

    /// How many lanes the memory is divided into: 1 (the default) to 64. The lanes are computed one after the other, so more
    /// lanes are not faster. Set it only to match hashes that other software made.
    pub fn lanes(mut self, lanes: u32) -> Self {
        self.cost.lanes = lanes;
        self
    }

    /// The configured value.
    ///
    /// # Errors
    ///
    /// If a setting is out of bounds, or the machine cannot provide random numbers.
    pub fn build(self) -> Result<Passwords, ConfigError> {
        let Self { concurrency_limit, queue_timeout, cost } = self;
        let mut mistakes = Mistakes::default();
        if !(1..=HIGHEST_LIMIT).contains(&concurrency_limit) {
            mistakes.report("password concurrency_limit", "must be 1 to 1024, such as the number of cores");
        }
        let (lowest, highest) = (Cost::OWASP, Cost::HIGHEST);
        let bounds = [
            ("password memory_kib", cost.memory, lowest.memory, highest.memory),
            ("password passes", cost.passes, lowest.passes, highest.passes),
            ("password lanes", cost.lanes, lowest.lanes, highest.lanes),
        ];
        for (setting, value, lowest, highest) in bounds {
            if value < lowest || value > highest {
                mistakes.report(setting, format!("must be {lowest} (OWASP's minimum) to {highest}"));
            } else if setting == "password passes" && !cost.is_within_bounds() {
                mistakes.report(
                    setting,
                    "must be lower, because memory times passes is over 4 GiB, and one login would exhaust the machine",
                );
            }
        }
        mistakes.into_result()?;
        let dummy_hash = phc::dummy_hash(cost).map_err(|_| {
            ConfigError::new("passwords", "cannot be hashed, because the machine provides no random numbers")
        })?;
        Ok(Passwords {
            concurrency: ConcurrencyLimit::new(concurrency_limit, queue_timeout),
            cost,
            dummy_hash: dummy_hash.into(),
        })
    }
}
