//! The sharded table: all clients of a store, divided over shards.
//!
//! Threat: a lock over the whole store lets one slow change stop all requests; sweeping or copying a whole table does the same
//! (CWE-400).
//! Promise: each operation takes one lock of one shard, at most once. A sweep happens at most once a millisecond, and looks at
//! [`SWEPT`] clients.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::blocked_client::{BlockedClient, SharedNumber};
use super::client_table::ChargeOutcome;
use super::fingerprint_index::FingerprintIndex;
use super::shard::Shard;
use crate::clock::Tick;
use crate::rate_limit::client_key::ClientKey;
use crate::rate_limit::limit::Limit;
use crate::rate_limit::status::{Cause, ChargeRejection};

/// How many clients a shard holds at most. It is small enough that a table grows by an eighth within microseconds, and
/// large enough that a random distribution fills all shards about equally. A power of two fills an index exactly.
const LARGEST_SHARD: usize = 2048;
const _: () = assert!(LARGEST_SHARD < FingerprintIndex::MAX);

/// A small store has up to this many shards, so that threads seldom wait for each other; but only if each of them still
/// has room for `SMALLEST_SHARD` clients.
const SHARDS: usize = 64;
const SMALLEST_SHARD: usize = 64;

/// A sweep is due this many nanoseconds after the last one.
const SWEEP_PAUSE: u64 = 1_000_000;

/// How many clients a sweep looks at.
const SWEPT: usize = 64;

/// The lock of a shard. It is a trait so that a model checker can replace the lock by its own, and try all orders in which
/// threads may take it.
pub(super) trait ShardLock: Send + Sync {
    /// What threads read without the lock.
    type Number: SharedNumber;

    fn new(shard: Shard) -> Self;

    fn with<R>(&self, work: impl FnOnce(&mut Shard) -> R) -> R;
}

impl ShardLock for Mutex<Shard> {
    type Number = AtomicU64;

    fn new(shard: Shard) -> Self {
        Self::new(shard)
    }

    #[inline]
    fn with<R>(&self, work: impl FnOnce(&mut Shard) -> R) -> R {
        // This lock is never poisoned. Nothing under it panics; if something did, a half-made change would be better than a
        // rate limit that rejects every client from then on.
        work(&mut self.lock())
    }
}

pub(super) struct ShardedTable<L: ShardLock> {
    shards: Box<[GuardedShard<L>]>,
    count: u32,
    /// When the next sweep is due, in nanoseconds.
    sweep_due: AtomicU64,
    /// Which shard is swept next.
    sweep_next: AtomicU32,
}

/// A shard behind its lock, and what is known of it without the lock.
struct GuardedShard<L: ShardLock> {
    blocked: BlockedClient<L::Number>,
    lock: L,
}

impl<L: ShardLock> ShardedTable<L> {
    /// A table that never holds more than this many clients.
    pub(super) fn new(clients: NonZeroUsize) -> Self {
        let clients = clients.get();
        let count = clients.div_ceil(LARGEST_SHARD).max((clients / SMALLEST_SHARD).clamp(1, SHARDS));
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let capacity = clients / usize::try_from(count).ok().and_then(NonZeroUsize::new).unwrap_or(NonZeroUsize::MIN);
        let shard = || L::new(Shard::new(capacity.min(LARGEST_SHARD)));
        Self {
            shards: (0..count).map(|_| GuardedShard { blocked: BlockedClient::none(), lock: shard() }).collect(),
            count,
            sweep_due: AtomicU64::new(0),
            sweep_next: AtomicU32::new(0),
        }
    }

    /// Charges a client: see [`Shard::reserve`]. A client that is known to be at its rate limit is rejected without the lock.
    #[inline]
    pub(super) fn reserve(&self, key: ClientKey, limit: Limit, units: u32, now: Tick) -> ChargeOutcome {
        self.sweep_if_due(now);
        let Some(GuardedShard { blocked, lock }) = self.shards.get(key.shard(self.count)) else {
            // Never happens, because the number of the shard is less than the number of shards.
            return Err(ChargeRejection { nanos: limit.nanos(), cause: Cause::StoreFull });
        };
        if units == 1
            && let Some(rejection) = blocked.rejection(key, limit, now)
        {
            return Err(rejection);
        }
        lock.with(|shard| {
            let outcome = shard.reserve(key, limit, units, now);
            if units == 1
                && let Err(ChargeRejection { nanos, cause: Cause::Exhausted }) = outcome
            {
                blocked.set(key, limit, shard.latest.as_nanos().saturating_add(nanos));
            }
            blocked.saw(shard.latest);
            outcome
        })
    }

    /// Runs `work`, which may change what this client was charged, under the lock of its shard.
    ///
    /// Never returns `None`, because the number of the shard is less than the number of shards.
    #[inline]
    pub(super) fn with_shard<R>(&self, key: ClientKey, work: impl FnOnce(&mut Shard) -> R) -> Option<R> {
        let GuardedShard { blocked, lock } = self.shards.get(key.shard(self.count))?;
        Some(lock.with(|shard| {
            blocked.forget(key);
            let result = work(shard);
            blocked.saw(shard.latest);
            result
        }))
    }

    /// Sweeps one shard if a sweep is due.
    #[inline]
    pub(super) fn sweep_if_due(&self, now: Tick) {
        let due = self.sweep_due.load(Ordering::Relaxed);
        if now.as_nanos() >= due {
            self.sweep(due, now);
        }
    }

    /// Sweeps the next shard, unless another thread was faster.
    #[cold]
    fn sweep(&self, due: u64, now: Tick) {
        let next = now.as_nanos().saturating_add(SWEEP_PAUSE);
        if self.sweep_due.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            let turn = self.sweep_next.fetch_add(1, Ordering::Relaxed);
            let number = turn.checked_rem(self.count).and_then(|number| usize::try_from(number).ok());
            if let Some(shard) = number.and_then(|number| self.shards.get(number)) {
                let GuardedShard { blocked, lock } = shard;
                lock.with(|shard| {
                    shard.sweep(SWEPT, now);
                    blocked.saw(shard.latest);
                });
            }
        }
    }

    /// How many clients it holds. Takes each lock in turn.
    pub(super) fn clients(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock.with(|shard| shard.clients)).sum()
    }

    /// Each shard, for tests.
    #[cfg(test)]
    pub(super) fn for_each_shard(&self, mut work: impl FnMut(&mut Shard)) {
        self.shards.iter().for_each(|shard| shard.lock.with(&mut work));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shards_together_never_exceed_the_bound() {
        for clients in [1, 2, 31, 63, 65, 1000, 4097, 1 << 20] {
            let table = ShardedTable::<Mutex<Shard>>::new(NonZeroUsize::new(clients).unwrap());
            let mut most = 0;
            table.for_each_shard(|shard| most += shard.capacity);
            assert!(most <= clients && most * 100 > clients * 90, "{clients}: {most}");
        }
    }
}
