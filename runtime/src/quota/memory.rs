//! Quotas in the memory of this process.
//!
//! Threat: one limiter per worker gives N workers N quotas; keys chosen to collide make every request walk one long
//! chain (CWE-407); a lock held over the whole map lets one sweep stop all requests.
//! Promise: one state for all clones, a hash keyed by a secret of this process, and a sweep that lets go of the map's
//! lock after every [`PLACES`] clients.

use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use dashmap::DashMap;

use super::client::Client;
use super::clock::{Clock, SystemClock, Tick};
use super::limit::Limit;
use super::shelf::{Refused, Shelf};
use super::spread::Spread;
use super::window::{Standing, Ticket};

/// How many clients a shelf can hold: few enough to look at all of them when one must leave.
const PLACES: usize = 32;

/// A sweep is due so many nanoseconds after the last, and looks at so many shelves.
const SWEEP_PAUSE: u64 = 1_000_000;
const SWEEP_SHELVES: u64 = 16;

/// One client in one bucket: a keyed hash of both, which means nothing to a store that is not a clone of the one that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key(pub(super) [u64; 2]);

/// A unit that was charged. Dropping it leaves the client charged; only [`MemoryStore::release`] gives it back, and
/// takes it by value, so that it is given back once.
#[derive(Debug)]
#[must_use = "a charge that is not released stays"]
pub struct Charge {
    key: Key,
    limit: Limit,
    tickets: Vec<Ticket>,
    standing: Standing,
}

impl Charge {
    /// Where the client stood right after this charge.
    pub fn standing(&self) -> Standing {
        self.standing
    }
}

/// Quotas in the memory of this process. Clones share one state.
///
/// ```
/// use palisade::quota::{Client, Limit};
/// use palisade::testing::ManualClock;
/// use std::time::Duration;
///
/// let clock = ManualClock::new();
/// let store = palisade::MemoryStore::with_clock(clock.clone());
/// let login = Limit::new(2, Duration::from_secs(900)).expect("neither is zero");
/// let key = store.key(1, &Client::Address([192, 0, 2, 1].into()));
///
/// let first = store.reserve(key, login, 1, store.now()).expect("nothing was charged");
/// assert_eq!(first.standing().remaining, 1);
/// clock.advance(Duration::from_secs(60));
/// let second = store.reserve(key, login, 1, store.now()).expect("one was charged");
///
/// let refused = store.reserve(key, login, 1, store.now()).expect_err("two were charged");
/// assert_eq!(refused.retry_after, Duration::from_secs(840));
///
/// store.release(second, store.now());
/// assert_eq!(store.standing(key, login, store.now()).remaining, 1);
/// ```
///
/// On a 64-bit machine a client takes 96 bytes, and for its charges 8 for each unit of a limit up to
/// [`Limit::EXACT`], 132 for any larger limit; what the allocator adds is not counted. Those without charges leave while
/// requests come in: no more than once a millisecond, one request looks at the next few of them.
///
/// **When it is full.** The bound is divided evenly over many small shelves, and a keyed hash says on which shelf a
/// client goes; some fill up when the whole is about two thirds full. On a full shelf clients without charges leave
/// first, then the one with the smallest part of its quota used. That one's charges are forgotten: only then may
/// a client have more than its quota. One that is at its quota is never forgotten: if all on the shelf are, a new
/// client is refused ([`Cause::Crowded`](super::Cause::Crowded)).
#[derive(Clone)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Box<dyn Clock>,
    /// Keyed with a secret of this process: who doesn't know it can't choose addresses that fall on one shelf.
    hasher: RandomState,
    shelves: DashMap<u64, Shelf, BuildHasherDefault<Spread>>,
    count: NonZeroU64,
    places: usize,
    sweep_due: AtomicU64,
    sweep_next: AtomicU64,
}

impl MemoryStore {
    /// How many clients [`MemoryStore::new`] holds at most: 2^20, a little over a million.
    pub const CLIENTS: NonZeroUsize = NonZeroUsize::MIN.saturating_add((1 << 20) - 1);

    /// A store of its own, by the system's monotonic clock, with room for [`MemoryStore::CLIENTS`].
    pub fn new() -> Self {
        Self::with_clock(SystemClock::new())
    }

    /// A store of its own, by another clock.
    pub fn with_clock(clock: impl Clock) -> Self {
        Self::bounded(Self::CLIENTS, clock)
    }

    /// A store of its own that never holds more than so many clients. A client is held once for each of its quotas.
    ///
    /// ```
    /// use palisade::MemoryStore;
    /// use palisade::quota::SystemClock;
    /// use std::num::NonZeroUsize;
    ///
    /// let small = MemoryStore::bounded(NonZeroUsize::MIN, SystemClock::new());
    /// assert_eq!(small.clients(), 0);
    /// ```
    pub fn bounded(clients: NonZeroUsize, clock: impl Clock) -> Self {
        let count = clients.get().div_ceil(PLACES);
        let places = clients.get().checked_div(count).unwrap_or(1);
        Self {
            shared: Arc::new(Shared {
                clock: Box::new(clock),
                hasher: RandomState::new(),
                shelves: DashMap::default(),
                count: u64::try_from(count).ok().and_then(NonZeroU64::new).unwrap_or(NonZeroU64::MIN),
                places,
                sweep_due: AtomicU64::new(0),
                sweep_next: AtomicU64::new(0),
            }),
        }
    }

    /// The one store of this process. Every worker that asks gets a clone of the same, so that a server with four
    /// workers doesn't grant four quotas.
    pub fn shared() -> Self {
        static SHARED: LazyLock<MemoryStore> = LazyLock::new(MemoryStore::new);
        SHARED.clone()
    }

    /// The present instant. Read it once a request, and pass it to the calls of that request.
    pub fn now(&self) -> Tick {
        self.shared.clock.now()
    }

    /// Condenses a client to 16 bytes with a keyed hash: names of any length take the same room, and nobody outside can find two
    /// that collide.
    pub fn key(&self, bucket: u64, client: &Client<'_>) -> Key {
        // Twice 64 bits of one keyed function, at two inputs that differ.
        Key([0_u8, 1].map(|half| {
            let mut hasher = self.shared.hasher.build_hasher();
            hasher.write_u8(half);
            hasher.write_u64(bucket);
            client.feed(|bytes| hasher.write(bytes));
            hasher.finish()
        }))
    }

    /// Charges so many units, or refuses.
    ///
    /// # Errors
    /// [`Refused`], and nothing is charged.
    pub fn reserve(&self, key: Key, limit: Limit, cost: u32, now: Tick) -> Result<Charge, Refused> {
        self.sweep(now);
        let places = self.shared.places;
        let mut shelf = self.shared.shelves.entry(self.index(&key)).or_default();
        let mut tickets = Vec::new();
        let mut standing = Standing::untouched(limit);
        for _ in 0..cost.max(1) {
            match shelf.reserve(&key, limit, now, places) {
                Ok((ticket, after)) => {
                    tickets.push(ticket);
                    standing = after;
                }
                Err(refused) => {
                    tickets.into_iter().for_each(|ticket| shelf.release(&key, limit, ticket));
                    return Err(refused);
                }
            }
        }
        Ok(Charge { key, limit, tickets, standing })
    }

    /// Charges as many units as there is room for.
    pub fn charge(&self, key: Key, limit: Limit, cost: u32, now: Tick) -> Standing {
        for _ in 0..cost.max(1) {
            if self.reserve(key, limit, 1, now).is_err() {
                break;
            }
        }
        self.standing(key, limit, now)
    }

    /// Forgets a client.
    pub fn reset(&self, key: Key, limit: Limit) {
        if let Some(mut shelf) = self.shared.shelves.get_mut(&self.index(&key)) {
            shelf.forget(&key, limit);
        }
    }

    /// Gives a charge back, in the very place that was charged, and says where the client stands. A charge that is
    /// forgotten already changes nothing.
    pub fn release(&self, charge: Charge, now: Tick) -> Standing {
        let Charge { key, limit, tickets, .. } = charge;
        match self.shared.shelves.get_mut(&self.index(&key)) {
            Some(mut shelf) => {
                tickets.into_iter().for_each(|ticket| shelf.release(&key, limit, ticket));
                shelf.standing(&key, limit, now)
            }
            None => Standing::untouched(limit),
        }
    }

    /// Where a client stands. Charges nothing, and takes no place for a client that has none.
    pub fn standing(&self, key: Key, limit: Limit, now: Tick) -> Standing {
        match self.shared.shelves.get_mut(&self.index(&key)) {
            Some(mut shelf) => shelf.standing(&key, limit, now),
            None => Standing::untouched(limit),
        }
    }

    /// How many clients are held, some of them perhaps without charges. Walks the whole store: for tests and gauges.
    pub fn clients(&self) -> usize {
        self.shared.shelves.iter().map(|shelf| shelf.clients()).sum()
    }

    fn index(&self, key: &Key) -> u64 {
        self.shared.hasher.hash_one(key) % self.shared.count
    }

    fn sweep(&self, now: Tick) {
        let due = self.shared.sweep_due.load(Ordering::Relaxed);
        let next = now.as_nanos().saturating_add(SWEEP_PAUSE);
        if now.as_nanos() < due
            || self.shared.sweep_due.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_err()
        {
            return;
        }
        let first = self.shared.sweep_next.fetch_add(SWEEP_SHELVES, Ordering::Relaxed);
        for turn in (first..).take(SWEEP_SHELVES as usize) {
            if let Some(mut shelf) = self.shared.shelves.get_mut(&(turn % self.shared.count)) {
                shelf.sweep(now);
            }
        }
    }
}

impl Default for MemoryStore {
    /// [`MemoryStore::new`].
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_of_clients_is_exceeded_by_the_shelves() {
        for clients in [1, 2, 31, 32, 33, 63, 65, 1000, 1 << 20] {
            let store = MemoryStore::bounded(NonZeroUsize::new(clients).unwrap(), SystemClock::new());
            let most = store.shared.count.get() as usize * store.shared.places;
            assert!(most <= clients && most * 2 > clients, "{clients}: {most}");
        }
        assert_eq!(MemoryStore::CLIENTS.get(), 1 << 20);
    }

    #[test]
    fn asking_takes_no_place() {
        let store = MemoryStore::new();
        let limit = Limit::new(5, std::time::Duration::from_secs(1)).unwrap();
        let key = store.key(1, &Client::Address([192, 0, 2, 1].into()));
        assert_eq!(store.standing(key, limit, store.now()), Standing::untouched(limit));
        assert_eq!(store.clients(), 0);
    }
}
