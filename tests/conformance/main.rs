//! CWE-799, CWE-307, CWE-362, ASVS V2.4.1, V6.3.1: rate limits in memory and in Redis must keep the same laws.
//!
//! The error message names the seed of a pattern that breaks a law; `CONFORMANCE_SEED=n` runs that pattern alone.

mod dice;
mod laws;
mod model;
mod patterns;
mod route;
#[expect(dead_code, reason = "other tests use the rest of it")]
#[path = "../redis/server.rs"]
mod server;
mod stores;

use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt as _};
use palisade::rate_limit::RedisRateLimits;
use palisade::redis::RedisConnection;

use dice::Dice;
use patterns::{Pattern, Seen};
use server::Server;
use stores::{Memory, Redis};

const PATTERNS: u64 = 10_000;

/// The number of patterns that run at the same time on one connection.
const AT_ONCE: usize = 48;

/// The seeds for one of the two threads.
fn seeds(thread: u64) -> Vec<u64> {
    match std::env::var("CONFORMANCE_SEED") {
        Ok(seed) => vec![seed.parse().expect("a number")],
        Err(_) => (0..PATTERNS).filter(|seed| seed % 2 == thread).collect(),
    }
}

fn kept(seed: u64, outcome: laws::Law<Seen>) -> Seen {
    outcome.unwrap_or_else(|broken| panic!("CONFORMANCE_SEED={seed} {broken}"))
}

fn run_in_runtime(work: impl Future<Output = Seen>) -> Seen {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(work)
}

/// Runs all patterns on two threads, and checks that each kind of action was tried often enough.
fn all(kind: &str, of_thread: impl Fn(u64) -> Seen + Sync) {
    let began = Instant::now();
    let seen = std::thread::scope(|scope| {
        let of_thread = &of_thread;
        let threads = [0, 1].map(|thread| scope.spawn(move || of_thread(thread)));
        threads.into_iter().map(|thread| thread.join().unwrap()).fold(Seen::default(), Seen::and)
    });
    eprintln!("{kind}: {PATTERNS} patterns in {:.1} s, {seen:?}", began.elapsed().as_secs_f64());
    let Seen { admitted, rejected, obeyed, refunded, void, charged, together } = seen;
    let least = [admitted, rejected, obeyed, refunded, void, charged, together].into_iter().min();
    let tried = std::env::var("CONFORMANCE_SEED").is_ok() || least.is_some_and(|least| least >= PATTERNS / 10);
    assert!(tried, "some action was tried too rarely: {seen:?}");
}

/// The start of the clock for a pattern. Every second pattern starts shortly before 2^32 steps of its first limit,
/// which is the range of a 32-bit time slot.
fn start(seed: u64) -> u64 {
    let mut dice = Dice::new(!seed);
    let [limit, _] = patterns::limits::<Memory>(&mut Dice::new(seed));
    let step = stores::nanos(limit.slack()) + 1;
    let soon = step.checked_mul((1 << 32) - dice.within(0, 80)).filter(|start| *start < 1 << 62);
    soon.filter(|_| dice.one_in(2)).unwrap_or_else(|| dice.within(0, 1 << 50))
}

#[test]
fn memory_store_keeps_all_laws() {
    all("memory", |thread| {
        run_in_runtime(async {
            let mut seen = Seen::default();
            for seed in seeds(thread) {
                let store = Memory::new(start(seed));
                seen = seen.and(kept(seed, Pattern::new(&store, seed).run(24).await));
            }
            seen
        })
    });
}

#[test]
fn redis_store_keeps_all_laws() {
    let Some(server) = Server::start() else { return };
    all("redis", |thread| {
        run_in_runtime(async {
            let redis = RedisConnection::builder(&server.url(), "conformance", [7; 32]);
            let store = Redis(RedisRateLimits::new(&redis.timeout(Duration::from_secs(20)).build().unwrap()));
            let patterns = stream::iter(seeds(thread)).map(|seed| {
                let pattern = Pattern::new(&store, seed).run(14);
                async move { kept(seed, pattern.await) }
            });
            patterns.buffer_unordered(AT_ONCE).fold(Seen::default(), async |seen, more| seen.and(more)).await
        })
    });
}
