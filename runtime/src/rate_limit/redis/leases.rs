//! Leases: a share of a large rate limit that one process may use without asking Redis.
//!
//! Threat: a process uses units whose charge Redis has forgotten already, so a window contains more than N (CWE-799).
//! Promise: the total is never exceeded. Units are charged before they are used, and are held for a window *and* the term in
//! which they may be used. So when the last units of any window were charged, all others of that window were still held, and
//! together they were at most N. Units that are not used by the end of the term are given back.

use std::time::Duration;

use dashmap::DashMap;
use tokio::time::Instant;

use super::super::status::RateLimitStatus;
use super::super::store::ChargeRequest;
use super::script::{Verdict, Wish};
use super::{RedisCharge, RedisRateLimits};
use crate::redis::{KeyName, spawn};

/// How many clients may have leases at once. For others, each request asks Redis.
const MOST: usize = 10_000;

/// Clocks run at different speeds: a lease is held a thousandth of its term longer.
const DRIFT: u32 = 1000;

pub(super) struct Leases {
    per_cent: u32,
    pub(super) term: Duration,
    held: DashMap<String, Held>,
}

/// Units that are charged in Redis and not used yet.
struct Held {
    generation: u64,
    place: u64,
    units: u32,
    /// The status of the client when they were charged; times are by the local clock.
    remaining: u32,
    resets: Instant,
    ends: Instant,
    instant: Duration,
}

impl Leases {
    pub(super) fn new(per_cent: u32, term: Duration) -> Self {
        Self { per_cent, term, held: DashMap::new() }
    }

    /// Takes a charge for each ask out of the leases. Returns `None`, and takes nothing, if one of them is too small.
    pub(super) fn take(
        &self,
        store: &RedisRateLimits,
        asks: &[ChargeRequest<'_>],
        names: &[KeyName],
        now: Instant,
    ) -> Option<Vec<RedisCharge>> {
        let mut charges: Vec<RedisCharge> = Vec::with_capacity(asks.len());
        for (ask, name) in asks.iter().zip(names) {
            match self.take_one(store, ask, name, now) {
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
        ask: &ChargeRequest<'_>,
        name: &KeyName,
        now: Instant,
    ) -> Option<RedisCharge> {
        let cost = ask.cost.max(1);
        let mut held = self.held.get_mut(&name.key).filter(|held| now < held.ends)?;
        held.units = held.units.checked_sub(cost)?;
        let remaining = held.remaining.saturating_add(held.units);
        let standing = RateLimitStatus { remaining, reset: held.resets.saturating_duration_since(now) };
        Some(RedisCharge {
            name: name.clone(),
            limit: ask.limit,
            units: cost,
            generation: held.generation,
            place: held.place,
            standing,
            instant: held.instant,
            pending: ask.settles_later.then(|| store.clone()),
        })
    }

    fn put_back(&self, mut charge: RedisCharge) {
        // From now on the lease is in flight again, and not this charge.
        charge.pending = None;
        if let Some(mut held) = self.held.get_mut(&charge.name.key)
            && (held.generation, held.place) == (charge.generation, charge.place)
        {
            held.units = held.units.saturating_add(charge.units);
        }
    }

    /// The lease to ask for together with the charge of a request.
    pub(super) fn wish(&self, ask: &ChargeRequest<'_>, name: &KeyName) -> Wish {
        let share = u64::from(ask.limit.limit()).saturating_mul(u64::from(self.per_cent)) / 100;
        let units = u32::try_from(share).unwrap_or(u32::MAX);
        let too_small = units < ask.cost.max(1).saturating_mul(2);
        if too_small || self.held.len() >= MOST || self.held.get(&name.key).is_some_and(|held| held.units > 0) {
            return Wish::default();
        }
        let drift = self.term.checked_div(DRIFT).unwrap_or_default();
        let hold = self.term.saturating_add(drift).as_micros();
        Wish { units, hold: u64::try_from(hold).unwrap_or(u64::MAX) }
    }

    /// Keeps the units that were charged beyond the cost, for a term that began when they were asked for.
    pub(super) fn keep(
        &self,
        store: &RedisRateLimits,
        name: &KeyName,
        ask: &ChargeRequest<'_>,
        verdict: &Verdict,
        asked: Instant,
    ) {
        let units = verdict.units.saturating_sub(ask.cost.max(1));
        if units == 0 {
            return;
        }
        let now = Instant::now();
        let ends = asked.checked_add(self.term).unwrap_or(asked);
        let resets = now.checked_add(verdict.time).unwrap_or(now);
        let (generation, place) = (verdict.generation, verdict.place);
        let rest = RedisCharge {
            name: name.clone(),
            limit: ask.limit,
            units,
            generation,
            place,
            standing: RateLimitStatus { remaining: verdict.remaining, reset: verdict.time },
            instant: verdict.now,
            pending: ask.settles_later.then(|| store.clone()),
        };
        let held = Held { generation, place, units, remaining: verdict.remaining, resets, ends, instant: verdict.now };
        let kept = now < ends
            && match self.held.entry(name.key.clone()) {
                dashmap::Entry::Vacant(place) => {
                    place.insert(held);
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
        let _ends_by_itself = spawn(async move {
            let rest = if kept {
                tokio::time::sleep_until(ends).await;
                store.end_of_lease(rest)
            } else {
                Some(rest)
            };
            if let Some(rest) = rest {
                // If Redis does not answer, they stay charged until they leave the window.
                let _ = store.release(vec![rest]).await;
            }
        });
    }

    /// Ends a lease, and returns the units that are left of it.
    pub(super) fn end(&self, mut lease: RedisCharge) -> Option<RedisCharge> {
        let same = |_: &String, held: &Held| (held.generation, held.place) == (lease.generation, lease.place);
        let rest = self.held.remove_if(&lease.name.key, same);
        lease.units = rest.map_or(0, |(_, held)| held.units);
        (lease.units > 0).then_some(lease)
    }

    /// Forgets the lease of a client that was reset.
    pub(super) fn drop(&self, name: &KeyName) {
        self.held.remove(&name.key);
    }
}
