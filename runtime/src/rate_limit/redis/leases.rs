//! A share of a big rate limit that one process may use without asking.
//!
//! Threat: a share that is used when its charge is forgotten already: then a window has more than N (CWE-799).
//! Promise: the total is never exceeded. Units are charged before they are used, and held for a window *and* the term in which
//! they may be. If the units of one window are looked at, then at the last charge among them all others were still held, and so
//! were no more than N together. What is not used by the end of the term is given back.

use std::time::Duration;

use dashmap::DashMap;
use tokio::time::Instant;

use super::super::status::RateLimitStatus;
use super::super::store::ChargeRequest as Ask;
use super::background;
use super::names::Name;
use super::script::{Verdict, Wish};
use super::{RedisCharge, RedisRateLimits};

/// So many clients have shares at once; the others are asked for as ever.
const MOST: usize = 10_000;

/// Clocks that run at different speeds: this much in a term, a thousandth.
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
    /// Where the client stood when they were charged, by the local clock.
    remaining: u32,
    resets: Instant,
    ends: Instant,
    instant: Duration,
}

impl Leases {
    pub(super) fn new(per_cent: u32, term: Duration) -> Self {
        Self { per_cent, term, held: DashMap::new() }
    }

    /// A charge for every ask out of what is held, or none.
    pub(super) fn take(
        &self,
        store: &RedisRateLimits,
        asks: &[Ask<'_>],
        names: &[Name],
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

    fn take_one(&self, store: &RedisRateLimits, ask: &Ask<'_>, name: &Name, now: Instant) -> Option<RedisCharge> {
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
        // It is the lease that is in flight, as before.
        charge.pending = None;
        if let Some(mut held) = self.held.get_mut(&charge.name.key)
            && (held.generation, held.place) == (charge.generation, charge.place)
        {
            held.units = held.units.saturating_add(charge.units);
        }
    }

    /// What to ask for besides what the request costs.
    pub(super) fn wish(&self, ask: &Ask<'_>, name: &Name) -> Wish {
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

    /// Keeps what was charged beyond the cost, for a term that began when it was asked for.
    pub(super) fn keep(&self, store: &RedisRateLimits, name: &Name, ask: &Ask<'_>, verdict: &Verdict, asked: Instant) {
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
                // Another request was as quick: one share is enough.
                dashmap::Entry::Occupied(_) => false,
            };
        let store = store.clone();
        let _ends_by_itself = background::spawn(async move {
            let rest = if kept {
                tokio::time::sleep_until(ends).await;
                store.end_of_lease(rest)
            } else {
                Some(rest)
            };
            if let Some(rest) = rest {
                // Without an answer they stay charged until they are forgotten.
                let _ = store.release(vec![rest]).await;
            }
        });
    }

    /// What is left of it.
    pub(super) fn end(&self, mut lease: RedisCharge) -> Option<RedisCharge> {
        let same = |_: &String, held: &Held| (held.generation, held.place) == (lease.generation, lease.place);
        let rest = self.held.remove_if(&lease.name.key, same);
        lease.units = rest.map_or(0, |(_, held)| held.units);
        (lease.units > 0).then_some(lease)
    }

    /// The client was reset: what this process holds is worth nothing.
    pub(super) fn drop(&self, name: &Name) {
        self.held.remove(&name.key);
    }
}
