//! Rate limits in the memory of this process.
//!
//! Threat: one limiter per worker gives N workers N rate limits.
//! Promise: one state for all clones.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, LazyLock, OnceLock};

use parking_lot::Mutex;

use super::client::Client;
use super::clock::{Clock, SystemClock, Tick};
use super::key::{Key, Keyed};
use super::limit::Limit;
use super::rack::Charged;
use super::shelf::Shelf;
use super::vault::Vault;
use super::verdict::{RateLimitStatus, Refused, Wait};
use super::waiting::{Queue, Queues};

/// Units that were charged. Dropping it leaves the client charged; only [`MemoryRateLimits::release`] gives them back, and
/// takes it by value, so that they are given back once.
#[derive(Debug)]
#[must_use = "a charge that is not released stays"]
pub struct Charge {
    key: Key,
    limit: Limit,
    units: u32,
    charged: Charged,
    /// Where it is in flight, if it is. Dropped, it stays charged, and is in flight no longer.
    pending: Option<MemoryRateLimits>,
}

impl Charge {
    /// Where the client stood right after this charge.
    pub fn standing(&self) -> RateLimitStatus {
        self.charged.standing()
    }

    /// Gives it back where nobody can wait, if it is in flight.
    pub(super) fn release_at_once(mut self) {
        if let Some(store) = self.pending.take() {
            let now = store.now();
            store.settle(&self, now);
        }
    }
}

impl Drop for Charge {
    #[inline]
    fn drop(&mut self) {
        if let Some(store) = self.pending.take() {
            store.shared.vault.keep(self.key, self.units);
            store.shared.queues.settled(self.key.number());
        }
    }
}

/// Rate limits in the memory of this process. Clones share one state.
///
/// ```
/// use palisade::rate_limit::{Client, Limit};
/// use palisade::testing::ManualClock;
/// use std::time::Duration;
///
/// let clock = ManualClock::new();
/// let store = palisade::rate_limit::MemoryRateLimits::with_clock(clock.clone());
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
/// **What a client takes.** In a full store, with all that is around it: at most 56 bytes for a limit up to 8, 88 up to
/// [`Limit::EXACT`], 96 up to 65,535 and 164 for a larger one; while it fills, some kilobytes a shelf and limit more. A new
/// store takes nothing for clients that don't come. Those without charges leave while requests come in: no more than
/// once a millisecond, one request looks at the next few of them.
///
/// **When it is full.** The bound is divided evenly over shelves of at most 2048 clients, and a keyed hash says on
/// which a client goes. The first of them is full before the whole is: with room for [`MemoryRateLimits::CLIENTS`] at 92 in a
/// hundred, with room for a few thousand at two thirds to three quarters (drawn at random). On a full shelf 32 clients are looked at: one
/// without charges leaves first, then the one with the smallest part of its rate limit used. That one's charges are
/// forgotten: only then may a client have more than its rate limit. One that is at its rate limit is never forgotten: if all on
/// the shelf are, a new client is refused ([`Cause::Crowded`](super::Cause::Crowded)).
#[derive(Clone)]
pub struct MemoryRateLimits {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Arc<dyn Clock>,
    keyed: Keyed,
    vault: Vault<Mutex<Shelf>>,
    bound: NonZeroUsize,
    names: OnceLock<MemoryRateLimits>,
    queues: Arc<Queues>,
}

impl MemoryRateLimits {
    /// How many clients [`MemoryRateLimits::new`] holds at most: 2^20, a little over a million.
    pub const CLIENTS: NonZeroUsize = NonZeroUsize::MIN.saturating_add((1 << 20) - 1);

    /// A store of its own, by the system's monotonic clock, with room for [`MemoryRateLimits::CLIENTS`].
    pub fn new() -> Self {
        Self::with_clock(SystemClock::new())
    }

    /// A store of its own, by another clock.
    pub fn with_clock(clock: impl Clock) -> Self {
        Self::bounded(Self::CLIENTS, clock)
    }

    /// A store of its own that never holds more than so many clients, and besides them a quarter as many by names that callers
    /// choose (fields, headers, what a function says), so that made-up names crowd out nobody else. A client is held once for
    /// each of its rate limits.
    ///
    /// ```
    /// use palisade::rate_limit::MemoryRateLimits;
    /// use palisade::rate_limit::SystemClock;
    /// use std::num::NonZeroUsize;
    ///
    /// let small = MemoryRateLimits::bounded(NonZeroUsize::MIN, SystemClock::new());
    /// assert_eq!(small.clients(), 0);
    /// ```
    pub fn bounded(clients: NonZeroUsize, clock: impl Clock) -> Self {
        Self::of(clients, Arc::new(clock))
    }

    fn of(bound: NonZeroUsize, clock: Arc<dyn Clock>) -> Self {
        let (keyed, vault) = (Keyed::new(), Vault::new(bound));
        Self { shared: Arc::new(Shared { clock, keyed, vault, bound, names: OnceLock::new(), queues: Arc::default() }) }
    }

    /// What counts by names that callers choose: they fill a place of their own, by the same clock.
    pub(super) fn names(&self) -> &Self {
        let Shared { clock, bound, names, .. } = &*self.shared;
        let quarter = bound.get().div_ceil(4);
        let quarter = NonZeroUsize::new(quarter).unwrap_or(NonZeroUsize::MIN);
        names.get_or_init(|| Self::of(quarter, Arc::clone(clock)))
    }

    /// The one store of this process. Every worker that asks gets a clone of the same, so that a server with four
    /// workers doesn't grant four rate limits.
    pub fn shared() -> Self {
        static SHARED: LazyLock<MemoryRateLimits> = LazyLock::new(MemoryRateLimits::new);
        SHARED.clone()
    }

    /// The present instant. Read it once a request, and pass it to the calls of that request.
    pub fn now(&self) -> Tick {
        self.shared.clock.now()
    }

    /// Condenses a client in a bucket to 16 bytes, with a hash whose key is a secret of this process. A bucket names a
    /// rate limit: one number for each that is counted apart, always with the same limit.
    ///
    /// ```
    /// use palisade::rate_limit::Client;
    ///
    /// let store = palisade::rate_limit::MemoryRateLimits::new();
    /// let client = Client::Address([192, 0, 2, 1].into());
    /// assert_eq!(store.key(1, &client), store.clone().key(1, &client));
    /// assert_ne!(store.key(1, &client), store.key(2, &client));
    /// ```
    #[inline]
    pub fn key(&self, bucket: u64, client: &Client<'_>) -> Key {
        self.shared.keyed.key(bucket, client)
    }

    /// Charges so many units, or refuses and charges none. A cost of 0 is one of 1; one over the limit is always refused.
    ///
    /// A charge that the handler's outcome excuses is given back with [`MemoryRateLimits::release`]. An instant earlier
    /// than the latest that came in counts as that one: threads that read their clocks before they come here may come in
    /// any order.
    ///
    /// # Errors
    /// [`Refused`], and nothing is charged.
    pub fn reserve(&self, key: Key, limit: Limit, cost: u32, now: Tick) -> Result<Charge, Refused> {
        let units = cost.max(1);
        let never = Wait::Spent(limit.nanos());
        if units > limit.limit() {
            return Err(never.into());
        }
        let charged = self.shared.vault.reserve(key, limit, units, now).unwrap_or(Err(never))?;
        Ok(Charge { key, limit, units, charged, pending: None })
    }

    /// The same for a charge that is in flight until it is released or dropped.
    pub(super) fn reserve_pending(&self, key: Key, limit: Limit, cost: u32, now: Tick) -> Result<Charge, Refused> {
        let units = cost.max(1);
        let never = Wait::Spent(limit.nanos());
        if units > limit.limit() {
            return Err(never.into());
        }
        let charged = self.shared.vault.reserve_pending(key, limit, units, now).unwrap_or(Err(never))?;
        Ok(Charge { key, limit, units, charged, pending: Some(self.clone()) })
    }

    /// Who waits for what this client has in flight.
    pub(super) fn queue(&self, key: Key) -> Queue {
        Queue::new(&self.shared.queues, key.number())
    }

    /// Charges as many of so many units as there is room for, for good, and says where the client stands. Refuses nothing:
    /// for what has happened already. In a store that has no place for a new client none are charged, and nothing is said
    /// to remain.
    ///
    /// ```
    /// use palisade::rate_limit::{Client, Limit};
    /// use std::time::Duration;
    ///
    /// let store = palisade::rate_limit::MemoryRateLimits::new();
    /// let (key, limit) = (store.key(1, &Client::Address([192, 0, 2, 1].into())), Limit::new(5, Duration::from_secs(60)).expect("neither is zero"));
    /// assert_eq!(store.charge(key, limit, 3, store.now()).remaining, 2);
    /// assert_eq!(store.charge(key, limit, 3, store.now()).remaining, 0);
    /// ```
    pub fn charge(&self, key: Key, limit: Limit, cost: u32, now: Tick) -> RateLimitStatus {
        let standing = self.shared.vault.charge(key, limit, cost.max(1), now);
        standing.unwrap_or_else(|| RateLimitStatus::untouched(limit))
    }

    /// Gives a charge back, in the very place that was charged, and says where the client stands. A charge that is
    /// forgotten already changes nothing.
    pub fn release(&self, mut charge: Charge, now: Tick) -> RateLimitStatus {
        if charge.pending.take().is_some() {
            return self.settle(&charge, now);
        }
        let Charge { key, limit, units, charged, .. } = charge;
        let standing = self.shared.vault.release(key, limit, charged.ticket, units, now);
        standing.unwrap_or_else(|| RateLimitStatus::untouched(limit))
    }

    fn settle(&self, charge: &Charge, now: Tick) -> RateLimitStatus {
        let Charge { key, limit, units, charged, .. } = *charge;
        let standing = self.shared.vault.release_pending(key, limit, charged.ticket, units, now);
        self.shared.queues.settled(key.number());
        standing.unwrap_or_else(|| RateLimitStatus::untouched(limit))
    }

    /// Where a client stands. Charges nothing, and takes no place for a client that has none.
    pub fn standing(&self, key: Key, limit: Limit, now: Tick) -> RateLimitStatus {
        self.shared.vault.standing(key, limit, now).unwrap_or_else(|| RateLimitStatus::untouched(limit))
    }

    /// Forgets what a client was charged in a bucket. A charge that was taken before gives nothing back after.
    ///
    /// ```
    /// use palisade::rate_limit::{Client, Limit};
    /// use std::time::Duration;
    ///
    /// let store = palisade::rate_limit::MemoryRateLimits::new();
    /// let (key, limit) = (store.key(1, &Client::Address([192, 0, 2, 1].into())), Limit::new(5, Duration::from_secs(60)).expect("neither is zero"));
    /// store.charge(key, limit, 5, store.now());
    /// store.reset(key, limit);
    /// assert_eq!(store.standing(key, limit, store.now()).remaining, 5);
    /// ```
    pub fn reset(&self, key: Key, limit: Limit) {
        self.shared.vault.reset(key, limit);
        self.shared.queues.settled(key.number());
    }

    /// How many clients are held, some of them perhaps without charges. Takes every lock in turn: for tests and gauges.
    pub fn clients(&self) -> usize {
        let names = self.shared.names.get().map_or(0, Self::clients);
        self.shared.vault.clients().saturating_add(names)
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rate_limit::verdict::Cause;

    #[test]
    fn asking_takes_no_place() {
        let store = MemoryRateLimits::new();
        let limit = Limit::new(5, std::time::Duration::from_secs(1)).unwrap();
        let key = store.key(1, &Client::Address([192, 0, 2, 1].into()));
        assert_eq!(store.standing(key, limit, store.now()), RateLimitStatus::untouched(limit));
        assert_eq!(store.clients(), 0);
    }

    #[test]
    fn a_cost_over_the_limit_is_refused_and_takes_no_place() {
        let store = MemoryRateLimits::new();
        let limit = Limit::new(5, std::time::Duration::from_secs(1)).unwrap();
        let key = store.key(1, &Client::Address([192, 0, 2, 1].into()));
        let refused = store.reserve(key, limit, 6, store.now()).unwrap_err();
        assert_eq!(refused, Refused { retry_after: limit.window(), cause: Cause::Spent });
        assert_eq!(store.clients(), 0);
    }
}
