//! How long an address whose tokens made the provider fail must wait.
//!
//! Threat: a text that makes the provider fail, sent whenever the provider may be asked again, so that it is asked about no other token
//! (CWE-400). Promise: an address that caused a failure waits for 1 to 30 seconds, twice as long after each one, also while others get
//! answers. It is forgiven a minute after its last failure. The calls of an address that were under way at a failure are one failure. The
//! number of addresses that are remembered is bounded.

use std::net::IpAddr;
use std::time::Duration;

use quick_cache::sync::Cache;

use super::{FIRST_PAUSE, LONGEST_PAUSE};
use crate::clock::Tick;

const FORGIVEN_AFTER: Duration = Duration::from_secs(60);
const MOST_ADDRESSES: usize = 16_384;

/// The addresses whose tokens made the provider fail.
pub(super) struct AddressBackOffs(Cache<IpAddr, AddressFailures>);

#[derive(Clone, Copy)]
struct AddressFailures {
    last: Tick,
    count: u32,
}

impl AddressBackOffs {
    pub(super) fn new() -> Self {
        Self(Cache::new(MOST_ADDRESSES))
    }

    pub(super) fn must_wait(&self, address: IpAddr, now: Tick) -> bool {
        self.0.get(&address).is_some_and(|known| now.since(known.last) < known.pause())
    }

    /// A call of this address that began at that time failed. Two threads may count one failure instead of two.
    pub(super) fn fail(&self, address: IpAddr, began: Tick, now: Tick) {
        let known = self.0.get(&address).filter(|known| now.since(known.last) < FORGIVEN_AFTER);
        let count = match known {
            Some(known) if began <= known.last => known.count,
            Some(known) => known.count.saturating_add(1),
            None => 1,
        };
        self.0.insert(address, AddressFailures { last: now, count });
    }
}

impl AddressFailures {
    fn pause(self) -> Duration {
        let doublings = self.count.saturating_sub(1).min(16);
        FIRST_PAUSE.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX)).min(LONGEST_PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    #[test]
    fn pause_of_an_address_doubles_until_it_is_forgiven() {
        let back_offs = AddressBackOffs::new();
        let mut now = Tick::default();
        for pause in [1, 2, 4, 8, 16, 30, 30] {
            assert!(!back_offs.must_wait(ONE, now));
            back_offs.fail(ONE, now, now);
            let end = now.after(Duration::from_secs(pause));
            assert!(back_offs.must_wait(ONE, now.after(Duration::from_secs(pause) - Duration::from_nanos(1))));
            assert!(!back_offs.must_wait(ONE, end), "{pause}");
            assert!(!back_offs.must_wait(IpAddr::from([192, 0, 2, 2]), now));
            now = end;
        }
        now = now.after(Duration::from_secs(30));
        back_offs.fail(ONE, now, now);
        assert!(!back_offs.must_wait(ONE, now.after(Duration::from_secs(1))), "it was forgiven");
    }

    #[test]
    fn calls_that_were_under_way_at_a_failure_are_one_failure() {
        let back_offs = AddressBackOffs::new();
        let (began, later) = (Tick::default(), Tick::default().after(Duration::from_secs(3)));
        for _ in 0..32 {
            back_offs.fail(ONE, began, later);
        }
        assert!(!back_offs.must_wait(ONE, later.after(Duration::from_secs(1))));
    }

    #[test]
    fn addresses_are_bounded() {
        let back_offs = AddressBackOffs::new();
        for number in 0..100_000_u32 {
            back_offs.fail(IpAddr::from(number.to_be_bytes()), Tick::default(), Tick::default());
        }
        assert!(back_offs.0.len() <= MOST_ADDRESSES, "{}", back_offs.0.len());
    }
}
