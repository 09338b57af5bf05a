//! The quotas of one request: reserved before the handler, settled by its status.
//!
//! Threat: concurrent tries that pass a quota between its check and its charge (CWE-367), and refunds that go negative.
//! Promise: a reservation is taken before anything else happens and is given back only in the very window that was
//! charged; a request that a quota refuses is charged to none; a client that hangs up stays charged, because a
//! reservation that is dropped is kept.

use std::fmt::Write;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::policy::{Count, Quota};
use crate::principal::Principal;
use crate::quota::{Charge, Client, Key, Limit, MemoryStore, Standing, Tick};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Whom a reservation is for.
pub(crate) enum Counted<'a> {
    Address(IpAddr),
    Principal(&'a Principal),
}

/// The reservations of one request. No allocation and no clock read where there is no quota.
pub(crate) struct Ledger<'a> {
    entries: Vec<Entry<'a>>,
    now: Option<Tick>,
}

struct Entry<'a> {
    quota: &'a Quota,
    key: Key,
    /// Gone once it is given back; never there where the quota refused.
    charge: Option<Charge>,
    standing: Standing,
}

impl<'a> Ledger<'a> {
    pub(crate) const fn new() -> Self {
        Self { entries: Vec::new(), now: None }
    }

    /// Takes one reservation.
    ///
    /// # Errors
    ///
    /// The whole seconds after which the quota admits again, at least 1.
    pub(crate) fn reserve(
        &mut self,
        store: &MemoryStore,
        quota: &'a Quota,
        bucket: u64,
        client: Counted<'_>,
    ) -> Result<(), u32> {
        let now = *self.now.get_or_insert_with(|| store.now());
        // A `Quota` has neither zero nor an endless window; were there one, nobody would pass it.
        let limit = Limit::new(quota.limit, quota.window).ok_or(u32::MAX)?;
        let client = match client {
            Counted::Address(address) => Client::Address(network(address)),
            Counted::Principal(principal) => Client::Subject(store.subject(principal.issuer(), principal.subject())),
        };
        let key = Key { bucket, client };
        // A scope and a handler may name the same shared bucket: a request is one request.
        if self.entries.iter().any(|entry| entry.key == key) {
            return Ok(());
        }
        match store.reserve(key, limit, now) {
            Ok(charge) => {
                self.entries.push(Entry { quota, key, standing: charge.standing(), charge: Some(charge) });
                Ok(())
            }
            Err(refused) => {
                let standing = Standing { remaining: 0, reset: refused.retry_after };
                self.entries.push(Entry { quota, key, charge: None, standing });
                Err(whole_seconds(refused.retry_after))
            }
        }
    }

    /// The request was refused by a quota: it is charged to none.
    pub(crate) fn release_all(&mut self, store: &MemoryStore) {
        self.release(store, |_| true);
    }

    /// The answer is known: what is counted by its outcome is given back where the outcome does not count.
    pub(crate) fn settle(&mut self, store: &MemoryStore, status: StatusCode) {
        let failed = status.as_u16() >= 400;
        self.release(store, |quota| match quota.count {
            Count::All => false,
            Count::Failures => !failed,
        });
    }

    fn release(&mut self, store: &MemoryStore, which: impl Fn(&Quota) -> bool) {
        for entry in &mut self.entries {
            if which(entry.quota)
                && let Some(charge) = entry.charge.take()
            {
                entry.standing = store.release(charge, store.now());
            }
        }
    }

    /// `RateLimit-Policy` and `RateLimit` (IETF draft-ietf-httpapi-ratelimit-headers-10 §3, §4), one item for each quota.
    pub(crate) fn report(&self, headers: &mut HeaderMap) {
        if self.entries.is_empty() {
            return;
        }
        let (mut policy, mut state) = (String::with_capacity(48), String::with_capacity(48));
        for entry in &self.entries {
            let quota = entry.quota;
            let separator = if policy.is_empty() { "" } else { ", " };
            // Writing to a String can't fail.
            let _ = write!(policy, "{separator}\"{}\";q={};w={}", quota.name, quota.limit, quota.window.as_secs());
            let reset = whole_seconds(entry.standing.reset);
            let _ = write!(state, "{separator}\"{}\";r={};t={reset}", quota.name, entry.standing.remaining);
        }
        for (name, value) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, state)] {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
    }
}

/// The address that a quota counts: IPv6 by its /64, because one client has a whole one (RFC 6177 §2).
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

/// Rounded up, at least 1: a client that comes back then is not too early.
fn whole_seconds(duration: Duration) -> u32 {
    let seconds = duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0));
    u32::try_from(seconds).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q1_retry_after_is_rounded_up_and_at_least_one() {
        assert_eq!(whole_seconds(Duration::ZERO), 1);
        assert_eq!(whole_seconds(Duration::from_nanos(1)), 1);
        assert_eq!(whole_seconds(Duration::from_millis(1001)), 2);
        assert_eq!(whole_seconds(Duration::from_secs(412)), 412);
    }

    #[test]
    fn an_ipv6_client_is_its_network_of_64_bits() {
        let counted = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(counted("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(counted("203.0.113.9"), "203.0.113.9");
    }
}
