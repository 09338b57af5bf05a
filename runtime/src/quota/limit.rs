//! How many in how long.
//!
//! Threat: a quota of zero, or a window of zero length, that silently means "unlimited".
//! Promise: such a limit can't be made.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use super::counters::SUB_WINDOWS;

/// At most [`limit`](Limit::limit) charges in any [`window`](Limit::window).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limit {
    window: NonZeroU64,
    limit: NonZeroU32,
}

impl Limit {
    /// The largest limit for which every instant is kept, so that nobody is refused too early.
    pub const EXACT: u32 = 16;

    /// The longest window.
    pub const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

    /// A limit, or `None` if `limit` is zero, or `window` is zero or longer than [`Limit::LONGEST`].
    ///
    /// ```
    /// use palisade::quota::Limit;
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

    /// How many charges.
    pub const fn limit(self) -> u32 {
        self.limit.get()
    }

    /// In how long a time.
    pub const fn window(self) -> Duration {
        Duration::from_nanos(self.window.get())
    }

    /// How much longer than [`window`](Limit::window) a charge may be held. Zero up to [`Limit::EXACT`]; beyond,
    /// less than a 32nd of the window.
    ///
    /// ```
    /// use palisade::quota::Limit;
    /// use std::time::Duration;
    ///
    /// let hour = Duration::from_secs(3600);
    /// assert_eq!(Limit::new(16, hour).map(Limit::slack), Some(Duration::ZERO));
    /// assert!(Limit::new(17, hour).is_some_and(|limit| limit.slack() < hour / 32));
    /// ```
    pub const fn slack(self) -> Duration {
        Duration::from_nanos(self.step().get().saturating_sub(1))
    }

    pub(super) const fn nanos(self) -> u64 {
        self.window.get()
    }

    /// The precision at which charges are kept. Rounded up, so that the sub-windows cover the window.
    pub(super) const fn step(self) -> NonZeroU64 {
        if self.limit.get() <= Self::EXACT {
            return NonZeroU64::MIN;
        }
        match NonZeroU64::new(self.window.get().div_ceil(SUB_WINDOWS)) {
            Some(step) => step,
            None => NonZeroU64::MIN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_has_neither_zero_nor_an_endless_window() {
        let longest = Limit::LONGEST;
        assert!(Limit::new(1, longest).is_some());
        assert!(Limit::new(1, longest + Duration::from_nanos(1)).is_none());
        assert!(Limit::new(1, Duration::MAX).is_none());
        assert!(Limit::new(1, Duration::from_nanos(1)).is_some());
        assert!(Limit::new(1, Duration::ZERO).is_none());
        assert!(Limit::new(0, longest).is_none());
    }

    #[test]
    fn the_sub_windows_cover_the_window() {
        for nanos in [1, 31, 32, 33, 1_000_000_007, 900_000_000_000] {
            let limit = Limit::new(Limit::EXACT + 1, Duration::from_nanos(nanos)).unwrap();
            assert!(limit.step().get() * SUB_WINDOWS >= nanos);
            assert!(limit.slack().as_nanos() * u128::from(SUB_WINDOWS) < u128::from(nanos));
        }
    }
}
