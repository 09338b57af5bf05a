//! CWE-799, CWE-362: processes that take shares of a rate limit in advance still have no more than the rate limit together.

use std::time::{Duration, Instant};

use palisade::__v1::rate_limits::ChargeRequest;
use palisade::rate_limit::RateLimitStatus;
use palisade::rate_limit::RedisRateLimits;
use palisade::redis::RedisConnection;

use crate::rate_limits::{KEY, ask, leasing, reserve, store};
use crate::server::Server;

const TERM: Duration = Duration::from_millis(60);

async fn status(store: &RedisRateLimits, ask: &ChargeRequest<'_>) -> RateLimitStatus {
    store.status(std::slice::from_ref(ask)).await.unwrap()[0]
}

/// How often a script was run.
async fn scripts(server: &Server) -> u64 {
    let mut connection = redis::Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let stats: String = redis::cmd("INFO").arg("commandstats").query_async(&mut connection).await.unwrap();
    let calls = |line: &str| line.split_once("calls=")?.1.split(',').next()?.parse::<u64>().ok();
    stats.lines().filter(|line| line.starts_with("cmdstat_eval")).filter_map(calls).sum()
}

#[tokio::test]
async fn most_decisions_of_a_busy_client_need_no_round_trip_and_none_is_leased_unless_said() {
    let Some(server) = Server::start() else { return };
    let hour = Duration::from_secs(3600);
    let (plain, leasing) = (store(&server), leasing(&server, 10, Duration::from_secs(10)));
    let before = scripts(&server).await;
    for _ in 0..200 {
        let _ = reserve(&plain, &ask(1, 1000, hour, "ada")).await.unwrap();
    }
    let after = scripts(&server).await;
    assert!(after - before >= 200, "{before} {after}");
    for admitted in 0..200 {
        let charge = reserve(&leasing, &ask(2, 1000, hour, "ada")).await.unwrap();
        // As far as this process knows.
        assert_eq!(charge.status().remaining, 999 - admitted);
    }
    let leased = scripts(&server).await - after;
    assert!((1..=10).contains(&leased), "{leased} round trips for 200 decisions");
    // A rate limit of which a share is nothing is asked for as ever.
    let before = scripts(&server).await;
    for _ in 0..15 {
        let _ = reserve(&leasing, &ask(3, 15, hour, "ada")).await.unwrap();
    }
    assert!(reserve(&leasing, &ask(3, 15, hour, "ada")).await.is_err());
    assert_eq!(scripts(&server).await - before, 16);
}

#[tokio::test]
async fn what_is_not_used_by_the_end_of_the_term_is_given_back() {
    let Some(server) = Server::start() else { return };
    let (store, other) = (leasing(&server, 20, TERM), store(&server));
    let ask = ask(1, 100, Duration::from_secs(3600), "ada");
    let _ = reserve(&store, &ask).await.unwrap();
    assert_eq!(status(&other, &ask).await.remaining, 80, "a fifth is leased");
    let began = Instant::now();
    while status(&other, &ask).await.remaining != 99 {
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", status(&other, &ask).await);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Released for its outcome, as ever, out of the lease.
    let charge = reserve(&store, &ask).await.unwrap();
    let more = reserve(&store, &ask).await.unwrap();
    store.release(vec![charge, more]).await.unwrap();
    let began = Instant::now();
    while status(&other, &ask).await.remaining != 99 {
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", status(&other, &ask).await);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn all_n_are_to_be_had_and_not_one_more_although_shares_are_out() {
    let Some(server) = Server::start() else { return };
    let stores = [leasing(&server, 20, TERM), leasing(&server, 20, TERM), store(&server)];
    for (bucket, limit) in [(1, 30), (2, 100), (3, 101)] {
        let ask = ask(bucket, limit, Duration::from_secs(3600), "ada");
        let (mut admitted, began) = (0, Instant::now());
        // Who is refused while somebody else holds a share comes again when the share is back.
        while began.elapsed() < TERM * 8 || admitted < limit && began.elapsed() < Duration::from_secs(20) {
            for store in &stores {
                admitted += u32::from(reserve(store, &ask).await.is_ok());
            }
            assert!(admitted <= limit, "{admitted} of {limit}");
        }
        assert_eq!(admitted, limit);
    }
}

/// When one was asked for, and when it was there.
type Admission = (Instant, Instant);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_window_has_more_than_n_whoever_leases() {
    let Some(server) = Server::start() else { return };
    const LIMIT: u32 = 60;
    const WINDOW: Duration = Duration::from_millis(300);
    let asks = ask(1, LIMIT, WINDOW, "ada");
    let began = Instant::now();
    let tasks: Vec<_> = [leasing(&server, 20, TERM), leasing(&server, 7, TERM), store(&server)]
        .into_iter()
        .flat_map(|store| (0..3).map(move |_| store.clone()))
        .map(|store| {
            let asks = asks.clone();
            tokio::spawn(async move {
                let mut admitted: Vec<Admission> = Vec::new();
                while began.elapsed() < Duration::from_secs(3) {
                    let asked = Instant::now();
                    match reserve(&store, &asks).await {
                        Ok(_) => admitted.push((asked, Instant::now())),
                        Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
                    }
                }
                admitted
            })
        })
        .collect();
    let mut all: Vec<Admission> = Vec::new();
    for task in tasks {
        all.extend(task.await.unwrap());
    }
    assert!(all.len() > 5 * LIMIT as usize, "{} admitted: too few to tell", all.len());
    no_window_has_more(&all, LIMIT, WINDOW);
}

/// Of whole admissions, from asking to having, that lie in one window.
fn no_window_has_more(all: &[Admission], limit: u32, window: Duration) {
    for (first, _) in all {
        let within = all.iter().filter(|(asked, had)| asked >= first && *had < *first + window).count();
        assert!(within <= limit as usize, "{within} within {window:?}");
    }
}

#[tokio::test]
async fn what_is_used_late_in_its_term_is_counted_for_a_whole_window_from_then() {
    let Some(server) = Server::start() else { return };
    const LIMIT: u32 = 50;
    const WINDOW: Duration = Duration::from_millis(600);
    let term = Duration::from_millis(500);
    let (late, other) = (leasing(&server, 20, term), store(&server));
    let ask = ask(1, LIMIT, WINDOW, "ada");
    let mut all: Vec<Admission> = Vec::new();
    let mut tries = async |store: &RedisRateLimits, count: u32| {
        let before = all.len();
        for _ in 0..count {
            let asked = Instant::now();
            if reserve(store, &ask).await.is_ok() {
                all.push((asked, Instant::now()));
            }
        }
        all.len() - before
    };
    // Ten are leased, nine of them for later.
    assert_eq!(tries(&late, 1).await, 1);
    assert_eq!(tries(&other, 60).await, 40);
    let began = Instant::now();
    tokio::time::sleep(Duration::from_millis(400)).await;
    tries(&late, 9).await;
    while began.elapsed() < WINDOW * 4 {
        tries(&other, 60).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    no_window_has_more(&all, LIMIT, WINDOW);
    assert!(all.len() > 100, "the rate limit opens again: {}", all.len());
}

#[tokio::test]
async fn a_reset_ends_the_lease_and_its_rest_gives_nothing_back() {
    let Some(server) = Server::start() else { return };
    let store = leasing(&server, 20, TERM);
    let ask = ask(1, 100, Duration::from_secs(3600), "ada");
    for _ in 0..5 {
        let _ = reserve(&store, &ask).await.unwrap();
    }
    store.reset(&ask).await.unwrap();
    assert_eq!(status(&store, &ask).await.remaining, 100);
    for _ in 0..100 {
        while reserve(&store, &ask).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    tokio::time::sleep(TERM * 3).await;
    assert_eq!(status(&store, &ask).await.remaining, 0);
    assert!(reserve(&store, &ask).await.is_err());
}

#[tokio::test]
async fn a_lease_outlives_its_redis_by_no_more_than_its_term() {
    let Some(mut server) = Server::start() else { return };
    let store = leasing(&server, 20, Duration::from_secs(1));
    let ask = ask(1, 1000, Duration::from_secs(3600), "ada");
    let _ = reserve(&store, &ask).await.unwrap();
    let leased = Instant::now();
    server.kill();
    while store.reserve(std::slice::from_ref(&ask)).await.is_ok() {
        assert!(leased.elapsed() < Duration::from_secs(20), "it never ends");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn shares_and_terms_that_make_no_sense_are_told() {
    let redis = RedisConnection::builder("redis://127.0.0.1:1/", "tests", KEY).build().unwrap();
    let builder = || RedisRateLimits::builder(&redis);
    for (percent, term) in [(0, TERM), (21, TERM), (5, Duration::from_millis(9)), (5, Duration::from_secs(11))] {
        assert!(builder().leases(percent, term).build().is_err());
    }
    assert!(builder().leases(20, TERM).build().is_ok());
}
