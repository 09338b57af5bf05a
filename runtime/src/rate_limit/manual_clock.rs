//! A clock for tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::clock::{Clock, Tick};

/// A clock that moves only when a test moves it. Clones share one time, so a test can keep a clone of the clock that it
/// passes on.
///
/// ```
/// use palisade::testing::ManualClock;
/// use std::time::Duration;
///
/// let clock = ManualClock::new();
/// let store = palisade::rate_limit::MemoryRateLimits::with_clock(clock.clone());
/// clock.advance(Duration::from_secs(900));
/// assert_eq!(store.now().as_nanos(), 900_000_000_000);
/// ```
#[derive(Clone, Debug, Default)]
pub struct ManualClock {
    nanos: Arc<AtomicU64>,
}

impl ManualClock {
    /// A clock whose time is zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves the clock and all its clones forward. At the largest [`Tick`] it stops.
    pub fn advance(&self, by: Duration) {
        let by = nanos(by);
        let _before = self.nanos.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| Some(now.saturating_add(by)));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Tick {
        Tick::from_nanos(self.nanos.load(Ordering::SeqCst))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_clock_moves_only_when_moved() {
        let clock = ManualClock::new();
        let handle = clock.clone();
        assert_eq!(clock.now(), Tick::from_nanos(0));
        handle.advance(Duration::from_nanos(3));
        assert_eq!(clock.now(), Tick::from_nanos(3));
        handle.advance(Duration::MAX);
        assert_eq!(clock.now(), Tick::from_nanos(u64::MAX));
        handle.advance(Duration::from_nanos(3));
        assert_eq!(clock.now(), Tick::from_nanos(u64::MAX));
    }
}
