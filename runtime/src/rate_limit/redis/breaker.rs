//! A store that does not answer is not asked by everybody.
//!
//! Threat: while Redis is down, every request waits its whole timeout for it, and all of them together are the next outage
//! (CWE-400).
//! Promise: after [`FAILURES`] failures in a row nobody waits; once a second one request tries. A try that never tells how it
//! went hinders none after it.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

const FAILURES: u32 = 5;
const PAUSE: u64 = 1_000_000_000;

/// Instants are nanoseconds since any moment.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: AtomicU32,
    /// When the next may try; zero while all may.
    closed_until: AtomicU64,
}

impl Breaker {
    /// Whether one may ask now. The clock is read only after failures.
    pub(super) fn admits(&self, now: impl FnOnce() -> u64) -> bool {
        let until = self.closed_until.load(Ordering::Relaxed);
        if until == 0 {
            return true;
        }
        let now = now();
        let next = now.saturating_add(PAUSE);
        // Of all who come when the time is up, the one who moves it on.
        until <= now && self.closed_until.compare_exchange(until, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    pub(super) fn succeeded(&self) {
        // Written to only after a failure: all threads share this line.
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
            self.closed_until.store(0, Ordering::Relaxed);
        }
    }

    /// Whether this failure shut it.
    pub(super) fn failed(&self, now: u64) -> bool {
        let before = self.failures.fetch_add(1, Ordering::Relaxed);
        if before.saturating_add(1) < FAILURES {
            return false;
        }
        // Not to wrap around, however long it lasts.
        self.failures.store(FAILURES, Ordering::Relaxed);
        self.closed_until.store(now.saturating_add(PAUSE), Ordering::Relaxed);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = PAUSE;

    fn shut() -> Breaker {
        let breaker = Breaker::default();
        for _ in 0..FAILURES {
            assert!(breaker.admits(|| SECOND));
            breaker.failed(SECOND);
        }
        breaker
    }

    #[test]
    fn five_failures_in_a_row_shut_it_and_four_do_not() {
        let breaker = Breaker::default();
        for _ in 0..10 {
            for _ in 1..FAILURES {
                assert!(!breaker.failed(7));
                assert!(breaker.admits(|| 7));
            }
            breaker.succeeded();
        }
        assert!(!shut().admits(|| SECOND));
    }

    #[test]
    fn after_the_pause_one_tries_and_only_one() {
        let breaker = shut();
        assert!(!breaker.admits(|| 2 * SECOND - 1));
        assert!(breaker.admits(|| 2 * SECOND));
        assert!(!breaker.admits(|| 2 * SECOND));
    }

    #[test]
    fn of_many_at_once_one_tries() {
        for _ in 0..100 {
            let breaker = shut();
            let tries = std::thread::scope(|scope| {
                let all: Vec<_> = (0..4).map(|_| scope.spawn(|| breaker.admits(|| 3 * SECOND))).collect();
                all.into_iter().map(|one| one.join().unwrap()).filter(|one| *one).count()
            });
            assert_eq!(tries, 1);
        }
    }

    #[test]
    fn a_try_that_fails_shuts_it_again_at_once_and_one_that_succeeds_opens_it() {
        let breaker = shut();
        assert!(breaker.admits(|| 2 * SECOND));
        breaker.failed(2 * SECOND + 1);
        assert!(!breaker.admits(|| 3 * SECOND));
        assert!(breaker.admits(|| 3 * SECOND + 1));
        breaker.succeeded();
        assert!(breaker.admits(|| 3 * SECOND + 1) && breaker.admits(|| 3 * SECOND + 1));
        assert!(!breaker.failed(3 * SECOND + 2), "it counts from the start");
    }

    #[test]
    fn a_try_that_never_ends_hinders_none_after_it() {
        let breaker = shut();
        assert!(breaker.admits(|| 2 * SECOND));
        assert!(breaker.admits(|| 3 * SECOND));
    }
}
