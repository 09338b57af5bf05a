//! What a store answers.
//!
//! Threat: a client that is told to come back too early tries in vain, and one that isn't told why can't be helped.
//! Promise: who waits as long as it says is admitted, if nobody else took the units.

use std::time::Duration;

use super::limit::Limit;

/// Where a client stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimitStatus {
    /// How many more units would be admitted now.
    pub remaining: u32,
    /// How long until the next unit comes back. Zero when none is out.
    pub reset: Duration,
}

impl RateLimitStatus {
    pub(super) fn untouched(limit: Limit) -> Self {
        Self { remaining: limit.limit(), reset: Duration::ZERO }
    }
}

/// Why a charge was refused, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// A client that waits this long is admitted, if nobody else took the units. Never zero, never longer than the
    /// window and its [`slack`](Limit::slack), save for [`Cause::Crowded`]. The whole window, in vain, for a cost over
    /// the limit.
    pub retry_after: Duration,
    /// Whose fault it was.
    pub cause: Cause,
}

/// The same within a store, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wait {
    Spent(u64),
    InFlight(u64),
    Crowded(u64),
}

impl From<Wait> for Refused {
    #[inline]
    fn from(wait: Wait) -> Self {
        let (nanos, cause) = match wait {
            Wait::Spent(nanos) => (nanos, Cause::Spent),
            Wait::InFlight(nanos) => (nanos, Cause::InFlight),
            Wait::Crowded(nanos) => (nanos, Cause::Crowded),
        };
        Self { retry_after: Duration::from_nanos(nanos), cause }
    }
}

/// Why a charge was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The client has too little left of its rate limit.
    Spent,
    /// The client would have enough left, were what is in flight given back. Only where the ask is
    /// [pending](super::Ask::pending) itself.
    InFlight,
    /// The store has no place for a new client: all that it could give up belong to clients at their rate limit. Worth an
    /// alarm: the store is too small, or under attack.
    Crowded,
}
