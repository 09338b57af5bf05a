//! How many unknown tokens one address may send.
//!
//! Threat: random tokens, each of which causes a call to the provider (CWE-400). Promise: an address that caused twenty calls within ten
//! seconds whose answers accepted no token causes no more calls until these are over, beside those under way. A call is charged once,
//! however many requests wait for it, and also if they have gone. A call that failed because of the provider is not charged: its address
//! [waits](super::back_offs) instead. The number of addresses that are remembered is bounded.

use std::net::IpAddr;
use std::time::Duration;

use quick_cache::sync::Cache;

use crate::clock::Tick;

const WINDOW: Duration = Duration::from_secs(10);
const MOST_REJECTED: u32 = 20;
const MOST_ADDRESSES: usize = 16_384;

/// The calls of each address that accepted no token.
pub(super) struct Budgets(Cache<IpAddr, Spent>);

#[derive(Clone, Copy)]
struct Spent {
    since: Tick,
    rejected: u32,
}

impl Budgets {
    pub(super) fn new() -> Self {
        Self(Cache::new(MOST_ADDRESSES))
    }

    pub(super) fn is_spent(&self, address: IpAddr, now: Tick) -> bool {
        self.0.get(&address).is_some_and(|spent| spent.is_current(now) && spent.rejected >= MOST_REJECTED)
    }

    /// A call of this address accepted no token. Two threads may count one call instead of two.
    pub(super) fn charge(&self, address: IpAddr, now: Tick) {
        let known = self.0.get(&address).filter(|spent| spent.is_current(now));
        let Spent { since, rejected } = known.unwrap_or(Spent { since: now, rejected: 0 });
        self.0.insert(address, Spent { since, rejected: rejected.saturating_add(1) });
    }
}

impl Spent {
    fn is_current(self, now: Tick) -> bool {
        now.since(self.since) < WINDOW
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_is_stopped_for_the_rest_of_its_window() {
        let budgets = Budgets::new();
        let (one, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let start = Tick::default();
        for _ in 0..MOST_REJECTED {
            assert!(!budgets.is_spent(one, start));
            budgets.charge(one, start);
        }
        let end = start.after(WINDOW);
        assert!(budgets.is_spent(one, start) && !budgets.is_spent(other, start));
        assert!(budgets.is_spent(one, start.after(WINDOW - Duration::from_nanos(1))) && !budgets.is_spent(one, end));
        budgets.charge(one, end);
        assert!(!budgets.is_spent(one, end));
    }

    #[test]
    fn addresses_are_bounded() {
        let budgets = Budgets::new();
        for number in 0..100_000_u32 {
            budgets.charge(IpAddr::from(number.to_be_bytes()), Tick::default());
        }
        assert!(budgets.0.len() <= MOST_ADDRESSES, "{}", budgets.0.len());
    }
}
