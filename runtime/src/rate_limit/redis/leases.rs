//! Leases: a share of a large rate limit that one process may use without a call to Redis.
//!
//! Threat: a process uses units whose charge Redis has forgotten already, so a window contains more than N (CWE-799).
//! Promise: the total is never exceeded. Units are charged before they are used, and are held for a window *and* the term in
//! which they may be used. Take the units that were used within any one window: when the last of them was charged, Redis still held
//! all others, and Redis never holds more than the limit N. Units that are not used by the end of the term are refunded.

use std::time::Duration;

use dashmap::DashMap;
use tokio::time::Instant;

use super::super::status::RateLimitStatus;
use super::super::store::ChargeRequest;
use super::script::{LeaseRequest, ScriptReply};
use super::{RedisCharge, RedisRateLimits};
use crate::redis::{KeyName, spawn};

/// How many clients may have leases at once. For others, each request calls Redis.
const MAX_CLIENTS: usize = 10_000;

/// Clocks run at different speeds: Redis holds a lease longer by its term divided by this.
const DRIFT_DIVISOR: u32 = 1000;

pub(super) struct Leases {
    percent: u32,
    pub(super) term: Duration,
    leases: DashMap<String, Lease>,
}

/// Units that are charged in Redis and not used yet.
struct Lease {
    /// Which life of the client's key was charged: a reset begins another one.
    generation: u64,
    /// The time slot of the charge.
    time_slot: u64,
    units: u32,
    /// What the client had left when they were charged.
    remaining: u32,
    /// When the client has more, by the local clock.
    resets_at: Instant,
    /// When the lease ends, by the local clock.
    ends_at: Instant,
    /// When they were charged, since 1970 by the clock of Redis.
    charged_at: Duration,
}

impl Leases {
    pub(super) fn new(percent: u32, term: Duration) -> Self {
        Self { percent, term, leases: DashMap::new() }
    }

    /// Takes a charge for each request out of the leases. Returns `None`, and takes nothing, if one of them is too small.
    pub(super) fn take(
        &self,
        store: &RedisRateLimits,
        requests: &[ChargeRequest<'_>],
        names: &[KeyName],
        now: Instant,
    ) -> Option<Vec<RedisCharge>> {
        let mut charges: Vec<RedisCharge> = Vec::with_capacity(requests.len());
        for (request, name) in requests.iter().zip(names) {
            match self.take_one(store, request, name, now) {
                Some(charge) => charges.push(charge),
                None => {
                    charges.into_iter().for_each(|charge| self.put_back(charge));
                    return None;
                }
            }
        }
        Some(charges)
    }

    fn take_one(
        &self,
        store: &RedisRateLimits,
        request: &ChargeRequest<'_>,
        name: &KeyName,
        now: Instant,
    ) -> Option<RedisCharge> {
        let cost = request.cost.max(1);
        let mut lease = self.leases.get_mut(&name.key).filter(|lease| now < lease.ends_at)?;
        lease.units = lease.units.checked_sub(cost)?;
        let remaining = lease.remaining.saturating_add(lease.units);
        let status = RateLimitStatus { remaining, reset: lease.resets_at.saturating_duration_since(now) };
        Some(RedisCharge {
            name: name.clone(),
            limit: request.limit,
            units: cost,
            generation: lease.generation,
            time_slot: lease.time_slot,
            status,
            charged_at: lease.charged_at,
            in_flight: request.settles_later.then(|| store.clone()),
        })
    }

    fn put_back(&self, mut charge: RedisCharge) {
        // These units are back in the lease, whose own charge settles them when it ends. Dropping this charge must not settle them.
        charge.in_flight = None;
        if let Some(mut lease) = self.leases.get_mut(&charge.name.key)
            && (lease.generation, lease.time_slot) == (charge.generation, charge.time_slot)
        {
            lease.units = lease.units.saturating_add(charge.units);
        }
    }

    /// The lease to request together with the charge.
    pub(super) fn lease_request(&self, request: &ChargeRequest<'_>, name: &KeyName) -> LeaseRequest {
        let share = u64::from(request.limit.limit()).saturating_mul(u64::from(self.percent)) / 100;
        let units = u32::try_from(share).unwrap_or(u32::MAX);
        let too_small = units < request.cost.max(1).saturating_mul(2);
        if too_small
            || self.leases.len() >= MAX_CLIENTS
            || self.leases.get(&name.key).is_some_and(|lease| lease.units > 0)
        {
            return LeaseRequest::default();
        }
        let drift = self.term.checked_div(DRIFT_DIVISOR).unwrap_or_default();
        let hold = self.term.saturating_add(drift).as_micros();
        LeaseRequest { units, hold: u64::try_from(hold).unwrap_or(u64::MAX) }
    }

    /// Stores the units that were charged beyond the cost, for a term that began when the request was sent.
    pub(super) fn store_lease(
        &self,
        store: &RedisRateLimits,
        name: &KeyName,
        request: &ChargeRequest<'_>,
        reply: &ScriptReply,
        sent_at: Instant,
    ) {
        let units = reply.units.saturating_sub(request.cost.max(1));
        if units == 0 {
            return;
        }
        let now = Instant::now();
        let ends_at = sent_at.checked_add(self.term).unwrap_or(sent_at);
        let resets_at = now.checked_add(reply.reset).unwrap_or(now);
        let (generation, time_slot) = (reply.generation, reply.time_slot);
        let unused = RedisCharge {
            name: name.clone(),
            limit: request.limit,
            units,
            generation,
            time_slot,
            status: RateLimitStatus { remaining: reply.remaining, reset: reply.reset },
            charged_at: reply.server_time,
            in_flight: request.settles_later.then(|| store.clone()),
        };
        let (remaining, charged_at) = (reply.remaining, reply.server_time);
        let lease = Lease { generation, time_slot, units, remaining, resets_at, ends_at, charged_at };
        let stored = now < ends_at
            && match self.leases.entry(name.key.clone()) {
                dashmap::Entry::Vacant(vacant) => {
                    vacant.insert(lease);
                    true
                }
                dashmap::Entry::Occupied(mut used_up) if used_up.get().units == 0 => {
                    used_up.insert(lease);
                    true
                }
                // A concurrent request got a lease too, and one is enough.
                dashmap::Entry::Occupied(_) => false,
            };
        let store = store.clone();
        let _detached = spawn(async move {
            let unused = if stored {
                tokio::time::sleep_until(ends_at).await;
                store.end_lease(unused)
            } else {
                Some(unused)
            };
            if let Some(unused) = unused {
                // If Redis does not respond, they stay charged until Redis no longer holds them: a window and the term.
                let _ = store.refund(vec![unused]).await;
            }
        });
    }

    /// Ends a lease, and returns the units that are left of it.
    pub(super) fn end_lease(&self, mut charge: RedisCharge) -> Option<RedisCharge> {
        let is_same =
            |_: &String, lease: &Lease| (lease.generation, lease.time_slot) == (charge.generation, charge.time_slot);
        let unused = self.leases.remove_if(&charge.name.key, is_same);
        charge.units = unused.map_or(0, |(_, lease)| lease.units);
        (charge.units > 0).then_some(charge)
    }

    /// Forgets the lease of a client that was reset.
    pub(super) fn forget(&self, name: &KeyName) {
        self.leases.remove(&name.key);
    }
}
