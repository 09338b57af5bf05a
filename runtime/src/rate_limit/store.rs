//! Where rate limits are counted.
//!
//! Threat: a store that refuses one rate limit of a request after it charged another (a client pays for what it did not get), and
//! one that is down (CWE-636).
//! Promise: of what is asked together, all is charged or nothing; a store that does not answer says so, and decides nothing.

use std::fmt;

use smallvec::SmallVec;

use super::ask::Ask;
use super::client::Client;
use super::clock::Tick;
use super::memory::{self, MemoryRateLimits};
#[cfg(feature = "redis")]
use super::redis::{self, RedisCharge, RedisRateLimits};
use super::verdict::{RateLimitStatus, Refused};
use super::waiting::Queue;
use crate::unavailable::Unavailable;

/// Where rate limits are counted: a [`MemoryRateLimits`], for one process, or (feature `redis`) a `RedisRateLimits`, for several.
///
/// Both keep the same promise, and are the only ones that do: there is no trait for others, because the promise is in how a
/// charge is made, which no interface can demand.
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
    /// What counts by itself, and what counts in this process while the shared one is away.
    memory: MemoryRateLimits,
    #[cfg(feature = "redis")]
    shared: Option<RedisRateLimits>,
}

/// What became of one ask.
pub(crate) enum Decision {
    Charged(Reservation),
    Refused(Refused),
    /// There was room, but another ask refused.
    Spared(RateLimitStatus),
}

/// What was charged, and where.
pub(crate) enum Reservation {
    Memory(Room, memory::Charge),
    #[cfg(feature = "redis")]
    Redis(RedisCharge),
}

impl Reservation {
    pub(crate) fn standing(&self) -> RateLimitStatus {
        match self {
            Reservation::Memory(_, charge) => charge.standing(),
            #[cfg(feature = "redis")]
            Reservation::Redis(charge) => charge.standing(),
        }
    }

    /// Gives it back where nobody can wait, if it is in flight.
    pub(crate) fn release_at_once(self) {
        match self {
            Reservation::Memory(_, charge) => charge.release_at_once(),
            #[cfg(feature = "redis")]
            Reservation::Redis(charge) => charge.release_at_once(),
        }
    }
}

/// Where in memory: names that callers choose have a place of their own.
#[derive(Clone, Copy)]
pub(crate) enum Room {
    Known,
    Names,
}

impl Room {
    fn of(client: &Client<'_>) -> Self {
        match client {
            Client::Named { kind, .. } if kind != "api_key" => Self::Names,
            _ => Self::Known,
        }
    }

    fn in_store(self, memory: &MemoryRateLimits) -> &MemoryRateLimits {
        match self {
            Self::Known => memory,
            Self::Names => memory.names(),
        }
    }
}

/// A request has few rate limits: no allocation for up to two.
pub(crate) type Few<T> = SmallVec<[T; 2]>;

/// One of the two places where a request can be counted.
#[derive(Clone, Copy)]
pub(crate) enum Place<'s> {
    Memory(&'s MemoryRateLimits, Tick),
    #[cfg(feature = "redis")]
    Redis(&'s RedisRateLimits),
}

impl RateLimitStore {
    /// The one store of this process: see [`MemoryRateLimits::shared`].
    pub(crate) fn of_this_process() -> Self {
        MemoryRateLimits::shared().into()
    }

    pub(crate) fn place(&self) -> Place<'_> {
        #[cfg(feature = "redis")]
        if let Some(shared) = &self.shared {
            return Place::Redis(shared);
        }
        self.local()
    }

    /// The memory of this process, which always answers.
    pub(crate) fn local(&self) -> Place<'_> {
        Place::Memory(&self.memory, self.memory.now())
    }

    /// Gives back what was charged, each in its place, and says where the clients stand; what is out of reach stays charged.
    pub(crate) async fn release(&self, charges: Few<Reservation>) -> Few<Option<RateLimitStatus>> {
        #[cfg(feature = "redis")]
        let mut remote: Vec<RedisCharge> = Vec::new();
        let mut now = None;
        let mut standings = Few::new();
        for charge in charges {
            match charge {
                Reservation::Memory(room, charge) => {
                    let now = *now.get_or_insert_with(|| self.memory.now());
                    standings.push(Some(room.in_store(&self.memory).release(charge, now)));
                }
                #[cfg(feature = "redis")]
                Reservation::Redis(charge) => {
                    remote.push(charge);
                    standings.push(None);
                }
            }
        }
        #[cfg(feature = "redis")]
        if let Some(shared) = &self.shared
            && !remote.is_empty()
            && let Ok(returned) = shared.release(remote).await
        {
            // Those that are still unknown are the remote ones, in their order.
            let unknown = standings.iter_mut().filter(|standing| standing.is_none());
            unknown.zip(returned).for_each(|(standing, returned)| *standing = Some(returned));
        }
        standings
    }
}

impl Place<'_> {
    /// Charges all that is asked, or nothing; what only observes is charged where it can be.
    pub(crate) async fn reserve(self, asks: &[Ask<'_>]) -> Result<Few<Decision>, Unavailable> {
        match self {
            Place::Memory(memory, now) => Ok(reserve_in(memory, now, asks)),
            #[cfg(feature = "redis")]
            Place::Redis(redis) => {
                let decisions = redis.reserve(asks).await?;
                let decided = decisions.into_iter().map(|decision| match decision {
                    redis::Decision::Charged(charge) => Decision::Charged(Reservation::Redis(charge)),
                    redis::Decision::Refused(refused) => Decision::Refused(refused),
                    redis::Decision::Spared(standing) => Decision::Spared(standing),
                });
                Ok(decided.collect())
            }
        }
    }

    /// Who waits for what this client has in flight.
    pub(crate) fn queue(self, ask: &Ask<'_>) -> Queue {
        match self {
            Place::Memory(memory, _) => {
                let memory = Room::of(&ask.client).in_store(memory);
                memory.queue(memory.key(ask.bucket, &ask.client))
            }
            #[cfg(feature = "redis")]
            Place::Redis(redis) => redis.queue(ask),
        }
    }

    /// Where the client stands. Charges nothing.
    pub(crate) async fn standing(self, ask: &Ask<'_>) -> Result<RateLimitStatus, Unavailable> {
        match self {
            Place::Memory(memory, now) => {
                let memory = Room::of(&ask.client).in_store(memory);
                Ok(memory.standing(memory.key(ask.bucket, &ask.client), ask.limit, now))
            }
            #[cfg(feature = "redis")]
            Place::Redis(redis) => {
                redis.standing(std::slice::from_ref(ask)).await?.into_iter().next().ok_or(Unavailable)
            }
        }
    }

    /// Charges as much of it as there is room for.
    pub(crate) async fn charge(self, ask: &Ask<'_>) -> Result<RateLimitStatus, Unavailable> {
        match self {
            Place::Memory(memory, now) => {
                let memory = Room::of(&ask.client).in_store(memory);
                Ok(memory.charge(memory.key(ask.bucket, &ask.client), ask.limit, ask.cost, now))
            }
            #[cfg(feature = "redis")]
            Place::Redis(redis) => redis.charge(ask).await,
        }
    }

    /// Forgets all that the client was charged.
    pub(crate) async fn reset(self, ask: &Ask<'_>) -> Result<(), Unavailable> {
        match self {
            Place::Memory(memory, _) => {
                let memory = Room::of(&ask.client).in_store(memory);
                memory.reset(memory.key(ask.bucket, &ask.client), ask.limit);
                Ok(())
            }
            #[cfg(feature = "redis")]
            Place::Redis(redis) => redis.reset(ask).await,
        }
    }
}

/// One after the other. Another request may meanwhile be refused for a charge that is taken back: that errs to the safe side.
fn reserve_in(memory: &MemoryRateLimits, now: Tick, asks: &[Ask<'_>]) -> Few<Decision> {
    let mut decisions: Few<Decision> = Few::with_capacity(asks.len());
    let mut refused = false;
    for ask in asks {
        let room = Room::of(&ask.client);
        let memory = room.in_store(memory);
        let key = memory.key(ask.bucket, &ask.client);
        if refused && ask.binding {
            decisions.push(Decision::Spared(memory.standing(key, ask.limit, now)));
            continue;
        }
        let charged = if ask.pending {
            memory.reserve_pending(key, ask.limit, ask.cost, now)
        } else {
            memory.reserve(key, ask.limit, ask.cost, now)
        };
        match charged {
            Ok(charge) => decisions.push(Decision::Charged(Reservation::Memory(room, charge))),
            Err(no) => {
                refused |= ask.binding;
                decisions.push(Decision::Refused(no));
            }
        }
    }
    if refused {
        decisions = decisions.into_iter().map(|decision| spared(memory, now, decision)).collect();
    }
    decisions
}

fn spared(memory: &MemoryRateLimits, now: Tick, decision: Decision) -> Decision {
    match decision {
        Decision::Charged(Reservation::Memory(room, charge)) => {
            Decision::Spared(room.in_store(memory).release(charge, now))
        }
        other => other,
    }
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

/// While Redis is away, [`OnStoreFailure::Local`](crate::rate_limit::OnStoreFailure::Local) counts in [`MemoryRateLimits::shared`].
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
