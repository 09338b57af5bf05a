//! Rate limits in Redis, for several processes.
//!
//! Threat: each process counts for itself, so N processes grant N rate limits (CWE-799).
//! Promise: at most N units in any window by the clock of the server that holds the key, whatever the number of processes. A
//! decision takes one round trip.

mod builder;
mod charge;
mod decisions;
mod in_flight;
mod leases;
mod script;

use std::fmt;
use std::hash::RandomState;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

pub use self::builder::RedisRateLimitsBuilder;
pub use self::charge::{RedisCharge, RedisDecision};
use self::charge::{decision, status_before};
pub use self::decisions::RedisDecisions;
use self::leases::Leases;
use self::script::{APPLY, Act, LeaseRequest, RESERVE, ReplyKind, ScriptReply};
use super::client_key::Client;
use super::limit::Limit;
use super::queue::Queues;
use super::status::RateLimitStatus;
use super::store::ChargeRequest;
use crate::redis::{KeyName, RedisConnection, spawn};
use crate::unavailable::Unavailable;

/// How long a decision may take, unless the connection was given a timeout.
const DEFAULT_TIMEOUT: Duration = Duration::from_millis(50);

/// (Feature `redis`.) Rate limits in Redis, shared by every process that is given the same
/// [connection](RedisConnection). Clones share everything.
///
/// Time is the server's, so the clocks of the processes may differ. If a limit is at most [`Limit::EXACT`] units, each charge is
/// kept to the microsecond; otherwise in 32nds of the window, rounded so that a charge is held a little too long. A client
/// takes one key for each rate limit, of at most 424 bytes plus its name. The key expires when its last charge leaves the window.
///
/// For rate limits that do not count all requests, the key also contains how many units are in flight. So all processes can
/// distinguish a rate limit that is full for a moment from one that is exhausted. Requests that a process had in flight when
/// it died count as such for a minute.
///
/// A decision that takes longer than the [timeout](crate::redis::RedisConnectionBuilder::timeout), counted from the moment
/// when it is sent, is [`Unavailable`]. In a cluster, the rate limits of one client are on one node. A decision about several
/// clients calls their nodes at the same time, and refunds what was charged if one of them rejects.
///
/// Danger: if Redis [forgets](RedisConnection), all rate limits start from zero. If the server's clock is set forward,
/// charges are forgotten that much too early; if it is set back, charges are held until it has caught up. A request whose
/// answer was lost may have been charged and stays charged; a request that the server gets only after twice the timeout is
/// not charged.
///
/// ```
/// use palisade::rate_limit::RedisRateLimits;
/// use palisade::redis::RedisConnection;
///
/// # fn main() -> Result<(), palisade::ConfigError> {
/// # let secret = [7; 32];
/// let redis = RedisConnection::builder("redis://127.0.0.1:6379/0", "accounts", secret).build()?;
/// let builder = palisade::Palisade::builder().rate_limit_store(RedisRateLimits::new(&redis));
/// # let _ = builder;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RedisRateLimits(Arc<RateLimitsInner>);

struct RateLimitsInner {
    redis: RedisConnection,
    leases: Option<Leases>,
    queues: Arc<Queues>,
    hasher: RandomState,
}

impl RedisRateLimits {
    /// Rate limits in this Redis, without leases: each decision is one call.
    #[must_use]
    pub fn new(redis: &RedisConnection) -> Self {
        Self::with(redis, None)
    }

    /// Returns a builder, for options beyond the connection.
    pub fn builder(redis: &RedisConnection) -> RedisRateLimitsBuilder {
        RedisRateLimitsBuilder::new(redis)
    }

    fn with(redis: &RedisConnection, leases: Option<Leases>) -> Self {
        let inner =
            RateLimitsInner { redis: redis.clone(), leases, queues: Arc::default(), hasher: RandomState::new() };
        Self(Arc::new(inner))
    }

    /// The keys of these requests. All rate limits of one client have one tag, so in a cluster they are on one node.
    fn names(&self, requests: &[ChargeRequest<'_>]) -> Vec<KeyName> {
        let mut names: Vec<KeyName> = Vec::with_capacity(requests.len());
        let mut before: Option<(&Client<'_>, String)> = None;
        for request in requests {
            let tag = match before.take() {
                Some((client, tag)) if *client == request.client => tag,
                _ => self.0.redis.tag(|hash| request.client.feed(|bytes| hash.update(bytes))),
            };
            names.push(self.0.redis.numbered_name("q", tag.clone(), request.bucket));
            before = Some((&request.client, tag));
        }
        names
    }

    /// Charges all requests, or none if a binding one is rejected. A request that is not binding is charged if there is room
    /// for it. Returns one decision for each request, in their order.
    ///
    /// # Errors
    ///
    /// Redis did not respond in time. What it has charged stays charged.
    pub(in super::super) async fn reserve(
        &self,
        requests: &[ChargeRequest<'_>],
    ) -> Result<Vec<RedisDecision>, Unavailable> {
        let sent_at = Instant::now();
        let names = self.names(requests);
        if let Some(charges) = self.0.leases.as_ref().and_then(|leases| leases.take(self, requests, &names, sent_at)) {
            return Ok(charges.into_iter().map(RedisDecision::Charged).collect());
        }
        let lease_request = |request, name| {
            self.0.leases.as_ref().map_or_else(LeaseRequest::default, |leases| leases.lease_request(request, name))
        };
        let each = requests.iter().zip(&names);
        let calls = each
            .map(|(request, name)| (name, script::reserve(&name.key, request, lease_request(request, name))))
            .collect();
        let answers = self.0.redis.run::<ScriptReply>(&RESERVE, calls, DEFAULT_TIMEOUT).await;
        let lost = answers.iter().any(|answer| answer.and_then(in_time).is_err());
        let rejects = |reply: &ScriptReply| matches!(reply.kind, ReplyKind::Rejected | ReplyKind::InFlight);
        let rejected = requests
            .iter()
            .zip(&answers)
            .any(|(request, answer)| request.binding && answer.as_ref().is_ok_and(rejects));
        let mut decisions = Vec::with_capacity(requests.len());
        let mut to_refund = Vec::new();
        for ((request, name), reply) in requests.iter().zip(names).zip(answers) {
            let Ok(reply) = reply.and_then(in_time) else {
                // If another request was rejected, this one counts as rolled back. Otherwise the result is `Unavailable`.
                decisions.push(RedisDecision::RolledBack(RateLimitStatus { remaining: 0, reset: Duration::ZERO }));
                continue;
            };
            let charged = reply.kind == ReplyKind::Charged;
            if charged
                && !lost
                && !rejected
                && let Some(leases) = &self.0.leases
            {
                leases.store_lease(self, &name, request, &reply, sent_at);
            }
            match decision(self, request, name, &reply) {
                // A node charged because it does not know that another one rejected.
                RedisDecision::Charged(mut charge) if lost || rejected => {
                    decisions.push(RedisDecision::RolledBack(status_before(&charge)));
                    charge.units = reply.units;
                    to_refund.push(charge);
                }
                decision => decisions.push(decision),
            }
        }
        if !to_refund.is_empty() {
            self.refund_later(to_refund);
        }
        if lost && !rejected { Err(Unavailable) } else { Ok(decisions) }
    }

    /// Refunds exactly what was charged, in the time slot where it was charged, and returns the status of the clients. A
    /// charge that has left its window meanwhile, or was forgotten by a [reset](Self::reset), refunds nothing.
    ///
    /// # Errors
    ///
    /// Redis did not respond in time. The charges may stay.
    pub(in super::super) async fn refund(
        &self,
        mut charges: Vec<RedisCharge>,
    ) -> Result<Vec<RateLimitStatus>, Unavailable> {
        // From here on, they are refunded and not kept, even if the caller stops waiting.
        let in_flight: Vec<bool> = charges.iter_mut().map(|charge| charge.in_flight.take().is_some()).collect();
        let acts = charges.iter().zip(&in_flight).map(|(charge, in_flight)| {
            let act = Act::Refund { generation: charge.generation, time_slot: charge.time_slot, in_flight: *in_flight };
            (&charge.name, charge.limit, charge.units, act)
        });
        let statuses = self.apply(acts.collect()).await;
        charges.iter().for_each(|charge| self.notify_settled(&charge.name));
        statuses
    }

    /// Charges as many units as there is room for; never rejects.
    ///
    /// # Errors
    ///
    /// Redis did not respond in time. The units may be charged.
    pub(in super::super) async fn charge(&self, request: &ChargeRequest<'_>) -> Result<RateLimitStatus, Unavailable> {
        self.act(std::slice::from_ref(request), Act::Charge).await?.into_iter().next().ok_or(Unavailable)
    }

    /// The status of the clients. Charges nothing.
    ///
    /// # Errors
    ///
    /// Redis did not respond in time.
    pub(in super::super) async fn status(
        &self,
        requests: &[ChargeRequest<'_>],
    ) -> Result<Vec<RateLimitStatus>, Unavailable> {
        self.act(requests, Act::Read).await
    }

    /// Forgets all charges of this client in this bucket. A charge that was made before refunds nothing afterwards.
    ///
    /// # Errors
    ///
    /// Redis did not respond in time. The charges may be forgotten.
    pub(in super::super) async fn reset(&self, request: &ChargeRequest<'_>) -> Result<(), Unavailable> {
        if let Some(leases) = &self.0.leases {
            self.names(std::slice::from_ref(request)).iter().for_each(|name| leases.forget(name));
        }
        self.act(std::slice::from_ref(request), Act::Forget).await?;
        self.names(std::slice::from_ref(request)).iter().for_each(|name| self.notify_settled(name));
        Ok(())
    }

    async fn act(&self, requests: &[ChargeRequest<'_>], act: Act) -> Result<Vec<RateLimitStatus>, Unavailable> {
        let names = self.names(requests);
        let acts = requests.iter().zip(&names).map(|(request, name)| (name, request.limit, request.cost.max(1), act));
        self.apply(acts.collect()).await
    }

    async fn apply(&self, acts: Vec<(&KeyName, Limit, u32, Act)>) -> Result<Vec<RateLimitStatus>, Unavailable> {
        let calls =
            acts.into_iter().map(|(name, limit, units, act)| (name, script::apply(&name.key, limit, units, act)));
        let answers = self.0.redis.run::<(u32, Duration)>(&APPLY, calls.collect(), DEFAULT_TIMEOUT).await;
        answers
            .into_iter()
            .map(|answer| answer.map(|(remaining, reset)| RateLimitStatus { remaining, reset }))
            .collect()
    }

    fn end_lease(&self, charge: RedisCharge) -> Option<RedisCharge> {
        self.0.leases.as_ref()?.end_lease(charge)
    }

    /// Refunds charges without waiting: the request is already decided, and only other requests need the units.
    fn refund_later(&self, charges: Vec<RedisCharge>) {
        let store = self.clone();
        let _detached = spawn(async move { store.refund(charges).await });
    }
}

fn in_time(reply: ScriptReply) -> Result<ScriptReply, Unavailable> {
    if reply.kind == ReplyKind::Late { Err(Unavailable) } else { Ok(reply) }
}

impl fmt::Debug for RedisRateLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisRateLimits").field("redis", &self.0.redis).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn request(bucket: u64, text: &'static str) -> ChargeRequest<'static> {
        let client = Client::Named { kind: Cow::Borrowed("body.email"), text: Cow::Borrowed(text) };
        ChargeRequest {
            bucket,
            limit: Limit::new(5, Duration::from_secs(900)).unwrap(),
            cost: 1,
            client,
            binding: true,
            settles_later: false,
        }
    }

    fn store(secret: [u8; 32]) -> RedisRateLimits {
        RedisRateLimits::new(&RedisConnection::builder("redis://127.0.0.1/", "app", secret).build().unwrap())
    }

    #[test]
    fn tag_depends_on_client_and_secret() {
        let store_7 = store([7; 32]);
        let requests = [request(1, "ada"), request(2, "ada"), request(1, "bob"), request(1, "ada")];
        let all = store_7.names(&requests);
        assert_eq!(all[0].tag, all[1].tag);
        assert_eq!(all[0].key, all[3].key);
        assert_ne!(all[0].tag, all[2].tag);
        assert_eq!(all[1].key, format!("app:q:{{{}}}:0000000000000002", all[0].tag));
        assert_eq!(all[0].tag.len(), 22, "128 bits");
        assert_ne!(store([8; 32]).names(&requests)[0].tag, all[0].tag);
    }
}
