//! An estimate of the server's clock.
//!
//! Threat: a server that was suspended executes commands whose callers no longer wait. It charges clients that were not
//! admitted (CWE-645), or replaces a refresh token although the client never received the new one.
//! Promise: a command contains its deadline; a server that executes it later changes nothing.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// No answer with the server's time has arrived yet.
const UNKNOWN: i64 = i64::MIN;

/// If the server's clock looks earlier than expected by this many microseconds or more, it was set back.
const SET_BACK: i64 = 1_000_000;

/// The difference between the server's clock and the time since this value was made, in microseconds.
#[derive(Debug)]
pub(super) struct ServerClock {
    began: Instant,
    ahead: AtomicI64,
}

impl ServerClock {
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), ahead: AtomicI64::new(UNKNOWN) }
    }

    /// Learns from an answer: the server's clock showed `server`, at most one round trip before `now`. An answer that was read
    /// late makes the server's clock look earlier than it is, so a difference that is only a little smaller than the known one
    /// moves it by a sixteenth.
    pub(super) fn learn(&self, server: Duration, now: Instant) {
        let (Ok(server), Some(now)) = (i64::try_from(server.as_micros()), self.micros(now)) else { return };
        let (heard, known) = (server.saturating_sub(now), self.ahead.load(Ordering::Relaxed));
        let late = known.saturating_sub(heard);
        let ahead =
            if known != UNKNOWN && (1..SET_BACK).contains(&late) { known.saturating_sub(late / 16) } else { heard };
        self.ahead.store(ahead, Ordering::Relaxed);
    }

    /// The time that the server's clock shows `later` than `now`, in microseconds; 0 if it is not known.
    pub(super) fn at(&self, now: Instant, later: Duration) -> u64 {
        let ahead = self.ahead.load(Ordering::Relaxed);
        if ahead == UNKNOWN {
            return 0;
        }
        let moment =
            now.checked_add(later).and_then(|moment| self.micros(moment)).map(|moment| moment.saturating_add(ahead));
        moment.and_then(|moment| u64::try_from(moment).ok()).unwrap_or(0)
    }

    fn micros(&self, moment: Instant) -> Option<i64> {
        i64::try_from(moment.saturating_duration_since(self.began).as_micros()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_clock_is_zero_and_known_clock_advances() {
        let clock = ServerClock::new();
        let now = Instant::now();
        assert_eq!(clock.at(now, Duration::from_secs(1)), 0);
        clock.learn(Duration::from_secs(1_000_000), now);
        assert_eq!(clock.at(now, Duration::ZERO), 1_000_000_000_000);
        assert_eq!(clock.at(now + Duration::from_secs(2), Duration::from_secs(1)), 1_000_003_000_000);
        clock.learn(Duration::from_secs(5), now);
        assert_eq!(clock.at(now, Duration::ZERO), 5_000_000, "the clock was set back");
        clock.learn(Duration::from_millis(4840), now);
        assert_eq!(clock.at(now, Duration::ZERO), 4_990_000, "an answer was read late");
        clock.learn(Duration::from_millis(5100), now);
        assert_eq!(clock.at(now, Duration::ZERO), 5_100_000);
    }
}
