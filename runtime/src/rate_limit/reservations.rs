//! The rate limits of one request: reserved before the handler, settled by its status.
//!
//! Threat: concurrent tries that pass a rate limit between its check and its charge (CWE-367), refunds that go negative, and a
//! store that is down and so counts nothing (CWE-636).
//! Promise: a reservation is taken before anything else happens and is given back only in the very window that was
//! charged; a request that a rate limit refuses is charged to none; a client that hangs up stays charged, because a
//! reservation that is dropped is kept. A rate limit that is full of reservations of requests at work is not used up: a request waits a
//! bounded moment for one of them. Where nobody can count, each rate limit does what it says.

mod headers;
mod known_address;
mod wait;

use std::net::IpAddr;
use std::time::Duration;

use actix_web::http::StatusCode;
use smallvec::smallvec;
use tokio::time::Instant;

use self::known_address::Record;
pub(crate) use self::wait::{Full, wait};
use crate::problem::whole_seconds;
use crate::rate_limit::{
    Ask, Cause, Client, Decision, Few, Limit, Place, RateLimitStatus, RateLimitStore, Reservation,
};
use crate::rate_limit::{By, Count, OnStoreFailure, RateLimit};
use crate::unavailable::Unavailable;

/// One key of one rate limit that a request has to pass.
pub(crate) struct Due<'q, 'c> {
    pub(crate) rate_limit: &'q RateLimit,
    pub(crate) by: By,
    pub(crate) bucket: u64,
    pub(crate) client: Client<'c>,
    /// What one request takes.
    pub(crate) cost: u32,
    /// Whether it refuses nothing.
    pub(crate) observed: bool,
    /// What a name's good record is about.
    pub(crate) origin: Option<Origin<'c>>,
}

/// Where a name comes from, and to whom.
pub(crate) struct Origin<'c> {
    /// The name as it was written: two spellings of one key may be two accounts.
    pub(crate) spelt: &'c str,
    pub(crate) address: IpAddr,
    /// The handler: what one lets pass without proof says nothing at another.
    pub(crate) handler: u64,
}

/// Why a request does not pass its rate limits.
pub(crate) enum Refusal {
    /// The whole seconds after which it may pass, at least 1.
    RateLimited(u32),
    /// It would pass, were requests that are at work given back.
    InFlight(Full),
    /// The same, but nobody used it up: the store has no place for a new client.
    Crowded(u32),
    /// The store does not answer, and a rate limit is closed then.
    Unavailable,
}

/// The rate limits that would have refused, had they not been set to observe.
pub(crate) type Observed = Few<RateLimit>;

/// The reservations of one request. No allocation and no clock read where there is no rate limit.
#[derive(Default)]
pub(crate) struct Reservations {
    entries: Vec<Entry>,
    /// A rate limit refused, so the others count nothing.
    refused: bool,
}

struct Entry {
    rate_limit: RateLimit,
    by: By,
    /// Gone once it is given back; never there where the rate limit refused.
    charge: Option<Reservation>,
    standing: RateLimitStatus,
    /// Where a success makes a good record.
    record: Option<Box<Record>>,
}

impl Reservations {
    /// Takes a reservation from every rate limit, or from none. Where one is full of requests at work it waits, at most until then.
    pub(crate) async fn reserve(
        &mut self,
        store: &RateLimitStore,
        dues: &[Due<'_, '_>],
        enforced: bool,
        until: impl FnOnce() -> Instant,
    ) -> Result<Observed, Refusal> {
        let before = self.entries.len();
        let mut reserved = self.decide(store, dues, enforced).await;
        if let Err(Refusal::InFlight(full)) = reserved {
            let decide = async || {
                // What a refused try has written is of no use to the next.
                self.entries.truncate(before);
                match self.decide(store, dues, enforced).await {
                    Err(Refusal::InFlight(full)) => Err(full),
                    decided => Ok(decided),
                }
            };
            let waited = Box::pin(wait(full, until(), decide)).await;
            reserved = waited.unwrap_or_else(|full| Err(Refusal::InFlight(full)));
        }
        if reserved.is_err() {
            self.refused = true;
            self.release(store, |_| true).await;
        }
        reserved
    }

    async fn decide(
        &mut self,
        store: &RateLimitStore,
        dues: &[Due<'_, '_>],
        enforced: bool,
    ) -> Result<Observed, Refusal> {
        let all: Few<&Due<'_, '_>> = dues.iter().collect();
        match self.reserve_at(store.place(), &all, enforced).await {
            Ok(reserved) => reserved,
            Err(Unavailable) => self.without_the_store(store, all, enforced).await,
        }
    }

    /// Each does what it says. Nothing was charged, as far as anybody knows.
    async fn without_the_store(
        &mut self,
        store: &RateLimitStore,
        mut dues: Few<&Due<'_, '_>>,
        enforced: bool,
    ) -> Result<Observed, Refusal> {
        if dues.iter().any(|due| due.rate_limit.outage() == OnStoreFailure::Deny && due.binds(enforced)) {
            return Err(Refusal::Unavailable);
        }
        dues.retain(|due| due.rate_limit.outage() == OnStoreFailure::Local);
        let counted = self.reserve_at(store.local(), &dues, enforced).await;
        counted.unwrap_or(Err(Refusal::Unavailable))
    }

    async fn reserve_at(
        &mut self,
        place: Place<'_>,
        dues: &[&Due<'_, '_>],
        enforced: bool,
    ) -> Result<Result<Observed, Refusal>, Unavailable> {
        let mut asks: Few<Ask<'_>> = Few::with_capacity(dues.len());
        for due in dues {
            // A `RateLimit` has neither zero nor an endless window; were there one, nobody would pass it.
            let Some(ask) = due.ask(enforced) else { return Ok(Err(Refusal::RateLimited(u32::MAX))) };
            asks.push(ask);
        }
        if asks.is_empty() {
            return Ok(Ok(Few::new()));
        }
        let mut decisions = place.reserve(&asks).await?;
        // A refusal stays one where the record can't be looked up.
        if known_address::stands_in(place, dues, &decisions, &mut asks).await
            && let Ok(instead) = place.reserve(&asks).await
        {
            decisions = instead;
        }
        let (mut wait, mut crowded): (Option<Duration>, bool) = (None, false);
        let mut full: Option<Full> = None;
        let mut observed: Observed = Few::new();
        for ((due, ask), decision) in dues.iter().zip(&asks).zip(decisions) {
            let (charge, standing) = match decision {
                Decision::Charged(charge) => {
                    let standing = charge.standing();
                    (Some(charge), standing)
                }
                Decision::Spared(standing) => (None, standing),
                Decision::Refused(refused) if refused.cause == Cause::InFlight && due.binds(enforced) => {
                    full.get_or_insert_with(|| Full { queue: place.queue(ask), passes: refused.retry_after });
                    (None, RateLimitStatus { remaining: 0, reset: Duration::ZERO })
                }
                Decision::Refused(refused) => {
                    if due.binds(enforced) {
                        wait = wait.max(Some(refused.retry_after));
                        crowded |= refused.cause == Cause::Crowded;
                    } else {
                        observed.push(*due.rate_limit);
                    }
                    (None, RateLimitStatus { remaining: 0, reset: refused.retry_after })
                }
            };
            let record = Record::of(due).map(Box::new);
            self.entries.push(Entry { rate_limit: *due.rate_limit, by: due.by, charge, standing, record });
        }
        Ok(match (wait, full) {
            (Some(wait), _) if crowded => Err(Refusal::Crowded(whole_seconds(wait))),
            (Some(wait), _) => Err(Refusal::RateLimited(whole_seconds(wait))),
            (None, Some(full)) => Err(Refusal::InFlight(full)),
            (None, None) => Ok(observed),
        })
    }

    /// Takes over what was reserved further in, behind the route's own middleware.
    pub(crate) fn join(&mut self, mut inner: Self) {
        self.entries.append(&mut inner.entries);
        self.refused |= inner.refused;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The request is counted by nobody.
    pub(crate) async fn release_all(&mut self, store: &RateLimitStore) {
        self.release(store, |_| true).await;
        self.entries.clear();
    }

    /// The answer is known: what is counted by its outcome is given back where the outcome does not count.
    pub(crate) async fn settle(&mut self, store: &RateLimitStore, status: StatusCode) {
        if self.entries.is_empty() {
            return;
        }
        let refused = self.refused;
        self.release(store, |rate_limit| refused || !rate_limit.count.counts(status)).await;
        // What is left stays charged, and is in flight no longer.
        self.entries.iter_mut().for_each(|entry| entry.charge = None);
        if refused || status.as_u16() >= 400 {
            return;
        }
        // A success is what the rate limit does not count.
        let good = self.entries.iter().filter(|entry| !entry.rate_limit.count.counts(status));
        for record in good.filter_map(|entry| entry.record.as_ref()) {
            record.make(store.place()).await;
        }
    }

    async fn release(&mut self, store: &RateLimitStore, which: impl Fn(&RateLimit) -> bool) {
        let mut charges: Few<Reservation> = smallvec![];
        let mut places: Few<usize> = smallvec![];
        for (at, entry) in self.entries.iter_mut().enumerate() {
            if which(&entry.rate_limit)
                && let Some(charge) = entry.charge.take()
            {
                charges.push(charge);
                places.push(at);
            }
        }
        if charges.is_empty() {
            return;
        }
        for (at, standing) in places.into_iter().zip(store.release(charges).await) {
            if let (Some(entry), Some(standing)) = (self.entries.get_mut(at), standing) {
                entry.standing = standing;
            }
        }
    }
}

/// A panic is an answer with 500 further out; whatever else drops a request is the client, and stays charged.
impl Drop for Reservations {
    fn drop(&mut self) {
        if self.entries.is_empty() || !std::thread::panicking() {
            return;
        }
        for entry in &mut self.entries {
            // A function of the application is not asked: it might panic, too.
            if matches!(entry.rate_limit.count, Count::Failures | Count::Successes)
                && let Some(charge) = entry.charge.take()
            {
                charge.release_at_once();
            }
        }
    }
}

impl<'c> Due<'_, 'c> {
    fn binds(&self, enforced: bool) -> bool {
        enforced && !self.observed
    }

    fn ask(&self, enforced: bool) -> Option<Ask<'c>> {
        let limit = Limit::new(self.rate_limit.limit, self.rate_limit.window)?;
        let (client, binding) = (self.client.clone(), self.binds(enforced));
        let pending = self.rate_limit.count.gives_back();
        Some(Ask { bucket: self.bucket, limit, cost: self.cost, client, binding, pending })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q1_retry_after_is_rounded_up_and_at_least_one() {
        assert_eq!(whole_seconds(Duration::ZERO), 1);
        assert_eq!(whole_seconds(Duration::from_nanos(1)), 1);
        assert_eq!(whole_seconds(Duration::from_millis(1001)), 2);
        assert_eq!(whole_seconds(Duration::new(900, 900)), 900);
        assert_eq!(whole_seconds(Duration::new(900, 999_999)), 900);
        assert_eq!(whole_seconds(Duration::new(900, 1_000_000)), 901);
        assert_eq!(whole_seconds(Duration::from_secs(412)), 412);
    }
}
