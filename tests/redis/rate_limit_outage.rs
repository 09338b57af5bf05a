//! CWE-400, CWE-636, ASVS V16.5.3: Redis is gone, silent or slow.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use palisade::__v1::rate_limits::RedisDecision;
use palisade::rate_limit::RedisRateLimits;
use palisade::redis::RedisConnection;
use palisade::resource::Unavailable;

use crate::proxy::Proxy;
use crate::rate_limits::{KEY, ask, reserve, store, within};
use crate::server::Server;

const HOUR: Duration = Duration::from_secs(3600);

/// Long beside the timeout of 50 ms, short beside what an operating system waits.
const HANGS: Duration = Duration::from_secs(10);

fn hasty(url: &str) -> RedisRateLimits {
    RedisRateLimits::new(&RedisConnection::builder(url, "tests", KEY).build().unwrap())
}

async fn decide(store: &RedisRateLimits) -> Result<(), Unavailable> {
    let began = Instant::now();
    let decision = store.reserve(&[ask(1, 1_000_000, HOUR, "ada")]).await;
    assert!(began.elapsed() < HANGS, "a decision took {:?}", began.elapsed());
    decision.map(|decisions| assert!(matches!(&decisions[..], [RedisDecision::Charged(_)]), "{decisions:?}"))
}

async fn comes_back(store: &RedisRateLimits) {
    let began = Instant::now();
    while decide(store).await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(60), "it does not come back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// So many decisions would take 20 seconds if each waited its timeout.
async fn answers_at_once(store: &RedisRateLimits) {
    let began = Instant::now();
    for _ in 0..400 {
        assert_eq!(decide(store).await, Err(Unavailable));
    }
    assert!(began.elapsed() < HANGS, "each waited: {:?}", began.elapsed());
}

#[tokio::test]
async fn a_redis_that_is_killed_is_unavailable_and_comes_back_by_itself() {
    let Some(mut server) = Server::start() else { return };
    let store = hasty(&server.url());
    comes_back(&store).await;
    server.kill();
    answers_at_once(&store).await;
    server.restart();
    comes_back(&store).await;
}

#[tokio::test]
async fn a_redis_that_is_held_hangs_nobody_and_comes_back_by_itself() {
    let Some(server) = Server::start() else { return };
    let store = hasty(&server.url());
    comes_back(&store).await;
    server.pause();
    answers_at_once(&store).await;
    // Longer than a connection may take to be made.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    answers_at_once(&store).await;
    server.resume();
    comes_back(&store).await;
}

#[tokio::test]
async fn a_peer_that_takes_the_connection_and_says_nothing_hangs_nobody() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let store = hasty(&format!("redis://{}/", silent.local_addr().unwrap()));
    answers_at_once(&store).await;
    let charge = store.charge(&ask(1, 5, HOUR, "ada")).await;
    assert_eq!(charge, Err(Unavailable));
    assert_eq!(store.reset(&ask(1, 5, HOUR, "ada")).await, Err(Unavailable));
    assert_eq!(store.status(&[ask(1, 5, HOUR, "ada")]).await, Err(Unavailable));
}

#[tokio::test]
async fn a_redis_that_is_busy_with_something_else_hangs_nobody() {
    let Some(server) = Server::start() else { return };
    let store = hasty(&server.url());
    comes_back(&store).await;
    let client = redis::Client::open(server.url()).unwrap();
    let busy = tokio::task::spawn_blocking(move || {
        let mut connection = client.get_connection().unwrap();
        redis::cmd("EVAL").arg("local n = 0; while n < 300000000 do n = n + 1 end").arg(0).exec(&mut connection)
    });
    let mut refused = 0;
    while !busy.is_finished() {
        refused += u32::from(decide(&store).await.is_err());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(refused > 0, "the script was over before it was met");
    let _ = busy.await.unwrap();
    comes_back(&store).await;
}

#[tokio::test]
async fn a_network_that_is_200_ms_slow_is_unavailable_to_the_hasty_and_no_queue_to_the_patient() {
    let Some(server) = Server::start() else { return };
    let proxy = Proxy::before(server.port()).await;
    let hasty = hasty(&proxy.url());
    let patient = within(Duration::from_secs(10), &proxy.url());
    comes_back(&hasty).await;
    comes_back(&patient).await;
    proxy.delay(Duration::from_millis(200));
    for _ in 0..20 {
        assert_eq!(decide(&hasty).await, Err(Unavailable));
    }
    let began = Instant::now();
    let all: Vec<_> = (0..64)
        .map(|_| {
            let store = patient.clone();
            tokio::spawn(async move { decide(&store).await })
        })
        .collect();
    for one in all {
        assert_eq!(one.await.unwrap(), Ok(()));
    }
    assert!(began.elapsed() >= Duration::from_millis(200), "the network was not slow");
    assert!(began.elapsed() < Duration::from_secs(6), "one waits for the other: {:?}", began.elapsed());
    proxy.delay(Duration::ZERO);
    comes_back(&hasty).await;
}

#[tokio::test]
async fn a_connection_that_takes_longer_to_make_than_a_decision_may_is_made() {
    let Some(server) = Server::start() else { return };
    let proxy = Proxy::before(server.port()).await;
    proxy.handshake(Duration::from_millis(700));
    let store = hasty(&proxy.url());
    for _ in 0..10 {
        assert_eq!(decide(&store).await, Err(Unavailable));
    }
    comes_back(&store).await;
}

#[tokio::test]
async fn what_was_charged_while_nobody_heard_the_answer_stays_charged() {
    let Some(server) = Server::start() else { return };
    let lost = hasty(&server.url());
    comes_back(&lost).await;
    let one = ask(7, 3, HOUR, "ada");
    let kept = reserve(&lost, &one).await.unwrap();
    server.pause();
    let unheard = lost.reserve(std::slice::from_ref(&one)).await;
    let unsure = lost.release(vec![kept]).await;
    server.resume();
    assert!(unheard.is_err() && unsure.is_err());
    let patient = store(&server);
    let status = patient.status(std::slice::from_ref(&one)).await.unwrap()[0];
    assert!((1..=3).contains(&status.remaining), "two were charged at most, and one given back: {status:?}");
    let _ = patient.charge(&palisade::__v1::rate_limits::ChargeRequest { cost: 3, ..one.clone() }).await.unwrap();
    assert!(reserve(&patient, &one).await.is_err());
}

#[test]
fn without_a_runtime_it_is_unavailable() {
    let store = hasty("redis://127.0.0.1:1/");
    let decided = futures_util::FutureExt::now_or_never(store.status(&[ask(1, 5, HOUR, "ada")]));
    assert_eq!(decided, Some(Err(Unavailable)));
}

#[tokio::test]
async fn what_a_server_comes_to_when_nobody_waits_for_it_any_more_is_charged_to_nobody() {
    let Some(server) = Server::start() else { return };
    let (hasty, patient) = (hasty(&server.url()), store(&server));
    let ask = ask(1, 5, Duration::from_secs(3600), "ada");
    let _ = reserve(&patient, &ask).await.unwrap();
    // So that it is connected, and has seen the server's clock.
    let began = Instant::now();
    while hasty.reserve(std::slice::from_ref(&ask)).await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(20), "it does not answer");
    }
    let before = patient.status(std::slice::from_ref(&ask)).await.unwrap()[0].remaining;
    server.pause();
    for _ in 0..4 {
        assert!(hasty.reserve(std::slice::from_ref(&ask)).await.is_err());
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    server.resume();
    // What was sent before is done before.
    let began = Instant::now();
    while hasty.status(std::slice::from_ref(&ask)).await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(20), "it does not answer");
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(patient.status(std::slice::from_ref(&ask)).await.unwrap()[0].remaining, before);
}

#[test]
fn a_busy_worker_does_not_take_redis_from_the_others() {
    let Some(server) = Server::start() else { return };
    let rate_limits = within(Duration::from_millis(500), &server.url());
    let limit = palisade::__v1::rate_limits::Limit::new(1000, Duration::from_secs(60)).unwrap();
    let ask = move || {
        let client = palisade::__v1::rate_limits::Client::Address([192, 0, 2, 1].into());
        [palisade::__v1::rate_limits::ChargeRequest {
            bucket: 1,
            limit,
            cost: 1,
            client,
            binding: true,
            settles_later: false,
        }]
    };
    let rt = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (ready, wait) = std::sync::mpsc::channel();
    let first = rate_limits.clone();
    let busy = std::thread::spawn(move || {
        rt().block_on(async {
            while first.reserve(&ask()).await.is_err() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            ready.send(()).unwrap();
            // A handler that computes for a second.
            std::thread::sleep(Duration::from_secs(3));
        });
    });
    wait.recv().unwrap();
    let (mut failed, mut answered) = (0, 0);
    rt().block_on(async {
        for _ in 0..10 {
            match rate_limits.reserve(&ask()).await {
                Ok(_) => answered += 1,
                Err(_) => failed += 1,
            }
        }
    });
    busy.join().unwrap();
    assert_eq!(failed, 0, "of 10 decisions of the other worker; {answered} were answered");
}
