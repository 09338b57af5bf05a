//! Rate limits in Redis, for several processes.
//!
//! Threat: every process has its own count, so N processes give N rate limits (CWE-799); a Redis that is slow, silent or gone takes
//! the application with it (CWE-400, CWE-636). Promise: never more than N units in any window by the clock of the
//! server that holds the key, whatever the number of processes; a decision takes one round trip, and never longer than the timeout
//! from when it was sent.

mod background;
mod breaker;
mod charge;
mod connection;
mod leases;
mod names;
mod pending;
mod script;
mod server_clock;
mod wire;

use std::fmt;
use std::hash::RandomState;
use std::sync::Arc;
use std::time::Duration;

use redis::Client;
use redis::cluster::ClusterClient;
use tokio::time::Instant;

pub use self::charge::{Decision, RedisCharge};
use self::charge::{before, decision};
use self::connection::Peer;
use self::leases::Leases;
use self::names::{Name, Names};
use self::script::{Act, Call, Kind, RESERVE, SETTLE, Script, Verdict, Wish};
use self::wire::Line;
use super::limit::Limit;
use super::queue::Queues;
use super::status::RateLimitStatus;
use super::store::ChargeRequest as Ask;
use crate::config_error::ConfigError;
use crate::unavailable::Unavailable;

/// How long a decision may take, if nobody says otherwise.
const PATIENCE: Duration = Duration::from_millis(50);

/// (Feature `redis`.) Rate limits in one Redis 7 (or newer), Valkey or Redis Cluster, shared by every process that is given the same
/// address, prefix and secret. Clones share one connection, which is made when it is first needed and again when it broke.
///
/// The clock is the server's, so the processes' own may differ. Up to a limit of 16, each charge is kept to the
/// microsecond; over it, in parts of a 32nd of the window, rounded so that a charge is rather held too long. A client takes
/// one key for each rate limit, of at most 424 bytes and its name, which expires when its last charge leaves.
///
/// How many requests are in flight stands there too, for rate limits that don't count all requests, so that all processes tell a
/// rate limit that is full for a moment from one that is used up; what a process had in flight when it died counts so for a minute.
///
/// A decision that takes longer than the [timeout](Self::timeout), from the moment when it is sent, is [`Unavailable`]. At most 128
/// are under way at once for each process. Others wait for their turn, which is no outage; one that has waited for a second is
/// [`Unavailable`]. After five failures in a row none is
/// tried for a second, then one is; meanwhile the answer is [`Unavailable`] at once. On a cluster the rate limits of one client
/// are together on one node; a decision about several clients asks their nodes at the same time, and gives back what was
/// charged if one of them refuses.
///
/// Danger: a Redis without persistence starts all rate limits anew when it is restarted, and a fail-over may lose the last charges, because
/// replicas follow a little later. One that evicts (`maxmemory-policy` other than `noeviction`) forgets charges when it is
/// full. One whose clock is set forward forgets as much too early; set back, it holds charges until the clock has caught up. A
/// request whose answer was lost may have been charged (not one that the server comes to much later): what is uncertain counts. While a cluster moves a slot from one
/// node to another, clients of that slot are [`Unavailable`].
///
/// ```
/// use palisade::rate_limit::{RateLimitStore, RedisRateLimits};
///
/// # fn main() -> Result<(), palisade::ConfigError> {
/// # let secret = [7; 32];
/// let rate_limits: RateLimitStore = RedisRateLimits::new("redis://127.0.0.1:6379/0", "accounts", secret)?.into();
/// let builder = palisade::Palisade::builder().rate_limit_store(rate_limits);
/// # let _ = builder;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RedisRateLimits(Arc<Inner>);

struct Inner {
    line: Line,
    names: Names,
    timeout: Duration,
    reserve: Arc<Script>,
    settle: Arc<Script>,
    leases: Option<Leases>,
    queues: Arc<Queues>,
    numbers: RandomState,
}

impl RedisRateLimits {
    /// The Redis at this address: `redis://[user:password@]host:port/db`, or `rediss://` for TLS. Every key begins with the prefix.
    /// The secret, at least 32 random bytes and the same in all processes, hides in the keys whom they are about; another
    /// secret means other keys, so all rate limits start anew. Nothing is asked yet.
    ///
    /// # Errors
    ///
    /// An address that is none, a prefix that is empty or has a brace, or a secret that is too short.
    pub fn new(url: &str, prefix: impl Into<String>, secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        // The error may hold the address, and that a password.
        let client = Client::open(url)
            .map_err(|_| ConfigError::new("redis url", "is no address of a Redis; write `redis://host:port/db`"))?;
        Self::of(Peer::One(Box::new(client)), prefix.into(), secret.as_ref())
    }

    /// The Redis Cluster that the nodes at these addresses belong to; one that answers is enough. Otherwise as [`Self::new`].
    ///
    /// # Errors
    ///
    /// As [`Self::new`]; also no address, or addresses with different passwords.
    ///
    /// ```
    /// # let secret = [7; 32];
    /// let nodes = ["redis://10.0.0.1:6379", "redis://10.0.0.2:6379"];
    /// assert!(palisade::rate_limit::RedisRateLimits::cluster(nodes, "accounts", secret).is_ok());
    /// ```
    pub fn cluster<'u>(
        urls: impl IntoIterator<Item = &'u str>,
        prefix: impl Into<String>,
        secret: impl AsRef<[u8]>,
    ) -> Result<Self, ConfigError> {
        // What a connection that broke has sent may have been done: a second time would give back twice.
        let nodes = ClusterClient::builder(urls).retries(0);
        let client = nodes.connection_timeout(connection::CONNECTING).response_timeout(connection::CONNECTING).build();
        let client = client.map_err(|_| ConfigError::new("redis cluster", "are no addresses of one Redis Cluster"))?;
        Self::of(Peer::Cluster(Box::new(client)), prefix.into(), secret.as_ref())
    }

    fn of(peer: Peer, prefix: String, secret: &[u8]) -> Result<Self, ConfigError> {
        let names = Names::new(prefix, secret)?;
        let (reserve, settle) = (Arc::new(Script::new(RESERVE)), Arc::new(Script::new(SETTLE)));
        Ok(Self(Arc::new(Inner {
            line: Line::new(peer),
            names,
            timeout: PATIENCE,
            reserve,
            settle,
            leases: None,
            queues: Arc::default(),
            numbers: RandomState::new(),
        })))
    }

    /// How long a decision may take from the moment when it is sent, with the making of a connection where there is none. Default:
    /// 50 ms. Call it before the store is cloned.
    ///
    /// Danger: while Redis is silent, requests wait so long; what is too short refuses whenever the network is slow, and what
    /// was charged meanwhile stays charged.
    ///
    /// # Errors
    ///
    /// Zero, or a store that is cloned already.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # fn main() -> Result<(), palisade::ConfigError> {
    /// # let secret = [7; 32];
    /// let rate_limits = palisade::rate_limit::RedisRateLimits::new("redis://127.0.0.1/", "accounts", secret)?;
    /// let patient = rate_limits.timeout(Duration::from_millis(200))?;
    /// assert!(patient.timeout(Duration::ZERO).is_err());
    /// # Ok(()) }
    /// ```
    pub fn timeout(mut self, timeout: Duration) -> Result<Self, ConfigError> {
        if timeout.is_zero() {
            return Err(ConfigError::new("redis rate limit timeout", "is zero; no Redis answers so fast"));
        }
        let Some(inner) = Arc::get_mut(&mut self.0) else {
            return Err(ConfigError::new("redis rate limit timeout", "has to be said before the store is cloned"));
        };
        inner.timeout = timeout;
        Ok(self)
    }

    /// Lets this process take a share of a rate limit at once, which it may use up within the term without asking: so most decisions
    /// about a busy client need no round trip. Default: none. To be said before it is cloned.
    ///
    /// The total is never exceeded, whichever processes have leases. The price is on the other side: charges are held for the term
    /// longer, and what one process has leased another one can't use until it is given back, at the end of the term. While Redis
    /// does not answer, a lease counts until its end. A rate limit of which the share is less than two requests is asked for as ever.
    ///
    /// Danger: where a client is [reset](crate::RateLimiter::reset), other processes use up what they have leased.
    ///
    /// # Errors
    ///
    /// Unless the share is 1 to 20 percent and the term 10 milliseconds to 10 seconds; or a store that is cloned already.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # fn main() -> Result<(), palisade::ConfigError> {
    /// # let secret = [7; 32];
    /// let rate_limits = palisade::rate_limit::RedisRateLimits::new("redis://127.0.0.1/", "accounts", secret)?;
    /// let leasing = rate_limits.leases(5, Duration::from_millis(500))?;
    /// # let _ = leasing;
    /// # Ok(()) }
    /// ```
    pub fn leases(mut self, per_cent: u32, term: Duration) -> Result<Self, ConfigError> {
        if !(1..=20).contains(&per_cent) {
            return Err(ConfigError::new("redis rate limit leases", "are 1 to 20 percent of a rate limit"));
        }
        if !(Duration::from_millis(10)..=Duration::from_secs(10)).contains(&term) {
            return Err(ConfigError::new("redis rate limit leases", "last 10 milliseconds to 10 seconds"));
        }
        let Some(inner) = Arc::get_mut(&mut self.0) else {
            return Err(ConfigError::new("redis rate limit leases", "have to be said before the store is cloned"));
        };
        inner.leases = Some(Leases::new(per_cent, term));
        Ok(self)
    }

    /// Charges all that is asked, or, if a binding ask refuses, nothing. One that is not binding is charged if there is
    /// room for it. One decision for each ask, in their order.
    ///
    /// # Errors
    ///
    /// Redis did not answer in time: what of it was charged stays so.
    #[doc(hidden)]
    pub async fn reserve(&self, asks: &[Ask<'_>]) -> Result<Vec<Decision>, Unavailable> {
        let asked = Instant::now();
        let names = self.0.names.all(asks);
        if let Some(charges) = self.0.leases.as_ref().and_then(|leases| leases.take(self, asks, &names, asked)) {
            return Ok(charges.into_iter().map(Decision::Charged).collect());
        }
        let wish = |ask, name| self.0.leases.as_ref().map_or_else(Wish::default, |leases| leases.wish(ask, name));
        let each = asks.iter().zip(&names);
        let calls = each.map(|(ask, name)| (name, Call::reserve(&name.key, ask, wish(ask, name)))).collect();
        let answers = self.0.line.call::<Verdict>(&self.0.reserve, calls, self.0.timeout).await;
        let lost = answers.iter().any(|answer| answer.and_then(in_time).is_err());
        let refuses = |verdict: &Verdict| matches!(verdict.kind, Kind::Refused | Kind::InFlight);
        let refused = asks.iter().zip(&answers).any(|(ask, answer)| ask.binding && answer.as_ref().is_ok_and(refuses));
        let mut decisions = Vec::with_capacity(asks.len());
        let mut back = Vec::new();
        for ((ask, name), verdict) in asks.iter().zip(names).zip(answers) {
            let Ok(verdict) = verdict.and_then(in_time) else {
                // That one refused is known all the same.
                decisions.push(Decision::Spared(RateLimitStatus { remaining: 0, reset: Duration::ZERO }));
                continue;
            };
            let charged = verdict.kind == Kind::Charged;
            if charged
                && !lost
                && !refused
                && let Some(leases) = &self.0.leases
            {
                leases.keep(self, &name, ask, &verdict, asked);
            }
            match decision(self, ask, name, &verdict) {
                // Another node does not know that this one refused.
                Decision::Charged(mut charge) if lost || refused => {
                    decisions.push(Decision::Spared(before(&charge)));
                    charge.units = verdict.units;
                    back.push(charge);
                }
                decision => decisions.push(decision),
            }
        }
        if !back.is_empty() {
            self.take_back(back);
        }
        if lost && !refused { Err(Unavailable) } else { Ok(decisions) }
    }

    /// Gives back exactly what was charged, in the place that was charged, and says where the clients stand. What has left its
    /// window meanwhile, or was forgotten by a [reset](Self::reset), gives nothing back.
    ///
    /// # Errors
    ///
    /// Redis did not answer in time: they may stay charged.
    #[doc(hidden)]
    pub async fn release(&self, mut charges: Vec<RedisCharge>) -> Result<Vec<RateLimitStatus>, Unavailable> {
        // From here on, where nobody waits for the answer either, they are given back and not kept.
        let pending: Vec<bool> = charges.iter_mut().map(|charge| charge.pending.take().is_some()).collect();
        let acts = charges.iter().zip(&pending).map(|(charge, pending)| {
            let act = Act::GiveBack { generation: charge.generation, place: charge.place, pending: *pending };
            (&charge.name, charge.limit, charge.units, act)
        });
        let standings = self.settle(acts.collect()).await;
        charges.iter().for_each(|charge| self.settled(&charge.name));
        standings
    }

    /// Charges as many units as there is room for; never refuses.
    ///
    /// # Errors
    ///
    /// Redis did not answer in time: they may be charged.
    #[doc(hidden)]
    pub async fn charge(&self, ask: &Ask<'_>) -> Result<RateLimitStatus, Unavailable> {
        self.act(std::slice::from_ref(ask), Act::Charge).await?.into_iter().next().ok_or(Unavailable)
    }

    /// Where the clients stand. Charges nothing.
    ///
    /// # Errors
    ///
    /// Redis did not answer in time.
    #[doc(hidden)]
    pub async fn standing(&self, asks: &[Ask<'_>]) -> Result<Vec<RateLimitStatus>, Unavailable> {
        self.act(asks, Act::Look).await
    }

    /// Forgets all that this client was charged in this bucket; a charge taken before gives nothing back after.
    ///
    /// # Errors
    ///
    /// Redis did not answer in time: it may be forgotten.
    #[doc(hidden)]
    pub async fn reset(&self, ask: &Ask<'_>) -> Result<(), Unavailable> {
        if let Some(leases) = &self.0.leases {
            self.0.names.all(std::slice::from_ref(ask)).iter().for_each(|name| leases.drop(name));
        }
        self.act(std::slice::from_ref(ask), Act::Forget).await?;
        self.0.names.all(std::slice::from_ref(ask)).iter().for_each(|name| self.settled(name));
        Ok(())
    }

    async fn act(&self, asks: &[Ask<'_>], act: Act) -> Result<Vec<RateLimitStatus>, Unavailable> {
        let names = self.0.names.all(asks);
        let acts = asks.iter().zip(&names).map(|(ask, name)| (name, ask.limit, ask.cost.max(1), act));
        self.settle(acts.collect()).await
    }

    async fn settle(&self, acts: Vec<(&Name, Limit, u32, Act)>) -> Result<Vec<RateLimitStatus>, Unavailable> {
        let calls =
            acts.into_iter().map(|(name, limit, units, act)| (name, Call::settle(&name.key, limit, units, act)));
        let answers = self.0.line.call::<(u32, Duration)>(&self.0.settle, calls.collect(), self.0.timeout).await;
        answers
            .into_iter()
            .map(|answer| answer.map(|(remaining, reset)| RateLimitStatus { remaining, reset }))
            .collect()
    }

    fn end_of_lease(&self, lease: RedisCharge) -> Option<RedisCharge> {
        self.0.leases.as_ref()?.end(lease)
    }

    /// Not waited for: the request has its answer, and only what others may still use is at stake.
    fn take_back(&self, charges: Vec<RedisCharge>) {
        let store = self.clone();
        let _ends_by_itself = background::spawn(async move { store.release(charges).await });
    }
}

fn in_time(verdict: Verdict) -> Result<Verdict, Unavailable> {
    if verdict.kind == Kind::Late { Err(Unavailable) } else { Ok(verdict) }
}

impl fmt::Debug for RedisRateLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisRateLimits").field("prefix", &self.0.names.prefix()).finish_non_exhaustive()
    }
}
