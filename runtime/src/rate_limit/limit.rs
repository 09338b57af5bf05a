//! The numbers of a rate limit: how many units in which window.
//!
//! Threat: a limit of zero, or a window of zero length, that silently means "unlimited".
//! Promise: such a limit cannot be constructed.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

/// The number of time slots in the window of a large limit.
pub(super) const SUB_WINDOWS: u64 = 32;

/// The window of a small limit has at most this many time slots, so that a 32-bit slot number covers two windows.
const MOST_SLOTS: u64 = 1 << 31;

const TEN: NonZeroU64 = NonZeroU64::MIN.saturating_add(9);

/// At most [`limit`](Limit::limit) units in any [`window`](Limit::window).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limit {
    window: NonZeroU64,
    limit: NonZeroU32,
}

impl Limit {
    /// The largest limit for which a sliding log keeps the instant of each charge.
    pub const EXACT: u32 = 16;

    /// The longest window.
    pub const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

    /// A limit, or `None` if `limit` is zero, or `window` is zero or longer than [`Limit::LONGEST`].
    ///
    /// ```
    /// use palisade::__v1::rate_limits::Limit;
    /// use std::time::Duration;
    ///
    /// let login = Limit::new(5, Duration::from_secs(900)).expect("neither is zero");
    /// assert_eq!((login.limit(), login.window()), (5, Duration::from_secs(900)));
    /// assert_eq!(Limit::new(0, Duration::from_secs(900)), None);
    /// assert_eq!(Limit::new(5, Duration::ZERO), None);
    /// ```
    pub const fn new(limit: u32, window: Duration) -> Option<Self> {
        let nanos = window.as_nanos();
        if nanos > Self::LONGEST.as_nanos() {
            return None;
        }
        match (NonZeroU32::new(limit), NonZeroU64::new(nanos as u64)) {
            (Some(limit), Some(window)) => Some(Self { window, limit }),
            _ => None,
        }
    }

    /// How many units.
    pub const fn limit(self) -> u32 {
        self.limit.get()
    }

    /// The length of the window.
    pub const fn window(self) -> Duration {
        Duration::from_nanos(self.window.get())
    }

    /// How much longer than the [`window`](Limit::window) a charge may be held.
    ///
    /// For limits up to [`Limit::EXACT`], instants are rounded up to a power of ten of nanoseconds. So the slack is zero if the
    /// window is at most 2.1 seconds; if it is longer, less than a hundred-millionth of the window (a microsecond in a quarter
    /// of an hour). For larger limits it is less than a 32nd of the window.
    ///
    /// ```
    /// use palisade::__v1::rate_limits::Limit;
    /// use std::time::Duration;
    ///
    /// let quarter = Duration::from_secs(900);
    /// assert!(Limit::new(16, quarter).is_some_and(|limit| limit.slack() < Duration::from_micros(1)));
    /// assert!(Limit::new(17, quarter).is_some_and(|limit| limit.slack() < quarter / 32));
    /// ```
    pub const fn slack(self) -> Duration {
        Duration::from_nanos(self.step().get().saturating_sub(1))
    }

    /// The length of a time slot in nanoseconds. A store keeps the number of the slot to which an instant is rounded up.
    pub(super) const fn step(self) -> NonZeroU64 {
        let window = self.window.get();
        if self.limit.get() > Self::EXACT {
            return match NonZeroU64::new(window.div_ceil(SUB_WINDOWS)) {
                Some(step) => step,
                None => NonZeroU64::MIN,
            };
        }
        let mut step = NonZeroU64::MIN;
        while step.get().saturating_mul(MOST_SLOTS) < window {
            step = step.saturating_mul(TEN);
        }
        step
    }

    pub(super) const fn nanos(self) -> u64 {
        self.window.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zero_limit_or_window_is_rejected() {
        let longest = Limit::LONGEST;
        assert!(Limit::new(1, longest).is_some());
        assert!(Limit::new(1, longest + Duration::from_nanos(1)).is_none());
        assert!(Limit::new(1, Duration::MAX).is_none());
        assert!(Limit::new(1, Duration::from_nanos(1)).is_some());
        assert!(Limit::new(1, Duration::ZERO).is_none());
        assert!(Limit::new(0, longest).is_none());
    }

    #[test]
    fn the_slots_of_a_large_limit_cover_its_window() {
        for nanos in [1, 31, 32, 33, 1_000_000_007, 900_000_000_000] {
            let limit = Limit::new(Limit::EXACT + 1, Duration::from_nanos(nanos)).unwrap();
            assert!(limit.step().get() * SUB_WINDOWS >= nanos);
            assert!(limit.slack().as_nanos() * u128::from(SUB_WINDOWS) < u128::from(nanos));
        }
    }

    #[test]
    fn small_limits_round_by_less_than_a_hundred_millionth() {
        let longest = u64::try_from(Limit::LONGEST.as_nanos()).unwrap();
        for nanos in [1, 900, 1 << 31, (1 << 31) + 1, 60_000_000_000, 900_000_000_000, 86_400_000_000_000, longest] {
            let limit = Limit::new(Limit::EXACT, Duration::from_nanos(nanos)).unwrap();
            assert!(nanos.div_ceil(limit.step().get()) <= MOST_SLOTS);
            assert!(limit.slack().as_nanos() * 100_000_000 < u128::from(nanos), "{nanos}");
            assert!(nanos > 1 << 31 || limit.slack() == Duration::ZERO);
        }
    }
}
