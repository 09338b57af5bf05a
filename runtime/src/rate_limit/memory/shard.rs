//! A shard: some of the clients of a store, behind one lock.
//!
//! Threat: a flood of new addresses that exhausts memory (CWE-770); a thread whose clock reading is old, which could put a
//! charge into the past.
//! Promise: a shard never holds more clients than its capacity; see [`eviction`](super::eviction). Time never goes back
//! within a shard.

use super::client_table::{AnyTable, ChargeId, ChargeOutcome, ClientTable};
use super::in_flight::InFlightUnits;
use crate::clock::Tick;
use crate::rate_limit::client_key::ClientKey;
use crate::rate_limit::limit::Limit;
use crate::rate_limit::status::{Cause, ChargeRejection, RateLimitStatus, Rejected};

pub(super) struct Shard {
    pub(super) capacity: usize,
    pub(super) clients: usize,
    /// The latest instant seen. Threads read the clock before they take the lock, so they may arrive out of order: one that
    /// is late is treated as if it had read the clock now. This value outlives the clients, so that a charge cannot be put
    /// into the past after a sweep.
    pub(super) latest: Tick,
    /// The serial number of the newest slot.
    serial: u32,
    /// Until this instant all clients are at their rate limit, unless a charge is refunded.
    pub(super) full_until: Tick,
    /// One table for each limit that a client here has.
    pub(super) tables: Vec<(Limit, AnyTable)>,
    /// Where the next scan or sweep begins: the number of a table, and the index of a slot in it.
    pub(super) cursor: (usize, usize),
    in_flight: InFlightUnits,
}

impl Shard {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            clients: 0,
            latest: Tick::default(),
            serial: 0,
            full_until: Tick::default(),
            tables: Vec::new(),
            cursor: (0, 0),
            in_flight: InFlightUnits::default(),
        }
    }

    /// Charges `units`, or rejects and charges nothing. `units` is at least 1 and at most the limit.
    #[inline]
    pub(super) fn reserve(&mut self, key: ClientKey, limit: Limit, units: u32, now: Tick) -> ChargeOutcome {
        self.latest = self.latest.max(now);
        let now = self.latest;
        if let Some((_, table)) = self.tables.iter_mut().find(|(held, _)| *held == limit)
            && let Some(outcome) = table.reserve(key, units, now)
        {
            return outcome;
        }
        self.admit(key, limit, units, now)
    }

    /// [`Shard::reserve`] for a charge that is in flight until [`Shard::remove_in_flight`].
    pub(super) fn reserve_in_flight(&mut self, key: ClientKey, limit: Limit, units: u32, now: Tick) -> ChargeOutcome {
        let outcome = self.reserve(key, limit, units, now);
        match outcome {
            Ok(_) => self.in_flight.add(key, units),
            Err(ChargeRejection { nanos, cause: Cause::Exhausted }) if self.would_have_room(key, limit, units, now) => {
                return Err(ChargeRejection { nanos, cause: Cause::InFlight });
            }
            Err(_) => {}
        }
        outcome
    }

    /// Whether `units` would fit if everything in flight were refunded.
    fn would_have_room(&mut self, key: ClientKey, limit: Limit, units: u32, now: Tick) -> bool {
        match self.in_flight.of(key) {
            0 => false,
            in_flight => self.status(key, limit, now).remaining.saturating_add(in_flight) >= units,
        }
    }

    /// These units are no longer in flight. Call it for a charge that stays, and before [`Shard::refund`] for one that does not.
    pub(super) fn remove_in_flight(&mut self, key: ClientKey, units: u32) {
        self.in_flight.remove(key, units);
    }

    /// Charges as many of `units` as there is room for.
    pub(super) fn charge(&mut self, key: ClientKey, limit: Limit, units: u32, now: Tick) -> RateLimitStatus {
        let status = self.status(key, limit, now);
        if status.remaining == 0 {
            return status;
        }
        match self.reserve(key, limit, units.min(status.remaining), now) {
            Ok(charged) => charged.status(),
            Err(rejection) => RateLimitStatus { remaining: 0, reset: Rejected::from(rejection).retry_after },
        }
    }

    /// Refunds a charge.
    pub(super) fn refund(
        &mut self,
        key: ClientKey,
        limit: Limit,
        id: ChargeId,
        units: u32,
        now: Tick,
    ) -> RateLimitStatus {
        let now = self.latest_of(now);
        self.full_until = Tick::default();
        let status = self.table(limit).and_then(|table| table.refund(key, id, units, now));
        status.unwrap_or_else(|| RateLimitStatus::unused(limit))
    }

    pub(super) fn status(&mut self, key: ClientKey, limit: Limit, now: Tick) -> RateLimitStatus {
        let now = self.latest_of(now);
        let status = self.table(limit).and_then(|table| table.status(key, now));
        status.unwrap_or_else(|| RateLimitStatus::unused(limit))
    }

    /// Forgets all charges of a client under this limit.
    pub(super) fn reset(&mut self, key: ClientKey, limit: Limit) {
        if let Some(table) = self.table(limit)
            && let Some(slot) = table.find(key)
        {
            table.remove(slot);
            self.clients = self.clients.saturating_sub(1);
            self.full_until = Tick::default();
        }
    }

    /// Looks at the next `count` clients, and removes those without charges. Also frees memory that is mostly unused.
    pub(super) fn sweep(&mut self, count: usize, now: Tick) {
        let now = self.latest_of(now);
        let mut remaining = count;
        // One round: each table once, one step more if it began in the middle of a table, and one to return to the first table.
        for _ in 0..self.tables.len().saturating_add(2) {
            let (number, at) = self.cursor;
            let Some((_, table)) = self.tables.get_mut(number) else {
                self.cursor = (0, 0);
                continue;
            };
            let (removed, kept) = table.remove_unused(at, remaining, now);
            let (next, left) = (at.saturating_add(kept), table.len());
            self.clients = self.clients.saturating_sub(removed);
            if left == 0 {
                self.tables.swap_remove(number);
                self.cursor = (number, 0);
            } else {
                self.cursor = if next < left { (number, next) } else { (number.saturating_add(1), 0) };
            }
            remaining = remaining.saturating_sub(removed.saturating_add(kept));
            if remaining == 0 {
                return;
            }
        }
    }

    /// Returns the latest instant that the shard has seen, which may be this one.
    fn latest_of(&mut self, now: Tick) -> Tick {
        self.latest = self.latest.max(now);
        self.latest
    }

    /// The table of this limit. A key is counted separately for each limit, so two limits that share a key by mistake cannot
    /// corrupt each other's counts.
    #[inline]
    pub(super) fn table(&mut self, limit: Limit) -> Option<&mut (dyn ClientTable + 'static)> {
        self.tables.iter_mut().find(|(held, _)| *held == limit).map(|(_, table)| &mut **table)
    }

    /// Adds a new client. Not inlined, so that the path of known clients stays short.
    #[inline(never)]
    fn admit(&mut self, key: ClientKey, limit: Limit, units: u32, now: Tick) -> ChargeOutcome {
        self.make_room(now).map_err(|nanos| ChargeRejection { nanos, cause: Cause::StoreFull })?;
        self.serial = self.serial.wrapping_add(1);
        self.clients = self.clients.saturating_add(1);
        let serial = self.serial;
        if let Some(table) = self.table(limit) {
            return table.admit(key, serial, units, now);
        }
        let mut table = AnyTable::new(limit);
        let outcome = table.admit(key, serial, units, now);
        // Most shards have few tables.
        self.tables.reserve_exact(1);
        self.tables.push((limit, table));
        outcome
    }
}
