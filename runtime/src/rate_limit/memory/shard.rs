//! Some of the clients, behind one lock, and who must leave when there are too many.
//!
//! Threat: a flood of new addresses that exhausts memory (CWE-770), or pushes out the record of a blocked client.
//! Promise: a shelf never holds more than its places. When it is full, the next [`LOOKS`] of its clients are looked at:
//! one without charges leaves first, then the one with the smallest part of its rate limit used. One at its rate limit never
//! leaves: if all on the shelf are, the newcomer is refused.

use super::clock::Tick;
use super::in_flight::InFlight;
use super::key::Key;
use super::limit::Limit;
use super::rack::{Outcome, Rack, Survey, Ticket, rack};
use super::verdict::{RateLimitStatus, Refused, Wait};

/// How many clients are looked at for one that leaves.
pub(super) const LOOKS: usize = 32;

pub(super) struct Shelf {
    places: usize,
    clients: usize,
    /// The latest instant seen. Threads read the clock before they come here, so they may arrive out of order: one
    /// that comes late is treated as if it had read the clock now. This outlives the clients, so that a charge can't be
    /// put into the past after a sweep.
    latest: Tick,
    /// The number of the last slot made here.
    serial: u32,
    /// Until when all clients are at their rate limit, if nothing is given back.
    crowded: Tick,
    /// The limits that clients here have, and their clients.
    racks: Vec<(Limit, Box<dyn Rack>)>,
    /// Which rack, and which client on it, is the next to be looked at.
    hand: (usize, usize),
    in_flight: InFlight,
}

impl Shelf {
    pub(super) fn new(places: usize) -> Self {
        Self {
            places,
            clients: 0,
            latest: Tick::default(),
            serial: 0,
            crowded: Tick::default(),
            racks: Vec::new(),
            hand: (0, 0),
            in_flight: InFlight::default(),
        }
    }

    /// `units` is neither zero nor more than the limit.
    #[inline]
    pub(super) fn reserve(&mut self, key: Key, limit: Limit, units: u32, now: Tick) -> Outcome {
        let now = self.advance(now);
        if let Some(rack) = self.rack(limit)
            && let Some(outcome) = rack.reserve(key, units, now)
        {
            return outcome;
        }
        self.admit(key, limit, units, now)
    }

    /// As [`Shelf::reserve`], for a charge that is in flight until it is released or kept.
    pub(super) fn reserve_pending(&mut self, key: Key, limit: Limit, units: u32, now: Tick) -> Outcome {
        match self.reserve(key, limit, units, now) {
            Ok(charged) => {
                self.in_flight.add(key, units);
                Ok(charged)
            }
            Err(Wait::Spent(nanos)) => Err(self.spent_or_in_flight(key, limit, units, nanos, now)),
            Err(wait) => Err(wait),
        }
    }

    fn spent_or_in_flight(&mut self, key: Key, limit: Limit, units: u32, nanos: u64, now: Tick) -> Wait {
        match self.in_flight.units(key) {
            0 => Wait::Spent(nanos),
            flying if self.standing(key, limit, now).remaining.saturating_add(flying) < units => Wait::Spent(nanos),
            _ => Wait::InFlight(nanos),
        }
    }

    /// It is sure now that so many units in flight stay charged.
    pub(super) fn keep(&mut self, key: Key, units: u32) {
        self.in_flight.remove(key, units);
    }

    /// As many units as there is room for.
    pub(super) fn charge(&mut self, key: Key, limit: Limit, units: u32, now: Tick) -> RateLimitStatus {
        let standing = self.standing(key, limit, now);
        if standing.remaining == 0 {
            return standing;
        }
        match self.reserve(key, limit, units.min(standing.remaining), now) {
            Ok(charged) => charged.standing(),
            Err(wait) => RateLimitStatus { remaining: 0, reset: Refused::from(wait).retry_after },
        }
    }

    pub(super) fn release(&mut self, key: Key, limit: Limit, ticket: Ticket, units: u32, now: Tick) -> RateLimitStatus {
        let now = self.advance(now);
        self.crowded = Tick::default();
        let held = self.rack(limit).and_then(|rack| rack.release(key, ticket, units, now));
        held.unwrap_or_else(|| RateLimitStatus::untouched(limit))
    }

    pub(super) fn standing(&mut self, key: Key, limit: Limit, now: Tick) -> RateLimitStatus {
        let now = self.advance(now);
        let held = self.rack(limit).and_then(|rack| rack.standing(key, now));
        held.unwrap_or_else(|| RateLimitStatus::untouched(limit))
    }

    pub(super) fn reset(&mut self, key: Key, limit: Limit) {
        if let Some(rack) = self.rack(limit)
            && let Some(place) = rack.find(key)
        {
            rack.remove(place);
            self.clients = self.clients.saturating_sub(1);
            self.crowded = Tick::default();
        }
    }

    /// Looks at the next so many clients, and lets go of those without charges, and of memory that is mostly empty.
    pub(super) fn sweep(&mut self, many: usize, now: Tick) {
        let now = self.advance(now);
        let mut many = many;
        // Once round, from the middle of a rack to its middle.
        for _ in 0..self.racks.len().saturating_add(2) {
            let (number, at) = self.hand;
            let Some((_, rack)) = self.racks.get_mut(number) else {
                self.hand = (0, 0);
                continue;
            };
            let (gone, stayed) = rack.sweep(at, many, now);
            let (next, left) = (at.saturating_add(stayed), rack.len());
            self.clients = self.clients.saturating_sub(gone);
            if left == 0 {
                self.racks.swap_remove(number);
                self.hand = (number, 0);
            } else {
                self.hand = if next < left { (number, next) } else { (number.saturating_add(1), 0) };
            }
            many = many.saturating_sub(gone.saturating_add(stayed));
            if many == 0 {
                return;
            }
        }
    }

    pub(super) fn clients(&self) -> usize {
        self.clients
    }

    #[inline]
    fn advance(&mut self, now: Tick) -> Tick {
        self.latest = self.latest.max(now);
        self.latest
    }

    /// A key is charged apart for each limit: two limits that share a key by mistake can't corrupt each other's count.
    #[inline]
    fn rack(&mut self, limit: Limit) -> Option<&mut (dyn Rack + 'static)> {
        self.racks.iter_mut().find(|(held, _)| *held == limit).map(|(_, rack)| rack.as_mut())
    }

    /// Apart from the way of those that are known, which is the shorter for it.
    #[inline(never)]
    fn admit(&mut self, key: Key, limit: Limit, units: u32, now: Tick) -> Outcome {
        self.make_room(now).map_err(Wait::Crowded)?;
        self.serial = self.serial.wrapping_add(1);
        self.clients = self.clients.saturating_add(1);
        let serial = self.serial;
        if let Some(rack) = self.rack(limit) {
            return rack.admit(key, serial, units, now);
        }
        let mut rack = rack(limit);
        let outcome = rack.admit(key, serial, units, now);
        self.racks.push((limit, rack));
        outcome
    }

    /// Leaves a free place, or says how many nanoseconds until a client that is here will no longer be at its rate limit.
    fn make_room(&mut self, now: Tick) -> Result<(), u64> {
        if self.clients < self.places {
            return Ok(());
        }
        if let Some(left) = self.crowded.as_nanos().checked_sub(now.as_nanos()).filter(|left| *left > 0) {
            return Err(left);
        }
        let mut survey = Survey::default();
        let all = self.clients;
        let mut rounds = 0_u8;
        while survey.seen < LOOKS || (survey.quietest.is_none() && survey.seen < all) {
            let (number, at) = self.hand;
            match self.racks.get_mut(number) {
                Some((_, rack)) if at < rack.len() => {
                    rack.survey(&mut survey, number, at, LOOKS, now);
                    self.hand = (number, at.saturating_add(LOOKS));
                }
                Some(_) => self.hand = (number.saturating_add(1), 0),
                None => {
                    self.hand = (0, 0);
                    rounds = rounds.saturating_add(1);
                    if survey.seen >= all || rounds > 1 {
                        break;
                    }
                }
            }
        }
        let Some((.., number, place)) = survey.quietest else {
            let wait = survey.wait.unwrap_or(1);
            self.crowded = Tick::from_nanos(now.as_nanos().saturating_add(wait));
            return Err(wait);
        };
        if let Some((_, rack)) = self.racks.get_mut(number) {
            rack.remove(place);
            self.clients = self.clients.saturating_sub(1);
        }
        Ok(())
    }
}

#[cfg(test)]
impl Shelf {
    pub(super) fn places(&self) -> usize {
        self.places
    }
}

#[cfg(test)]
#[path = "shard_tests.rs"]
mod tests;
