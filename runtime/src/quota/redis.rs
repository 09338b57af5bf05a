//! Quotas in Redis, for several processes.
//!
//! Threat: P processes that count each for itself grant P quotas (CWE-799); a Redis that is slow or gone takes the API with
//! it, or opens it (CWE-636); whoever can read it learns who calls (CWE-359).
//! Promise: the same as in memory, decided by one script in one round trip by the server's own clock; an answer within the
//! timeout, or none; nothing in it tells an address or a name.

mod breaker;
mod line;
mod reply;
mod script;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;

use self::line::Line;
use self::reply::Outcome;
use self::script::{Call, DECIDE, Mode, RELEASE, terms};
use super::ask::Ask;
use super::client::Client;
use super::limit::Limit;
use super::verdict::{Cause, Refused, Standing};
use crate::error::ConfigError;
use crate::policy::Unavailable;

/// (Feature `redis`.) Quotas in a Redis 7, Valkey or Redis Cluster, shared by every process that is given the same address,
/// prefix and secret. Clones share one connection, which is made when it is first needed and again when it broke.
///
/// The promise is that of [`MemoryStore`](crate::MemoryStore): never more than N in any window, by the server's clock to the
/// microsecond. Everything expires with the window that it is about. Commands: `EVALSHA`, `EVAL`, and in them `TIME`, `GET`,
/// `SET`, `DEL`.
///
/// Danger:
/// - One without persistence, or that evicts (`maxmemory-policy` other than `noeviction`), forgets: quotas start anew. So does a
///   replica that takes over before it had the last writes.
/// - An answer that comes after the timeout may have been a charge: a client then has less than its quota, never more.
///
/// ```
/// use palisade::{Palisade, RedisQuotas};
///
/// # fn main() -> Result<(), palisade::ConfigError> {
/// # let secret = [7; 32];
/// let quotas = RedisQuotas::new("redis://127.0.0.1:6379/0", "accounts", secret)?;
/// let builder = Palisade::builder().quota_store(quotas);
/// # let _ = builder;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RedisQuotas(Arc<Inner>);

struct Inner {
    line: Line,
    prefix: String,
    secret: hmac::Key,
}

/// Units that were charged. Dropping it leaves the client charged.
#[derive(Debug)]
#[must_use = "a charge that is not released stays"]
pub struct RedisCharge {
    key: String,
    limit: Limit,
    cost: u32,
    place: u64,
    generation: u64,
    standing: Standing,
    instant: Duration,
}

impl RedisCharge {
    /// Where the client stood right after this charge.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// When it was made, by the server's clock.
    pub fn instant(&self) -> Duration {
        self.instant
    }
}

/// What became of one ask.
#[derive(Debug)]
pub enum Decision {
    /// The units are charged.
    Charged(RedisCharge),
    /// There are not as many.
    Refused(Refused),
    /// There are, but another ask refused.
    Spared(Standing),
}

impl RedisQuotas {
    /// The Redis at this address: `redis://[user:password@]host:port/db`, or `rediss://` for TLS. Every key begins with the
    /// prefix. The secret hides whom the keys are about: at least 32 random bytes, the same in all processes. Nothing is
    /// asked yet.
    ///
    /// # Errors
    ///
    /// An address that is none, an empty prefix, a short secret.
    pub fn new(url: &str, prefix: impl Into<String>, secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        Self::of(Line::to_one(url)?, prefix.into(), secret.as_ref())
    }

    /// The Redis Cluster that some of whose nodes have these addresses. All quotas of one client are in one slot, by a hash
    /// tag; a request that is counted for several clients asks their nodes at the same time.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn cluster(
        urls: impl IntoIterator<Item = impl AsRef<str>>,
        prefix: impl Into<String>,
        secret: impl AsRef<[u8]>,
    ) -> Result<Self, ConfigError> {
        let urls: Vec<String> = urls.into_iter().map(|url| url.as_ref().to_owned()).collect();
        Self::of(Line::to_cluster(urls)?, prefix.into(), secret.as_ref())
    }

    fn of(line: Line, prefix: String, secret: &[u8]) -> Result<Self, ConfigError> {
        if prefix.is_empty() || prefix.contains(['{', '}']) {
            let problem = "is empty or has a brace; name the application, so that no other uses its keys";
            return Err(ConfigError::new("redis prefix", problem));
        }
        if secret.len() < 32 {
            return Err(ConfigError::new("redis quota secret", "has less than 32 bytes; take random ones"));
        }
        Ok(Self(Arc::new(Inner { line, prefix, secret: hmac::Key::new(hmac::HMAC_SHA256, secret) })))
    }

    /// How long a decision may take, with all that it needs. Default: 50 ms. To be said before it is cloned.
    ///
    /// After five answers in a row that did not come in time, or not at all, nobody waits for a second; then one request
    /// tries. What holds meanwhile is each quota's [`Outage`](crate::Outage).
    ///
    /// # Errors
    ///
    /// Less than a millisecond, more than ten seconds, or a store that is cloned already.
    pub fn timeout(mut self, timeout: Duration) -> Result<Self, ConfigError> {
        if !(Duration::from_millis(1)..=Duration::from_secs(10)).contains(&timeout) {
            return Err(ConfigError::new("redis timeout", "is 1 millisecond to 10 seconds"));
        }
        let Some(inner) = Arc::get_mut(&mut self.0) else {
            return Err(ConfigError::new("redis timeout", "has to be said before the store is cloned"));
        };
        inner.line.timeout = timeout;
        Ok(self)
    }

    /// Charges all that is asked, or nothing; an ask that does not bind is charged where it can be, and hinders nobody.
    ///
    /// # Errors
    ///
    /// No answer in time. What was asked may be charged all the same.
    #[doc(hidden)]
    pub async fn reserve(&self, asks: &[Ask<'_>]) -> Result<Vec<Decision>, Unavailable> {
        let groups = self.groups(asks);
        if let [only] = groups.as_slice() {
            return self.decide(only, asks).await;
        }
        let decided = join_all(groups.iter().map(|group| self.decide(group, asks))).await;
        let whole = decided.iter().all(Result::is_ok);
        let refused = |decision: &Decision, ask: &Ask<'_>| matches!(decision, Decision::Refused(_)) && ask.binding;
        let mut all: Vec<Option<Decision>> = asks.iter().map(|_| None).collect();
        let of_groups = groups.iter().zip(decided).filter_map(|(group, decided)| Some((group, decided.ok()?)));
        for (at, decision) in of_groups.flat_map(|(group, decided)| group.places.iter().zip(decided)) {
            if let Some(place) = all.get_mut(*at) {
                *place = Some(decision);
            }
        }
        let no = all.iter().zip(asks).any(|(decision, ask)| decision.as_ref().is_some_and(|known| refused(known, ask)));
        if no || !whole {
            self.take_back(&mut all).await?;
        }
        // Where a node did not answer, there is no decision.
        all.into_iter().collect::<Option<Vec<_>>>().ok_or(Unavailable)
    }

    /// Gives charges back, each in its place, and says where the clients stand.
    ///
    /// # Errors
    ///
    /// No answer in time: then they stay, or not.
    #[doc(hidden)]
    pub async fn release(&self, charges: Vec<RedisCharge>) -> Result<Vec<Standing>, Unavailable> {
        let each = charges.into_iter().map(async |charge| {
            let mut call = Call::new(&RELEASE);
            call.key(&charge.key);
            terms(charge.limit).into_iter().for_each(|term| call.argument(term));
            for term in [u64::from(charge.cost), charge.place, charge.generation] {
                call.argument(term);
            }
            let outcome = self.0.line.ask(&call).await?.into_iter().next();
            outcome.map(|outcome| outcome.standing).ok_or(Unavailable)
        });
        join_all(each).await.into_iter().collect()
    }

    /// Charges as much of what is asked as there is room for.
    ///
    /// # Errors
    ///
    /// No answer in time. What was asked may be charged all the same.
    #[doc(hidden)]
    pub async fn charge(&self, ask: &Ask<'_>) -> Result<Standing, Unavailable> {
        self.one(Mode::Charge, ask).await
    }

    /// Where the clients stand. Charges nothing.
    ///
    /// # Errors
    ///
    /// No answer in time.
    #[doc(hidden)]
    pub async fn standing(&self, asks: &[Ask<'_>]) -> Result<Vec<Standing>, Unavailable> {
        join_all(asks.iter().map(|ask| self.one(Mode::Peek, ask))).await.into_iter().collect()
    }

    /// Forgets what the client was charged. A charge that was made before gives nothing back after.
    ///
    /// # Errors
    ///
    /// No answer in time.
    #[doc(hidden)]
    pub async fn reset(&self, ask: &Ask<'_>) -> Result<(), Unavailable> {
        self.one(Mode::Reset, ask).await.map(|_| ())
    }

    async fn one(&self, mode: Mode, ask: &Ask<'_>) -> Result<Standing, Unavailable> {
        let mut call = Call::new(&DECIDE);
        call.argument(mode);
        call.key(&self.key(&self.tag(&ask.client), ask.bucket));
        call.ask(ask);
        let outcome = self.0.line.ask(&call).await?.into_iter().next();
        outcome.map(|outcome| outcome.standing).ok_or(Unavailable)
    }

    /// Asks that can go in one script call: all of them, or in a cluster those of one client.
    fn groups(&self, asks: &[Ask<'_>]) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::with_capacity(1);
        for (at, ask) in asks.iter().enumerate() {
            let tag = self.tag(&ask.client);
            let key = self.key(&tag, ask.bucket);
            let fits = |group: &&mut Group| !self.0.line.is_cluster() || group.tag == tag;
            match groups.iter_mut().find(fits) {
                Some(group) => {
                    group.places.push(at);
                    group.keys.push(key);
                }
                None => groups.push(Group { tag, places: vec![at], keys: vec![key] }),
            }
        }
        groups
    }

    async fn decide(&self, group: &Group, asks: &[Ask<'_>]) -> Result<Vec<Decision>, Unavailable> {
        let mut call = Call::new(&DECIDE);
        call.argument(Mode::Reserve);
        let own: Vec<&Ask<'_>> = group.places.iter().filter_map(|at| asks.get(*at)).collect();
        for (key, ask) in group.keys.iter().zip(&own) {
            call.key(key);
            call.ask(ask);
        }
        let outcomes = self.0.line.ask(&call).await?;
        if outcomes.len() != own.len() {
            return Err(Unavailable);
        }
        let each = outcomes.into_iter().zip(own).zip(&group.keys);
        Ok(each.map(|((outcome, ask), key)| decision(&outcome, ask, key)).collect())
    }

    async fn take_back(&self, all: &mut [Option<Decision>]) -> Result<(), Unavailable> {
        for place in all {
            match place.take() {
                Some(Decision::Charged(charge)) => {
                    let standing = self.release(vec![charge]).await?.into_iter().next();
                    *place = standing.map(Decision::Spared);
                }
                other => *place = other,
            }
        }
        Ok(())
    }

    /// What stands for a client: 128 bits of a keyed hash, which is also its hash tag.
    fn tag(&self, client: &Client<'_>) -> String {
        let mut context = hmac::Context::with_key(&self.0.secret);
        client.feed(|bytes| context.update(bytes));
        let tag = context.sign();
        let (half, _) = tag.as_ref().split_at(tag.as_ref().len() / 2);
        URL_SAFE_NO_PAD.encode(half)
    }

    fn key(&self, tag: &str, bucket: u64) -> String {
        format!("{}:quota:{{{tag}}}:{bucket:x}", self.0.prefix)
    }
}

struct Group {
    tag: String,
    /// Which of the asks.
    places: Vec<usize>,
    keys: Vec<String>,
}

fn decision(outcome: &Outcome, ask: &Ask<'_>, key: &str) -> Decision {
    match outcome.status {
        reply::Status::Charged => Decision::Charged(RedisCharge {
            key: key.to_owned(),
            limit: ask.limit,
            cost: ask.cost.max(1),
            place: outcome.place,
            generation: outcome.generation,
            standing: outcome.standing,
            instant: outcome.instant,
        }),
        reply::Status::Refused => {
            Decision::Refused(Refused { retry_after: outcome.standing.reset, cause: Cause::Spent })
        }
        reply::Status::Spared => Decision::Spared(outcome.standing),
    }
}

impl fmt::Debug for RedisQuotas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisQuotas").field("prefix", &self.0.prefix).finish_non_exhaustive()
    }
}
