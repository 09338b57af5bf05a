//! What a store reports about a client, and why it rejects a charge.
//!
//! Threat: a client that retries too early is rejected again; an operator who cannot see why a request was rejected cannot
//! help.
//! Promise: a client that waits for the returned time is admitted, unless another request takes the units.

use std::time::Duration;

use super::limit::Limit;

/// How much of its rate limit a client has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimitStatus {
    /// How many more units would be admitted now.
    pub remaining: u32,
    /// How long until the next unit is available again. Zero if none is used.
    pub reset: Duration,
}

impl RateLimitStatus {
    pub(super) fn unused(limit: Limit) -> Self {
        Self { remaining: limit.limit(), reset: Duration::ZERO }
    }
}

/// Why a charge was rejected, and when to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejected {
    /// A client that waits this long is admitted, unless another request takes the units. Never zero. Never longer than the
    /// window and its [`slack`](Limit::slack), except for [`Cause::StoreFull`]. For a cost that is higher than the limit,
    /// which is never admitted, it is the window.
    pub retry_after: Duration,
    /// Why it was rejected.
    pub cause: Cause,
}

/// [`Rejected`] inside of a store: its time is in nanoseconds, and is converted only when it leaves the store.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChargeRejection {
    pub(super) nanos: u64,
    pub(super) cause: Cause,
}

impl From<ChargeRejection> for Rejected {
    #[inline]
    fn from(ChargeRejection { nanos, cause }: ChargeRejection) -> Self {
        Self { retry_after: Duration::from_nanos(nanos), cause }
    }
}

/// Why a charge was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The client has used up its rate limit, or has less left than the charge costs.
    Exhausted,
    /// There would be room if the charges in flight were refunded. Only for a request that
    /// [settles later](super::ChargeRequest::settles_later) itself.
    InFlight,
    /// The store has no room for a new client: all clients that it could evict are at their rate limit. Operators should get
    /// an alert, because the store is too small or under attack.
    StoreFull,
}
