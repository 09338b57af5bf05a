//! A million clients, then a flood of ten million: bytes and nanoseconds, compared with `governor` in the same run. Then two
//! threads, on one client and on clients as unequal as in practice: their throughput, interleaved with `governor`.
//!
//! `cargo bench -p palisade --bench flood`, on a quiet machine. It fails if memory exceeds the bound that the documentation
//! of the store gives, or if the flood frees the address that was blocked before it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use governor::clock::MonotonicClock;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use palisade::__v1::rate_limits::{Client, Limit, Partition};
use palisade::Clock;

struct Counting;

static BYTES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed unchanged to the system allocator; only sums are kept.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(taken(layout.size()), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        BYTES.fetch_sub(taken(layout.size()), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// The bytes that glibc uses for an allocation: one word more, rounded up to a multiple of 16.
fn taken(size: usize) -> usize {
    (size + 8).next_multiple_of(16)
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MILLION: u32 = 1_000_000;
const QUARTER: Duration = Duration::from_secs(900);

trait Limiter: Sync {
    fn decide(&self, number: u32) -> bool;
}

struct Ours(Partition, Limit);

impl Limiter for Ours {
    fn decide(&self, number: u32) -> bool {
        let key = self.0.key(7, &Client::Address(address(number)));
        self.0.reserve(key, self.1, 1, self.0.now()).is_ok()
    }
}

struct Theirs(RateLimiter<IpAddr, DashMapStateStore<IpAddr>, MonotonicClock, NoOpMiddleware<Instant>>);

impl Limiter for Theirs {
    fn decide(&self, number: u32) -> bool {
        self.0.check_key(&address(number)).is_ok()
    }
}

fn address(number: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(number))
}

fn ours(count: u32) -> Ours {
    Ours(Partition::with_clock(Clock::system()), Limit::new(count, QUARTER).unwrap())
}

fn theirs(count: u32) -> Theirs {
    let count = NonZeroU32::new(count).unwrap();
    let rate_limit = Quota::with_period(QUARTER / count.get()).unwrap().allow_burst(count);
    Theirs(RateLimiter::new(rate_limit, DashMapStateStore::default(), MonotonicClock))
}

fn nanos(start: Instant, calls: u32) -> f64 {
    start.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
}

fn measure<L: Limiter>(name: &str, make: impl Fn() -> L) {
    let before = BYTES.load(Ordering::Relaxed);
    let start = Instant::now();
    let limiter = make();
    let (empty, made) = (BYTES.load(Ordering::Relaxed) - before, start.elapsed());
    let start = Instant::now();
    for number in 0..MILLION {
        black_box(limiter.decide(number));
    }
    let new = nanos(start, MILLION);
    let bytes = (BYTES.load(Ordering::Relaxed) - before) as f64 / f64::from(MILLION);
    let start = Instant::now();
    for number in 0..MILLION {
        // The step visits all clients, in an order without locality.
        black_box(limiter.decide(number.wrapping_mul(611_953) % MILLION));
    }
    let known = nanos(start, MILLION);
    let hot = (0..5).map(|_| decide_all(&limiter, |_| 1)).fold(f64::MAX, f64::min);
    println!("{name:26} {new:7.1} {known:7.1} {hot:7.1} {bytes:8.1} {empty:9} {:8.1}", made.as_secs_f64() * 1e6);
}

/// Nanoseconds for each of some decisions, about the client that `client` returns for the number of the decision.
fn decide_all(limiter: &impl Limiter, client: impl Fn(u32) -> u32) -> f64 {
    const CALLS: u32 = MILLION / 8;
    let start = Instant::now();
    for number in 0..CALLS {
        black_box(limiter.decide(black_box(client(number))));
    }
    nanos(start, CALLS)
}

/// Two threads: nanoseconds for each decision of the two together.
fn decide_by_two(limiter: &impl Limiter, client: impl Fn(u32) -> u32 + Sync) -> f64 {
    let barrier = Barrier::new(2);
    let run = |thread: u32| {
        barrier.wait();
        decide_all(limiter, |number| client(number.wrapping_mul(2).wrapping_add(thread)))
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| run(1));
        let one = run(0);
        one.max(other.join().unwrap()) / 2.0
    })
}

/// A client of a million by Zipf's law: of rank r with a probability that is proportional to 1 / r.
fn unequal(number: u32) -> u32 {
    let mixed = u64::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let random = ((mixed ^ mixed >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 40) as f64 / f64::from(1 << 24);
    let rank = f64::from(MILLION).powf(random) as u32;
    rank.wrapping_mul(611_953) % MILLION
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// One thread and two threads on one client, and two threads on unequal clients.
fn threads(limiter: &impl Limiter) -> [f64; 3] {
    [decide_all(limiter, |_| 1), decide_by_two(limiter, |_| 1), decide_by_two(limiter, unequal)]
}

fn compare_threads(count: u32) {
    let (ours, theirs) = (ours(count), theirs(count));
    for number in 0..MILLION {
        black_box((ours.decide(number), theirs.decide(number)));
    }
    let rounds: Vec<_> = (0..21).map(|_| (threads(&ours), threads(&theirs))).collect();
    let of = |ratio: fn(&([f64; 3], [f64; 3])) -> f64| median(rounds.iter().map(ratio).collect());
    println!(
        "up to {count:10}: two threads on one client decide {:.2} times as much as one (governor {:.2}), {:.2} times as much as governor; on unequal clients {:.2} times",
        of(|(ours, _)| ours[0] / ours[1]),
        of(|(_, theirs)| theirs[0] / theirs[1]),
        of(|(ours, theirs)| theirs[1] / ours[1]),
        of(|(ours, theirs)| theirs[2] / ours[2]),
    );
}

fn flood(count: u32, bytes_per_client: usize) {
    const FLOOD: u32 = 10 * MILLION;
    let before = BYTES.load(Ordering::Relaxed);
    let bound = NonZeroUsize::new(1 << 20).unwrap();
    let ours = Ours(Partition::bounded(bound, Clock::system()), Limit::new(count, QUARTER).unwrap());
    let blocked = u32::MAX;
    (0..count).for_each(|_| assert!(ours.decide(blocked)));
    assert!(!ours.decide(blocked));
    let (mut most, mut rejected) = (0, 0_u32);
    let start = Instant::now();
    for number in 0..FLOOD {
        rejected += u32::from(!ours.decide(number));
        if number % 100_000 == 0 {
            most = most.max(BYTES.load(Ordering::Relaxed) - before);
            assert!(!ours.decide(blocked), "the flood freed the blocked address");
        }
    }
    let each = nanos(start, FLOOD);
    assert!(!ours.decide(blocked), "the flood freed the blocked address");
    assert!(ours.0.clients() <= bound.get());
    println!(
        "flood of ten million, up to {count}: {each:.1} ns each, {rejected} rejected, {} clients, at most {most} bytes, {:.1} for each of 2^20",
        ours.0.clients(),
        most as f64 / bound.get() as f64
    );
    assert!(most <= bytes_per_client * bound.get(), "more than {bytes_per_client} bytes for each client");
}

fn main() {
    println!(
        "{:26} {:>7} {:>7} {:>7} {:>8} {:>9} {:>8}",
        "ns and bytes", "new", "known", "hot", "bytes", "empty", "made, us"
    );
    for count in [5, 1000] {
        measure(&format!("ours, up to {count}"), || ours(count));
        measure(&format!("governor, up to {count}"), || theirs(count));
    }
    measure("ours, up to 8", || ours(8));
    measure("ours, up to 65535", || ours(65_535));
    measure("ours, up to 1000000", || ours(1_000_000));
    // The last one admits everything.
    for count in [5, 1000, 800_000_000] {
        compare_threads(count);
    }
    flood(5, 56);
    flood(16, 88);
    flood(1000, 96);
    flood(100_000, 164);
}
