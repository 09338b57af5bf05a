//! The quota promise, held against a model that keeps the instant of every charge (ASVS V2.4.1, V6.3.1).

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroUsize;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use palisade::MemoryStore;
use palisade::quota::{Cause, Charge, Client, Key, Limit, Tick};
use palisade::testing::ManualClock;
use proptest::prelude::*;
use proptest::sample::Index;

fn store(clients: usize) -> MemoryStore {
    MemoryStore::bounded(NonZeroUsize::new(clients).unwrap(), ManualClock::new())
}

fn address(store: &MemoryStore, number: u32) -> Key {
    store.key(1, &Client::Address(IpAddr::V4(Ipv4Addr::from_bits(number))))
}

fn limit(limit: u32, window: Duration) -> Limit {
    Limit::new(limit, window).unwrap()
}

/// What a client does next. Lengths of time are in thousandths of the window, counts in thousandths of the quota.
#[derive(Clone, Debug)]
enum Act {
    /// Lets time pass: so many thousandths, and so many nanoseconds more or less.
    Wait(u64, i64),
    /// Waits just until the oldest charge is one window old, and so many nanoseconds more or less.
    WaitForOldest(i64),
    /// Waits as long as the last refusal said.
    Obey,
    /// Tries many times at once, at least once.
    Burst(u32),
    /// One try, then one of a thread that read its clock long before.
    Late(u64),
    /// Gives back one of the charges that it still holds.
    Release(Index),
    /// Gives back many of them, in the order they were taken.
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

/// Every charge that was not given back, with its instant; oldest first.
#[derive(Default)]
struct Model {
    held: VecDeque<u64>,
}

impl Model {
    /// How many were charged less than `length` before `now`.
    fn within(&self, length: u64, now: u64) -> usize {
        self.held.len() - self.held.partition_point(|instant| now - instant >= length)
    }

    fn give_back(&mut self, instant: u64) {
        let place = self.held.binary_search(&instant).unwrap();
        self.held.remove(place);
    }
}

struct Run {
    store: MemoryStore,
    limit: Limit,
    window: u64,
    reach: u64,
    now: u64,
    /// How long the last try was told to wait, if it was refused.
    wait: Option<u64>,
    model: Model,
    charges: VecDeque<(u64, Charge)>,
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
        }
    }

    fn act(&mut self, act: Act) -> Result<(), TestCaseError> {
        let quota = self.limit.limit();
        match act {
            Act::Wait(part, off) => self.pass((self.window * part / 1000).saturating_add_signed(off)),
            Act::WaitForOldest(off) => {
                let window = self.window;
                let oldest = self.model.held.iter().find(|instant| **instant + window > self.now).copied();
                let target = oldest.map_or(self.now, |instant| (instant + window).saturating_add_signed(off));
                self.pass(target.saturating_sub(self.now));
            }
            Act::Obey => {
                if let Some(wait) = self.wait.take() {
                    self.pass(wait);
                    prop_assert!(self.attempt(self.now)?, "waited {wait} ns as told, and was refused");
                }
            }
            Act::Burst(part) => {
                for _ in 0..=(u64::from(quota) * u64::from(part) / 1000) {
                    self.attempt(self.now)?;
                }
            }
            Act::Late(part) => {
                self.attempt(self.now)?;
                self.attempt(self.now.saturating_sub(self.window * part / 1000))?;
            }
            Act::Release(index) => {
                if !self.charges.is_empty() {
                    let (instant, charge) = self.charges.remove(index.index(self.charges.len())).unwrap();
                    self.release(instant, charge)?;
                }
            }
            Act::ReleaseMany(part) => {
                for _ in 0..=(u64::from(quota) * u64::from(part) / 1000) {
                    let Some((instant, charge)) = self.charges.pop_front() else {
                        break;
                    };
                    self.release(instant, charge)?;
                }
            }
        }
        Ok(())
    }

    fn pass(&mut self, by: u64) {
        self.now += by;
    }

    fn attempt(&mut self, read: u64) -> Result<bool, TestCaseError> {
        let quota = self.limit.limit() as usize;
        match self.store.reserve(address(&self.store, 1), self.limit, 1, Tick::from_nanos(read)) {
            Ok(charge) => {
                self.wait = None;
                self.model.held.push_back(self.now);
                let within = self.model.within(self.window, self.now);
                prop_assert!(within <= quota, "{within} of {quota} in the window that ends now");
                let standing = charge.standing();
                prop_assert!(standing.remaining as usize <= quota - within);
                prop_assert!((1..=self.reach).contains(&nanos(standing.reset)));
                self.charges.push_back((self.now, charge));
                Ok(true)
            }
            Err(refused) => {
                prop_assert_eq!(refused.cause, Cause::Spent);
                let within = self.model.within(self.reach, self.now);
                prop_assert!(within >= quota, "refused with {} of {} in the last {} ns", within, quota, self.reach);
                let wait = nanos(refused.retry_after);
                prop_assert!((1..=self.reach).contains(&wait), "told to wait {wait} of {} ns", self.window);
                self.wait = Some(wait);
                Ok(false)
            }
        }
    }

    fn release(&mut self, instant: u64, charge: Charge) -> Result<(), TestCaseError> {
        let before = self.store.standing(address(&self.store, 1), self.limit, Tick::from_nanos(self.now));
        let after = self.store.release(charge, Tick::from_nanos(self.now));
        self.model.give_back(instant);
        let quota = self.limit.limit() as usize;
        let least = quota.saturating_sub(self.model.within(self.reach, self.now));
        let most = quota.saturating_sub(self.model.within(self.window, self.now));
        prop_assert!((least..=most).contains(&(after.remaining as usize)), "{after:?} is not in {least}..={most}");
        let age = self.now - instant;
        if age < self.window {
            prop_assert_eq!(after.remaining, before.remaining + 1);
        } else if age >= self.reach {
            prop_assert_eq!(after.remaining, before.remaining);
        }
        Ok(())
    }

    /// The promise once more, in other words: no charge comes less than a window after the Nth before it.
    fn finish(self) -> Result<(), TestCaseError> {
        let quota = self.limit.limit() as usize;
        for (late, early) in self.model.held.iter().skip(quota).zip(&self.model.held) {
            prop_assert!(late - early >= self.window);
        }
        Ok(())
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn never_more_than_the_quota_in_any_window(limit in limits(), start in 0_u64..=1 << 50, acts in acts()) {
        let mut run = Run::new(limit, start);
        for act in acts {
            run.act(act)?;
        }
        run.finish()?;
    }

    #[test]
    fn a_client_that_stays_a_little_under_is_never_refused(limit in limits(), start in 0_u64..=1 << 50, gaps in proptest::collection::vec(0_u64..1000, 1..60)) {
        let store = store(64);
        let quota = u64::from(limit.limit());
        let spacing = (nanos(limit.window()) * 1032).div_ceil(quota * 1000);
        let mut now = start;
        for gap in gaps {
            now += spacing + spacing * gap / 1000;
            prop_assert!(store.reserve(address(&store, 1), limit, 1, Tick::from_nanos(now)).is_ok());
        }
    }
}

#[test]
fn a_steady_client_a_little_under_its_quota_is_never_refused_over_many_windows() {
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

/// A flood over one key from several threads. Every thread has its own clone, as every worker has.
#[test]
fn concurrent_tries_get_exactly_the_quota() {
    const THREADS: u32 = 4;
    const TRIES: u32 = 16;
    const ROUNDS: u32 = 1000;
    let store = store(4096);
    let barrier = Barrier::new(THREADS as usize);
    let admitted: Vec<AtomicU32> = (0..ROUNDS).map(|_| AtomicU32::new(0)).collect();
    let quota = |round: u32| limit([1, 5, 16, 17, 40][round as usize % 5], Duration::from_secs(900));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (store, barrier, admitted) = (store.clone(), &barrier, &admitted);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    barrier.wait();
                    for turn in 0..TRIES {
                        // Instants that go forward and back, all within one window.
                        let now = Tick::from_nanos(u64::from(round) * 1_000_000 + u64::from((thread + turn * 7) % 9));
                        if store.reserve(address(&store, round), quota(round), 1, now).is_ok() {
                            admitted[round as usize].fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });
    for (round, admitted) in admitted.iter().enumerate() {
        assert_eq!(admitted.load(Ordering::Relaxed), quota(round as u32).limit(), "round {round}");
    }
}

#[test]
fn concurrent_reserve_and_release_leave_the_count_right() {
    const TURNS: u32 = 5000;
    for count in [3, 40] {
        let limit = limit(count, Duration::from_secs(900));
        let store = store(64);
        let held = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let (store, held) = (store.clone(), &held);
                scope.spawn(move || {
                    for turn in 0..TURNS {
                        let now = Tick::from_nanos(u64::from(turn));
                        if let Ok(charge) = store.reserve(address(&store, 1), limit, 1, now) {
                            assert!(held.fetch_add(1, Ordering::SeqCst) < count);
                            held.fetch_sub(1, Ordering::SeqCst);
                            store.release(charge, now);
                        }
                    }
                });
            }
        });
        assert_eq!(store.standing(address(&store, 1), limit, Tick::from_nanos(u64::from(TURNS))).remaining, count);
    }
}

/// CWE-770: the flood neither frees a blocked client nor grows the store.
#[test]
fn a_flood_of_new_addresses_frees_no_blocked_client_and_is_bounded() {
    const BOUND: usize = 1000;
    let limit = limit(5, Duration::from_secs(900));
    let store = store(BOUND);
    for _ in 0..5 {
        let _stays = store.reserve(address(&store, 0), limit, 1, Tick::from_nanos(0)).unwrap();
    }
    for number in 1..100_000_u32 {
        let now = Tick::from_nanos(u64::from(number) * 1_000_000);
        assert!(store.reserve(address(&store, number), limit, 1, now).is_ok());
        if number % 1000 == 0 {
            assert!(store.clients() <= BOUND);
            assert!(store.reserve(address(&store, 0), limit, 1, now).is_err());
        }
    }
    assert!(store.clients() > BOUND / 2);
    assert!(store.reserve(address(&store, 0), limit, 1, Tick::from_nanos(900_000_000_000)).is_ok());
}

#[test]
fn a_store_full_of_blocked_clients_refuses_new_ones_and_frees_none() {
    const BOUND: u32 = 320;
    let limit = limit(1, Duration::from_secs(900));
    let store = store(BOUND as usize);
    let now = Tick::from_nanos(7);
    let blocked: Vec<u32> =
        (0..20 * BOUND).filter(|number| store.reserve(address(&store, *number), limit, 1, now).is_ok()).collect();
    assert_eq!(blocked.len(), BOUND as usize);
    assert_eq!(store.clients(), BOUND as usize);
    let refused = store.reserve(address(&store, u32::MAX), limit, 1, now).unwrap_err();
    assert_eq!(refused.cause, Cause::Crowded);
    assert!((limit.window()..=limit.window() + limit.slack()).contains(&refused.retry_after));
    for number in blocked {
        assert_eq!(store.reserve(address(&store, number), limit, 1, now).unwrap_err().cause, Cause::Spent);
    }
    let later = Tick::from_nanos(7 + nanos(limit.window() + limit.slack()));
    assert!(store.reserve(address(&store, u32::MAX), limit, 1, later).is_ok());
}

#[test]
fn clients_without_charges_leave_while_another_calls() {
    let limit = limit(5, Duration::from_secs(1));
    let store = store(32 * 1024);
    for number in 0..10_000 {
        let _stays = store.reserve(address(&store, number), limit, 1, Tick::from_nanos(0)).unwrap();
    }
    assert!(store.clients() > 9_000);
    for turn in 0..=1024 {
        let now = Tick::from_nanos(2_000_000_000 + turn * 1_000_000);
        let _refused_or_not = store.reserve(address(&store, 0), limit, 1, now);
    }
    assert_eq!(store.clients(), 1);
}

/// A builder called inside the closure of `HttpServer::new` runs once in every worker.
#[test]
fn the_shared_store_is_one_for_all_workers() {
    let limit = limit(5, Duration::from_secs(900));
    let admitted: usize = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let store = MemoryStore::shared();
                    (0..16).filter(|_| store.reserve(address(&store, 1), limit, 1, store.now()).is_ok()).count()
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    assert_eq!(admitted, 5);
}
