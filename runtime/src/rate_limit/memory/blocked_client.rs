//! The client of a shard that was rejected last, so that it can be rejected again without the lock.
//!
//! Threat: one client that floods the server makes all threads wait for one lock, and then each other request whose client is in
//! the same shard waits too (CWE-400).
//! Promise: while the client that a shard rejected last is at its rate limit, its rejections neither take the lock of the shard nor
//! write to memory that threads share, except that one request in a millisecond looks for clients without charges. This holds
//! for requests of one unit, and for limits that count all requests: those that count failures or successes take the lock.
//!
//! A client without a single unit left stays so until its oldest charge expires, unless a charge is refunded or forgotten. This
//! changes only under the lock of the shard, where the entry is then [forgotten](BlockedClient::forget) too.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::clock::Tick;
use crate::rate_limit::client_key::ClientKey;
use crate::rate_limit::limit::Limit;
use crate::rate_limit::status::{Cause, ChargeRejection};

/// A number that threads share. It is a trait so that a model checker can replace it by its own.
pub(super) trait SharedNumber: Send + Sync {
    fn new(number: u64) -> Self;

    fn load(&self) -> u64;

    fn store(&self, number: u64);
}

/// The order of loads and stores of different numbers does not matter: see [`BlockedClient`].
impl SharedNumber for AtomicU64 {
    fn new(number: u64) -> Self {
        Self::new(number)
    }

    #[inline]
    fn load(&self) -> u64 {
        self.load(Ordering::Relaxed)
    }

    #[inline]
    fn store(&self, number: u64) {
        self.store(number, Ordering::Relaxed);
    }
}

/// One client that is at its rate limit, and until when. Both halves of its key are combined with that instant, so a thread that
/// reads while another one writes finds a key that no client has. It has a cache line of its own, which a charge of another
/// client does not write.
#[repr(align(64))]
pub(super) struct BlockedClient<N> {
    until: N,
    high: N,
    low: N,
    /// The latest instant that the shard has seen while a client is known. Instants before it count as this one, as in the shard.
    /// It is not a number of the model checker, because it can only make a rejection need the lock.
    latest: AtomicU64,
    is_known: AtomicBool,
}

impl<N: SharedNumber> BlockedClient<N> {
    pub(super) fn none() -> Self {
        Self {
            until: N::new(0),
            high: N::new(0),
            low: N::new(0),
            latest: AtomicU64::new(0),
            is_known: AtomicBool::new(false),
        }
    }

    /// The rejection of one unit, if this client is known to have none left.
    #[inline]
    pub(super) fn rejection(&self, key: ClientKey, limit: Limit, now: Tick) -> Option<ChargeRejection> {
        let until = self.until.load();
        let nanos =
            until.checked_sub(now.as_nanos().max(self.latest.load(Ordering::Relaxed))).filter(|nanos| *nanos > 0)?;
        let is_blocked = self.high.load() == key.high() ^ until && self.low.load() == low(key, limit) ^ until;
        is_blocked.then_some(ChargeRejection { nanos, cause: Cause::Exhausted })
    }

    /// The shard has seen this instant. Call it under the lock of the shard. While no client is known, nothing is written.
    #[inline]
    pub(super) fn saw(&self, latest: Tick) {
        if self.is_known.load(Ordering::Relaxed) {
            self.latest.store(latest.as_nanos(), Ordering::Relaxed);
        }
    }

    /// This client has no unit left until this instant. Call it under the lock of the shard, and [`saw`](Self::saw) after it.
    #[inline]
    pub(super) fn set(&self, key: ClientKey, limit: Limit, until: u64) {
        self.is_known.store(true, Ordering::Relaxed);
        self.until.store(until);
        self.high.store(key.high() ^ until);
        self.low.store(low(key, limit) ^ until);
    }

    /// This client may have units left. Call it under the lock of the shard.
    pub(super) fn forget(&self, key: ClientKey) {
        let until = self.until.load();
        if until > 0 && self.high.load() == key.high() ^ until {
            self.is_known.store(false, Ordering::Relaxed);
            self.until.store(0);
        }
    }
}

/// One half of the key. It differs between two limits that share a key by mistake.
#[inline]
fn low(key: ClientKey, limit: Limit) -> u64 {
    key.low() ^ limit.nanos().rotate_left(32) ^ u64::from(limit.limit())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_the_blocked_client_is_rejected_and_only_in_time() {
        let blocked = BlockedClient::<AtomicU64>::none();
        let (one, other) = (ClientKey::of(1), ClientKey::of(2));
        let limit = |count| Limit::new(count, Duration::from_secs(1)).unwrap();
        let nanos = |key, count, now| {
            blocked.rejection(key, limit(count), Tick::from_nanos(now)).map(|rejection| rejection.nanos)
        };
        assert_eq!(nanos(ClientKey::of(0), 5, 0), None);
        blocked.set(one, limit(5), 100);
        assert_eq!([0, 99, 100, 101].map(|now| nanos(one, 5, now)), [Some(100), Some(1), None, None]);
        assert_eq!((nanos(other, 5, 0), nanos(one, 6, 0)), (None, None));
        blocked.forget(other);
        assert_eq!(nanos(one, 5, 0), Some(100));
        blocked.saw(Tick::from_nanos(90));
        assert_eq!([0, 89, 91].map(|now| nanos(one, 5, now)), [Some(10), Some(10), Some(9)]);
        blocked.saw(Tick::from_nanos(100));
        assert_eq!(nanos(one, 5, 0), None);
        blocked.saw(Tick::default());
        blocked.forget(one);
        assert_eq!(nanos(one, 5, 0), None);
    }

    #[test]
    fn a_half_written_entry_rejects_nobody() {
        let limit = Limit::new(5, Duration::from_secs(1)).unwrap();
        let entry = |client: u32, until| {
            let blocked = BlockedClient::<AtomicU64>::none();
            blocked.set(ClientKey::of(client), limit, until);
            [blocked.until, blocked.high, blocked.low].map(|number| SharedNumber::load(&number))
        };
        for (before, after) in [(entry(1, 100), entry(2, 200)), (entry(1, 100), entry(1, 200)), ([0; 3], entry(1, 100))]
        {
            for mixed in 1..7 {
                let [until, high, low] = [0, 1, 2].map(|at| if mixed >> at & 1 == 0 { before[at] } else { after[at] });
                let blocked = BlockedClient::<AtomicU64> {
                    until: until.into(),
                    high: high.into(),
                    low: low.into(),
                    latest: AtomicU64::new(0),
                    is_known: AtomicBool::new(true),
                };
                for client in [1, 2] {
                    assert!(blocked.rejection(ClientKey::of(client), limit, Tick::default()).is_none());
                }
            }
        }
    }
}
