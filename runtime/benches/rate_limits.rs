//! Instructions of one decision, compared with `governor` in the same run, for a known client and for a new one.
//!
//! `cargo bench -p palisade --bench rate_limits` needs valgrind and `gungraun-runner`. Both sides read their clock, hash the
//! address and decide. `governor` admits up to 2N - 1 requests in a window; palisade never admits more than N.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use governor::clock::MonotonicClock;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use gungraun::prelude::*;
use palisade::__v1::rate_limits::{Client, Limit, Partition};
use palisade::Clock;

const CALLS: u32 = 1000;
const QUARTER: Duration = Duration::from_secs(900);

type Governor = RateLimiter<IpAddr, DashMapStateStore<IpAddr>, MonotonicClock, NoOpMiddleware<Instant>>;

fn address(number: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(0x0A00_0000 | number))
}

struct Ours {
    store: Partition,
    limit: Limit,
    from: u32,
}

struct Theirs {
    limiter: Governor,
    from: u32,
}

impl Ours {
    fn decide(&self, number: u32) -> bool {
        let key = self.store.key(7, &Client::Address(address(number)));
        self.store.reserve(key, self.limit, 1, self.store.now()).is_ok()
    }
}

impl Theirs {
    fn decide(&self, number: u32) -> bool {
        self.limiter.check_key(&address(number)).is_ok()
    }
}

/// A store that already holds a hundred thousand clients, so that tables grow as rarely as in production.
fn ours(count: u32) -> Ours {
    let ours = Ours {
        store: Partition::with_clock(Clock::system()),
        limit: Limit::new(count, QUARTER).unwrap(),
        from: 100_000,
    };
    (0..ours.from).for_each(|number| assert!(ours.decide(number)));
    ours
}

fn theirs(count: u32) -> Theirs {
    let count = NonZeroU32::new(count).unwrap();
    let rate_limit = Quota::with_period(QUARTER / count.get()).unwrap().allow_burst(count);
    let theirs =
        Theirs { limiter: RateLimiter::new(rate_limit, DashMapStateStore::default(), MonotonicClock), from: 100_000 };
    (0..theirs.from).for_each(|number| assert!(theirs.decide(number)));
    theirs
}

#[library_benchmark]
#[bench::up_to_5(ours(5))]
#[bench::up_to_1000(ours(1000))]
fn hot_ours(case: Ours) -> Ours {
    for _ in 0..CALLS {
        black_box(case.decide(black_box(7)));
    }
    case
}

#[library_benchmark]
#[bench::up_to_5(theirs(5))]
#[bench::up_to_1000(theirs(1000))]
fn hot_governor(case: Theirs) -> Theirs {
    for _ in 0..CALLS {
        black_box(case.decide(black_box(7)));
    }
    case
}

#[library_benchmark]
#[bench::up_to_5(ours(5))]
#[bench::up_to_1000(ours(1000))]
fn new_ours(case: Ours) -> Ours {
    for number in case.from..case.from + CALLS {
        black_box(case.decide(black_box(number)));
    }
    case
}

#[library_benchmark]
#[bench::up_to_5(theirs(5))]
#[bench::up_to_1000(theirs(1000))]
fn new_governor(case: Theirs) -> Theirs {
    for number in case.from..case.from + CALLS {
        black_box(case.decide(black_box(number)));
    }
    case
}

library_benchmark_group!(name = rate_limits, benchmarks = [hot_ours, hot_governor, new_ours, new_governor]);
main!(library_benchmark_groups = rate_limits);
