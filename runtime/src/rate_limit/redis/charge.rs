//! Decisions of Redis, and the charges that they made.
//!
//! Threat: a charge is given back where it was not made (CWE-799).
//! Promise: a charge knows its place in the window and the generation of its client. Both must match, or nothing is given back.

use std::time::Duration;

use super::super::limit::Limit;
use super::super::status::{Cause, RateLimitStatus, Refused};
use super::super::store::ChargeRequest;
use super::RedisRateLimits;
use super::script::{Kind, Verdict};
use crate::redis::KeyName;

/// The answer to one ask.
#[derive(Debug)]
pub enum Decision {
    /// It was charged.
    Charged(RedisCharge),
    /// There was no room.
    Refused(Refused),
    /// There was room, but another ask was refused.
    Spared(RateLimitStatus),
}

/// Units that were charged. If it is dropped, the client stays charged; only `RedisRateLimits::release` gives them back, once.
#[derive(Debug)]
#[must_use = "a charge that is not released stays"]
pub struct RedisCharge {
    pub(super) name: KeyName,
    pub(super) limit: Limit,
    pub(super) units: u32,
    /// Tells the charges of a client that was forgotten and came back from those that it had before.
    pub(super) generation: u64,
    pub(super) place: u64,
    pub(super) standing: RateLimitStatus,
    pub(super) instant: Duration,
    /// The store in which it is in flight, if it is. When it is dropped it stays charged, and is no longer in flight.
    pub(super) pending: Option<RedisRateLimits>,
}

impl RedisCharge {
    /// When it was made, by the server's clock.
    pub fn instant(&self) -> Duration {
        self.instant
    }

    /// The status of the client right after this charge.
    pub fn standing(&self) -> RateLimitStatus {
        self.standing
    }

    /// Gives it back without waiting, if it is in flight.
    pub(in super::super) fn release_at_once(self) {
        if let Some(store) = self.pending.clone() {
            store.take_back(vec![self]);
        }
    }
}

impl Drop for RedisCharge {
    fn drop(&mut self) {
        if let Some(store) = self.pending.take()
            && self.units > 0
        {
            store.keep(self.name.clone(), self.limit, self.units, self.generation);
        }
    }
}

pub(super) fn decision(store: &RedisRateLimits, ask: &ChargeRequest<'_>, name: KeyName, verdict: &Verdict) -> Decision {
    // Units that are leased beyond the cost are still available to this client.
    let leased = verdict.units.saturating_sub(ask.cost.max(1));
    let remaining =
        if verdict.kind == Kind::Charged { verdict.remaining.saturating_add(leased) } else { verdict.remaining };
    let standing = RateLimitStatus { remaining, reset: verdict.time };
    match verdict.kind {
        Kind::Refused => Decision::Refused(Refused { retry_after: verdict.time, cause: Cause::Exhausted }),
        Kind::InFlight => Decision::Refused(Refused { retry_after: verdict.time, cause: Cause::InFlight }),
        Kind::Spared | Kind::Late => Decision::Spared(standing),
        Kind::Charged => Decision::Charged(RedisCharge {
            name,
            limit: ask.limit,
            units: ask.cost.max(1),
            generation: verdict.generation,
            place: verdict.place,
            standing,
            instant: verdict.now,
            pending: ask.settles_later.then(|| store.clone()),
        }),
    }
}

/// The status of the client once this charge is given back, as far as it is known without asking again.
pub(super) fn before(charge: &RedisCharge) -> RateLimitStatus {
    let remaining = charge.standing.remaining.saturating_add(charge.units);
    let reset = if remaining >= charge.limit.limit() { Duration::ZERO } else { charge.standing.reset };
    RateLimitStatus { remaining, reset }
}
