//! The promise of rate limits, checked against a model that keeps the instant of each charge (ASVS V2.4.1, V6.3.1).

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroUsize;
use std::time::Duration;

use palisade::__v1::rate_limits::{Cause, Charge, Client, ClientKey, Limit, Partition};
use palisade::clock::Tick;
use palisade::rate_limit::RateLimitStatus;
use palisade::testing::ManualClock;
use proptest::prelude::*;
use proptest::sample::Index;

fn store(clients: usize) -> Partition {
    Partition::bounded(NonZeroUsize::new(clients).unwrap(), ManualClock::new())
}

fn address(store: &Partition, number: u32) -> ClientKey {
    store.key(1, &Client::Address(IpAddr::V4(Ipv4Addr::from_bits(number))))
}

fn limit(limit: u32, window: Duration) -> Limit {
    Limit::new(limit, window).unwrap()
}

/// The next action of a client. Durations are in thousandths of the window, and counts in thousandths of the limit.
#[derive(Clone, Debug)]
enum Act {
    /// Lets this part of the window pass, plus or minus some nanoseconds.
    Wait(u64, i64),
    /// Waits until the oldest charge is one window old, plus or minus some nanoseconds.
    WaitForOldest(i64),
    /// Waits as long as the last rejection asked for.
    Obey,
    /// Makes many attempts at once, at least one.
    Burst(u32),
    /// Makes one attempt, then one from a thread that read its clock long before.
    Late(u64),
    /// Makes one attempt with a cost from zero to slightly more than the limit.
    Cost(u32),
    /// Charges for something that has already happened, whether or not it fits.
    Charge(u32),
    /// Resets the client with all its charges.
    Reset,
    /// Releases one of the charges that it still holds.
    Release(Index),
    /// Releases many charges, in the order in which they were made.
    ReleaseMany(u32),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let near = -2_i64..=2;
    let act = prop_oneof![
        3 => (0_u64..150, near.clone()).prop_map(|(part, off)| Act::Wait(part, off)),
        1 => (900_u64..1100, near.clone()).prop_map(|(part, off)| Act::Wait(part, off)),
        1 => (2000_u64..100_000, near.clone()).prop_map(|(part, off)| Act::Wait(part, off)),
        2 => near.prop_map(Act::WaitForOldest),
        2 => Just(Act::Obey),
        6 => (0_u32..300).prop_map(Act::Burst),
        1 => (1000_u32..1300).prop_map(Act::Burst),
        1 => (0_u64..1500).prop_map(Act::Late),
        4 => (0_u32..1010).prop_map(Act::Cost),
        1 => (0_u32..700).prop_map(Act::Charge),
        1 => Just(Act::Reset),
        2 => any::<Index>().prop_map(Act::Release),
        1 => (0_u32..300).prop_map(Act::ReleaseMany),
    ];
    proptest::collection::vec(act, 1..32)
}

fn limits() -> impl Strategy<Value = Limit> {
    let counts = prop_oneof![28 => 1_u32..=16, 27 => 17_u32..=120, 4 => 121_u32..=1000, 1 => 1001_u32..=10_000];
    let windows = prop_oneof![
        1 => 1_u64..=200,
        2 => 201_u64..=1_000_000,
        4 => 1_000_000_000_u64..=86_400_000_000_000,
        2 => prop_oneof![Just(1_u64), Just(60), Just(900), Just(3600), Just(86_400)].prop_map(|s| s * 1_000_000_000),
    ];
    (counts, windows).prop_map(|(count, window)| limit(count, Duration::from_nanos(window)))
}

/// The units that were charged at each instant and not refunded; the oldest comes first.
#[derive(Default)]
struct Model {
    held: VecDeque<(u64, u32)>,
}

impl Model {
    /// The number of units that were charged less than `length` before `now`.
    fn within(&self, length: u64, now: u64) -> usize {
        let gone = self.held.partition_point(|(instant, _)| now - instant >= length);
        self.held.range(gone..).map(|(_, units)| *units as usize).sum()
    }

    fn take(&mut self, instant: u64, units: u32) {
        match self.held.back_mut() {
            Some((last, held)) if *last == instant => *held += units,
            _ => self.held.push_back((instant, units)),
        }
    }

    fn refund(&mut self, instant: u64, units: u32) {
        let index = self.held.binary_search_by_key(&instant, |(instant, _)| *instant).unwrap();
        self.held[index].1 -= units;
    }
}

struct Run {
    store: Partition,
    limit: Limit,
    window: u64,
    reach: u64,
    now: u64,
    /// The wait of the last attempt and its cost, if it was rejected.
    wait: Option<(u64, u32)>,
    model: Model,
    charges: VecDeque<(u64, u32, Charge)>,
    /// Charges from before the last reset.
    void: Vec<Charge>,
}

impl Run {
    fn new(limit: Limit, start: u64) -> Self {
        let window = nanos(limit.window());
        let reach = window + nanos(limit.slack());
        Self {
            store: store(64),
            limit,
            window,
            reach,
            now: start,
            wait: None,
            model: Model::default(),
            charges: VecDeque::new(),
            void: Vec::new(),
        }
    }

    fn act(&mut self, act: Act) -> Result<(), TestCaseError> {
        let rate_limit = self.limit.limit();
        match act {
            Act::Wait(part, off) => self.pass((self.window * part / 1000).saturating_add_signed(off)),
            Act::WaitForOldest(off) => {
                let window = self.window;
                let oldest =
                    self.model.held.iter().find(|(instant, units)| *units > 0 && *instant + window > self.now).copied();
                let target = oldest.map_or(self.now, |(instant, _)| (instant + window).saturating_add_signed(off));
                self.pass(target.saturating_sub(self.now));
            }
            Act::Obey => {
                if let Some((wait, cost)) = self.wait.take() {
                    self.pass(wait);
                    let admitted = cost <= rate_limit;
                    prop_assert_eq!(self.attempt(self.now, cost)?, admitted, "waited {} ns as announced", wait);
                }
            }
            Act::Burst(part) => {
                for _ in 0..=(u64::from(rate_limit) * u64::from(part) / 1000) {
                    self.attempt(self.now, 1)?;
                }
            }
            Act::Late(part) => {
                self.attempt(self.now, 1)?;
                self.attempt(self.now.saturating_sub(self.window * part / 1000), 1)?;
            }
            Act::Cost(part) => {
                self.attempt(self.now, cost(rate_limit, part))?;
            }
            Act::Charge(part) => self.charge(cost(rate_limit, part))?,
            Act::Reset => self.reset()?,
            Act::Release(index) => {
                if !self.charges.is_empty() {
                    let (instant, units, charge) = self.charges.remove(index.index(self.charges.len())).unwrap();
                    self.refund(instant, units, charge)?;
                }
            }
            Act::ReleaseMany(part) => {
                for _ in 0..=(u64::from(rate_limit) * u64::from(part) / 1000) {
                    let Some((instant, units, charge)) = self.charges.pop_front() else {
                        break;
                    };
                    self.refund(instant, units, charge)?;
                }
            }
        }
        Ok(())
    }

    fn pass(&mut self, by: u64) {
        self.now += by;
    }

    fn key(&self) -> ClientKey {
        address(&self.store, 1)
    }

    fn attempt(&mut self, read: u64, cost: u32) -> Result<bool, TestCaseError> {
        let (rate_limit, units) = (self.limit.limit() as usize, cost.max(1));
        match self.store.reserve(self.key(), self.limit, cost, Tick::from_nanos(read)) {
            Ok(charge) => {
                self.wait = None;
                self.hold(units)?;
                let status = charge.status();
                prop_assert!(status.remaining as usize <= rate_limit - self.model.within(self.window, self.now));
                prop_assert!((1..=self.reach).contains(&nanos(status.reset)));
                self.charges.push_back((self.now, units, charge));
                Ok(true)
            }
            Err(rejected) => {
                prop_assert_eq!(rejected.cause, Cause::Exhausted);
                let within = self.model.within(self.reach, self.now) + units as usize;
                prop_assert!(
                    within > rate_limit,
                    "rejected with {} of {} in the last {} ns",
                    within,
                    rate_limit,
                    self.reach
                );
                let wait = nanos(rejected.retry_after);
                prop_assert!((1..=self.reach).contains(&wait), "must wait {wait} of {} ns", self.window);
                prop_assert!(units as usize <= rate_limit || wait == self.window);
                self.wait = Some((wait, cost));
                Ok(false)
            }
        }
    }

    fn hold(&mut self, units: u32) -> Result<(), TestCaseError> {
        self.model.take(self.now, units);
        let within = self.model.within(self.window, self.now);
        let rate_limit = self.limit.limit() as usize;
        prop_assert!(within <= rate_limit, "{within} of {rate_limit} in the window that ends now");
        Ok(())
    }

    fn status(&self) -> RateLimitStatus {
        self.store.status(self.key(), self.limit, Tick::from_nanos(self.now))
    }

    fn charge(&mut self, cost: u32) -> Result<(), TestCaseError> {
        let before = self.status();
        let after = self.store.charge(self.key(), self.limit, cost, Tick::from_nanos(self.now));
        let units = before.remaining.min(cost.max(1));
        // The announced wait is no longer correct, because this charge may take the units.
        self.wait = None;
        prop_assert_eq!(after.remaining, before.remaining - units);
        self.hold(units)
    }

    fn reset(&mut self) -> Result<(), TestCaseError> {
        self.store.reset(self.key(), self.limit);
        prop_assert_eq!(self.status().remaining, self.limit.limit());
        self.model.held.clear();
        self.wait = None;
        // One charge from before the previous reset is refunded now; the others are kept until something new is
        // charged.
        let void = self.void.pop();
        self.void.extend(self.charges.drain(..).map(|(_, _, charge)| charge));
        self.attempt(self.now, 1)?;
        for charge in void.into_iter().chain(self.void.pop()) {
            let after = self.store.refund(charge, Tick::from_nanos(self.now));
            prop_assert_eq!(after.remaining, self.limit.limit() - 1);
        }
        Ok(())
    }

    fn refund(&mut self, instant: u64, units: u32, charge: Charge) -> Result<(), TestCaseError> {
        let before = self.status();
        let after = self.store.refund(charge, Tick::from_nanos(self.now));
        self.model.refund(instant, units);
        let rate_limit = self.limit.limit() as usize;
        let least = rate_limit.saturating_sub(self.model.within(self.reach, self.now));
        let most = rate_limit.saturating_sub(self.model.within(self.window, self.now));
        prop_assert!((least..=most).contains(&(after.remaining as usize)), "{after:?} is not in {least}..={most}");
        let age = self.now - instant;
        if age < self.window {
            prop_assert_eq!(after.remaining, before.remaining + units);
        } else if age >= self.reach {
            prop_assert_eq!(after.remaining, before.remaining);
        }
        Ok(())
    }

    /// The promise in another form: no unit comes less than a window after the Nth unit before it.
    fn finish(self) -> Result<(), TestCaseError> {
        let rate_limit = self.limit.limit() as usize;
        let units: Vec<u64> = self
            .model
            .held
            .iter()
            .flat_map(|(instant, units)| std::iter::repeat_n(*instant, *units as usize))
            .collect();
        for (late, early) in units.iter().skip(rate_limit).zip(&units) {
            prop_assert!(late - early >= self.window);
        }
        Ok(())
    }
}

/// A cost in thousandths of the limit.
fn cost(rate_limit: u32, part: u32) -> u32 {
    u32::try_from(u64::from(rate_limit) * u64::from(part) / 1000).unwrap()
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_window_exceeds_the_limit(limit in limits(), start in 0_u64..=1 << 50, acts in acts()) {
        let mut run = Run::new(limit, start);
        for act in acts {
            run.act(act)?;
        }
        run.finish()?;
    }

    #[test]
    fn client_just_under_the_limit_is_never_rejected(limit in limits(), start in 0_u64..=1 << 50, gaps in proptest::collection::vec(0_u64..1000, 1..60)) {
        let store = store(64);
        let rate_limit = u64::from(limit.limit());
        let spacing = (nanos(limit.window()) * 1032).div_ceil(rate_limit * 1000);
        let mut now = start;
        for gap in gaps {
            now += spacing + spacing * gap / 1000;
            prop_assert!(store.reserve(address(&store, 1), limit, 1, Tick::from_nanos(now)).is_ok());
        }
    }
}

#[test]
fn steady_client_under_the_limit_is_never_rejected() {
    for count in [1, 5, 16, 17, 100, 1000, 10_000] {
        let limit = limit(count, Duration::from_secs(900));
        let store = store(64);
        let spacing = (nanos(limit.window()) * 1032).div_ceil(u64::from(count) * 1000);
        for turn in 0..u64::from(count) * 5 {
            assert!(
                store.reserve(address(&store, 1), limit, 1, Tick::from_nanos(turn * spacing)).is_ok(),
                "{count} {turn}"
            );
        }
    }
}
