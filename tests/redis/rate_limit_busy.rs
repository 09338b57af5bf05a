//! CWE-636, CWE-400: a Redis that is well is asked by a process that is busy: that is no outage, and every verdict is exact.

use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use palisade::__v1::rate_limits::{ChargeRequest, RedisDecision};
use palisade::rate_limit::RedisRateLimits;

use super::proxy::Proxy;
use super::rate_limits::{ask, within};
use super::server::Server;

/// More than a busy machine keeps a server from answering, and much less than the worker computes.
const TIMEOUT: Duration = Duration::from_millis(250);
const COMPUTES: Duration = Duration::from_millis(600);

fn store(server: &Server) -> RedisRateLimits {
    within(TIMEOUT, &server.url())
}

fn of(bucket: u64, limit: u32) -> ChargeRequest<'static> {
    ask(bucket, limit, Duration::from_secs(3600), "ada")
}

async fn warm(store: &RedisRateLimits) {
    let began = Instant::now();
    while store.reserve(&[of(99, 100)]).await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(20), "it does not answer");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    charged: usize,
    refused: usize,
    unavailable: usize,
}

/// So many ask at once, on a worker that computes for longer than the timeout whenever it has the chance.
async fn asked_by_a_busy_worker(store: &RedisRateLimits, bucket: u64, limit: u32, many: usize) -> Tally {
    let local = tokio::task::LocalSet::new();
    let tally = local.run_until(async {
        let asked: Vec<_> = (0..many)
            .map(|_| {
                let (store, ask) = (store.clone(), of(bucket, limit));
                tokio::task::spawn_local(async move { store.reserve(std::slice::from_ref(&ask)).await })
            })
            .collect();
        let computing = tokio::task::spawn_local(async {
            for _ in 0..3 {
                std::thread::sleep(COMPUTES);
                tokio::task::yield_now().await;
            }
        });
        let mut tally = Tally::default();
        for one in asked {
            match one.await.unwrap().map(|decisions| decisions.into_iter().next()) {
                Ok(Some(RedisDecision::Charged(_))) => tally.charged += 1,
                Ok(Some(RedisDecision::Refused(_))) => tally.refused += 1,
                _ => tally.unavailable += 1,
            }
        }
        computing.await.unwrap();
        tally
    });
    tally.await
}

#[tokio::test]
async fn a_worker_that_computes_longer_than_the_timeout_gets_exact_verdicts() {
    let Some(server) = Server::start() else { return };
    let store = store(&server);
    warm(&store).await;
    for (bucket, many) in [(1, 1), (2, 40), (3, 400)] {
        let tally = asked_by_a_busy_worker(&store, bucket, 5, many).await;
        let charged = many.min(5);
        assert_eq!(tally, Tally { charged, refused: many - charged, unavailable: 0 });
    }
}

#[tokio::test]
async fn a_first_question_whose_script_the_server_does_not_know_is_no_exception() {
    let Some(server) = Server::start() else { return };
    let store = store(&server);
    warm(&store).await;
    let mut connection = redis::Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    for round in 0..3 {
        redis::cmd("SCRIPT").arg("FLUSH").query_async::<()>(&mut connection).await.unwrap();
        let tally = asked_by_a_busy_worker(&store, 10 + round, 5, 20).await;
        assert_eq!(tally, Tally { charged: 5, refused: 15, unavailable: 0 });
    }
}

#[tokio::test]
async fn many_more_than_are_sent_at_once_wait_for_their_turn_and_it_is_the_sent_ones_that_are_timed() {
    let Some(server) = Server::start() else { return };
    let proxy = Proxy::before(server.port()).await;
    let store = within(TIMEOUT, &proxy.url());
    warm(&store).await;
    proxy.delay(Duration::from_millis(100));
    let began = Instant::now();
    // Four rounds of those that may be under way at once: together longer than the timeout.
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
    assert!(began.elapsed() > Duration::from_millis(300), "nobody waited: {:?}", began.elapsed());
    // Who would have to wait longer than is said is told so.
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
    assert!(began.elapsed() < Duration::from_secs(4), "they wait without end: {:?}", began.elapsed());
}

#[tokio::test]
async fn who_is_gone_before_its_turn_is_charged_for_nothing() {
    let Some(server) = Server::start() else { return };
    let proxy = Proxy::before(server.port()).await;
    let store = within(Duration::from_secs(5), &proxy.url());
    warm(&store).await;
    proxy.delay(Duration::from_millis(400));
    let sent: Vec<_> = (0..128)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.reserve(&[of(30, 200)]).await.map(drop) })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(150)).await;
    for _ in 0..50 {
        assert!(store.reserve(&[of(31, 200)]).now_or_never().is_none(), "all turns are taken");
    }
    for one in sent {
        assert_eq!(one.await.unwrap(), Ok(()));
    }
    let statuses = store.status(&[of(30, 200), of(31, 200)]).await.unwrap();
    assert_eq!([statuses[0].remaining, statuses[1].remaining], [72, 200]);
}
