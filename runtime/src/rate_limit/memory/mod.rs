//! Rate limits in the memory of this process.
//!
//! Threat: one limiter for each worker gives a server with N workers N rate limits; names that an attacker makes up push real
//! clients out of memory (CWE-770).
//! Promise: all clones share one state. Names that callers choose fill a partition of their own.

mod blocked_client;
mod chunked_vec;
mod client_table;
mod eviction;
mod fingerprint_index;
mod in_flight;
#[cfg(test)]
mod interleavings;
mod partition;
mod shard;
#[cfg(test)]
mod shard_tests;
mod sharded_table;

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, LazyLock, OnceLock};

use self::partition::PartitionKind;
pub use self::partition::{Charge, Partition};
use super::client_key::Client;
use super::status::RateLimitStatus;
use crate::clock::{Clock, Tick};

/// Rate limits in the memory of this process. Clones share one state.
///
/// ```
/// use palisade::Palisade;
/// use palisade::rate_limit::MemoryRateLimits;
///
/// let builder = Palisade::builder().rate_limit_store(MemoryRateLimits::new());
/// # let _ = builder;
/// ```
///
/// **Memory.** In a full store a client takes at most 56 bytes for a limit up to 8, 88 bytes up to 16, 96 bytes up to 65,535
/// and 164 bytes for a larger limit, including all overhead. While the store fills, each shard takes some kilobytes more for
/// each limit. A new store allocates nothing for clients that it does not hold yet. Clients without charges are removed while
/// requests come in: at most once a millisecond, one request looks at the next 64 clients.
///
/// **When it is full.** The bound is divided evenly over shards of at most 2048 clients, and a keyed hash chooses the shard
/// of a client. So the first shard is full before the whole store is: at about 92 percent of [`MemoryRateLimits::CLIENTS`], and at
/// two thirds to three quarters of a store for a few thousand clients. A full shard looks at 32 of its clients and removes one:
/// a client without charges first, otherwise the one that has used the smallest share of its rate limit. The charges of a
/// removed client are forgotten; only in this case may a client get more than its rate limit. A client that is at its rate
/// limit is never removed: if all clients of the shard are, a new client is rejected.
#[derive(Clone)]
pub struct MemoryRateLimits {
    pub(super) clock: Clock,
    verified: Partition,
    /// Made when it is first needed.
    client_chosen: Arc<OnceLock<Partition>>,
}

impl MemoryRateLimits {
    /// How many clients [`MemoryRateLimits::new`] holds at most: 2^20, which is a little over a million.
    pub const CLIENTS: NonZeroUsize = NonZeroUsize::MIN.saturating_add((1 << 20) - 1);

    /// A new store for [`MemoryRateLimits::CLIENTS`] clients, with the monotonic clock of the operating system.
    pub fn new() -> Self {
        Self::with_clock(Clock::system())
    }

    /// A new store for [`MemoryRateLimits::CLIENTS`] clients, with another clock.
    pub fn with_clock(clock: impl Into<Clock>) -> Self {
        Self::bounded(Self::CLIENTS, clock)
    }

    /// A new store that never holds more than this many clients. In addition it holds a quarter as many clients by names that
    /// callers choose (fields, headers, and what a key function returns), so that invented names evict no other clients. A
    /// client is held once for each of its rate limits.
    ///
    /// ```
    /// use palisade::Clock;
    /// use palisade::rate_limit::MemoryRateLimits;
    /// use std::num::NonZeroUsize;
    ///
    /// let small = MemoryRateLimits::bounded(NonZeroUsize::MIN, Clock::system());
    /// assert_eq!(small.clients(), 0);
    /// ```
    pub fn bounded(clients: NonZeroUsize, clock: impl Into<Clock>) -> Self {
        let clock = clock.into();
        let verified = Partition::of(PartitionKind::Verified, clients, clock.clone());
        Self { clock, verified, client_chosen: Arc::default() }
    }

    /// The one store of this process. It returns clones of the same store to every worker, so that a server with four
    /// workers does not admit four times the limit.
    pub fn shared() -> Self {
        static SHARED: LazyLock<MemoryRateLimits> = LazyLock::new(MemoryRateLimits::new);
        SHARED.clone()
    }

    /// The present instant, by the clock of this store.
    pub fn now(&self) -> Tick {
        self.clock.tick()
    }

    /// How many clients are held. Some of them may have no charges. Takes every lock in turn: for tests and metrics.
    pub fn clients(&self) -> usize {
        let client_chosen = self.client_chosen.get().map_or(0, Partition::clients);
        self.verified.clients().saturating_add(client_chosen)
    }

    /// The partition that holds this client.
    #[inline]
    pub(super) fn partition(&self, client: &Client<'_>) -> &Partition {
        if client.is_chosen_by_caller() { self.client_chosen() } else { &self.verified }
    }

    /// Refunds a charge in its partition: see [`Partition::refund`].
    pub(super) fn refund(&self, charge: Charge, now: Tick) -> RateLimitStatus {
        let partition = match charge.kind {
            PartitionKind::Verified => &self.verified,
            PartitionKind::ClientChosen => self.client_chosen(),
        };
        partition.refund(charge, now)
    }

    fn client_chosen(&self) -> &Partition {
        self.client_chosen.get_or_init(|| {
            let quarter = self.verified.shared.bound.get().div_ceil(4);
            let bound = NonZeroUsize::new(quarter).unwrap_or(NonZeroUsize::MIN);
            Partition::of(PartitionKind::ClientChosen, bound, self.clock.clone())
        })
    }
}

/// The partition of the clients whose key is verified.
pub fn verified_partition(store: &MemoryRateLimits) -> &Partition {
    &store.verified
}

impl Default for MemoryRateLimits {
    /// [`MemoryRateLimits::new`].
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryRateLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryRateLimits").finish_non_exhaustive()
    }
}
