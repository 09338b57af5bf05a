//! Decisions of Redis, and the charges that they made.
//!
//! Threat: a refund that lowers another charge than its own (CWE-799).
//! Promise: a charge has its time slot and the generation of its client. Both must match, or nothing is refunded.

use std::time::Duration;

use super::super::limit::Limit;
use super::super::status::{Cause, RateLimitStatus, Rejected};
use super::super::store::ChargeRequest;
use super::RedisRateLimits;
use super::script::{ReplyKind, ScriptReply};
use crate::redis::KeyName;

/// The decision about one request.
#[derive(Debug)]
pub enum RedisDecision {
    /// It was charged.
    Charged(RedisCharge),
    /// There was no room.
    Rejected(Rejected),
    /// There was room, but another request was rejected, so nothing was charged.
    RolledBack(RateLimitStatus),
}

/// Units that were charged. If it is dropped, the client stays charged; only `RedisRateLimits::refund` refunds them, once.
#[derive(Debug)]
#[must_use = "a charge that is not refunded stays"]
pub struct RedisCharge {
    pub(super) name: KeyName,
    pub(super) limit: Limit,
    pub(super) units: u32,
    /// Changes when a client is forgotten, so that a charge from before is not mixed up with later ones.
    pub(super) generation: u64,
    pub(super) time_slot: u64,
    pub(super) status: RateLimitStatus,
    /// When it was made, since 1970 by the clock of Redis.
    pub(super) charged_at: Duration,
    /// The store in which it is in flight, if it is. If the charge is dropped, it stays charged and is no longer in flight.
    pub(super) in_flight: Option<RedisRateLimits>,
}

impl RedisCharge {
    /// When it was made, by the server's clock.
    pub fn instant(&self) -> Duration {
        self.charged_at
    }

    /// The status of the client right after this charge.
    pub fn status(&self) -> RateLimitStatus {
        self.status
    }

    /// Refunds it without waiting, if it is in flight.
    pub(in super::super) fn refund_at_once(self) {
        if let Some(store) = self.in_flight.clone() {
            store.refund_later(vec![self]);
        }
    }
}

impl Drop for RedisCharge {
    fn drop(&mut self) {
        if let Some(store) = self.in_flight.take()
            && self.units > 0
        {
            store.keep_charged(self.name.clone(), self.limit, self.units, self.generation);
        }
    }
}

pub(super) fn decision(
    store: &RedisRateLimits,
    request: &ChargeRequest<'_>,
    name: KeyName,
    reply: &ScriptReply,
) -> RedisDecision {
    // Units that are leased beyond the cost are still available to this client.
    let leased = reply.units.saturating_sub(request.cost.max(1));
    let remaining =
        if reply.kind == ReplyKind::Charged { reply.remaining.saturating_add(leased) } else { reply.remaining };
    let status = RateLimitStatus { remaining, reset: reply.reset };
    match reply.kind {
        ReplyKind::Rejected => RedisDecision::Rejected(Rejected { retry_after: reply.reset, cause: Cause::Exhausted }),
        ReplyKind::InFlight => RedisDecision::Rejected(Rejected { retry_after: reply.reset, cause: Cause::InFlight }),
        ReplyKind::RolledBack | ReplyKind::Late => RedisDecision::RolledBack(status),
        ReplyKind::Charged => RedisDecision::Charged(RedisCharge {
            name,
            limit: request.limit,
            units: request.cost.max(1),
            generation: reply.generation,
            time_slot: reply.time_slot,
            status,
            charged_at: reply.server_time,
            in_flight: request.settles_later.then(|| store.clone()),
        }),
    }
}

/// The status of the client once this charge is refunded, as far as it is known without another call.
pub(super) fn status_before(charge: &RedisCharge) -> RateLimitStatus {
    let remaining = charge.status.remaining.saturating_add(charge.units);
    let reset = if remaining >= charge.limit.limit() { Duration::ZERO } else { charge.status.reset };
    RateLimitStatus { remaining, reset }
}
