//! ASVS V2.4.1: the promise holds for limits from one to a million and windows from a second to a day, in bounded
//! memory.

use std::time::Duration;

use palisade::__v1::rate_limits::{Client, Limit, Partition};
use palisade::clock::Tick;
use palisade::testing::ManualClock;

/// The instant and units of each admission. A burst is one entry.
type Admitted = Vec<(u64, u32)>;

/// Pseudo-random numbers that are the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((u128::from(self.0) * u128::from(end)) >> 64) as u64
    }
}

/// The units within the half-open window that ends at this instant.
fn within(admitted: &Admitted, now: u64, window: u64) -> u64 {
    let recent = admitted.iter().rev().take_while(|(at, _)| now - at < window);
    recent.map(|(_, units)| u64::from(*units)).sum()
}

#[test]
fn limits_hold_for_all_sizes_and_windows() {
    for limit in [1, 2, 8, 9, 16, 17, 100, 1000, 10_000, 65_535, 65_536, 1_000_000] {
        for seconds in [1, 60, 900, 3600, 86_400] {
            let terms = Limit::new(limit, Duration::from_secs(seconds)).unwrap();
            let (window, slack) = (seconds * 1_000_000_000, terms.slack().as_nanos() as u64);
            let store = Partition::with_clock(ManualClock::new());
            let key = store.key(1, &Client::Address([192, 0, 2, 1].into()));
            let mut dice = Dice(u64::from(limit) * 100_000 + seconds);
            let (mut now, mut admitted, mut rejected) = (0, Admitted::new(), 0);
            for _ in 0..400 {
                now += dice.below(window / 4 + 1);
                let cost = 1 + u32::try_from(dice.below(u64::from(limit).div_ceil(4))).unwrap();
                let (tight, loose) = (within(&admitted, now, window), within(&admitted, now, window + slack));
                match store.reserve(key, terms, cost, Tick::from_nanos(now)) {
                    Ok(charge) => {
                        assert!(tight + u64::from(cost) <= u64::from(limit), "{limit} in {seconds} s");
                        assert!(u64::from(charge.status().remaining) <= u64::from(limit) - tight - u64::from(cost));
                        admitted.push((now, cost));
                    }
                    Err(_) => {
                        rejected += 1;
                        assert!(loose + u64::from(cost) > u64::from(limit), "{limit} in {seconds} s, rejected early");
                    }
                }
            }
            assert!(admitted.len() > 30 && rejected > 10, "{limit}: {} {rejected}", admitted.len());
            assert_eq!(store.clients(), 1);
        }
    }
}
