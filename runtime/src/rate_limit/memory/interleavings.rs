//! All orders in which threads can take the lock of a shard, tried by a model checker that replaces the lock by its own. Atomic
//! numbers are sequentially consistent in the model. The store does not need that: `BlockedClient` says why.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use shuttle::sync::Mutex;
use shuttle::thread;

use super::blocked_client::SharedNumber;
use super::client_table::{ChargeOutcome, Charged};
use super::shard::Shard;
use super::sharded_table::{ShardLock, ShardedTable};
use crate::clock::Tick;
use crate::rate_limit::client_key::{Client, ClientKey, KeyHasher};
use crate::rate_limit::limit::Limit;
use crate::rate_limit::status::RateLimitStatus;

const ORDERS: usize = 2000;
const WINDOW: u64 = 3_200_000;

impl ShardLock for Mutex<Shard> {
    type Number = shuttle::sync::atomic::AtomicU64;

    fn new(shard: Shard) -> Self {
        Self::new(shard)
    }

    fn with<R>(&self, work: impl FnOnce(&mut Shard) -> R) -> R {
        work(&mut self.lock().unwrap())
    }
}

impl SharedNumber for shuttle::sync::atomic::AtomicU64 {
    fn new(number: u64) -> Self {
        Self::new(number)
    }

    fn load(&self) -> u64 {
        self.load(Ordering::SeqCst)
    }

    fn store(&self, number: u64) {
        self.store(number, Ordering::SeqCst);
    }
}

/// A table that is so small that its clients evict each other.
struct Model {
    table: ShardedTable<Mutex<Shard>>,
    hasher: KeyHasher,
    time: AtomicU64,
}

impl Model {
    fn new(clients: usize) -> Arc<Self> {
        let table = ShardedTable::new(NonZeroUsize::new(clients).unwrap());
        Arc::new(Self { table, hasher: KeyHasher::new(), time: AtomicU64::new(1) })
    }

    fn key(&self, number: u32) -> ClientKey {
        self.hasher.key(1, &Client::Address(number.to_be_bytes().into()))
    }

    /// Reads a clock before the lock is taken, as a real store does: threads may arrive in another order. Then the clock moves by
    /// `pass`.
    fn read(&self, pass: u64) -> Tick {
        let now = Tick::from_nanos(self.time.fetch_add(pass, Ordering::SeqCst));
        thread::yield_now();
        now
    }

    fn reserve(&self, key: ClientKey, limit: Limit, units: u32, now: Tick) -> ChargeOutcome {
        self.table.reserve(key, limit, units, now)
    }

    fn refund(&self, key: ClientKey, limit: Limit, charged: Charged, units: u32, now: Tick) -> RateLimitStatus {
        self.table.with_shard(key, |shard| shard.refund(key, limit, charged.id, units, now)).unwrap()
    }

    fn status(&self, key: ClientKey, limit: Limit, now: Tick) -> RateLimitStatus {
        self.table.with_shard(key, |shard| shard.status(key, limit, now)).unwrap()
    }

    fn reset(&self, key: ClientKey, limit: Limit) {
        self.table.with_shard(key, |shard| shard.reset(key, limit)).unwrap();
    }
}

fn limits() -> [Limit; 3] {
    [3, 17, 100_000].map(|count| Limit::new(count, Duration::from_nanos(WINDOW)).unwrap())
}

/// Threads charge one client, refund, read and sweep, all within one window.
#[test]
fn no_order_admits_more_units_than_the_limit() {
    shuttle::check_random(
        || {
            for limit in limits() {
                let (model, out, cost) = (Model::new(4), Arc::new(AtomicU32::new(0)), limit.limit() / 3);
                let threads: Vec<_> = (0..3)
                    .map(|thread| {
                        let (model, out) = (Arc::clone(&model), Arc::clone(&out));
                        thread::spawn(move || {
                            let key = model.key(1);
                            for turn in 0..3 {
                                let Ok(charged) = model.reserve(key, limit, cost, model.read(1)) else {
                                    continue;
                                };
                                assert!(out.fetch_add(cost, Ordering::SeqCst) + cost <= limit.limit());
                                model.table.for_each_shard(|shard| shard.sweep(4, model.read(1)));
                                if (thread + turn) % 2 == 0 {
                                    out.fetch_sub(cost, Ordering::SeqCst);
                                    model.refund(key, limit, charged, cost, model.read(1));
                                }
                            }
                        })
                    })
                    .collect();
                threads.into_iter().for_each(|thread| thread.join().unwrap());
                let left = model.status(model.key(1), limit, model.read(1)).remaining;
                assert_eq!(left, limit.limit() - out.load(Ordering::SeqCst));
            }
        },
        ORDERS,
    );
}

/// Two threads and a limit of one: every possible order is tried, not only many.
#[test]
fn last_unit_is_held_by_one_thread() {
    shuttle::check_dfs(
        || {
            let limit = Limit::new(1, Duration::from_nanos(WINDOW)).unwrap();
            let (model, out) = (Model::new(1), Arc::new(AtomicU32::new(0)));
            let threads: Vec<_> = (0..2)
                .map(|_| {
                    let (model, out) = (Arc::clone(&model), Arc::clone(&out));
                    thread::spawn(move || {
                        let key = model.key(1);
                        if let Ok(charged) = model.reserve(key, limit, 1, model.read(1)) {
                            assert_eq!(out.fetch_add(1, Ordering::SeqCst), 0);
                            thread::yield_now();
                            out.fetch_sub(1, Ordering::SeqCst);
                            model.refund(key, limit, charged, 1, model.read(1));
                        }
                    })
                })
                .collect();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            assert_eq!(model.status(model.key(1), limit, model.read(1)).remaining, 1);
        },
        None,
    );
}

/// One client is at its rate limit. More other clients than there is room for come and go, until the window is over.
#[test]
fn no_order_evicts_a_blocked_client() {
    shuttle::check_random(
        || {
            for limit in limits() {
                let model = Model::new(2);
                model.reserve(model.key(0), limit, limit.limit(), Tick::from_nanos(1)).unwrap();
                let threads: Vec<_> = (1..4)
                    .map(|number| {
                        let model = Arc::clone(&model);
                        thread::spawn(move || {
                            for _ in 0..3 {
                                let outcome = model.reserve(model.key(number), limit, 1, model.read(WINDOW / 20));
                                assert!(model.table.clients() <= 2);
                                assert!(model.reserve(model.key(0), limit, 1, model.read(0)).is_err());
                                if let Ok(charged) = outcome {
                                    model.refund(model.key(number), limit, charged, 1, model.read(0));
                                }
                                model.reset(model.key(number), limit);
                            }
                        })
                    })
                    .collect();
                threads.into_iter().for_each(|thread| thread.join().unwrap());
                let later = Tick::from_nanos(1 + WINDOW + WINDOW / 32);
                assert!(model.reserve(model.key(0), limit, limit.limit(), later).is_ok());
            }
        },
        ORDERS,
    );
}

/// A charge from before a reset refunds nothing, whichever thread is first.
#[test]
fn no_order_refunds_a_charge_after_a_reset() {
    shuttle::check_random(
        || {
            for limit in limits() {
                let model = Model::new(2);
                let key = model.key(0);
                let charged = model.reserve(key, limit, limit.limit(), Tick::from_nanos(1)).unwrap();
                let (one, other) = (Arc::clone(&model), Arc::clone(&model));
                let resetting = thread::spawn(move || {
                    one.reset(key, limit);
                    let again = one.reserve(key, limit, limit.limit(), Tick::from_nanos(1));
                    assert!(again.is_ok());
                });
                let releasing =
                    thread::spawn(move || other.refund(key, limit, charged, limit.limit(), Tick::from_nanos(1)));
                resetting.join().unwrap();
                releasing.join().unwrap();
                let status = model.status(key, limit, Tick::from_nanos(1));
                assert_eq!(status.remaining, 0);
            }
        },
        ORDERS,
    );
}

/// A client is at its rate limit, and is rejected without the lock. Once a refund or a reset has returned, no rejection may follow.
#[test]
fn no_order_rejects_after_a_refund_or_reset() {
    shuttle::check_random(
        || {
            for reset in [true, false] {
                let limit = Limit::new(1, Duration::from_nanos(WINDOW)).unwrap();
                let model = Model::new(1);
                let key = model.key(0);
                let charged = model.reserve(key, limit, 1, model.read(1)).unwrap();
                let rejecting: Vec<_> = (0..2)
                    .map(|_| {
                        let model = Arc::clone(&model);
                        thread::spawn(move || {
                            // The first rejection is published, and the others read it.
                            (0..3).any(|_| model.reserve(key, limit, 1, model.read(1)).is_ok())
                        })
                    })
                    .collect();
                if reset {
                    model.reset(key, limit);
                } else {
                    model.refund(key, limit, charged, 1, model.read(1));
                }
                let here = model.reserve(key, limit, 1, model.read(1)).is_ok();
                let there = rejecting.into_iter().map(|thread| thread.join().unwrap()).filter(|admitted| *admitted);
                assert_eq!(usize::from(here) + there.count(), 1, "one unit was freed, and one thread must have it");
            }
        },
        ORDERS,
    );
}
