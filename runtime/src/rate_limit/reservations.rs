//! The reservations of one request: charged before the handler runs, settled by the status of the response.
//!
//! Threat: concurrent attempts that pass a rate limit between its check and its charge (CWE-367); refunds that make a count
//! negative; a store that does not answer and so counts nothing (CWE-636).
//! Promise: a reservation is charged before anything else happens, and is refunded only in the very window that was charged.
//! If one rate limit refuses a request, none is charged. A client that hangs up stays charged, because dropping a reservation
//! does not refund it. A rate limit that is full of requests in flight is not used up: a request waits for a bounded time
//! until one of them is settled. If the store does not answer, each rate limit does what its [`OnStoreFailure`] demands.

use std::net::IpAddr;
use std::time::Duration;

use actix_web::http::StatusCode;
use smallvec::smallvec;
use tokio::time::Instant;

use super::client_key::Client;
use super::definition::{By, Count, OnStoreFailure, RateLimit};
use super::known_address::{KnownAddress, count_known_addresses_by_themselves};
use super::limit::Limit;
use super::queue::{FullLimit, wait};
use super::status::{Cause, RateLimitStatus};
use super::store::{ChargeRequest, Decision, Few, RateLimitStore, Reservation};
use crate::problem::whole_seconds;
use crate::unavailable::Unavailable;

/// One key of one rate limit that a request must pass.
pub(crate) struct PendingCharge<'q, 'c> {
    pub(crate) rate_limit: &'q RateLimit,
    pub(crate) by: By,
    pub(crate) bucket: u64,
    pub(crate) client: Client<'c>,
    /// How many units one request costs.
    pub(crate) cost: u32,
    /// Whether it only observes, and refuses nothing.
    pub(crate) observed: bool,
    /// If it counts by a field: where the name comes from.
    pub(crate) origin: Option<Origin<'c>>,
}

/// A name that the caller wrote, the address that it came from, and the handler that it was sent to.
pub(crate) struct Origin<'c> {
    /// The name as it was written: two spellings of one key may be two accounts.
    pub(crate) name_as_written: &'c str,
    pub(crate) address: IpAddr,
    /// The number of the handler. A success at one handler makes no address known at another, because that one may ask for a
    /// stronger proof.
    pub(crate) handler: u64,
}

/// Why a request does not pass its rate limits.
pub(crate) enum RateLimitRefusal {
    /// A rate limit is used up. It passes after this many whole seconds, at least 1.
    RateLimited(u32),
    /// It would pass if requests in flight were refunded.
    InFlight(FullLimit),
    /// The store has no room for a new client. It may pass after this many whole seconds.
    StoreFull(u32),
    /// The store does not answer, and a rate limit refuses in this case.
    Unavailable,
}

/// The rate limits that would have refused if they did not only observe.
pub(crate) type Observed = Few<RateLimit>;

/// The reservations of one request. A request without rate limits costs no allocation and no reading of the clock.
#[derive(Default)]
pub(crate) struct Reservations {
    pub(super) entries: Vec<Entry>,
    /// A rate limit refused the request, so the other ones do not count it.
    refused: bool,
}

pub(super) struct Entry {
    pub(super) rate_limit: RateLimit,
    pub(super) by: By,
    /// `None` if it was refunded, or if the rate limit refused.
    charge: Option<Reservation>,
    pub(super) status: RateLimitStatus,
    /// The address that becomes known if the request succeeds.
    known_address: Option<Box<KnownAddress>>,
}

impl Reservations {
    /// Charges every rate limit, or none. If one is full of requests in flight, the request waits, but not longer than `until`.
    pub(crate) async fn reserve(
        &mut self,
        store: &RateLimitStore,
        charges: &[PendingCharge<'_, '_>],
        enforced: bool,
        until: impl FnOnce() -> Instant,
    ) -> Result<Observed, RateLimitRefusal> {
        let before = self.entries.len();
        let mut reserved = self.decide(store, charges, enforced).await;
        if let Err(RateLimitRefusal::InFlight(full)) = reserved {
            let decide = async || {
                // The entries of a refused attempt are of no use for the next one.
                self.entries.truncate(before);
                match self.decide(store, charges, enforced).await {
                    Err(RateLimitRefusal::InFlight(full)) => Err(full),
                    decided => Ok(decided),
                }
            };
            let waited = Box::pin(wait(full, until(), decide)).await;
            reserved = waited.unwrap_or_else(|full| Err(RateLimitRefusal::InFlight(full)));
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
        charges: &[PendingCharge<'_, '_>],
        enforced: bool,
    ) -> Result<Observed, RateLimitRefusal> {
        let all: Few<&PendingCharge<'_, '_>> = charges.iter().collect();
        match self.reserve_in(store, &all, enforced).await {
            Ok(reserved) => reserved,
            Err(Unavailable) => self.decide_without_the_store(store, all, enforced).await,
        }
    }

    /// Each rate limit does what its `OnStoreFailure` demands. As far as is known, nothing was charged.
    async fn decide_without_the_store(
        &mut self,
        store: &RateLimitStore,
        mut charges: Few<&PendingCharge<'_, '_>>,
        enforced: bool,
    ) -> Result<Observed, RateLimitRefusal> {
        if charges
            .iter()
            .any(|charge| charge.rate_limit.outage() == OnStoreFailure::Deny && charge.is_binding(enforced))
        {
            return Err(RateLimitRefusal::Unavailable);
        }
        charges.retain(|charge| charge.rate_limit.outage() == OnStoreFailure::Local);
        let counted = self.reserve_in(&store.local(), &charges, enforced).await;
        counted.unwrap_or(Err(RateLimitRefusal::Unavailable))
    }

    async fn reserve_in(
        &mut self,
        store: &RateLimitStore,
        charges: &[&PendingCharge<'_, '_>],
        enforced: bool,
    ) -> Result<Result<Observed, RateLimitRefusal>, Unavailable> {
        let mut requests: Few<ChargeRequest<'_>> = Few::with_capacity(charges.len());
        for charge in charges {
            // A `RateLimit` always makes a valid limit. If it did not, it would refuse every request.
            let Some(request) = charge.request(enforced) else {
                return Ok(Err(RateLimitRefusal::RateLimited(u32::MAX)));
            };
            requests.push(request);
        }
        if requests.is_empty() {
            return Ok(Ok(Few::new()));
        }
        let mut decisions = store.reserve(&requests).await?;
        // If the store does not answer the second time, the refusal stays.
        if count_known_addresses_by_themselves(store, charges, &decisions, &mut requests).await
            && let Ok(instead) = store.reserve(&requests).await
        {
            decisions = instead;
        }
        Ok(self.enter(store, charges, &requests, decisions, enforced))
    }

    /// Adds an entry for each decision, and combines the decisions into one.
    fn enter(
        &mut self,
        store: &RateLimitStore,
        charges: &[&PendingCharge<'_, '_>],
        requests: &[ChargeRequest<'_>],
        decisions: Few<Decision>,
        enforced: bool,
    ) -> Result<Observed, RateLimitRefusal> {
        let (mut wait, mut store_full): (Option<Duration>, bool) = (None, false);
        let mut full: Option<FullLimit> = None;
        let mut observed: Observed = Few::new();
        for ((pending, request), decision) in charges.iter().zip(requests).zip(decisions) {
            let (charge, status) = match decision {
                Decision::Charged(charge) => {
                    let status = charge.status();
                    (Some(charge), status)
                }
                Decision::RolledBack(status) => (None, status),
                Decision::Refused(refused) if refused.cause == Cause::InFlight && pending.is_binding(enforced) => {
                    let has_room_in = refused.retry_after;
                    full.get_or_insert_with(|| FullLimit { queue: store.queue(request), has_room_in });
                    (None, RateLimitStatus { remaining: 0, reset: Duration::ZERO })
                }
                Decision::Refused(refused) => {
                    if pending.is_binding(enforced) {
                        wait = wait.max(Some(refused.retry_after));
                        store_full |= refused.cause == Cause::StoreFull;
                    } else {
                        observed.push(*pending.rate_limit);
                    }
                    (None, RateLimitStatus { remaining: 0, reset: refused.retry_after })
                }
            };
            let known_address = KnownAddress::of(pending).map(Box::new);
            self.entries.push(Entry { rate_limit: *pending.rate_limit, by: pending.by, charge, status, known_address });
        }
        match (wait, full) {
            (Some(wait), _) if store_full => Err(RateLimitRefusal::StoreFull(whole_seconds(wait))),
            (Some(wait), _) => Err(RateLimitRefusal::RateLimited(whole_seconds(wait))),
            (None, Some(full)) => Err(RateLimitRefusal::InFlight(full)),
            (None, None) => Ok(observed),
        }
    }

    /// Takes over the reservations that were made inside of the route's own middleware.
    pub(crate) fn join(&mut self, mut inner: Self) {
        self.entries.append(&mut inner.entries);
        self.refused |= inner.refused;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Refunds all reservations, so that no rate limit counts the request.
    pub(crate) async fn release_all(&mut self, store: &RateLimitStore) {
        self.release(store, |_| true).await;
        self.entries.clear();
    }

    /// Refunds the reservations of the rate limits that do not count a response with this status.
    pub(crate) async fn settle(&mut self, store: &RateLimitStore, status: StatusCode) {
        if self.entries.is_empty() {
            return;
        }
        let refused = self.refused;
        self.release(store, |rate_limit| refused || !rate_limit.count.counts(status)).await;
        // The others stay charged. Once dropped, they are no longer in flight.
        self.entries.iter_mut().for_each(|entry| entry.charge = None);
        if refused || status.as_u16() >= 400 {
            return;
        }
        // A response is a success for a rate limit that does not count it.
        let succeeded = self.entries.iter().filter(|entry| !entry.rate_limit.count.counts(status));
        for known_address in succeeded.filter_map(|entry| entry.known_address.as_ref()) {
            known_address.remember(store).await;
        }
    }

    async fn release(&mut self, store: &RateLimitStore, which: impl Fn(&RateLimit) -> bool) {
        let mut charges: Few<Reservation> = smallvec![];
        let mut indices: Few<usize> = smallvec![];
        for (index, entry) in self.entries.iter_mut().enumerate() {
            if which(&entry.rate_limit)
                && let Some(charge) = entry.charge.take()
            {
                charges.push(charge);
                indices.push(index);
            }
        }
        if charges.is_empty() {
            return;
        }
        for (index, status) in indices.into_iter().zip(store.release(charges).await) {
            if let (Some(entry), Some(status)) = (self.entries.get_mut(index), status) {
                entry.status = status;
            }
        }
    }
}

/// A panic of the handler becomes a response with status 500 further out, and is refunded accordingly. If a request is dropped for
/// another reason, the client has hung up: it stays charged.
impl Drop for Reservations {
    fn drop(&mut self) {
        if self.entries.is_empty() || !std::thread::panicking() {
            return;
        }
        for entry in &mut self.entries {
            // The function of `Count::When` is not called, because it may panic, too.
            if matches!(entry.rate_limit.count, Count::Failures | Count::Successes)
                && let Some(charge) = entry.charge.take()
            {
                charge.release_at_once();
            }
        }
    }
}

impl<'c> PendingCharge<'_, 'c> {
    /// Whether its refusal refuses the request.
    fn is_binding(&self, enforced: bool) -> bool {
        enforced && !self.observed
    }

    fn request(&self, enforced: bool) -> Option<ChargeRequest<'c>> {
        Some(ChargeRequest {
            bucket: self.bucket,
            limit: Limit::new(self.rate_limit.limit, self.rate_limit.window)?,
            cost: self.cost,
            client: self.client.clone(),
            binding: self.is_binding(enforced),
            settles_later: self.rate_limit.count.may_refund(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_rounded_up_and_at_least_one() {
        assert_eq!(whole_seconds(Duration::ZERO), 1);
        assert_eq!(whole_seconds(Duration::from_nanos(1)), 1);
        assert_eq!(whole_seconds(Duration::from_millis(1001)), 2);
        assert_eq!(whole_seconds(Duration::new(900, 900)), 900);
        assert_eq!(whole_seconds(Duration::new(900, 999_999)), 900);
        assert_eq!(whole_seconds(Duration::new(900, 1_000_000)), 901);
        assert_eq!(whole_seconds(Duration::from_secs(412)), 412);
    }
}
