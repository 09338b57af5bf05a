//! What time it is on the server, as far as this process knows.
//!
//! Threat: a server that was held up comes to requests that nobody waits for any more, charges them, and locks out a client that
//! got nothing (CWE-645).
//! Promise: a request tells the server until when its answer is of use; one that comes to it later charges nothing.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Nobody knows yet.
const UNKNOWN: i64 = i64::MIN;

/// From so many microseconds on, a clock that looks earlier was set back.
const SET_BACK: i64 = 1_000_000;

/// The difference between the server's clock, in microseconds, and the time since this was made.
#[derive(Debug)]
pub(super) struct ServerClock {
    began: Instant,
    ahead: AtomicI64,
}

impl ServerClock {
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), ahead: AtomicI64::new(UNKNOWN) }
    }

    /// The server's clock said so, at most a round trip ago. An answer that was read late makes the server's clock look earlier
    /// than it is, so a difference that is only a little smaller moves what is known by a part of it.
    pub(super) fn learn(&self, server: Duration, now: Instant) {
        let (Ok(server), Some(now)) = (i64::try_from(server.as_micros()), self.micros(now)) else { return };
        let (heard, known) = (server.saturating_sub(now), self.ahead.load(Ordering::Relaxed));
        let late = known.saturating_sub(heard);
        let ahead =
            if known != UNKNOWN && (1..SET_BACK).contains(&late) { known.saturating_sub(late / 16) } else { heard };
        self.ahead.store(ahead, Ordering::Relaxed);
    }

    /// The moment so much later, by the server's clock; 0 where that is not known.
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
    fn what_is_not_known_is_no_moment_and_what_is_known_moves_with_time() {
        let clock = ServerClock::new();
        let now = Instant::now();
        assert_eq!(clock.at(now, Duration::from_secs(1)), 0);
        clock.learn(Duration::from_secs(1_000_000), now);
        assert_eq!(clock.at(now, Duration::ZERO), 1_000_000_000_000);
        assert_eq!(clock.at(now + Duration::from_secs(2), Duration::from_secs(1)), 1_000_003_000_000);
        clock.learn(Duration::from_secs(5), now);
        assert_eq!(clock.at(now, Duration::ZERO), 5_000_000, "it was set back");
        clock.learn(Duration::from_millis(4840), now);
        assert_eq!(clock.at(now, Duration::ZERO), 4_990_000, "an answer was read late");
        clock.learn(Duration::from_millis(5100), now);
        assert_eq!(clock.at(now, Duration::ZERO), 5_100_000);
    }
}
