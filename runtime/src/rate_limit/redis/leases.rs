//! Leases: a share of a large rate limit that one process may use without a call to Redis.
//!
//! Threat: a process uses units whose charge Redis has forgotten already, so a window contains more than N (CWE-799).
//! Promise: the total is never exceeded. Units are charged before they are used, and are held for a window *and* the term in
//! which they may be used. So when the last units of any window were charged, all others of that window were still held, and
//! together they were at most N. Units that are not used by the end of the term are refunded.

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

/// Clocks run at different speeds: a lease is held a thousandth of its term longer.
const DRIFT: u32 = 1000;

pub(super) struct Leases {
    percent: u32,
    pub(super) term: Duration,
    held: DashMap<String, Held>,
}

/// Units that are charged in Redis and not used yet.
struct Held {
    generation: u64,
    time_slot: u64,
    units: u32,
    /// The status of the client when they were charged; times are by the local clock.
    remaining: u32,
    resets: Instant,
    ends: Instant,
    instant: Duration,
}

impl Leases {
    pub(super) fn new(percent: u32, term: Duration) -> Self {
        Self { percent, term, held: DashMap::new() }
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
        let mut held = self.held.get_mut(&name.key).filter(|held| now < held.ends)?;
        held.units = held.units.checked_sub(cost)?;
        let remaining = held.remaining.saturating_add(held.units);
        let status = RateLimitStatus { remaining, reset: held.resets.saturating_duration_since(now) };
        Some(RedisCharge {
            name: name.clone(),
            limit: request.limit,
            units: cost,
            generation: held.generation,
            time_slot: held.time_slot,
            status,
            instant: held.instant,
            in_flight: request.settles_later.then(|| store.clone()),
        })
    }

    fn put_back(&self, mut charge: RedisCharge) {
        // The lease is in flight for these units again, so this charge must not settle them.
        charge.in_flight = None;
        if let Some(mut held) = self.held.get_mut(&charge.name.key)
            && (held.generation, held.time_slot) == (charge.generation, charge.time_slot)
        {
            held.units = held.units.saturating_add(charge.units);
        }
    }

    /// The lease to request together with the charge.
    pub(super) fn lease_request(&self, request: &ChargeRequest<'_>, name: &KeyName) -> LeaseRequest {
        let share = u64::from(request.limit.limit()).saturating_mul(u64::from(self.percent)) / 100;
        let units = u32::try_from(share).unwrap_or(u32::MAX);
        let too_small = units < request.cost.max(1).saturating_mul(2);
        if too_small || self.held.len() >= MAX_CLIENTS || self.held.get(&name.key).is_some_and(|held| held.units > 0) {
            return LeaseRequest::default();
        }
        let drift = self.term.checked_div(DRIFT).unwrap_or_default();
        let hold = self.term.saturating_add(drift).as_micros();
        LeaseRequest { units, hold: u64::try_from(hold).unwrap_or(u64::MAX) }
    }

    /// Keeps the units that were charged beyond the cost, for a term that began when the request was sent.
    pub(super) fn keep(
        &self,
        store: &RedisRateLimits,
        name: &KeyName,
        request: &ChargeRequest<'_>,
        verdict: &ScriptReply,
        sent_at: Instant,
    ) {
        let units = verdict.units.saturating_sub(request.cost.max(1));
        if units == 0 {
            return;
        }
        let now = Instant::now();
        let ends = sent_at.checked_add(self.term).unwrap_or(sent_at);
        let resets = now.checked_add(verdict.time).unwrap_or(now);
        let (generation, time_slot) = (verdict.generation, verdict.time_slot);
        let unused = RedisCharge {
            name: name.clone(),
            limit: request.limit,
            units,
            generation,
            time_slot,
            status: RateLimitStatus { remaining: verdict.remaining, reset: verdict.time },
            instant: verdict.now,
            in_flight: request.settles_later.then(|| store.clone()),
        };
        let held =
            Held { generation, time_slot, units, remaining: verdict.remaining, resets, ends, instant: verdict.now };
        let kept = now < ends
            && match self.held.entry(name.key.clone()) {
                dashmap::Entry::Vacant(vacant) => {
                    vacant.insert(held);
                    true
                }
                dashmap::Entry::Occupied(mut used_up) if used_up.get().units == 0 => {
                    used_up.insert(held);
                    true
                }
                // A concurrent request got a lease too, and one is enough.
                dashmap::Entry::Occupied(_) => false,
            };
        let store = store.clone();
        let _detached = spawn(async move {
            let unused = if kept {
                tokio::time::sleep_until(ends).await;
                store.end_of_lease(unused)
            } else {
                Some(unused)
            };
            if let Some(unused) = unused {
                // If Redis does not answer, they stay charged until they leave the window.
                let _ = store.release(vec![unused]).await;
            }
        });
    }

    /// Ends a lease, and returns the units that are left of it.
    pub(super) fn end(&self, mut lease: RedisCharge) -> Option<RedisCharge> {
        let same = |_: &String, held: &Held| (held.generation, held.time_slot) == (lease.generation, lease.time_slot);
        let unused = self.held.remove_if(&lease.name.key, same);
        lease.units = unused.map_or(0, |(_, held)| held.units);
        (lease.units > 0).then_some(lease)
    }

    /// Forgets the lease of a client that was reset.
    pub(super) fn drop(&self, name: &KeyName) {
        self.held.remove(&name.key);
    }
}
