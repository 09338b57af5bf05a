//! The one clock of an application.
//!
//! Threat: a wall clock can be set back, by an operator or over the network. Rate limits that use it would then open or freeze.
//! Promise: rate limits and key sets use only the monotonic time of a [`Clock`], which never goes back. Only dates that leave the
//! process, such as the expiry of a token, use its wall time. Requests that wait for a rate limit, and leases of Redis, use the
//! timers of tokio.
//!
//! Tokens, sessions, API keys, revocations and rate limits read the time of the machine by default. Each of them can be given a
//! `testing::ManualClock` (feature `testing`) instead, so that a test of an expiry need not wait:
//!
//! ```
//! use std::time::Duration;
//! use palisade::jwt::{Grant, TokenIssuer};
//! use palisade::testing::ManualClock;
//!
//! # #[actix_web::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let secret = [7; 32];
//! let clock = ManualClock::new();
//! let issuer = TokenIssuer::hs256("https://accounts.example", "accounts-api", secret)?.clock(&clock);
//! let jwt = issuer.verifier().build()?; // it has the clock of the issuer
//!
//! let token = issuer.issue(&Grant::new("u-1", Duration::from_secs(900)))?;
//! assert!(jwt.verify(&token).await.is_ok());
//! clock.advance(Duration::from_secs(931));
//! assert!(jwt.verify(&token).await.is_err());
//! # Ok(()) }
//! ```

#[cfg(any(test, feature = "testing"))]
pub(crate) mod manual;

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

#[cfg(any(test, feature = "testing"))]
use self::manual::ManualClock;

/// An instant, in nanoseconds since the start of its clock. Instants of a system clock and of a manual clock, or of two manual
/// clocks, cannot be compared.
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

    /// The instant `duration` later, at most the largest instant.
    #[cfg(feature = "jwks")]
    pub(crate) fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// The time since `earlier`, or zero if it is later.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// A wall clock and a monotonic clock: those of the machine, or a `testing::ManualClock` (feature `testing`).
///
/// Default: the clocks of the machine. Clones show the same time.
///
/// ```
/// use palisade::Clock;
/// use palisade::rate_limit::MemoryRateLimits;
/// use palisade::testing::ManualClock;
///
/// let of_the_machine = MemoryRateLimits::with_clock(Clock::system());
/// let of_a_test = MemoryRateLimits::with_clock(ManualClock::new());
/// assert_eq!(of_a_test.now().as_nanos(), 0);
/// # let _ = of_the_machine;
/// ```
#[derive(Clone, Debug)]
pub struct Clock(ClockKind);

#[derive(Clone, Debug)]
enum ClockKind {
    /// The monotonic time starts at this instant.
    System(Instant),
    #[cfg(any(test, feature = "testing"))]
    Manual(ManualClock),
}

impl Clock {
    /// The clocks of the machine. The monotonic time of all of them starts when the process asks for the first one.
    #[must_use]
    pub fn system() -> Self {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        Self(ClockKind::System(*START))
    }

    /// The present instant of the monotonic clock.
    #[must_use]
    pub fn tick(&self) -> Tick {
        match &self.0 {
            ClockKind::System(start) => {
                let since = start.elapsed();
                // It overflows after 584 years.
                Tick(since.as_secs().wrapping_mul(1_000_000_000).wrapping_add(u64::from(since.subsec_nanos())))
            }
            #[cfg(any(test, feature = "testing"))]
            ClockKind::Manual(manual) => manual.tick(),
        }
    }

    /// The present date and time. It can go back, if the clock of the machine is set back.
    #[must_use]
    pub fn wall_time(&self) -> SystemTime {
        match &self.0 {
            ClockKind::System(_) => SystemTime::now(),
            #[cfg(any(test, feature = "testing"))]
            ClockKind::Manual(manual) => manual.wall_time(),
        }
    }

    /// The wall time since 1970, unless it is before.
    pub(crate) fn since_1970(&self) -> Option<Duration> {
        self.wall_time().duration_since(UNIX_EPOCH).ok()
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

impl From<&Self> for Clock {
    fn from(clock: &Self) -> Self {
        clock.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_never_goes_back() {
        let clock = Clock::system();
        let mut last = clock.tick();
        for _ in 0..1000 {
            let now = clock.tick();
            assert!(now >= last);
            last = now;
        }
        assert!(last > Tick::default(), "the clock stands still");
    }

    /// Two verifiers may share one set of fetched keys, whose age each of them reads by a clock of its own.
    #[test]
    fn system_clocks_have_one_monotonic_time() {
        let older = Clock::system();
        let begun = older.tick();
        while older.tick().as_nanos() < begun.as_nanos() + 1_000_000 {
            std::hint::spin_loop();
        }
        let before = older.tick();
        assert!(Clock::system().tick() >= before);
    }

    #[test]
    fn the_system_clock_shows_the_time_of_the_machine() {
        let before = SystemTime::now();
        let shown = Clock::default().wall_time();
        assert!(before <= shown && shown <= SystemTime::now());
    }
}
