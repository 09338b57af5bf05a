//! The few clients whose keys fall on the same place of the store, and who must leave when there are too many.
//!
//! Threat: a flood of new addresses that exhausts memory (CWE-770), or pushes out the record of a blocked client.
//! Promise: a shelf never holds more than its places. When it is full, clients without charges leave first, then the
//! one with the smallest part of its quota used, never one at its quota: then the newcomer is refused.

use std::time::Duration;

use super::clock::Tick;
use super::limit::Limit;
use super::memory::Key;
use super::window::{Standing, Ticket, Window};

/// Why a charge was refused, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// A client that waits this long is admitted, if nobody else took the unit. Never zero, never longer than the
    /// window and its [`slack`](Limit::slack), save for [`Cause::Crowded`].
    pub retry_after: Duration,
    /// Whose fault it was.
    pub cause: Cause,
}

/// Why a charge was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The client has used up its quota.
    Spent,
    /// The store has no place for a new client: all that it could give up belong to clients at their quota. Worth an
    /// alarm: the store is too small, or under attack.
    Crowded,
}

#[derive(Debug, Default)]
pub(super) struct Shelf {
    /// The latest instant seen. Threads read the clock before they come here, so they may arrive out of order: one
    /// that comes late is treated as if it had read the clock now. This outlives the clients, so that a charge can't be
    /// put into the past after a sweep.
    latest: Tick,
    /// The number of the last window made here.
    serial: u32,
    places: Vec<(Key, Window)>,
}

impl Shelf {
    pub(super) fn reserve(
        &mut self,
        key: &Key,
        limit: Limit,
        now: Tick,
        places: usize,
    ) -> Result<(Ticket, Standing), Refused> {
        let now = self.advance(now);
        if let Some(window) = self.find(key, limit) {
            return window.reserve(now).map_err(|retry_after| Refused { retry_after, cause: Cause::Spent });
        }
        self.make_room(now, places).map_err(|retry_after| Refused { retry_after, cause: Cause::Crowded })?;
        self.serial = self.serial.wrapping_add(1);
        let mut window = Window::new(limit, self.serial);
        let reserved = window.reserve(now).map_err(|retry_after| Refused { retry_after, cause: Cause::Spent });
        // A shelf is short and changes seldom: exact is cheaper than half empty.
        self.places.reserve_exact(1);
        self.places.push((*key, window));
        reserved
    }

    pub(super) fn release(&mut self, key: &Key, limit: Limit, ticket: Ticket) {
        if let Some(window) = self.find(key, limit) {
            window.release(ticket);
        }
    }

    pub(super) fn forget(&mut self, key: &Key, limit: Limit) {
        self.places.retain(|(held, window)| held != key || window.limit() != limit);
    }

    pub(super) fn standing(&mut self, key: &Key, limit: Limit, now: Tick) -> Standing {
        let now = self.advance(now);
        match self.find(key, limit) {
            Some(window) => window.standing(now),
            None => Standing::untouched(limit),
        }
    }

    /// Lets go of clients without charges, and of memory that is mostly empty.
    pub(super) fn sweep(&mut self, now: Tick) {
        let now = self.advance(now);
        self.places.retain(|(_, window)| !window.idle(now));
        if self.places.len() < self.places.capacity() / 2 {
            self.places.shrink_to_fit();
        }
    }

    pub(super) fn clients(&self) -> usize {
        self.places.len()
    }

    fn advance(&mut self, now: Tick) -> Tick {
        self.latest = self.latest.max(now);
        self.latest
    }

    /// A key is charged apart for each limit: two limits that share a key by mistake can't corrupt each other's count.
    fn find(&mut self, key: &Key, limit: Limit) -> Option<&mut Window> {
        self.places.iter_mut().find(|(held, window)| held == key && window.limit() == limit).map(|(_, window)| window)
    }

    /// Leaves a free place, or says how long until a client that is here will no longer be at its quota.
    fn make_room(&mut self, now: Tick, places: usize) -> Result<(), Duration> {
        if self.places.len() < places {
            return Ok(());
        }
        let mut quietest: Option<((u64, u64), usize)> = None;
        let mut wait = Duration::MAX;
        for (place, (_, window)) in self.places.iter_mut().enumerate() {
            let standing = window.standing(now);
            if standing.remaining == 0 {
                wait = wait.min(standing.reset);
                continue;
            }
            let rank = (share(window.limit(), standing), window.charged());
            if quietest.is_none_or(|(least, _)| rank < least) {
                quietest = Some((rank, place));
            }
        }
        let (_, place) = quietest.ok_or(wait)?;
        self.places.swap_remove(place);
        Ok(())
    }
}

/// The used part of a quota, as a fraction of 2^32.
fn share(limit: Limit, standing: Standing) -> u64 {
    let used = limit.limit().saturating_sub(standing.remaining);
    (u64::from(used) << 32).checked_div(u64::from(limit.limit())).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(client: u8) -> Key {
        Key([1, u64::from(client)])
    }

    fn limit(limit: u32) -> Limit {
        Limit::new(limit, Duration::from_nanos(100)).unwrap()
    }

    fn at(nanos: u64) -> Tick {
        Tick::from_nanos(nanos)
    }

    fn charge(shelf: &mut Shelf, client: u8, times: u32, now: u64) {
        for _ in 0..times {
            shelf.reserve(&key(client), limit(4), at(now), 3).unwrap();
        }
    }

    fn charge_one(shelf: &mut Shelf, client: u8) {
        shelf.reserve(&key(client), limit(4), at(0), 32).unwrap();
    }

    fn held(shelf: &Shelf) -> Vec<u8> {
        let mut held: Vec<u8> = (0..=255).filter(|c| shelf.places.iter().any(|(k, _)| *k == key(*c))).collect();
        held.sort_unstable();
        held
    }

    #[test]
    fn the_empty_leave_before_the_quiet() {
        let mut shelf = Shelf::default();
        charge(&mut shelf, 1, 3, 10);
        charge(&mut shelf, 2, 1, 20);
        charge(&mut shelf, 3, 2, 90);
        charge(&mut shelf, 4, 1, 111);
        assert_eq!(held(&shelf), [2, 3, 4]);
    }

    #[test]
    fn the_quietest_leaves_and_of_two_the_one_not_seen_for_longer() {
        let mut shelf = Shelf::default();
        charge(&mut shelf, 1, 2, 10);
        charge(&mut shelf, 2, 1, 15);
        charge(&mut shelf, 3, 1, 20);
        // Asking where a client stands makes it no less quiet.
        shelf.standing(&key(2), limit(4), at(25));
        charge(&mut shelf, 4, 3, 30);
        assert_eq!(held(&shelf), [1, 3, 4]);
        charge(&mut shelf, 5, 1, 40);
        assert_eq!(held(&shelf), [1, 4, 5]);
    }

    #[test]
    fn quiet_is_measured_by_the_part_of_the_quota_that_is_used() {
        let mut shelf = Shelf::default();
        for _ in 0..10 {
            shelf.reserve(&key(1), limit(1000), at(10), 2).unwrap();
        }
        shelf.reserve(&key(2), limit(4), at(10), 2).unwrap();
        shelf.reserve(&key(3), limit(4), at(20), 2).unwrap();
        assert_eq!(held(&shelf), [2, 3]);
    }

    #[test]
    fn a_newcomer_is_refused_when_all_are_at_their_quota_and_told_the_truth() {
        let mut shelf = Shelf::default();
        for (client, now) in [(2, 10), (3, 20), (1, 30)] {
            charge(&mut shelf, client, 4, now);
        }
        let refused = shelf.reserve(&key(4), limit(4), at(50), 3).unwrap_err();
        assert_eq!(refused, Refused { retry_after: Duration::from_nanos(60), cause: Cause::Crowded });
        assert!(shelf.reserve(&key(4), limit(4), at(109), 3).is_err());
        assert_eq!(held(&shelf), [1, 2, 3]);
        assert!(shelf.reserve(&key(4), limit(4), at(110), 3).is_ok());
        assert_eq!(held(&shelf), [1, 3, 4]);
    }

    #[test]
    fn a_full_shelf_still_serves_those_on_it() {
        let mut shelf = Shelf::default();
        for client in 1..=3 {
            charge(&mut shelf, client, 1, 10);
        }
        charge(&mut shelf, 1, 3, 20);
        assert_eq!(held(&shelf), [1, 2, 3]);
        assert_eq!(shelf.reserve(&key(1), limit(4), at(20), 3).unwrap_err().cause, Cause::Spent);
    }

    #[test]
    fn a_charge_from_before_a_client_was_forgotten_is_not_given_back_after() {
        for limit in [limit(4), limit(40)] {
            let mut shelf = Shelf::default();
            let (before, _) = shelf.reserve(&key(1), limit, at(10), 1).unwrap();
            shelf.reserve(&key(2), limit, at(10), 1).unwrap();
            shelf.reserve(&key(1), limit, at(10), 1).unwrap();
            shelf.release(&key(1), limit, before);
            assert_eq!(shelf.standing(&key(1), limit, at(10)).remaining, limit.limit() - 1);
        }
    }

    #[test]
    fn a_client_takes_80_bytes_beside_its_charges() {
        assert_eq!(std::mem::size_of::<(Key, Window)>(), 80);
        let mut shelf = Shelf::default();
        for client in 0..20 {
            charge_one(&mut shelf, client);
            assert_eq!(shelf.places.capacity(), shelf.places.len());
        }
    }

    #[test]
    fn a_sweep_lets_go_of_the_empty_and_of_their_memory() {
        let mut shelf = Shelf::default();
        for client in 0..32 {
            shelf.reserve(&key(client), limit(4), at(u64::from(client)), 32).unwrap();
        }
        shelf.sweep(at(130));
        assert_eq!(held(&shelf), [30, 31]);
        assert!(shelf.places.capacity() < 8);
        shelf.sweep(at(1000));
        assert_eq!(shelf.places.capacity(), 0);
    }

    #[test]
    fn a_late_tick_counts_as_the_latest() {
        let mut shelf = Shelf::default();
        charge(&mut shelf, 1, 1, 999);
        charge(&mut shelf, 1, 3, 1);
        let refused = shelf.reserve(&key(1), limit(4), at(1098), 3).unwrap_err();
        assert_eq!(refused, Refused { retry_after: Duration::from_nanos(1), cause: Cause::Spent });
    }

    #[test]
    fn a_clock_read_before_a_sweep_charges_no_past() {
        let mut shelf = Shelf::default();
        charge(&mut shelf, 1, 1, 10);
        shelf.sweep(at(500));
        charge(&mut shelf, 1, 4, 400);
        assert!(shelf.reserve(&key(1), limit(4), at(599), 3).is_err());
    }

    #[test]
    fn two_limits_under_one_key_are_counted_apart() {
        let mut shelf = Shelf::default();
        charge(&mut shelf, 1, 4, 10);
        assert!(shelf.reserve(&key(1), limit(5), at(10), 3).is_ok());
        assert!(shelf.reserve(&key(1), limit(4), at(10), 3).is_err());
    }
}
