//! A partition: one table of clients with a bound of its own.
//!
//! Threat: a charge that is refunded twice, or that is forgotten by a handler and never settled.
//! Promise: a charge is refunded by value, so at most once. A charge that is dropped stays charged, and is no longer in flight.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use parking_lot::Mutex;

use super::client_table::Charged;
use super::shard::Shard;
use super::sharded_table::ShardedTable;
use crate::clock::{Clock, Tick};
use crate::rate_limit::client_key::{Client, ClientKey, KeyHasher};
use crate::rate_limit::limit::Limit;
use crate::rate_limit::queue::{Queue, Queues};
use crate::rate_limit::status::{Cause, RateLimitStatus, Rejected};

/// Which clients a partition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rate_limit) enum PartitionKind {
    /// Clients whose key is verified: an address, a principal or an API key.
    Verified,
    /// Clients by a name that the caller chooses: a field, a header or the result of a function.
    ClientChosen,
}

/// Units that were charged. If it is dropped they stay charged; only [`Partition::refund`] refunds them.
#[derive(Debug)]
#[must_use = "a charge that is not refunded stays"]
pub struct Charge {
    pub(super) kind: PartitionKind,
    key: ClientKey,
    limit: Limit,
    units: u32,
    charged: Charged,
    /// The partition where the charge is in flight, if it is.
    in_flight: Option<Partition>,
}

impl Charge {
    #[inline]
    fn new(
        of: &Partition,
        key: ClientKey,
        limit: Limit,
        cost: u32,
        charged: Charged,
        in_flight: Option<Partition>,
    ) -> Self {
        Self { kind: of.shared.kind, key, limit, units: cost.max(1), charged, in_flight }
    }

    /// What the client had left right after this charge.
    pub fn status(&self) -> RateLimitStatus {
        self.charged.status()
    }

    /// Refunds a charge in flight from code that cannot wait, such as `Drop`. A charge that is not in flight stays.
    pub(in crate::rate_limit) fn refund_at_once(mut self) {
        if let Some(partition) = self.in_flight.take() {
            let now = partition.now();
            partition.refund_in_flight(&self, now);
        }
    }

    /// It stays charged, and is no longer in flight. Not inlined, so that dropping any other charge stays short.
    #[inline(never)]
    fn keep(&mut self) {
        if let Some(partition) = self.in_flight.take() {
            partition.shared.table.with_shard(self.key, |shard| shard.remove_in_flight(self.key, self.units));
            partition.shared.queues.notify_settled(self.key.low());
        }
    }
}

impl Drop for Charge {
    #[inline]
    fn drop(&mut self) {
        if self.in_flight.is_some() {
            self.keep();
        }
    }
}

/// One table of clients with a bound of its own. Clones share one state.
///
/// ```
/// use palisade::__v1::rate_limits::{Client, Limit, Partition};
/// use palisade::testing::ManualClock;
/// use std::time::Duration;
///
/// let clock = ManualClock::new();
/// let store = Partition::with_clock(clock.clone());
/// let login = Limit::new(2, Duration::from_secs(900)).expect("neither is zero");
/// let key = store.key(1, &Client::Address([192, 0, 2, 1].into()));
///
/// let first = store.reserve(key, login, 1, store.now()).expect("nothing was charged");
/// assert_eq!(first.status().remaining, 1);
/// clock.advance(Duration::from_secs(60));
/// let second = store.reserve(key, login, 1, store.now()).expect("one was charged");
///
/// let rejected = store.reserve(key, login, 1, store.now()).expect_err("two were charged");
/// assert_eq!(rejected.retry_after, Duration::from_secs(840));
///
/// store.refund(second, store.now());
/// assert_eq!(store.status(key, login, store.now()).remaining, 1);
/// ```
#[derive(Clone)]
pub struct Partition {
    pub(in crate::rate_limit) shared: Arc<PartitionState>,
}

pub(in crate::rate_limit) struct PartitionState {
    kind: PartitionKind,
    pub(super) bound: NonZeroUsize,
    clock: Clock,
    pub(in crate::rate_limit) hasher: KeyHasher,
    table: ShardedTable<Mutex<Shard>>,
    queues: Arc<Queues>,
}

impl Partition {
    /// A partition for [`MemoryRateLimits::CLIENTS`](super::MemoryRateLimits::CLIENTS) clients.
    pub fn with_clock(clock: impl Into<Clock>) -> Self {
        Self::bounded(super::MemoryRateLimits::CLIENTS, clock)
    }

    /// A partition that never holds more than this many clients.
    pub fn bounded(clients: NonZeroUsize, clock: impl Into<Clock>) -> Self {
        Self::of(PartitionKind::Verified, clients, clock.into())
    }

    pub(super) fn of(kind: PartitionKind, bound: NonZeroUsize, clock: Clock) -> Self {
        let (hasher, table) = (KeyHasher::new(), ShardedTable::new(bound));
        Self { shared: Arc::new(PartitionState { kind, bound, clock, hasher, table, queues: Arc::default() }) }
    }

    /// The present instant. Read it once for each request, and pass it to all calls of that request.
    pub fn now(&self) -> Tick {
        self.shared.clock.tick()
    }

    /// Hashes a client in a bucket, with a secret of this partition. Each bucket has one number and one limit.
    ///
    /// ```
    /// use palisade::__v1::rate_limits::{Client, Partition};
    /// use palisade::Clock;
    ///
    /// let store = Partition::with_clock(Clock::system());
    /// let client = Client::Address([192, 0, 2, 1].into());
    /// assert_eq!(store.key(1, &client), store.clone().key(1, &client));
    /// assert_ne!(store.key(1, &client), store.key(2, &client));
    /// ```
    #[inline]
    pub fn key(&self, bucket: u64, client: &Client<'_>) -> ClientKey {
        self.shared.hasher.key(bucket, client)
    }

    /// Charges `cost` units, or rejects and charges nothing. A cost of 0 counts as 1. A cost above the limit is always
    /// rejected.
    ///
    /// An instant that is earlier than the latest one seen counts as the latest: threads that read the clock before they call
    /// this may call it in any order.
    ///
    /// # Errors
    ///
    /// The charge is rejected. Nothing is charged.
    #[inline(always)]
    pub fn reserve(&self, key: ClientKey, limit: Limit, cost: u32, now: Tick) -> Result<Charge, Rejected> {
        let units = cost.max(1);
        if units > limit.limit() {
            return Err(Rejected { retry_after: limit.window(), cause: Cause::Exhausted });
        }
        match self.shared.table.reserve(key, limit, units, now) {
            Ok(charged) => Ok(Charge::new(self, key, limit, cost, charged, None)),
            Err(rejection) => Err(rejection.into()),
        }
    }

    /// [`Partition::reserve`] for a charge that is in flight until it is refunded or dropped.
    pub(in crate::rate_limit) fn reserve_in_flight(
        &self,
        key: ClientKey,
        limit: Limit,
        cost: u32,
        now: Tick,
    ) -> Result<Charge, Rejected> {
        let units = cost.max(1);
        if units > limit.limit() {
            return Err(Rejected { retry_after: limit.window(), cause: Cause::Exhausted });
        }
        self.shared.table.sweep_if_due(now);
        match self.shared.table.with_shard(key, |shard| shard.reserve_in_flight(key, limit, units, now)) {
            Some(Ok(charged)) => Ok(Charge::new(self, key, limit, cost, charged, Some(self.clone()))),
            Some(Err(rejection)) => Err(rejection.into()),
            None => Err(Rejected { retry_after: limit.window(), cause: Cause::StoreFull }),
        }
    }

    /// The queue of the requests that wait for this client's charges in flight.
    pub(in crate::rate_limit) fn queue(&self, key: ClientKey) -> Queue {
        Queue::new(&self.shared.queues, key.low())
    }

    /// Charges as many of `cost` units as there is room for, and never rejects: for something that has already happened. If
    /// the partition has no room for a new client, nothing is charged, and the status has nothing left.
    ///
    /// ```
    /// use palisade::__v1::rate_limits::{Client, Limit, Partition};
    /// use palisade::Clock;
    /// use std::time::Duration;
    ///
    /// let store = Partition::with_clock(Clock::system());
    /// let key = store.key(1, &Client::Address([192, 0, 2, 1].into()));
    /// let limit = Limit::new(5, Duration::from_secs(60)).expect("neither is zero");
    /// assert_eq!(store.charge(key, limit, 3, store.now()).remaining, 2);
    /// assert_eq!(store.charge(key, limit, 3, store.now()).remaining, 0);
    /// ```
    pub fn charge(&self, key: ClientKey, limit: Limit, cost: u32, now: Tick) -> RateLimitStatus {
        let units = cost.max(1);
        self.shared.table.sweep_if_due(now);
        let status = self.shared.table.with_shard(key, |shard| shard.charge(key, limit, units, now));
        status.unwrap_or_else(|| RateLimitStatus::unused(limit))
    }

    /// Refunds a charge exactly where it was charged, and returns what the client has left. A charge that has expired
    /// changes nothing.
    pub fn refund(&self, mut charge: Charge, now: Tick) -> RateLimitStatus {
        if charge.in_flight.take().is_some() {
            return self.refund_in_flight(&charge, now);
        }
        let Charge { key, limit, units, charged, .. } = charge;
        let refund = |shard: &mut Shard| shard.refund(key, limit, charged.id, units, now);
        self.shared.table.with_shard(key, refund).unwrap_or_else(|| RateLimitStatus::unused(limit))
    }

    /// Refunds a charge that was in flight, and wakes a request that waits for it. Both counts change under one lock.
    fn refund_in_flight(&self, charge: &Charge, now: Tick) -> RateLimitStatus {
        let Charge { key, limit, units, charged, .. } = *charge;
        let status = self.shared.table.with_shard(key, |shard| {
            shard.remove_in_flight(key, units);
            shard.refund(key, limit, charged.id, units, now)
        });
        self.shared.queues.notify_settled(key.low());
        status.unwrap_or_else(|| RateLimitStatus::unused(limit))
    }

    /// What a client has left. Charges nothing, and takes no space for a client that is not held.
    pub fn status(&self, key: ClientKey, limit: Limit, now: Tick) -> RateLimitStatus {
        let status = self.shared.table.with_shard(key, |shard| shard.status(key, limit, now));
        status.unwrap_or_else(|| RateLimitStatus::unused(limit))
    }

    /// Forgets everything that a client was charged in a bucket. A charge from before refunds nothing afterwards.
    ///
    /// ```
    /// use palisade::__v1::rate_limits::{Client, Limit, Partition};
    /// use palisade::Clock;
    /// use std::time::Duration;
    ///
    /// let store = Partition::with_clock(Clock::system());
    /// let key = store.key(1, &Client::Address([192, 0, 2, 1].into()));
    /// let limit = Limit::new(5, Duration::from_secs(60)).expect("neither is zero");
    /// store.charge(key, limit, 5, store.now());
    /// store.reset(key, limit);
    /// assert_eq!(store.status(key, limit, store.now()).remaining, 5);
    /// ```
    pub fn reset(&self, key: ClientKey, limit: Limit) {
        self.shared.table.with_shard(key, |shard| shard.reset(key, limit));
        self.shared.queues.notify_settled(key.low());
    }

    /// How many clients are held. Some of them may have no charges.
    pub fn clients(&self) -> usize {
        self.shared.table.clients()
    }
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Partition").field("kind", &self.shared.kind).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Clock;

    fn partition() -> (Partition, Limit, ClientKey) {
        let partition = Partition::with_clock(Clock::system());
        let key = partition.key(1, &Client::Address([192, 0, 2, 1].into()));
        (partition, Limit::new(5, Duration::from_secs(1)).unwrap(), key)
    }

    #[test]
    fn reading_a_status_takes_no_space() {
        let (partition, limit, key) = partition();
        assert_eq!(partition.status(key, limit, partition.now()), RateLimitStatus::unused(limit));
        assert_eq!(partition.clients(), 0);
    }

    #[test]
    fn rejected_cost_takes_no_space() {
        let (partition, limit, key) = partition();
        let rejected = partition.reserve(key, limit, 6, partition.now()).unwrap_err();
        assert_eq!(rejected, Rejected { retry_after: limit.window(), cause: Cause::Exhausted });
        assert_eq!(partition.clients(), 0);
    }
}
