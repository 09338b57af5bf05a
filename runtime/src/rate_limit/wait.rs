//! A moment's patience with a limit that is full of requests in flight.
//!
//! Threat: twelve people of one office log in at once with the right passwords, and seven of them are sent away (CWE-645).
//! Promise: a request waits for a bounded time until a charge is settled, and is then decided about as if it had just come; so no
//! promise of a limit depends on the waiting. Of those who wait for one limit only the first asks, when a charge was settled in
//! this process, and at growing intervals, because another process may have settled one.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use crate::rate_limit::Queue;

/// After so long the first in a queue asks again by itself, then after twice as long each time, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(400);

/// The least that it waits before it decides again, unless a charge was settled.
const SHORTEST_PAUSE: Duration = Duration::from_millis(5);

/// What a request waits for.
pub(crate) struct Full {
    pub(crate) queue: Queue,
    /// How long until there is room if nothing is given back.
    pub(crate) passes: Duration,
}

/// Decides again whenever there may be room, until there is, until the limit is used up, or until the time is over: then it
/// returns what the request still waits for. A decision that was begun is always brought to its end.
pub(crate) async fn wait<T>(
    mut full: Full,
    until: Instant,
    mut decide: impl AsyncFnMut() -> Result<T, Full>,
) -> Result<T, Full> {
    while Instant::now() < until {
        let Some(waiter) = full.queue.join() else { return Err(full) };
        let Ok(_first) = timeout_at(until, waiter.first()).await else { return Err(full) };
        let mut pause = FIRST_PAUSE;
        loop {
            let before = full.queue.clone();
            match decide().await {
                Ok(decided) => return Ok(decided),
                Err(still) => full = still,
            }
            let now = Instant::now();
            if now >= until {
                return Err(full);
            }
            if !full.queue.is(&before) {
                // Should two limits be full in turns, it does not go back and forth without a pause.
                sleep(SHORTEST_PAUSE).await;
                break;
            }
            let again = now.checked_add(pause.min(full.passes).max(SHORTEST_PAUSE)).unwrap_or(until);
            // Whether it was settled or the time is over: it is decided again.
            let _ = timeout_at(again.min(until), waiter.settled()).await;
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }
    Err(full)
}
