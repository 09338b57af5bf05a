//! How often a client may call.
//!
//! Threat: passwords are guessed by trying many (CWE-307), data is scraped and costly routes are worn out by calling
//! them without pause (CWE-770). The limiter itself is a target too: bursts at the edge of a window, many
//! connections at once, addresses by the million that push a blocked one out of memory.
//!
//! Promise: never more than N units in *any* half-open window of length W, whatever the arrival pattern and however many
//! threads. The error is one-sided: a client may be held back a little too long, and is never admitted too early. The store
//! holds a bounded number of clients, and when it is full a client at its rate limit keeps its place.
//!
//! **Why never more.** An instant t is kept as its mark m, the number of the first step that begins at t or later: t <= m * step.
//! Its unit is held until m * step + W, and so at every instant before t + W. A unit is charged only under the lock of
//! the client's shelf, and only where those held and the new are N at most. Instants under one lock never go back, because
//! an earlier one counts as the latest seen. So take any N + 1 units in the order in which they were charged: had all of
//! them been charged in less than W, the first N would have been held when the last came, and it would have been refused. A unit
//! that is given back was not used, and is taken from the mark where it was added, or nowhere. What can end this early is the
//! eviction of a client that is under its rate limit from a full store, and a reset.
//!
//! **Who is refused early.** A unit is held for less than W + step: who is refused had N units within W + step. The step
//! is a nanosecond for N up to [`Limit::EXACT`] and W up to 2.1 seconds; for a longer W it is less than a hundred-millionth of it,
//! a microsecond in a quarter of an hour. For a larger N it is W / 32: a steady client that stays 3.1 % under its rate limit is never
//! refused. [`Limit::slack`] says it for each limit.
//!
//! A charge is taken before the handler runs and may be given back after it, so that concurrent tries can't slip
//! past the rate limit. A charge that nobody gives back stays: a client that hangs up has paid. Until it is given back, or it is sure
//! that it stays, it is *in flight*: a store knows how much of a full limit is, because such a limit is not used up. That decides
//! what a client is told and whether it may wait, and never how many are admitted.
//!
//! Sources: OWASP ASVS 5.0 V2.4.1, V6.3.1.

mod ask;
#[path = "window/mod.rs"]
mod cells;
mod client;
mod clock;
#[path = "window/sliding_counter.rs"]
mod counters;
mod definition;
#[path = "memory/in_flight.rs"]
mod in_flight;
#[path = "memory/fingerprint_index.rs"]
mod index;
#[path = "client_key.rs"]
mod key;
mod limit;
mod lock;
#[path = "window/sliding_log.rs"]
mod log;
#[path = "window/time_slots.rs"]
mod marks;
#[path = "memory/partition.rs"]
mod memory;
mod mode;
#[path = "memory/chunked_vec.rs"]
mod pile;
#[path = "memory/client_table.rs"]
mod rack;
#[cfg(feature = "redis")]
mod redis;
#[path = "memory/shard.rs"]
mod shelf;
mod store;
#[path = "memory/sharded_table.rs"]
mod vault;
#[path = "status.rs"]
mod verdict;
#[path = "queue.rs"]
mod waiting;

pub use self::definition::{By, Count, KeyAnswer, KeyFn, KeyText, OnStoreFailure, RateLimit};
#[doc(hidden)]
pub use self::definition::{FieldKeys, pending_key};
pub(crate) use self::definition::{Stage, normal};
pub use clock::{Clock, SystemClock, Tick};
pub use memory::MemoryRateLimits;
pub use mode::{RateLimitHeaders, RateLimitMode};
#[cfg(feature = "redis")]
pub use redis::RedisRateLimits;
pub use store::RateLimitStore;
pub(crate) use store::{Decision, Few, Place, Reservation};
pub(crate) use waiting::Queue;

#[doc(hidden)]
pub use ask::Ask;
#[doc(hidden)]
pub use client::Client;
#[doc(hidden)]
pub use clock::ManualClock;
#[doc(hidden)]
pub use key::Key;
#[doc(hidden)]
pub use limit::Limit;
#[doc(hidden)]
pub use memory::Charge;
#[cfg(feature = "redis")]
#[doc(hidden)]
pub use redis::{Decision as RedisDecision, RedisCharge};
pub use verdict::RateLimitStatus;
#[doc(hidden)]
pub use verdict::{Cause, Refused};
