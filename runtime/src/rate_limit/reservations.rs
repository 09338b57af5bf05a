//! The reservations of one request: charged before the handler runs, settled by the status of the response.
//!
//! Threat: concurrent attempts that pass a rate limit between its check and its charge (CWE-367); refunds that make a count
//! negative; a store that does not respond and so counts nothing (CWE-636).
//! Promise: a reservation is charged before anything else happens, and is refunded only in the very window that was charged.
//! If one rate limit rejects a request, none is charged. A client that hangs up stays charged, because dropping a reservation
//! does not refund it. A rate limit that is full of requests in flight is not used up: a request waits for a bounded time
//! until one of them is settled. If the store does not respond, each rate limit does what its [`OnStoreFailure`] demands.

use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use actix_web::http::StatusCode;
use tokio::time::Instant;

use super::definition::{Count, OnStoreFailure};
use super::known_address::{KnownAddress, count_known_addresses_by_themselves};
use super::mounted::MountedRateLimit;
use super::queue::{FullLimit, wait};
use super::status::{Cause, RateLimitStatus};
use super::store::{ChargeRequest, Decision, Few, RateLimitStore, Reservation};
use crate::problem::whole_seconds;

/// The rate limits that one request must pass at one stage, with what the store is asked for each of them.
#[derive(Clone, Default)]
pub(crate) struct PendingCharges<'c> {
    pub(crate) charges: Few<PendingCharge<'c>>,
    pub(crate) requests: Few<ChargeRequest<'c>>,
}

/// A rate limit that one request must pass.
#[derive(Clone, Copy)]
pub(crate) struct PendingCharge<'c> {
    pub(crate) mounted: &'c Rc<MountedRateLimit>,
    /// If it counts by a field: where the name comes from.
    pub(crate) origin: Option<WrittenName<'c>>,
}

/// A name that the caller wrote, the address that it came from, and the handler that it was sent to.
#[derive(Clone, Copy)]
pub(crate) struct WrittenName<'c> {
    /// The name as it was written: two spellings of one key may be two accounts.
    pub(crate) name_as_written: &'c str,
    pub(crate) address: IpAddr,
    /// The number of the handler. A success at one handler makes no address known at another, because that one may ask for a
    /// stronger proof.
    pub(crate) handler: u64,
}

/// Charges that may have to wait: for the shared store, for a known address, or for requests in flight.
pub(crate) struct Undecided<'c> {
    pending: PendingCharges<'c>,
    /// Those of the store, if it has decided already.
    decisions: Option<Few<Decision>>,
}

/// Why a request does not pass its rate limits.
pub(crate) enum RateLimitRejection {
    /// A rate limit is used up. It passes after this many whole seconds, at least 1.
    RateLimited(u32),
    /// It would pass if requests in flight were refunded.
    InFlight(FullLimit),
    /// The store has no room for a new client. It may pass after this many whole seconds.
    StoreFull(u32),
    /// The store does not respond, and a rate limit rejects in this case.
    Unavailable,
}

/// The names of the rate limits that would have rejected if they did not only observe.
pub(crate) type Observed = Few<&'static str>;

/// The reservations of one request. A request without rate limits costs no allocation and no reading of the clock.
#[derive(Default)]
pub(crate) struct Reservations {
    pub(super) entries: Vec<Entry>,
    /// A rate limit rejected the request, so the other ones do not count it.
    rejected: bool,
    /// The page of another site caused the request, so its failure is not one of the caller.
    blames_nobody: bool,
}

pub(super) struct Entry {
    pub(super) mounted: Rc<MountedRateLimit>,
    /// `None` if it was refunded, or if the rate limit rejected.
    charge: Option<Reservation>,
    pub(super) status: RateLimitStatus,
    /// The address that becomes known if the request succeeds.
    known_address: Option<Box<KnownAddress>>,
    /// Whether the rate limit counts the response, once its status is known.
    counted: bool,
}

impl Reservations {
    /// Charges every rate limit, or none, if that needs no waiting: the memory of this process decides at once.
    ///
    /// # Errors
    ///
    /// [`reserve_later`](Self::reserve_later) must decide.
    pub(crate) fn reserve_at_once<'c>(
        &mut self,
        store: &RateLimitStore,
        pending: PendingCharges<'c>,
    ) -> Result<Result<Observed, RateLimitRejection>, Box<Undecided<'c>>> {
        // A rejection may have to wait for requests in flight, or be counted otherwise from a known address.
        let is_final = |(charge, decision): (&PendingCharge<'_>, &Decision)| match decision {
            Decision::Rejected(rejected) => charge.origin.is_none() && rejected.cause != Cause::InFlight,
            Decision::Charged(_) | Decision::RolledBack(_) => true,
        };
        match store.reserve_at_once(&pending.requests) {
            Some(decisions) if pending.charges.iter().zip(&decisions).all(is_final) => {
                Ok(self.add_entries(store, &pending, decisions))
            }
            decisions => Err(Box::new(Undecided { pending, decisions })),
        }
    }

    /// Charges every rate limit, or none. If one is full of requests in flight, the request waits, but not longer than `until`.
    pub(crate) async fn reserve_later(
        &mut self,
        store: &RateLimitStore,
        undecided: Box<Undecided<'_>>,
        until: impl FnOnce() -> Instant,
    ) -> Result<Observed, RateLimitRejection> {
        let Undecided { pending, decisions } = *undecided;
        let before = self.entries.len();
        let mut reserved = self.decide(store, &pending, decisions).await;
        if let Err(RateLimitRejection::InFlight(full)) = reserved {
            let decide = async || {
                // The entries of a rejected attempt are of no use for the next one.
                self.entries.truncate(before);
                match self.decide(store, &pending, None).await {
                    Err(RateLimitRejection::InFlight(full)) => Err(full),
                    decided => Ok(decided),
                }
            };
            let waited = Box::pin(wait(full, until(), decide)).await;
            reserved = waited.unwrap_or_else(|full| Err(RateLimitRejection::InFlight(full)));
        }
        reserved
    }

    async fn decide(
        &mut self,
        store: &RateLimitStore,
        pending: &PendingCharges<'_>,
        decisions: Option<Few<Decision>>,
    ) -> Result<Observed, RateLimitRejection> {
        let decisions = match decisions {
            Some(decisions) => decisions,
            None => match store.reserve(&pending.requests).await {
                Ok(decisions) => decisions,
                Err(_) => return Box::pin(self.decide_without_the_store(store, pending)).await,
            },
        };
        if let Some(by_themselves) = count_known_addresses_by_themselves(store, pending, &decisions).await
            // If the store does not respond the second time, the rejection stays.
            && let Ok(decisions) = store.reserve(&by_themselves.requests).await
        {
            return self.add_entries(store, &by_themselves, decisions);
        }
        self.add_entries(store, pending, decisions)
    }

    /// Each rate limit does what its `OnStoreFailure` demands. As far as is known, nothing was charged.
    async fn decide_without_the_store(
        &mut self,
        store: &RateLimitStore,
        pending: &PendingCharges<'_>,
    ) -> Result<Observed, RateLimitRejection> {
        let all = || pending.iter().map(|(charge, request)| (charge.mounted.on_outage, charge, request));
        if store.is_local() || all().any(|(does, _, request)| does == OnStoreFailure::Deny && request.binding) {
            return Err(RateLimitRejection::Unavailable);
        }
        let local = all().filter(|(does, ..)| *does == OnStoreFailure::Local);
        let (charges, requests) = local.map(|(_, charge, request)| (*charge, request.clone())).unzip();
        self.decide(&store.local(), &PendingCharges { charges, requests }, None).await
    }

    /// Adds an entry for each decision, and combines the decisions into one.
    fn add_entries(
        &mut self,
        store: &RateLimitStore,
        pending: &PendingCharges<'_>,
        decisions: Few<Decision>,
    ) -> Result<Observed, RateLimitRejection> {
        let (mut wait, mut store_full): (Option<Duration>, bool) = (None, false);
        let mut full: Option<FullLimit> = None;
        let mut observed = Observed::new();
        self.entries.reserve_exact(decisions.len());
        for ((PendingCharge { mounted, origin }, request), decision) in pending.iter().zip(decisions) {
            let (charge, status) = match decision {
                Decision::Charged(charge) => {
                    let status = charge.status();
                    (Some(charge), status)
                }
                Decision::RolledBack(status) => (None, status),
                Decision::Rejected(rejected) if rejected.cause == Cause::InFlight && request.binding => {
                    let has_room_in = rejected.retry_after;
                    full.get_or_insert_with(|| FullLimit { queue: store.queue(request), has_room_in });
                    (None, RateLimitStatus { remaining: 0, reset: Duration::ZERO })
                }
                Decision::Rejected(rejected) => {
                    if request.binding {
                        wait = wait.max(Some(rejected.retry_after));
                        store_full |= rejected.cause == Cause::StoreFull;
                    } else {
                        observed.push(mounted.rate_limit.name);
                    }
                    (None, RateLimitStatus { remaining: 0, reset: rejected.retry_after })
                }
            };
            let known_address = origin.and_then(|origin| KnownAddress::of(&mounted.rate_limit, &origin)).map(Box::new);
            self.entries.push(Entry { mounted: Rc::clone(mounted), charge, status, known_address, counted: true });
        }
        match (wait, full) {
            (Some(wait), _) if store_full => Err(RateLimitRejection::StoreFull(whole_seconds(wait))),
            (Some(wait), _) => Err(RateLimitRejection::RateLimited(whole_seconds(wait))),
            (None, Some(full)) => Err(RateLimitRejection::InFlight(full)),
            (None, None) => Ok(observed),
        }
    }

    /// Takes over the reservations that were made inside of the route's own middleware.
    pub(crate) fn join(&mut self, mut inner: Self) {
        self.entries.append(&mut inner.entries);
        self.rejected |= inner.rejected;
        self.blames_nobody |= inner.blames_nobody;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Refunds all reservations, so that no rate limit counts the request.
    pub(crate) async fn forget_all(&mut self, store: &RateLimitStore) {
        self.refund(store, |_| true).await;
        self.entries.clear();
    }

    /// Refunds all reservations of a rejected request, so that the other rate limits do not count it.
    pub(crate) async fn reject(&mut self, store: &RateLimitStore) {
        self.rejected = true;
        self.refund(store, |_| true).await;
    }

    /// The page of another site caused the request: a rate limit that counts by the status of the response does not count it. Otherwise
    /// that page could use up the failures that its victim has. A rate limit that counts all requests does. The same holds for a
    /// request that only asked for a nonce.
    #[cold]
    pub(crate) fn blame_nobody(&mut self) {
        self.blames_nobody = true;
    }

    /// Refunds the reservations of the rate limits that do not count a response with this status.
    pub(crate) async fn settle(&mut self, store: &RateLimitStore, status: StatusCode) {
        for entry in &mut self.entries {
            let count = &entry.mounted.rate_limit.count;
            let is_blamed = !self.blames_nobody || *count == Count::All;
            entry.counted = !self.rejected && is_blamed && count.counts(status);
        }
        self.refund(store, |entry| !entry.counted).await;
        // A response is a success for a rate limit that does not count it.
        let succeeded = !self.rejected && status.as_u16() < 400;
        if succeeded && self.entries.iter().any(|entry| !entry.counted && entry.known_address.is_some()) {
            Box::pin(self.remember_addresses(store)).await;
        }
    }

    async fn remember_addresses(&self, store: &RateLimitStore) {
        let succeeded = self.entries.iter().filter(|entry| !entry.counted);
        for known_address in succeeded.filter_map(|entry| entry.known_address.as_ref()) {
            known_address.remember(store).await;
        }
    }

    /// Refunds the charges of these entries. The other charges stay, and are no longer in flight.
    async fn refund(&mut self, store: &RateLimitStore, is_refunded: impl Fn(&Entry) -> bool) {
        // Only a refund is on the heap. Most requests have none.
        if let Some(refunds) = self.take_charges(is_refunded) {
            Box::pin(self.refund_charges(store, refunds)).await;
        }
    }

    /// `None` if there is nothing to refund.
    fn take_charges(&mut self, is_refunded: impl Fn(&Entry) -> bool) -> Option<Vec<(usize, Reservation)>> {
        let mut refunds = Vec::new();
        for (index, entry) in self.entries.iter_mut().enumerate() {
            if let Some(charge) = entry.charge.take()
                && is_refunded(entry)
            {
                refunds.push((index, charge));
            }
        }
        (!refunds.is_empty()).then_some(refunds)
    }

    async fn refund_charges(&mut self, store: &RateLimitStore, refunds: Vec<(usize, Reservation)>) {
        let (indices, charges): (Few<usize>, Few<Reservation>) = refunds.into_iter().unzip();
        for (index, status) in indices.into_iter().zip(store.refund(charges).await) {
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
            if matches!(entry.mounted.rate_limit.count, Count::Failures | Count::Successes)
                && let Some(charge) = entry.charge.take()
            {
                charge.refund_at_once();
            }
        }
    }
}

impl<'c> PendingCharges<'c> {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&PendingCharge<'c>, &ChargeRequest<'c>)> {
        self.charges.iter().zip(&self.requests)
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
