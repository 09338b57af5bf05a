//! All clients, divided over shelves.
//!
//! Threat: a lock held over the whole store lets one slow change stop all requests; a table that is swept or copied as a
//! whole does the same (CWE-400).
//! Promise: every call takes one lock of one shelf, once; a sweep, which is due once a millisecond at most, looks at
//! [`SWEPT`] clients.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::clock::Tick;
use super::index::Index;
use super::key::Key;
use super::limit::Limit;
use super::lock::Lock;
use super::rack::{Outcome, Ticket};
use super::shelf::Shelf;
use super::verdict::RateLimitStatus;

/// How many clients a shelf has at most: few enough that making room for an eighth more takes microseconds, and enough
/// that chance fills them alike. What its index has room for without growing once more.
const PLACES: usize = 2048;
const _: () = assert!(PLACES < Index::MOST);

/// A small store has more shelves than it must, down to so many clients each, so that threads seldom meet.
const FEW: usize = 64;
const SHELVES: usize = 64;

/// A sweep is due so many nanoseconds after the last, and looks at so many clients.
const SWEEP_PAUSE: u64 = 1_000_000;
pub(super) const SWEPT: usize = 64;

pub(super) struct Vault<L> {
    shelves: Box<[L]>,
    count: u32,
    sweep_due: AtomicU64,
    sweep_next: AtomicU32,
}

impl<L: Lock<Shelf>> Vault<L> {
    pub(super) fn new(clients: NonZeroUsize) -> Self {
        let clients = clients.get();
        let count = clients.div_ceil(PLACES).max((clients / FEW).clamp(1, SHELVES));
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let places = clients / usize::try_from(count).ok().and_then(NonZeroUsize::new).unwrap_or(NonZeroUsize::MIN);
        Self {
            shelves: (0..count).map(|_| L::new(Shelf::new(places.min(PLACES)))).collect(),
            count,
            sweep_due: AtomicU64::new(0),
            sweep_next: AtomicU32::new(0),
        }
    }

    #[inline]
    pub(super) fn reserve(&self, key: Key, limit: Limit, units: u32, now: Tick) -> Option<Outcome> {
        self.sweep(now);
        self.with(key, |shelf| shelf.reserve(key, limit, units, now))
    }

    pub(super) fn reserve_pending(&self, key: Key, limit: Limit, units: u32, now: Tick) -> Option<Outcome> {
        self.sweep(now);
        self.with(key, |shelf| shelf.reserve_pending(key, limit, units, now))
    }

    pub(super) fn keep(&self, key: Key, units: u32) {
        self.with(key, |shelf| shelf.keep(key, units));
    }

    /// [`Shelf::keep`] and [`Shelf::release`] of the same units, with nothing between them.
    pub(super) fn release_pending(
        &self,
        key: Key,
        limit: Limit,
        ticket: Ticket,
        units: u32,
        now: Tick,
    ) -> Option<RateLimitStatus> {
        self.with(key, |shelf| {
            shelf.keep(key, units);
            shelf.release(key, limit, ticket, units, now)
        })
    }

    pub(super) fn charge(&self, key: Key, limit: Limit, units: u32, now: Tick) -> Option<RateLimitStatus> {
        self.sweep(now);
        self.with(key, |shelf| shelf.charge(key, limit, units, now))
    }

    pub(super) fn release(
        &self,
        key: Key,
        limit: Limit,
        ticket: Ticket,
        units: u32,
        now: Tick,
    ) -> Option<RateLimitStatus> {
        self.with(key, |shelf| shelf.release(key, limit, ticket, units, now))
    }

    pub(super) fn standing(&self, key: Key, limit: Limit, now: Tick) -> Option<RateLimitStatus> {
        self.with(key, |shelf| shelf.standing(key, limit, now))
    }

    pub(super) fn reset(&self, key: Key, limit: Limit) {
        self.with(key, |shelf| shelf.reset(key, limit));
    }

    pub(super) fn clients(&self) -> usize {
        self.shelves.iter().map(|shelf| shelf.with(|shelf| shelf.clients())).sum()
    }

    /// `None` never: the number is below the number of shelves.
    #[inline]
    fn with<R>(&self, key: Key, work: impl FnOnce(&mut Shelf) -> R) -> Option<R> {
        Some(self.shelves.get(key.shelf(self.count))?.with(work))
    }

    #[inline]
    fn sweep(&self, now: Tick) {
        let due = self.sweep_due.load(Ordering::Relaxed);
        if now.as_nanos() >= due {
            self.sweep_one(due, now);
        }
    }

    #[cold]
    fn sweep_one(&self, due: u64, now: Tick) {
        let next = now.as_nanos().saturating_add(SWEEP_PAUSE);
        if self.sweep_due.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            let turn = self.sweep_next.fetch_add(1, Ordering::Relaxed);
            let number = turn.checked_rem(self.count).and_then(|number| usize::try_from(number).ok());
            if let Some(shelf) = number.and_then(|number| self.shelves.get(number)) {
                shelf.with(|shelf| shelf.sweep(SWEPT, now));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;

    #[test]
    fn no_number_of_clients_is_exceeded_by_the_shelves() {
        for clients in [1, 2, 31, 63, 65, 1000, 4097, 1 << 20] {
            let vault = Vault::<Mutex<Shelf>>::new(NonZeroUsize::new(clients).unwrap());
            let most: usize = vault.shelves.iter().map(|shelf| shelf.with(|shelf| shelf.places())).sum();
            assert!(most <= clients && most * 100 > clients * 90, "{clients}: {most}");
        }
    }
}

#[cfg(test)]
#[path = "interleavings.rs"]
mod orders;
