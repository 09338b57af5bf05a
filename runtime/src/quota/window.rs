//! The state of one client for one quota: no clock, no map. Instants must come in order; the shelf sees to it.
//!
//! Threat: a count that goes below zero, or that is corrected in another window than the one charged, admits more
//! than it should.
//! Promise: what [`Window::reserve`] returned is taken back from the very place that was charged, or, when that place
//! is forgotten, not at all.

use std::time::Duration;

use super::clock::Tick;
use super::counters::Counters;
use super::limit::Limit;
use super::log::Log;

/// Where a client stands after its last charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Standing {
    /// How many more charges would be admitted now.
    pub remaining: u32,
    /// How long until the next unit comes back. Zero when none is out.
    pub reset: Duration,
}

impl Standing {
    pub(super) fn untouched(limit: Limit) -> Self {
        Self { remaining: limit.limit(), reset: Duration::ZERO }
    }
}

/// The place that was charged: an instant of a log, or the number of a sub-window.
#[derive(Debug)]
pub(super) struct Ticket(u64);

#[derive(Debug)]
pub(super) struct Window {
    limit: Limit,
    /// When the last unit was charged.
    charged: u64,
    charges: Charges,
}

#[derive(Debug)]
enum Charges {
    Exact(Log),
    Coarse(Counters),
}

impl Window {
    pub(super) fn new(limit: Limit) -> Self {
        let charges = if limit.limit() <= Limit::EXACT {
            Charges::Exact(Log::new(limit))
        } else {
            Charges::Coarse(Counters::new())
        };
        Self { limit, charged: 0, charges }
    }

    pub(super) fn limit(&self) -> Limit {
        self.limit
    }

    pub(super) fn charged(&self) -> u64 {
        self.charged
    }

    /// Charges one unit, or says how long to wait until one is free.
    pub(super) fn reserve(&mut self, now: Tick) -> Result<(Ticket, Standing), Duration> {
        let before = self.standing(now);
        if before.remaining == 0 {
            return Err(before.reset);
        }
        let ticket = match &mut self.charges {
            Charges::Exact(log) => Some(log.add(now.as_nanos())),
            Charges::Coarse(counters) => counters.add(self.limit, now.as_nanos()),
        };
        let ticket = ticket.ok_or(self.limit.window())?;
        self.charged = now.as_nanos();
        Ok((Ticket(ticket), self.standing(now)))
    }

    /// Gives a charge back.
    pub(super) fn release(&mut self, ticket: Ticket) {
        match &mut self.charges {
            Charges::Exact(log) => log.take_back(ticket.0),
            Charges::Coarse(counters) => counters.take_back(ticket.0),
        }
    }

    pub(super) fn standing(&mut self, now: Tick) -> Standing {
        let now = now.as_nanos();
        let (used, leaves) = match &mut self.charges {
            Charges::Exact(log) => {
                log.expire(self.limit, now);
                (log.used(), log.leaves(self.limit))
            }
            Charges::Coarse(counters) => {
                counters.expire(self.limit, now);
                (counters.used(), counters.leaves(self.limit))
            }
        };
        Standing {
            remaining: self.limit.limit().saturating_sub(used),
            reset: Duration::from_nanos(leaves.map_or(0, |instant| instant.saturating_sub(now))),
        }
    }

    /// Whether all that was charged is surely forgotten. May say no for a while after it is.
    pub(super) fn idle(&self, now: Tick) -> bool {
        let held = self.limit.nanos().saturating_add(self.limit.step().get());
        self.charged.saturating_add(held) <= now.as_nanos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn window(limit: u32, nanos: u64) -> Window {
        Window::new(Limit::new(limit, Duration::from_nanos(nanos)).unwrap())
    }

    fn at(nanos: u64) -> Tick {
        Tick::from_nanos(nanos)
    }

    fn admitted(window: &mut Window, now: u64, tries: u32) -> u32 {
        (0..tries).filter(|_| window.reserve(at(now)).is_ok()).count() as u32
    }

    #[test]
    fn a_charge_is_forgotten_exactly_one_window_later() {
        let mut quota = window(1, 100);
        assert_eq!(admitted(&mut quota, 7, 2), 1);
        assert_eq!(admitted(&mut quota, 106, 1), 0);
        assert_eq!(admitted(&mut quota, 107, 1), 1);
    }

    #[test]
    fn a_seam_between_windows_admits_no_second_quota() {
        for limit in [5, 16, 17, 1000] {
            let mut quota = window(limit, 900 * SECOND);
            assert_eq!(admitted(&mut quota, 900 * SECOND - 1, limit), limit);
            assert_eq!(admitted(&mut quota, 900 * SECOND, limit), 0);
            assert_eq!(admitted(&mut quota, 1800 * SECOND - 2, limit), 0);
        }
    }

    #[test]
    fn counters_hold_a_charge_one_window_and_at_most_a_32nd_more() {
        for (nanos, charged) in [(3200, 0), (3200, 50), (3200, 99), (3199, 99), (33, 1), (1, 5), (31, 5)] {
            let mut quota = window(17, nanos);
            let limit = quota.limit();
            assert_eq!(admitted(&mut quota, charged, 18), 17);
            assert_eq!(admitted(&mut quota, charged + nanos - 1, 1), 0, "{nanos} {charged}");
            let latest = charged + nanos + u64::try_from(limit.slack().as_nanos()).unwrap();
            assert_eq!(admitted(&mut quota, latest, 18), 17, "{nanos} {charged}");
        }
    }

    #[test]
    fn the_wait_is_true_to_the_nanosecond() {
        for limit in [3, 40] {
            let mut quota = window(limit, 3200);
            admitted(&mut quota, 1010, 1);
            admitted(&mut quota, 2020, limit - 1);
            let wait = quota.reserve(at(2500)).unwrap_err();
            let free = 2500 + u64::try_from(wait.as_nanos()).unwrap();
            assert_eq!(free, if limit == 3 { 4210 } else { 1099 + 3200 });
            assert_eq!(admitted(&mut quota, free - 1, 1), 0);
            assert_eq!(admitted(&mut quota, free, 2), 1);
        }
    }

    #[test]
    fn the_standing_tells_what_is_left_and_when_one_comes_back() {
        let mut quota = window(2, 100);
        assert_eq!(quota.standing(at(3)), Standing { remaining: 2, reset: Duration::ZERO });
        let (_, after) = quota.reserve(at(10)).unwrap();
        assert_eq!(after, Standing { remaining: 1, reset: Duration::from_nanos(100) });
        let (_, after) = quota.reserve(at(30)).unwrap();
        assert_eq!(after, Standing { remaining: 0, reset: Duration::from_nanos(80) });
        assert_eq!(quota.standing(at(110)), Standing { remaining: 1, reset: Duration::from_nanos(20) });
    }

    #[test]
    fn a_charge_given_back_leaves_its_own_place() {
        for limit in [2, 40] {
            let mut quota = window(limit, 3200);
            let (early, _) = quota.reserve(at(50)).unwrap();
            admitted(&mut quota, 1650, limit - 1);
            quota.release(early);
            assert_eq!(quota.standing(at(1650)).remaining, 1);
            assert_eq!(admitted(&mut quota, 1700, 2), 1);
            // The early charge is gone, so nothing comes back when its window ends.
            assert_eq!(quota.standing(at(3300)).remaining, 0);
        }
    }

    #[test]
    fn a_charge_given_back_too_late_changes_nothing() {
        for limit in [2, 40] {
            let mut quota = window(limit, 3200);
            let (ticket, _) = quota.reserve(at(50)).unwrap();
            assert_eq!(admitted(&mut quota, 50 + 33 * 100, limit), limit);
            quota.release(ticket);
            assert_eq!(admitted(&mut quota, 50 + 33 * 100, 1), 0);
            // The ring of counters has come round to the same cell.
            let mut quota = window(limit, 3200);
            let (ticket, _) = quota.reserve(at(50)).unwrap();
            assert_eq!(admitted(&mut quota, 50 + 66 * 100, limit), limit);
            quota.release(ticket);
            assert_eq!(quota.standing(at(50 + 66 * 100)).remaining, 0);
        }
    }

    #[test]
    fn the_same_place_is_never_given_back_below_zero() {
        for limit in [2, 40] {
            let mut quota = window(limit, 3200);
            let (ticket, _) = quota.reserve(at(50)).unwrap();
            let again = Ticket(ticket.0);
            quota.release(ticket);
            quota.release(again);
            assert_eq!(admitted(&mut quota, 50, limit + 1), limit);
        }
    }

    #[test]
    fn the_end_of_time_opens_nothing() {
        for limit in [2, 40] {
            let mut quota = window(limit, 3200);
            assert_eq!(admitted(&mut quota, u64::MAX - 1, limit + 1), limit);
            assert_eq!(admitted(&mut quota, u64::MAX, 1), 0);
        }
    }

    #[test]
    fn only_a_window_without_charges_is_idle() {
        for limit in [2, 40] {
            let mut quota = window(limit, 3200);
            admitted(&mut quota, 99, 1);
            assert!(!quota.idle(at(99 + 3200)));
            assert!(quota.idle(at(99 + 3300)));
            assert_eq!(quota.standing(at(99 + 3300)).remaining, limit);
        }
    }
}
