//! Quotas in the memory of this process.
//!
//! Threat: one limiter per worker gives N workers N quotas; keys chosen to collide make every request walk one long
//! chain (CWE-407); a lock held over the whole map lets one sweep stop all requests.
//! Promise: one state for all clones, a hash keyed by a secret of this process, and never more than one of the map's
//! locks held, for at most [`PLACES`] clients at a time.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use dashmap::DashMap;

use super::clock::{Clock, SystemClock, Tick};
use super::limit::Limit;
use super::shelf::{Refused, Shelf};
use super::window::{Standing, Ticket};

/// How many clients a shelf can hold: few enough to look at all of them when one must leave.
const PLACES: usize = 32;

/// A sweep is due so many nanoseconds after the last, and looks at so many shelves.
const SWEEP_PAUSE: u64 = 1_000_000;
const SWEEP_SHELVES: u64 = 16;

/// Whom a quota counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Client {
    /// A network address. It is compared as it is: what shall count as one client (an IPv4 address and its IPv6 form,
    /// all of a /64) must have been made one before.
    Address(IpAddr),
    /// A verified identity.
    Subject(Subject),
}

/// A subject of an issuer, as [`MemoryStore::subject`] condenses it. It tells nothing about the names, and means
/// nothing to a store that is not a clone of the one that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Subject([u64; 2]);

/// One client in one bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Which quota: one number for each that is counted apart.
    pub bucket: u64,
    /// Whom it counts.
    pub client: Client,
}

/// A unit that was charged. Dropping it leaves the client charged; only [`MemoryStore::release`] gives it back, and
/// takes it by value, so that it is given back once.
#[derive(Debug)]
#[must_use = "a charge that is not released stays"]
pub struct Charge {
    key: Key,
    limit: Limit,
    ticket: Ticket,
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
/// use palisade::quota::{Client, Key, Limit};
/// use palisade::testing::ManualClock;
/// use std::time::Duration;
///
/// let clock = ManualClock::new();
/// let store = palisade::MemoryStore::with_clock(clock.clone());
/// let login = Limit::new(2, Duration::from_secs(900)).expect("neither is zero");
/// let key = Key { bucket: 1, client: Client::Address([192, 0, 2, 1].into()) };
///
/// let first = store.reserve(key, login, store.now()).expect("nothing was charged");
/// assert_eq!(first.standing().remaining, 1);
/// clock.advance(Duration::from_secs(60));
/// let second = store.reserve(key, login, store.now()).expect("one was charged");
///
/// let refused = store.reserve(key, login, store.now()).expect_err("two were charged");
/// assert_eq!(refused.retry_after, Duration::from_secs(840));
///
/// store.release(second, store.now());
/// assert_eq!(store.standing(key, login, store.now()).remaining, 1);
/// ```
///
/// A client takes at most about 300 bytes, and at most about 150 when its limit is 5. Those without charges leave
/// while requests come in: at most every millisecond one request looks at the next few of them.
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
    shelves: DashMap<u64, Shelf>,
    count: NonZeroU64,
    places: usize,
    sweep_due: AtomicU64,
    sweep_next: AtomicU64,
}

impl MemoryStore {
    /// How many clients [`MemoryStore::new`] holds at most: 2^20, a little over a million.
    pub const CLIENTS: NonZeroUsize = NonZeroUsize::MIN.saturating_mul(NonZeroUsize::new(1 << 20).expect("not zero"));

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
                shelves: DashMap::new(),
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

    /// Condenses an identity to 16 bytes with a keyed hash: names of any length take the same room, and nobody
    /// outside can find two that collide. Only for identities that were verified.
    ///
    /// ```
    /// let store = palisade::MemoryStore::new();
    /// assert_eq!(store.subject("https://id.example", "ann"), store.clone().subject("https://id.example", "ann"));
    /// assert_ne!(store.subject("https://id.example", "ann"), store.subject("https://other.example", "ann"));
    /// ```
    pub fn subject(&self, issuer: &str, subject: &str) -> Subject {
        // Twice 64 bits of one keyed function, at two inputs that differ.
        Subject([0_u8, 1].map(|half| self.shared.hasher.hash_one((half, issuer, subject))))
    }

    /// Charges one unit, or refuses.
    ///
    /// A charge that the handler's outcome excuses is given back with [`MemoryStore::release`]. An instant earlier
    /// than one that the store saw before for this client counts as that later one.
    ///
    /// # Errors
    /// [`Refused`], and nothing is charged.
    pub fn reserve(&self, key: Key, limit: Limit, now: Tick) -> Result<Charge, Refused> {
        self.sweep(now);
        let places = self.shared.places;
        let index = self.index(&key);
        let known = self.shared.shelves.get_mut(&index).map(|mut shelf| shelf.reserve(&key, limit, now, places));
        let (ticket, standing) = match known {
            Some(outcome) => outcome,
            None => self.shared.shelves.entry(index).or_default().reserve(&key, limit, now, places),
        }?;
        Ok(Charge { key, limit, ticket, standing })
    }

    /// Gives a charge back, in the very place that was charged, and says where the client stands. A charge that is
    /// forgotten already changes nothing.
    pub fn release(&self, charge: Charge, now: Tick) -> Standing {
        let Charge { key, limit, ticket, .. } = charge;
        match self.shared.shelves.get_mut(&self.index(&key)) {
            Some(mut shelf) => {
                shelf.release(&key, limit, ticket);
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
