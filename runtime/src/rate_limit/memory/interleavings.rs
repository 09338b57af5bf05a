//! The orders in which threads can come to the store, run by a model checker: its lock stands where the store's does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use shuttle::sync::Mutex;
use shuttle::thread;

use super::*;
use crate::rate_limit::client::Client;
use crate::rate_limit::key::Keyed;

const ORDERS: usize = 2000;
const WINDOW: u64 = 3_200_000;

impl Lock<Shelf> for Mutex<Shelf> {
    fn new(inner: Shelf) -> Self {
        Self::new(inner)
    }

    fn with<R>(&self, work: impl FnOnce(&mut Shelf) -> R) -> R {
        work(&mut self.lock().unwrap())
    }
}

/// One client after the other, in a vault so small that they drive each other out.
struct Model {
    vault: Vault<Mutex<Shelf>>,
    keyed: Keyed,
    time: AtomicU64,
}

impl Model {
    fn new(clients: usize) -> Arc<Self> {
        let vault = Vault::new(NonZeroUsize::new(clients).unwrap());
        Arc::new(Self { vault, keyed: Keyed::new(), time: AtomicU64::new(1) })
    }

    fn key(&self, number: u32) -> Key {
        self.keyed.key(1, &Client::Address(number.to_be_bytes().into()))
    }

    /// A clock that is read before the lock is taken, as in service: threads may come in another order.
    fn read(&self, pass: u64) -> Tick {
        let now = Tick::from_nanos(self.time.fetch_add(pass, Ordering::SeqCst));
        thread::yield_now();
        now
    }
}

fn limits() -> [Limit; 3] {
    [3, 17, 100_000].map(|count| Limit::new(count, Duration::from_nanos(WINDOW)).unwrap())
}

/// Threads that charge one client, give back, look and sweep, all within one window.
#[test]
fn in_no_order_are_more_units_out_than_the_limit() {
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
                                let Ok(charged) = model.vault.reserve(key, limit, cost, model.read(1)).unwrap() else {
                                    continue;
                                };
                                assert!(out.fetch_add(cost, Ordering::SeqCst) + cost <= limit.limit());
                                model
                                    .vault
                                    .shelves
                                    .iter()
                                    .for_each(|shelf| shelf.with(|shelf| shelf.sweep(4, model.read(1))));
                                if (thread + turn) % 2 == 0 {
                                    out.fetch_sub(cost, Ordering::SeqCst);
                                    model.vault.release(key, limit, charged.ticket, cost, model.read(1));
                                }
                            }
                        })
                    })
                    .collect();
                threads.into_iter().for_each(|thread| thread.join().unwrap());
                let left = model.vault.standing(model.key(1), limit, model.read(1)).unwrap().remaining;
                assert_eq!(left, limit.limit() - out.load(Ordering::SeqCst));
            }
        },
        ORDERS,
    );
}

/// Two threads, one rate limit of one: in every order that there is, not only in many.
#[test]
fn in_every_order_of_two_threads_the_last_unit_is_had_by_one_at_a_time() {
    shuttle::check_dfs(
        || {
            let limit = Limit::new(1, Duration::from_nanos(WINDOW)).unwrap();
            let (model, out) = (Model::new(1), Arc::new(AtomicU32::new(0)));
            let threads: Vec<_> = (0..2)
                .map(|_| {
                    let (model, out) = (Arc::clone(&model), Arc::clone(&out));
                    thread::spawn(move || {
                        let key = model.key(1);
                        if let Ok(charged) = model.vault.reserve(key, limit, 1, model.read(1)).unwrap() {
                            assert_eq!(out.fetch_add(1, Ordering::SeqCst), 0);
                            thread::yield_now();
                            out.fetch_sub(1, Ordering::SeqCst);
                            model.vault.release(key, limit, charged.ticket, 1, model.read(1));
                        }
                    })
                })
                .collect();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            assert_eq!(model.vault.standing(model.key(1), limit, model.read(1)).unwrap().remaining, 1);
        },
        None,
    );
}

/// One client at its rate limit; others come and go, more than there is room for, and time passes for a window.
#[test]
fn in_no_order_does_a_blocked_client_leave_or_the_bound_break() {
    shuttle::check_random(
        || {
            for limit in limits() {
                let model = Model::new(2);
                model.vault.reserve(model.key(0), limit, limit.limit(), Tick::from_nanos(1)).unwrap().unwrap();
                let threads: Vec<_> = (1..4)
                    .map(|number| {
                        let model = Arc::clone(&model);
                        thread::spawn(move || {
                            for _ in 0..3 {
                                let outcome =
                                    model.vault.reserve(model.key(number), limit, 1, model.read(WINDOW / 20)).unwrap();
                                assert!(model.vault.clients() <= 2);
                                assert!(model.vault.reserve(model.key(0), limit, 1, model.read(0)).unwrap().is_err());
                                if let Ok(charged) = outcome {
                                    model.vault.release(model.key(number), limit, charged.ticket, 1, model.read(0));
                                }
                                model.vault.reset(model.key(number), limit);
                            }
                        })
                    })
                    .collect();
                threads.into_iter().for_each(|thread| thread.join().unwrap());
                let later = Tick::from_nanos(1 + WINDOW + WINDOW / 32);
                assert!(model.vault.reserve(model.key(0), limit, limit.limit(), later).unwrap().is_ok());
            }
        },
        ORDERS,
    );
}

/// A ticket from before a reset gives nothing back, whichever thread comes first.
#[test]
fn in_no_order_is_a_charge_given_back_to_one_that_came_anew() {
    shuttle::check_random(
        || {
            for limit in limits() {
                let model = Model::new(2);
                let key = model.key(0);
                let charged = model.vault.reserve(key, limit, limit.limit(), Tick::from_nanos(1)).unwrap().unwrap();
                let (one, other) = (Arc::clone(&model), Arc::clone(&model));
                let resetting = thread::spawn(move || {
                    one.vault.reset(key, limit);
                    let again = one.vault.reserve(key, limit, limit.limit(), Tick::from_nanos(1)).unwrap();
                    assert!(again.is_ok());
                });
                let releasing = thread::spawn(move || {
                    other.vault.release(key, limit, charged.ticket, limit.limit(), Tick::from_nanos(1))
                });
                resetting.join().unwrap();
                releasing.join().unwrap();
                let standing = model.vault.standing(key, limit, Tick::from_nanos(1)).unwrap();
                assert_eq!(standing.remaining, 0);
            }
        },
        ORDERS,
    );
}
