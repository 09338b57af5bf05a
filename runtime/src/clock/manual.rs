//! A clock for tests.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Clock, ClockKind, Tick};

/// A clock that moves only when a test moves it. Clones share one time, so a test can keep the clock that it passes on.
///
/// ```
/// use palisade::rate_limit::MemoryRateLimits;
/// use palisade::testing::ManualClock;
/// use std::time::Duration;
///
/// let clock = ManualClock::new();
/// let store = MemoryRateLimits::with_clock(&clock);
/// clock.advance(Duration::from_secs(900));
/// assert_eq!(store.now().as_nanos(), 900_000_000_000);
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Mutex<Moment>>);

#[derive(Clone, Copy, Debug)]
struct Moment {
    nanos: u64,
    wall_time: SystemTime,
}

/// 9 September 2001, 01:46:40 UTC, in seconds since 1970.
const START: u64 = 1_000_000_000;

impl ManualClock {
    /// A clock whose monotonic time is zero, and whose wall time is 9 September 2001, 01:46:40 UTC: 1,000,000,000 seconds since
    /// 1970. A token of that time has expired for each part of an application that was not given this clock.
    #[must_use]
    pub fn new() -> Self {
        Self::starting_at(UNIX_EPOCH.checked_add(Duration::from_secs(START)).unwrap_or(UNIX_EPOCH))
    }

    /// A clock whose monotonic time is zero, with this wall time.
    #[must_use]
    pub fn starting_at(wall_time: SystemTime) -> Self {
        Self(Arc::new(Mutex::new(Moment { nanos: 0, wall_time })))
    }

    /// Moves the clock and all its clones forward, both times alike. Each time stops at its largest value.
    pub fn advance(&self, by: Duration) {
        let mut moment = self.moment();
        moment.nanos = moment.nanos.saturating_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX));
        moment.wall_time = moment.wall_time.checked_add(by).unwrap_or(moment.wall_time);
    }

    /// Sets the wall time, forward or back, as an operator does. The monotonic time stays.
    pub fn set_wall_time(&self, wall_time: SystemTime) {
        self.moment().wall_time = wall_time;
    }

    /// The present instant of the monotonic clock.
    #[cold]
    #[must_use]
    pub fn tick(&self) -> Tick {
        Tick::from_nanos(self.moment().nanos)
    }

    /// The present date and time.
    #[cold]
    #[must_use]
    pub fn wall_time(&self) -> SystemTime {
        self.moment().wall_time
    }

    fn moment(&self) -> MutexGuard<'_, Moment> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl From<ManualClock> for Clock {
    fn from(clock: ManualClock) -> Self {
        Self(ClockKind::Manual(clock))
    }
}

impl From<&ManualClock> for Clock {
    fn from(clock: &ManualClock) -> Self {
        clock.clone().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_clock_moves_only_when_moved() {
        let clock = ManualClock::new();
        let shown = Clock::from(&clock);
        assert_eq!((shown.tick(), shown.since_1970()), (Tick::default(), Some(Duration::from_secs(START))));
        clock.advance(Duration::from_nanos(3));
        assert_eq!((shown.tick(), shown.since_1970()), (Tick::from_nanos(3), Some(Duration::new(START, 3))));
    }

    #[test]
    fn wall_time_moves_alone_when_it_is_set() {
        let clock = ManualClock::new();
        clock.advance(Duration::from_secs(1));
        clock.set_wall_time(UNIX_EPOCH);
        assert_eq!((clock.tick(), clock.wall_time()), (Tick::from_nanos(1_000_000_000), UNIX_EPOCH));
        clock.set_wall_time(UNIX_EPOCH - Duration::from_secs(1));
        assert_eq!(Clock::from(clock).since_1970(), None);
    }

    #[test]
    fn monotonic_time_stops_at_its_end() {
        let clock = ManualClock::new();
        clock.advance(Duration::MAX);
        clock.advance(Duration::from_nanos(3));
        assert_eq!(clock.tick(), Tick::from_nanos(u64::MAX));
    }
}
