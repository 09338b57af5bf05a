//! How often a client may call.
//!
//! Threat: passwords are guessed by many attempts (CWE-307); data is scraped, and expensive routes are overloaded by calls without
//! pause (CWE-770). The limiter itself is a target too: bursts at the edge of a window, many connections at once, millions of
//! addresses that push a blocked address out of memory.
//!
//! Promise: at most N units in *any* half-open window of length W, for every arrival pattern and any number of threads. The
//! error is one-sided: a client may be rejected a little too long, and is never admitted too early. A store holds a bounded
//! number of clients, and when it is full, a client at its rate limit is not evicted.
//!
//! ```
//! use std::time::Duration;
//! use palisade::RateLimit;
//! use palisade::rate_limit::{By, Count};
//!
//! const LOGIN: RateLimit = RateLimit::new("login", 5, Duration::from_secs(15 * 60))
//!     .count(Count::Failures)
//!     .by_each(&[By::Ip, By::Field("body.email")]);
//! # let _ = LOGIN;
//! ```
//!
//! # Why at most N
//!
//! Time is divided into slots of one `step` each. A charge at instant t is kept as the number s of the first slot that begins at t
//! or later, so t <= s * step. It is held until s * step + W, which means: at every instant before t + W. Units are charged only
//! under the lock of the client's shard, and only if the held and the new units together are at most N. Instants under one lock
//! never go back, because an earlier instant counts as the latest one seen. Now take any N + 1 units in the order in which they
//! were charged. If all of them had been charged in less than W, the first N would still have been held when the last one came,
//! and it would have been rejected. A unit that is refunded was not used; it is taken from the slot that was charged, or not at
//! all. Only two things end a charge early: a full store evicts a client that is below its rate limit, and a reset.
//!
//! # Who is rejected too early
//!
//! A unit is held for less than W + step, so a client that is rejected had N units within W + step. For N up to 16 the step is a
//! nanosecond if W is at most 2.1 seconds, otherwise less than a hundred-millionth of W: a microsecond in a quarter of an hour. For
//! a larger N it is W / 32: a steady client that stays 3.1 % below its rate limit is never rejected.
//!
//! # Charged before, settled after
//!
//! A charge is made before the handler runs and may be refunded after it, so that concurrent attempts cannot pass the rate
//! limit. A charge that is not refunded stays: a client that hangs up stays charged. Until it is decided whether a charge
//! stays, it is *in flight*. A store knows how many units of a full limit are in flight, because such a limit is not used up.
//! This decides what the response reports and whether the request may wait. It never changes how many requests are admitted.
//!
//! # How clients are kept in memory
//!
//! ```text
//! MemoryRateLimits
//! ├─ partition "verified":      addresses, principals, API keys
//! └─ partition "client-chosen": fields, headers, key functions
//!    │   each partition has a secret and a bound of its own
//!    │   client + bucket ──keyed hash──► 128 bits: 32 choose the shard, 96 are the fingerprint
//!    ▼
//!    sharded table:  │ shard │ shard │ shard │ ...   one lock each, at most 2048 clients
//!                        │
//!                        ▼
//!    one client table for each limit (N, W)
//!    ├─ fingerprint index: chains ──► slot index ──► next in chain    about 4 bytes a client
//!    └─ chunked vector:    │ slot │ slot │ slot │ ...                 64 slots a chunk
//!                             │
//!                             ▼
//!       fingerprint (12 bytes), serial number (4 bytes), and the window:
//!         N <= 16: sliding log       │ s │ s │ s │ s │     each unit: a time slot of 4 bytes
//!         N >  16: sliding counter   │ n │ n │ n │ ... │   33 slots: the units, 2 or 4 bytes
//! ```
//!
//! Sources: OWASP ASVS 5.0 V2.4.1, V6.3.1.

pub(crate) mod client_key;
pub(crate) mod definition;
mod headers;
mod known_address;
pub(crate) mod limit;
pub(crate) mod memory;
mod mounted;
mod queue;
#[cfg(feature = "redis")]
pub(crate) mod redis;
mod reservations;
pub(crate) mod status;
pub(crate) mod store;
mod window;

pub use self::definition::{By, Count, KeyAnswer, KeyFn, KeyText, OnStoreFailure, RateLimit, RateLimitMode};
pub use self::headers::RateLimitHeaders;
pub use self::memory::MemoryRateLimits;
#[cfg(feature = "redis")]
pub use self::redis::{RedisRateLimits, RedisRateLimitsBuilder};
pub use self::status::RateLimitStatus;
pub use self::store::RateLimitStore;

pub(crate) use self::client_key::Client;
pub(crate) use self::definition::{ConfiguredRateLimits, FieldKey, FieldKeys, InputPlace, InputScalar, Stage, normal};
pub(crate) use self::limit::Limit;
pub(crate) use self::mounted::{MountedRateLimit, MountedRateLimits};
pub(crate) use self::queue::{FullLimit, wait};
pub(crate) use self::reservations::{
    Observed, PendingCharge, PendingCharges, RateLimitRejection, Reservations, WrittenName,
};
pub(crate) use self::status::Cause;
pub(crate) use self::store::{ChargeRequest, Decision, Reservation};
