//! CWE-636, CWE-400: a busy process calls a healthy Redis. This must not count as an outage, and every decision must be
//! exact.

use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use palisade::__v1::rate_limits::RedisDecisions as _;
use palisade::__v1::rate_limits::{ChargeRequest, RedisDecision};
use palisade::rate_limit::RedisRateLimits;

use super::proxy::Proxy;
use super::rate_limits::{charge_request, within};
use super::server::Server;

/// Longer than a busy machine delays the server, and much shorter than the worker computes.
const TIMEOUT: Duration = Duration::from_millis(250);
const COMPUTES: Duration = Duration::from_millis(600);

fn store(server: &Server) -> RedisRateLimits {
    within(TIMEOUT, &server.url())
}

fn of(bucket: u64, limit: u32) -> ChargeRequest<'static> {
    charge_request(bucket, limit, Duration::from_secs(3600), "ada")
}

async fn wait_until_it_responds(store: &RedisRateLimits) {
    let began = Instant::now();
    while store.reserve(&[of(99, 100)]).await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(20), "redis-server does not respond");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    charged: usize,
    rejected: usize,
    unavailable: usize,
}

/// Sends `many` requests at once, on a worker that repeatedly computes for longer than the timeout.
async fn requests_of_a_busy_worker(store: &RedisRateLimits, bucket: u64, limit: u32, many: usize) -> Tally {
    let local = tokio::task::LocalSet::new();
    let tally = local.run_until(async {
        let pending: Vec<_> = (0..many)
            .map(|_| {
                let (store, request) = (store.clone(), of(bucket, limit));
                tokio::task::spawn_local(async move { store.reserve(std::slice::from_ref(&request)).await })
            })
            .collect();
        let computing = tokio::task::spawn_local(async {
            for _ in 0..3 {
                std::thread::sleep(COMPUTES);
                tokio::task::yield_now().await;
            }
        });
        let mut tally = Tally::default();
        for one in pending {
            match one.await.unwrap().map(|decisions| decisions.into_iter().next()) {
                Ok(Some(RedisDecision::Charged(_))) => tally.charged += 1,
                Ok(Some(RedisDecision::Rejected(_))) => tally.rejected += 1,
                _ => tally.unavailable += 1,
            }
        }
        computing.await.unwrap();
        tally
    });
    tally.await
}

#[tokio::test]
async fn busy_worker_gets_exact_decisions() {
    let Some(server) = Server::start() else { return };
    let store = store(&server);
    wait_until_it_responds(&store).await;
    for (bucket, many) in [(1, 1), (2, 40), (3, 400)] {
        let tally = requests_of_a_busy_worker(&store, bucket, 5, many).await;
        let charged = many.min(5);
        assert_eq!(tally, Tally { charged, rejected: many - charged, unavailable: 0 });
    }
}

#[tokio::test]
async fn busy_worker_survives_a_flushed_script() {
    let Some(server) = Server::start() else { return };
    let store = store(&server);
    wait_until_it_responds(&store).await;
    let mut connection = redis::Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    for round in 0..3 {
        redis::cmd("SCRIPT").arg("FLUSH").query_async::<()>(&mut connection).await.unwrap();
        let tally = requests_of_a_busy_worker(&store, 10 + round, 5, 20).await;
        assert_eq!(tally, Tally { charged: 5, rejected: 15, unavailable: 0 });
    }
}

#[tokio::test]
async fn queue_time_does_not_count_toward_the_timeout() {
    let Some(server) = Server::start() else { return };
    let proxy = Proxy::before(server.port()).await;
    let store = within(TIMEOUT, &proxy.url());
    wait_until_it_responds(&store).await;
    proxy.delay(Duration::from_millis(100));
    let began = Instant::now();
    // Four rounds of the largest number that is sent at once. Together they take longer than the timeout.
    let all: Vec<_> = (0..400)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                store.reserve(&[of(20, 100)]).await.map(|decisions| matches!(decisions[0], RedisDecision::Charged(_)))
            })
        })
        .collect();
    let (mut charged, mut unavailable) = (0, 0);
    for one in all {
        match one.await.unwrap() {
            Ok(yes) => charged += usize::from(yes),
            Err(_) => unavailable += 1,
        }
    }
    assert_eq!((charged, unavailable), (100, 0));
    assert!(began.elapsed() > Duration::from_millis(300), "no request waited: {:?}", began.elapsed());
    // A request that would wait longer than the queue timeout fails.
    proxy.delay(Duration::from_millis(240));
    let all: Vec<_> = (0..4000)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.reserve(&[of(21, 100)]).await.is_err() })
        })
        .collect();
    let began = Instant::now();
    let mut unavailable = 0;
    for one in all {
        unavailable += usize::from(one.await.unwrap());
    }
    assert!(unavailable > 1000, "{unavailable}");
    assert!(began.elapsed() < Duration::from_secs(4), "the queue timeout does not work: {:?}", began.elapsed());
}

#[tokio::test]
async fn request_dropped_in_the_queue_is_not_charged() {
    let Some(server) = Server::start() else { return };
    let proxy = Proxy::before(server.port()).await;
    let store = within(Duration::from_secs(5), &proxy.url());
    wait_until_it_responds(&store).await;
    proxy.delay(Duration::from_millis(400));
    let sent: Vec<_> = (0..128)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.reserve(&[of(30, 200)]).await.map(drop) })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(150)).await;
    for _ in 0..50 {
        assert!(
            store.reserve(&[of(31, 200)]).now_or_never().is_none(),
            "the largest number of requests is already sent"
        );
    }
    for one in sent {
        assert_eq!(one.await.unwrap(), Ok(()));
    }
    let statuses = store.status(&[of(30, 200), of(31, 200)]).await.unwrap();
    assert_eq!([statuses[0].remaining, statuses[1].remaining], [72, 200]);
}
