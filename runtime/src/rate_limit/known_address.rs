//! Known addresses: a name at its rate limit does not lock out an address from which it succeeded before.
//!
//! Threat: a lock-out as a weapon (CWE-645, ASVS V6.3.1): an attacker who fails often enough with the name of a victim locks the
//! victim out.
//! Promise: an address from which a name succeeded at this handler within [`REMEMBERED`] is counted by itself while the name
//! is at its rate limit, with the same numbers. An attacker who shares an address with the victim gains one rate limit more,
//! and nothing else. The name is remembered as it was written: an account whose name only looks like another name does not
//! make an address known for that other name.

use std::borrow::Cow;
use std::time::Duration;

use super::client_key::Client;
use super::definition::{Count, RateLimit};
use super::limit::Limit;
use super::reservations::{PendingCharges, WrittenName};
use super::store::{ChargeRequest, Decision, RateLimitStore};
use crate::unavailable::Unavailable;

/// How long a success is remembered, to a precision of a 32nd.
const REMEMBERED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A success is remembered as one charge against a limit of this size. It uses so little of the limit that a full store
/// evicts it first.
const CAPACITY: u32 = 1000;

/// `KNOWN` combined with the number of the handler is the bucket of the known addresses. `BY_ITSELF` combined with the bucket
/// of a rate limit is the bucket in which a known address is counted by itself.
const KNOWN: u64 = 0x5265_636f_7264_2e2e;
const BY_ITSELF: u64 = 0x496e_7374_6561_642e;

/// A name and an address that belong together once the name has succeeded.
pub(super) struct KnownAddress {
    bucket: u64,
    limit: Limit,
    name_and_address: Client<'static>,
}

impl KnownAddress {
    /// `None` if the rate limit cannot lock a victim out: it counts all requests or successes.
    pub(super) fn of(rate_limit: &RateLimit, origin: &WrittenName<'_>) -> Option<Self> {
        if !matches!(rate_limit.count, Count::Failures | Count::When(_)) {
            return None;
        }
        let kind = Cow::Owned(format!("field from {}", origin.address));
        let text = Cow::Owned(origin.name_as_written.to_owned());
        Some(Self {
            bucket: origin.handler ^ KNOWN,
            limit: Limit::new(CAPACITY, REMEMBERED)?,
            name_and_address: Client::Named { kind, text },
        })
    }

    fn request(&self) -> ChargeRequest<'static> {
        ChargeRequest {
            bucket: self.bucket,
            limit: self.limit,
            cost: 1,
            client: self.name_and_address.clone(),
            binding: true,
            settles_later: false,
        }
    }

    async fn is_known(&self, store: &RateLimitStore) -> Result<bool, Unavailable> {
        Ok(store.status(&self.request()).await?.remaining < CAPACITY)
    }

    /// Remembers a success. Only the last one is kept. If the store does not respond, nothing is remembered, and the present
    /// request is not rejected for it.
    pub(super) async fn remember(&self, store: &RateLimitStore) {
        let request = self.request();
        if store.reset(&request).await.is_ok() {
            let _ = store.charge(&request).await;
        }
    }
}

/// Returns the charges if any of them was rejected because of a name and comes from a known address: it then charges the name and
/// the address together. If the store does not respond, no address counts as known.
pub(super) async fn count_known_addresses_by_themselves<'c>(
    store: &RateLimitStore,
    pending: &PendingCharges<'c>,
    decisions: &[Decision],
) -> Option<PendingCharges<'c>> {
    let mut changed: Option<PendingCharges<'c>> = None;
    for (index, ((charge, request), decision)) in pending.iter().zip(decisions).enumerate() {
        if let (Decision::Rejected(_), Some(origin), true) = (decision, &charge.origin, request.binding)
            && let Some(known_address) = KnownAddress::of(&charge.mounted.rate_limit, origin)
            && known_address.is_known(store).await == Ok(true)
            && let Some(request) = changed.get_or_insert_with(|| pending.clone()).requests.get_mut(index)
        {
            request.bucket = charge.mounted.bucket ^ BY_ITSELF;
            request.client = known_address.name_and_address;
        }
    }
    changed
}
