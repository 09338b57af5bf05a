//! Many clients and threads that use one rate limit store (ASVS V2.4.1, V6.3.1; CWE-362, CWE-770).

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroUsize;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use palisade::__v1::rate_limits::{Cause, Client, ClientKey, Limit, Partition};
use palisade::clock::Tick;
use palisade::rate_limit::MemoryRateLimits;
use palisade::testing::ManualClock;

fn store(clients: usize) -> Partition {
    Partition::bounded(NonZeroUsize::new(clients).unwrap(), ManualClock::new())
}

fn address(store: &Partition, number: u32) -> ClientKey {
    store.key(1, &Client::Address(IpAddr::V4(Ipv4Addr::from_bits(number))))
}

fn limit(limit: u32, window: Duration) -> Limit {
    Limit::new(limit, window).unwrap()
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap()
}

/// Several threads flood one key. Each thread has its own clone of the store, as each worker has.
#[test]
fn concurrent_attempts_get_exactly_the_limit() {
    const THREADS: u32 = 4;
    const TRIES: u32 = 16;
    const ROUNDS: u32 = 1000;
    let store = store(4096);
    let barrier = Barrier::new(THREADS as usize);
    let admitted: Vec<AtomicU32> = (0..ROUNDS).map(|_| AtomicU32::new(0)).collect();
    let rate_limit = |round: u32| limit([1, 5, 16, 17, 40][round as usize % 5], Duration::from_secs(900));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (store, barrier, admitted) = (store.clone(), &barrier, &admitted);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    barrier.wait();
                    for turn in 0..TRIES {
                        // The instants go forward and back, all within one window.
                        let now = Tick::from_nanos(u64::from(round) * 1_000_000 + u64::from((thread + turn * 7) % 9));
                        if store.reserve(address(&store, round), rate_limit(round), 1, now).is_ok() {
                            admitted[round as usize].fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });
    for (round, admitted) in admitted.iter().enumerate() {
        assert_eq!(admitted.load(Ordering::Relaxed), rate_limit(round as u32).limit(), "round {round}");
    }
}

#[test]
fn concurrent_reserve_and_refund_keep_the_count() {
    const TURNS: u32 = 5000;
    for count in [3, 40] {
        let limit = limit(count, Duration::from_secs(900));
        let store = store(64);
        let (held, admitted) = (AtomicU32::new(0), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let (store, held, admitted) = (store.clone(), &held, &admitted);
                scope.spawn(move || {
                    for turn in 0..TURNS {
                        let now = Tick::from_nanos(u64::from(turn));
                        if let Ok(charge) = store.reserve(address(&store, 1), limit, 1, now) {
                            admitted.fetch_add(1, Ordering::SeqCst);
                            assert!(held.fetch_add(1, Ordering::SeqCst) < count);
                            held.fetch_sub(1, Ordering::SeqCst);
                            store.refund(charge, now);
                        }
                    }
                });
            }
        });
        assert_eq!(store.status(address(&store, 1), limit, Tick::from_nanos(u64::from(TURNS))).remaining, count);
        assert!(admitted.into_inner() > count, "refunded units must be available again");
    }
}

/// CWE-770: a flood of new clients neither frees a blocked client nor makes the store grow.
#[test]
fn flood_of_addresses_frees_no_blocked_client() {
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

/// The bench `flood` measures memory, with ten million addresses.
#[test]
fn flood_beyond_capacity_frees_no_blocked_client() {
    const BOUND: usize = 50_000;
    for count in [5, 40] {
        let (store, limit) = (store(BOUND), limit(count, Duration::from_secs(900)));
        let now = |number: u32| Tick::from_nanos(u64::from(number) * 1000);
        assert_eq!(store.charge(address(&store, 0), limit, count, now(0)).remaining, 0);
        for number in 1..=200_000 {
            assert!(store.reserve(address(&store, number), limit, 1, now(number)).is_ok());
            if number % 5000 == 0 {
                assert!(store.reserve(address(&store, 0), limit, 1, now(number)).is_err());
            }
        }
        assert!((BOUND * 9 / 10..=BOUND).contains(&store.clients()), "{}", store.clients());
        let rejected = store.reserve(address(&store, 0), limit, 1, now(200_000)).unwrap_err();
        assert_eq!(rejected.cause, Cause::Exhausted);
    }
}

#[test]
fn store_full_of_blocked_clients_rejects_new_ones() {
    const BOUND: u32 = 320;
    let limit = limit(1, Duration::from_secs(900));
    let store = store(BOUND as usize);
    let now = Tick::from_nanos(7);
    let blocked: Vec<u32> =
        (0..20 * BOUND).filter(|number| store.reserve(address(&store, *number), limit, 1, now).is_ok()).collect();
    assert_eq!(blocked.len(), BOUND as usize);
    assert_eq!(store.clients(), BOUND as usize);
    let rejected = store.reserve(address(&store, u32::MAX), limit, 1, now).unwrap_err();
    assert_eq!(rejected.cause, Cause::StoreFull);
    assert!((limit.window()..=limit.window() + limit.slack()).contains(&rejected.retry_after));
    for number in blocked {
        assert_eq!(store.reserve(address(&store, number), limit, 1, now).unwrap_err().cause, Cause::Exhausted);
    }
    let later = Tick::from_nanos(7 + nanos(limit.window() + limit.slack()));
    assert!(store.reserve(address(&store, u32::MAX), limit, 1, later).is_ok());
}

#[test]
fn expired_clients_are_swept_by_other_calls() {
    let limit = limit(5, Duration::from_secs(1));
    let store = store(32 * 1024);
    for number in 0..10_000 {
        let _stays = store.reserve(address(&store, number), limit, 1, Tick::from_nanos(0)).unwrap();
    }
    assert!(store.clients() > 9_000);
    for turn in 0..=1024 {
        let now = Tick::from_nanos(2_000_000_000 + turn * 1_000_000);
        let _rejected_or_not = store.reserve(address(&store, 0), limit, 1, now);
    }
    assert_eq!(store.clients(), 1);
}

/// A builder that is called inside the closure of `HttpServer::new` runs once in each worker.
#[test]
fn workers_share_one_store() {
    let limit = limit(5, Duration::from_secs(900));
    let admitted: usize = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let store = palisade::__v1::rate_limits::verified_partition(&MemoryRateLimits::shared()).clone();
                    (0..16).filter(|_| store.reserve(address(&store, 1), limit, 1, store.now()).is_ok()).count()
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    assert_eq!(admitted, 5);
}
