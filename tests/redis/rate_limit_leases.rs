//! CWE-799, CWE-362: processes that lease shares of a rate limit never exceed it together.

use std::time::{Duration, Instant};

use palisade::__v1::rate_limits::ChargeRequest;
use palisade::__v1::rate_limits::RedisDecisions as _;
use palisade::rate_limit::RateLimitStatus;
use palisade::rate_limit::RedisRateLimits;
use palisade::redis::RedisConnection;

use crate::rate_limits::{KEY, charge_request, leasing, reserve, store};
use crate::server::Server;

const TERM: Duration = Duration::from_millis(60);

async fn status(store: &RedisRateLimits, request: &ChargeRequest<'_>) -> RateLimitStatus {
    store.status(std::slice::from_ref(request)).await.unwrap()[0]
}

/// How often a script was run.
async fn scripts(server: &Server) -> u64 {
    let mut connection = redis::Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let stats: String = redis::cmd("INFO").arg("commandstats").query_async(&mut connection).await.unwrap();
    let calls = |line: &str| line.split_once("calls=")?.1.split(',').next()?.parse::<u64>().ok();
    stats.lines().filter(|line| line.starts_with("cmdstat_eval")).filter_map(calls).sum()
}

#[tokio::test]
async fn leases_save_round_trips() {
    let Some(server) = Server::start() else { return };
    let hour = Duration::from_secs(3600);
    let (plain, leasing) = (store(&server), leasing(&server, 10, Duration::from_secs(10)));
    let before = scripts(&server).await;
    for _ in 0..200 {
        let _ = reserve(&plain, &charge_request(1, 1000, hour, "ada")).await.unwrap();
    }
    let after = scripts(&server).await;
    assert!(after - before >= 200, "{before} {after}");
    for admitted in 0..200 {
        let charge = reserve(&leasing, &charge_request(2, 1000, hour, "ada")).await.unwrap();
        // The remaining units as far as this process knows.
        assert_eq!(charge.status().remaining, 999 - admitted);
    }
    let leased = scripts(&server).await - after;
    assert!((1..=10).contains(&leased), "{leased} round trips for 200 decisions");
    // If the share of a rate limit is less than two requests, each request calls Redis.
    let before = scripts(&server).await;
    for _ in 0..15 {
        let _ = reserve(&leasing, &charge_request(3, 15, hour, "ada")).await.unwrap();
    }
    assert!(reserve(&leasing, &charge_request(3, 15, hour, "ada")).await.is_err());
    assert_eq!(scripts(&server).await - before, 16);
}

#[tokio::test]
async fn unused_lease_is_refunded_after_its_term() {
    let Some(server) = Server::start() else { return };
    let (store, other) = (leasing(&server, 20, TERM), store(&server));
    let request = charge_request(1, 100, Duration::from_secs(3600), "ada");
    let _ = reserve(&store, &request).await.unwrap();
    assert_eq!(status(&other, &request).await.remaining, 80, "a fifth is leased");
    let began = Instant::now();
    while status(&other, &request).await.remaining != 99 {
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", status(&other, &request).await);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Charges from the lease can be refunded like others.
    let charge = reserve(&store, &request).await.unwrap();
    let more = reserve(&store, &request).await.unwrap();
    store.refund(vec![charge, more]).await.unwrap();
    let began = Instant::now();
    while status(&other, &request).await.remaining != 99 {
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", status(&other, &request).await);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn leases_neither_lose_nor_add_units() {
    let Some(server) = Server::start() else { return };
    let stores = [leasing(&server, 20, TERM), leasing(&server, 20, TERM), store(&server)];
    for (bucket, limit) in [(1, 30), (2, 100), (3, 101)] {
        let request = charge_request(bucket, limit, Duration::from_secs(3600), "ada");
        let (mut admitted, began) = (0, Instant::now());
        // A request that is rejected while another process has a lease is repeated until the lease has ended.
        while began.elapsed() < TERM * 8 || admitted < limit && began.elapsed() < Duration::from_secs(20) {
            for store in &stores {
                admitted += u32::from(reserve(store, &request).await.is_ok());
            }
            assert!(admitted <= limit, "{admitted} of {limit}");
        }
        assert_eq!(admitted, limit);
    }
}

/// When the request was sent, and when it was admitted.
type Admission = (Instant, Instant);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_window_exceeds_the_limit_with_leases() {
    let Some(server) = Server::start() else { return };
    const LIMIT: u32 = 60;
    const WINDOW: Duration = Duration::from_millis(300);
    let requests = charge_request(1, LIMIT, WINDOW, "ada");
    let began = Instant::now();
    let tasks: Vec<_> = [leasing(&server, 20, TERM), leasing(&server, 7, TERM), store(&server)]
        .into_iter()
        .flat_map(|store| (0..3).map(move |_| store.clone()))
        .map(|store| {
            let requests = requests.clone();
            tokio::spawn(async move {
                let mut admitted: Vec<Admission> = Vec::new();
                while began.elapsed() < Duration::from_secs(3) {
                    let sent = Instant::now();
                    match reserve(&store, &requests).await {
                        Ok(_) => admitted.push((sent, Instant::now())),
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
    assert!(all.len() > 5 * LIMIT as usize, "{} admitted: too few for the test", all.len());
    assert_no_window_has_more(&all, LIMIT, WINDOW);
}

/// Counts only admissions that lie completely in one window, from sending to admission.
fn assert_no_window_has_more(all: &[Admission], limit: u32, window: Duration) {
    for (first, _) in all {
        let within = all.iter().filter(|(sent, had)| sent >= first && *had < *first + window).count();
        assert!(within <= limit as usize, "{within} within {window:?}");
    }
}

#[tokio::test]
async fn late_use_of_a_lease_counts_a_full_window() {
    let Some(server) = Server::start() else { return };
    const LIMIT: u32 = 50;
    const WINDOW: Duration = Duration::from_millis(600);
    let term = Duration::from_millis(500);
    let (late, other) = (leasing(&server, 20, term), store(&server));
    let request = charge_request(1, LIMIT, WINDOW, "ada");
    let mut all: Vec<Admission> = Vec::new();
    let mut tries = async |store: &RedisRateLimits, count: u32| {
        let before = all.len();
        for _ in 0..count {
            let sent = Instant::now();
            if reserve(store, &request).await.is_ok() {
                all.push((sent, Instant::now()));
            }
        }
        all.len() - before
    };
    // Ten units are charged, nine of them as a lease.
    assert_eq!(tries(&late, 1).await, 1);
    assert_eq!(tries(&other, 60).await, 40);
    let began = Instant::now();
    tokio::time::sleep(Duration::from_millis(400)).await;
    tries(&late, 9).await;
    while began.elapsed() < WINDOW * 4 {
        tries(&other, 60).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_no_window_has_more(&all, LIMIT, WINDOW);
    assert!(all.len() > 100, "the rate limit must admit again after its window: {}", all.len());
}

#[tokio::test]
async fn reset_ends_the_lease_without_a_refund() {
    let Some(server) = Server::start() else { return };
    let store = leasing(&server, 20, TERM);
    let request = charge_request(1, 100, Duration::from_secs(3600), "ada");
    for _ in 0..5 {
        let _ = reserve(&store, &request).await.unwrap();
    }
    store.reset(&request).await.unwrap();
    assert_eq!(status(&store, &request).await.remaining, 100);
    for _ in 0..100 {
        while reserve(&store, &request).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    tokio::time::sleep(TERM * 3).await;
    assert_eq!(status(&store, &request).await.remaining, 0);
    assert!(reserve(&store, &request).await.is_err());
}

#[tokio::test]
async fn lease_ends_with_its_term_during_an_outage() {
    let Some(mut server) = Server::start() else { return };
    let store = leasing(&server, 20, Duration::from_secs(1));
    let request = charge_request(1, 1000, Duration::from_secs(3600), "ada");
    let _ = reserve(&store, &request).await.unwrap();
    let leased = Instant::now();
    server.kill();
    while store.reserve(std::slice::from_ref(&request)).await.is_ok() {
        assert!(leased.elapsed() < Duration::from_secs(20), "the lease never ends");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn invalid_lease_settings_are_rejected() {
    let redis = RedisConnection::builder("redis://127.0.0.1:1/", "tests", KEY).build().unwrap();
    let builder = || RedisRateLimits::builder(&redis);
    for (percent, term) in [(0, TERM), (21, TERM), (5, Duration::from_millis(9)), (5, Duration::from_secs(11))] {
        assert!(builder().leases(percent, term).build().is_err());
    }
    assert!(builder().leases(20, TERM).build().is_ok());
}
