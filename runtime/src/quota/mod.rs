//! How often a client may call.
//!
//! Threat: passwords are guessed by trying many (CWE-307), data is scraped and costly routes are worn out by calling
//! them without pause (CWE-770). The limiter itself is a target too: bursts at the edge of a window, many
//! connections at once, addresses by the million that push a blocked one out of memory.
//!
//! Promise: never more than N charges in *any* half-open window of length W, whatever the arrival pattern and
//! however many threads. The error is one-sided: up to [`Limit::EXACT`] charges every instant is kept and a client
//! is refused only if it had N within exactly W; beyond that, charges are counted in sub-windows of W/32 and a
//! client is refused only if it had N within W × 33/32: a steady one that stays 3.1 % under its quota never is. The
//! store holds a bounded number of clients, and when it is full a client at its quota keeps its place.
//!
//! A charge is taken before the handler runs and may be given back after it, so that concurrent tries can't slip
//! past the quota. A charge that nobody gives back stays: a client that hangs up has paid.
//!
//! Sources: OWASP ASVS 5.0 V2.4.1, V6.3.1.

mod ask;
mod cells;
mod client;
mod clock;
mod counters;
mod index;
mod key;
mod limit;
mod lock;
mod log;
mod marks;
mod memory;
mod rack;
#[cfg(feature = "redis")]
mod redis;
mod shelf;
mod store;
mod vault;
mod verdict;

pub use clock::{Clock, SystemClock, Tick};
pub use memory::MemoryStore;
#[cfg(feature = "redis")]
pub use redis::RedisQuotas;
pub use store::QuotaStore;
pub(crate) use store::{Decision, Few, Place, Reservation};

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
pub use verdict::Standing;
#[doc(hidden)]
pub use verdict::{Cause, Refused};
