//! A circuit breaker: while Redis is down, requests fail at once.
//!
//! Threat: while Redis is down, each request waits for its whole timeout, and the waiting requests cause another outage
//! (CWE-400).
//! Promise: after [`FAILURES`] failures in a row the breaker is open, and calls fail without being sent. Once a second one call is
//! let through as a trial. A trial that never reports its result does not block the next one.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Failures in a row that open the breaker.
const FAILURES: u32 = 5;

/// Nanoseconds between two trials while the breaker is open.
const PAUSE: u64 = 1_000_000_000;

/// Counts failures in a row. Times are nanoseconds since any fixed moment.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: AtomicU32,
    /// When the next trial is let through. Zero while the breaker is closed.
    open_until: AtomicU64,
}

impl Breaker {
    /// Whether a call may be sent now. Reads the clock only while the breaker is open.
    pub(super) fn admits(&self, now: impl FnOnce() -> u64) -> bool {
        let until = self.open_until.load(Ordering::Relaxed);
        if until == 0 {
            return true;
        }
        let now = now();
        let next = now.saturating_add(PAUSE);
        // Several threads may get here at the same time; the one that moves the time on is the trial.
        until <= now && self.open_until.compare_exchange(until, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// A call succeeded: the breaker closes.
    pub(super) fn succeeded(&self) {
        // All threads share this cache line, so it is written only after a failure.
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
            self.open_until.store(0, Ordering::Relaxed);
        }
    }

    /// A call failed. Returns whether the breaker is open now.
    pub(super) fn failed(&self, now: u64) -> bool {
        let before = self.failures.fetch_add(1, Ordering::Relaxed);
        if before.saturating_add(1) < FAILURES {
            return false;
        }
        // Keeps the counter from wrapping around in a long outage.
        self.failures.store(FAILURES, Ordering::Relaxed);
        self.open_until.store(now.saturating_add(PAUSE), Ordering::Relaxed);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = PAUSE;

    fn open() -> Breaker {
        let breaker = Breaker::default();
        for _ in 0..FAILURES {
            assert!(breaker.admits(|| SECOND));
            breaker.failed(SECOND);
        }
        breaker
    }

    #[test]
    fn five_failures_in_a_row_open_the_breaker() {
        let breaker = Breaker::default();
        for _ in 0..10 {
            for _ in 1..FAILURES {
                assert!(!breaker.failed(7));
                assert!(breaker.admits(|| 7));
            }
            breaker.succeeded();
        }
        assert!(!open().admits(|| SECOND));
    }

    #[test]
    fn one_trial_is_admitted_after_the_pause() {
        let breaker = open();
        assert!(!breaker.admits(|| 2 * SECOND - 1));
        assert!(breaker.admits(|| 2 * SECOND));
        assert!(!breaker.admits(|| 2 * SECOND));
    }

    #[test]
    fn one_of_concurrent_calls_is_the_trial() {
        for _ in 0..100 {
            let breaker = open();
            let tries = std::thread::scope(|scope| {
                let all: Vec<_> = (0..4).map(|_| scope.spawn(|| breaker.admits(|| 3 * SECOND))).collect();
                all.into_iter().map(|one| one.join().unwrap()).filter(|one| *one).count()
            });
            assert_eq!(tries, 1);
        }
    }

    #[test]
    fn trial_result_opens_or_closes_the_breaker() {
        let breaker = open();
        assert!(breaker.admits(|| 2 * SECOND));
        breaker.failed(2 * SECOND + 1);
        assert!(!breaker.admits(|| 3 * SECOND));
        assert!(breaker.admits(|| 3 * SECOND + 1));
        breaker.succeeded();
        assert!(breaker.admits(|| 3 * SECOND + 1) && breaker.admits(|| 3 * SECOND + 1));
        assert!(!breaker.failed(3 * SECOND + 2), "the count starts from zero");
    }

    #[test]
    fn unfinished_trial_does_not_block_the_next() {
        let breaker = open();
        assert!(breaker.admits(|| 2 * SECOND));
        assert!(breaker.admits(|| 3 * SECOND));
    }
}
