//! When nobody waits for a store that does not answer.
//!
//! Threat: every request waits out its timeout while the store is down, and the API is down with it (CWE-400).
//! Promise: after [`FAILURES`] in a row nobody asks for a [`PAUSE`]; then one does.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// So many in a row open it.
pub(super) const FAILURES: u32 = 5;

/// For so long.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

/// A circuit breaker. Time is nanoseconds since any moment.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: AtomicU32,
    closed_until: AtomicU64,
}

impl Breaker {
    /// Whether a request may ask now. `now` is only looked at when there was trouble.
    pub(super) fn admits(&self, now: impl FnOnce() -> u64) -> bool {
        if self.failures.load(Ordering::Relaxed) < FAILURES {
            return true;
        }
        let (now, until) = (now(), self.closed_until.load(Ordering::Relaxed));
        // One of those who come after the pause asks, and for the others it begins again.
        now >= until
            && self.closed_until.compare_exchange(until, after(now), Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    pub(super) fn answered(&self) {
        // No write where nothing changes: all workers read it.
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    /// Whether nobody asks from now on.
    pub(super) fn failed(&self, now: u64) -> bool {
        self.closed_until.store(after(now), Ordering::Relaxed);
        let failures = self.failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |known| known.checked_add(1));
        failures.is_ok_and(|before| before >= FAILURES.saturating_sub(1))
    }
}

fn after(now: u64) -> u64 {
    now.saturating_add(u64::try_from(PAUSE.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn five_failures_in_a_row_open_it_for_a_second_and_then_one_may_try() {
        let breaker = Breaker::default();
        for turn in 0..4 {
            assert!(!breaker.failed(turn), "{turn}");
            assert!(breaker.admits(|| turn));
        }
        assert!(breaker.failed(10));
        assert!(!breaker.admits(|| 10));
        assert!(!breaker.admits(|| 9 + SECOND));
        assert!(breaker.admits(|| 10 + SECOND));
        assert!(!breaker.admits(|| 10 + SECOND), "the second waits for the first");
        assert!(!breaker.admits(|| 9 + 2 * SECOND));
        assert!(breaker.admits(|| 10 + 2 * SECOND), "the first never came back");
        assert!(breaker.failed(11 + 2 * SECOND));
        assert!(!breaker.admits(|| 12 + 2 * SECOND));
    }

    #[test]
    fn an_answer_closes_it_and_four_failures_between_answers_do_nothing() {
        let breaker = Breaker::default();
        for _ in 0..10 {
            (0..4).for_each(|_| assert!(!breaker.failed(0)));
            breaker.answered();
        }
        assert_eq!((0..5).filter(|_| breaker.failed(0)).count(), 1);
        breaker.answered();
        assert!(breaker.admits(|| unreachable!("nobody looks at the clock while all is well")));
    }
}
