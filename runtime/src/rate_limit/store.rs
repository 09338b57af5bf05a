//! Where rate limits are counted.
//!
//! Threat: a store that charges one rate limit of a request and then rejects another one (a client is charged for a request
//! that was not admitted); a shared store that does not respond (CWE-636).
//! Promise: of the rate limits that are charged together, all are charged or none. A store that does not respond returns
//! [`Unavailable`], and never guesses.

use std::fmt;

use smallvec::SmallVec;

use super::client_key::Client;
use super::limit::Limit;
use super::memory::{self, MemoryRateLimits};
use super::queue::Queue;
#[cfg(feature = "redis")]
use super::redis::{self, RedisCharge, RedisRateLimits};
use super::status::{RateLimitStatus, Rejected};
use crate::unavailable::Unavailable;

/// Where rate limits are counted: a [`MemoryRateLimits`], for one process, or (feature `redis`) a `RedisRateLimits`, for several.
///
/// Both keep the same promise. There is no trait for other stores, because the promise depends on how a charge is made, and
/// no interface can enforce that.
///
/// ```
/// use palisade::Palisade;
/// use palisade::rate_limit::{MemoryRateLimits, RateLimitStore};
///
/// let own: RateLimitStore = MemoryRateLimits::new().into();
/// let builder = Palisade::builder().rate_limit_store(own);
/// # let _ = builder;
/// ```
#[derive(Clone)]
pub struct RateLimitStore {
    /// Counts if there is no shared store, and for some rate limits while the shared store does not respond.
    memory: MemoryRateLimits,
    #[cfg(feature = "redis")]
    shared: Option<RedisRateLimits>,
}

/// A request to charge one client's rate limit.
#[derive(Clone, Debug)]
pub struct ChargeRequest<'a> {
    /// The number of the bucket: one for each rate limit that is counted separately. A bucket always has the same limit.
    pub bucket: u64,
    /// How many units in which time.
    pub limit: Limit,
    /// How many units to charge, at least 1.
    pub cost: u32,
    /// The client to charge.
    pub client: Client<'a>,
    /// Whether a rejection rejects everything that is charged together with it. `false` for a rate limit that only observes.
    pub binding: bool,
    /// Whether it is decided later if the charge stays. Until then it is in flight.
    pub settles_later: bool,
}

/// The outcome of one charge request.
pub(crate) enum Decision {
    Charged(Reservation),
    Rejected(Rejected),
    /// There was room, but another charge of the same request was rejected, so this one was rolled back or never made.
    RolledBack(RateLimitStatus),
}

/// A charge, and the store that made it.
pub(crate) enum Reservation {
    Memory(memory::Charge),
    #[cfg(feature = "redis")]
    Redis(RedisCharge),
}

impl Reservation {
    /// What the client had left right after the charge.
    pub(crate) fn status(&self) -> RateLimitStatus {
        match self {
            Reservation::Memory(charge) => charge.status(),
            #[cfg(feature = "redis")]
            Reservation::Redis(charge) => charge.status(),
        }
    }

    /// Refunds a charge in flight from code that cannot wait, such as `Drop`. A charge that is not in flight stays.
    pub(crate) fn refund_at_once(self) {
        match self {
            Reservation::Memory(charge) => charge.refund_at_once(),
            #[cfg(feature = "redis")]
            Reservation::Redis(charge) => charge.refund_at_once(),
        }
    }
}

/// A request has few rate limits: up to two need no allocation.
pub(crate) type Few<T> = SmallVec<[T; 2]>;

impl RateLimitStore {
    /// The one store of this process: see [`MemoryRateLimits::shared`].
    pub(crate) fn of_this_process() -> Self {
        MemoryRateLimits::shared().into()
    }

    /// Whether it is the memory of this process, which always answers.
    pub(crate) fn is_local(&self) -> bool {
        #[cfg(feature = "redis")]
        return self.shared.is_none();
        #[cfg(not(feature = "redis"))]
        true
    }

    /// The memory of this process, as a store of its own. It always answers.
    pub(crate) fn local(&self) -> Self {
        self.memory.clone().into()
    }

    /// Charges all requests, or none if a binding one is rejected. A request that is not binding is charged if there is room.
    /// Returns one decision for each request, in their order.
    ///
    /// # Errors
    ///
    /// The shared store does not respond.
    pub(crate) async fn reserve(&self, requests: &[ChargeRequest<'_>]) -> Result<Few<Decision>, Unavailable> {
        #[cfg(feature = "redis")]
        if let Some(redis) = &self.shared {
            return reserve_in_redis(redis, requests).await;
        }
        Ok(self.reserve_in_memory(requests))
    }

    /// [`reserve`](Self::reserve) if it needs no waiting: if there is no shared store.
    pub(crate) fn reserve_at_once(&self, requests: &[ChargeRequest<'_>]) -> Option<Few<Decision>> {
        self.is_local().then(|| self.reserve_in_memory(requests))
    }

    fn reserve_in_memory(&self, requests: &[ChargeRequest<'_>]) -> Few<Decision> {
        let now = self.memory.now();
        let mut decisions: Few<Decision> = Few::with_capacity(requests.len());
        let mut rejected = false;
        // One charge after the other. Meanwhile another request may be rejected because of a charge that is rolled back: this errs
        // on the safe side.
        for request in requests {
            let partition = self.memory.partition(&request.client);
            let key = partition.shared.hasher.key(request.bucket, &request.client);
            if rejected && request.binding {
                decisions.push(Decision::RolledBack(partition.status(key, request.limit, now)));
                continue;
            }
            let charged = if request.settles_later {
                partition.reserve_in_flight(key, request.limit, request.cost, now)
            } else {
                partition.reserve(key, request.limit, request.cost, now)
            };
            match charged {
                Ok(charge) => decisions.push(Decision::Charged(Reservation::Memory(charge))),
                Err(rejection) => {
                    rejected |= request.binding;
                    decisions.push(Decision::Rejected(rejection));
                }
            }
        }
        if rejected {
            let roll_back = |decision| match decision {
                Decision::Charged(Reservation::Memory(charge)) => Decision::RolledBack(self.memory.refund(charge, now)),
                other => other,
            };
            decisions = decisions.into_iter().map(roll_back).collect();
        }
        decisions
    }

    /// Refunds charges, each in the store that made it, and returns what the clients have left. `None` for a charge whose store
    /// does not respond: it stays charged.
    pub(crate) async fn refund(&self, charges: Few<Reservation>) -> Few<Option<RateLimitStatus>> {
        #[cfg(feature = "redis")]
        let mut remote: Vec<RedisCharge> = Vec::new();
        let mut now = None;
        let mut statuses = Few::new();
        for charge in charges {
            match charge {
                Reservation::Memory(charge) => {
                    let now = *now.get_or_insert_with(|| self.memory.now());
                    statuses.push(Some(self.memory.refund(charge, now)));
                }
                #[cfg(feature = "redis")]
                Reservation::Redis(charge) => {
                    remote.push(charge);
                    statuses.push(None);
                }
            }
        }
        #[cfg(feature = "redis")]
        if let Some(shared) = &self.shared
            && !remote.is_empty()
            && let Ok(returned) = shared.refund(remote).await
        {
            // The statuses that are still unknown are those of the remote charges, in their order.
            let unknown = statuses.iter_mut().filter(|status| status.is_none());
            unknown.zip(returned).for_each(|(status, returned)| *status = Some(returned));
        }
        statuses
    }

    /// The queue of the requests that wait for this client's charges in flight.
    pub(crate) fn queue(&self, request: &ChargeRequest<'_>) -> Queue {
        #[cfg(feature = "redis")]
        if let Some(redis) = &self.shared {
            return redis.queue(request);
        }
        let partition = self.memory.partition(&request.client);
        partition.queue(partition.key(request.bucket, &request.client))
    }

    /// What the client has left. Charges nothing.
    ///
    /// # Errors
    ///
    /// The shared store does not respond. [`charge`](Self::charge) and [`reset`](Self::reset) return the same error.
    pub(crate) async fn status(&self, request: &ChargeRequest<'_>) -> Result<RateLimitStatus, Unavailable> {
        #[cfg(feature = "redis")]
        if let Some(redis) = &self.shared {
            return redis.status(std::slice::from_ref(request)).await?.into_iter().next().ok_or(Unavailable);
        }
        let partition = self.memory.partition(&request.client);
        Ok(partition.status(partition.key(request.bucket, &request.client), request.limit, self.memory.now()))
    }

    /// Charges as much of the cost as there is room for. Rejects nothing.
    pub(crate) async fn charge(&self, request: &ChargeRequest<'_>) -> Result<RateLimitStatus, Unavailable> {
        #[cfg(feature = "redis")]
        if let Some(redis) = &self.shared {
            return redis.charge(request).await;
        }
        let partition = self.memory.partition(&request.client);
        let key = partition.key(request.bucket, &request.client);
        Ok(partition.charge(key, request.limit, request.cost, self.memory.now()))
    }

    /// Forgets everything that the client was charged.
    pub(crate) async fn reset(&self, request: &ChargeRequest<'_>) -> Result<(), Unavailable> {
        #[cfg(feature = "redis")]
        if let Some(redis) = &self.shared {
            return redis.reset(request).await;
        }
        let partition = self.memory.partition(&request.client);
        partition.reset(partition.key(request.bucket, &request.client), request.limit);
        Ok(())
    }
}

#[cfg(feature = "redis")]
async fn reserve_in_redis(
    redis: &RedisRateLimits,
    requests: &[ChargeRequest<'_>],
) -> Result<Few<Decision>, Unavailable> {
    let decisions = redis.reserve(requests).await?.into_iter().map(|decision| match decision {
        redis::RedisDecision::Charged(charge) => Decision::Charged(Reservation::Redis(charge)),
        redis::RedisDecision::Rejected(rejected) => Decision::Rejected(rejected),
        redis::RedisDecision::RolledBack(status) => Decision::RolledBack(status),
    });
    Ok(decisions.collect())
}

impl From<MemoryRateLimits> for RateLimitStore {
    fn from(memory: MemoryRateLimits) -> Self {
        Self {
            memory,
            #[cfg(feature = "redis")]
            shared: None,
        }
    }
}

/// While Redis does not respond, [`OnStoreFailure::Local`](super::OnStoreFailure::Local) counts in [`MemoryRateLimits::shared`].
#[cfg(feature = "redis")]
impl From<RedisRateLimits> for RateLimitStore {
    fn from(shared: RedisRateLimits) -> Self {
        Self { memory: MemoryRateLimits::shared(), shared: Some(shared) }
    }
}

impl fmt::Debug for RateLimitStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("RateLimitStore");
        shown.field("memory", &self.memory);
        #[cfg(feature = "redis")]
        shown.field("shared", &self.shared);
        shown.finish()
    }
}
