//! The clock of rate limits.
//!
//! Threat: a wall clock can be set back, by an operator or over the network. All rate limits would then open or freeze.
//! Promise: rate limits use only clocks that never go back.

use std::time::Instant;

/// An instant, in nanoseconds since the start of its clock. Instants of two clocks cannot be compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(u64);

impl Tick {
    /// The instant `nanos` nanoseconds after the clock's start.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the clock's start.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }
}

/// A clock for rate limits.
///
/// It must never go back. A clock that is coarser than a nanosecond weakens the promise of a rate limit by its precision: two
/// charges that are one window apart by this clock may really be closer by one of its steps.
///
/// ```
/// use palisade::rate_limit::{Clock, Tick};
///
/// struct Stopped;
///
/// impl Clock for Stopped {
///     fn now(&self) -> Tick {
///         Tick::from_nanos(7)
///     }
/// }
///
/// let store = palisade::rate_limit::MemoryRateLimits::with_clock(Stopped);
/// assert_eq!(store.now().as_nanos(), 7);
/// ```
pub trait Clock: Send + Sync + 'static {
    /// The present instant.
    fn now(&self) -> Tick;
}

/// The monotonic clock of the operating system. It starts when this value is made.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock that starts now.
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Tick {
        let since = self.start.elapsed();
        // It overflows after 584 years.
        Tick(since.as_secs().wrapping_mul(1_000_000_000).wrapping_add(u64::from(since.subsec_nanos())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_never_goes_back() {
        let clock = SystemClock::new();
        let mut last = clock.now();
        for _ in 0..1000 {
            let now = clock.now();
            assert!(now >= last);
            last = now;
        }
    }
}
