//! How long to wait after failures.

use std::time::Duration;

use crate::clock::Tick;

/// When something was tried last or failed, and how often it has failed since it succeeded. It is data: who holds it decides under a lock.
#[derive(Debug, Default)]
pub(crate) struct BackOff {
    last_attempt: Option<Tick>,
    /// The last attempt that had begun when the last failure was counted.
    #[cfg(feature = "oauth")]
    counted: Option<Tick>,
    failures: u32,
}

impl BackOff {
    /// Whether the pause after the last attempt has passed: `first`, doubled for each failure after the first one, at most `longest`.
    pub(crate) fn may_try(&self, now: Tick, first: Duration, longest: Duration) -> bool {
        let Some(last) = self.last_attempt else { return true };
        let doublings = self.failures.saturating_sub(1).min(16);
        let pause = first.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX));
        now.since(last) >= pause.min(longest.max(first))
    }

    pub(crate) fn begin(&mut self, now: Tick) {
        self.last_attempt = Some(now);
    }

    /// The only attempt that was under way failed.
    pub(crate) fn fail(&mut self) {
        #[cfg(feature = "oauth")]
        {
            self.counted = self.last_attempt;
        }
        self.failures = self.failures.saturating_add(1);
    }

    /// One of several attempts failed now. All that were under way at a failure are one failure, so that one hiccup makes one short pause.
    /// The pause begins now, because an attempt may last longer than the pause.
    #[cfg(feature = "oauth")]
    pub(crate) fn fail_since(&mut self, began: Tick, now: Tick) {
        if self.counted.is_none_or(|counted| counted < began) {
            self.begin(now);
            self.fail();
        }
    }

    pub(crate) fn succeed(&mut self) {
        self.failures = 0;
    }

    /// Whether the last attempt failed.
    pub(crate) fn is_failing(&self) -> bool {
        self.failures > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pause_doubles_up_to_the_longest() {
        let mut back_off = BackOff::default();
        let (first, longest) = (Duration::from_secs(1), Duration::from_secs(30));
        let mut now = Tick::default();
        assert!(back_off.may_try(now, first, longest));
        for pause in [1, 2, 4, 8, 16, 30, 30] {
            back_off.begin(now);
            back_off.fail();
            assert!(back_off.is_failing());
            assert!(!back_off.may_try(now.after(Duration::from_secs(pause) - Duration::from_nanos(1)), first, longest));
            now = now.after(Duration::from_secs(pause));
            assert!(back_off.may_try(now, first, longest), "{pause}");
        }
        back_off.begin(now);
        back_off.succeed();
        assert!(!back_off.is_failing() && !back_off.may_try(now, first, longest));
        assert!(back_off.may_try(now.after(first), first, longest));
    }

    #[test]
    #[cfg(feature = "oauth")]
    fn attempts_that_were_under_way_at_a_failure_are_one_failure() {
        let mut back_off = BackOff::default();
        let (first, longest) = (Duration::from_secs(1), Duration::from_secs(30));
        let start = Tick::default();
        let later = |seconds| start.after(Duration::from_secs(seconds));
        for began in [start, later(1), later(2)] {
            back_off.begin(began);
        }
        for began in [later(1), start, later(2)] {
            back_off.fail_since(began, later(7));
        }
        assert!(!back_off.may_try(later(7), first, longest), "the pause begins at the failure");
        assert!(back_off.may_try(later(8), first, longest));
        // The one after the pause counts, and the pause doubles.
        back_off.begin(later(8));
        back_off.fail_since(later(8), later(9));
        assert!(!back_off.may_try(later(10), first, longest) && back_off.may_try(later(11), first, longest));
    }
}
