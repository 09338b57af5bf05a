//! CWE-400, CWE-636, ASVS V16.5.3: Redis is down, silent or slow.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use palisade::__v1::rate_limits::RedisDecision;
use palisade::__v1::rate_limits::RedisDecisions as _;
use palisade::rate_limit::RedisRateLimits;
use palisade::redis::RedisConnection;
use palisade::resource::Unavailable;

use crate::proxy::Proxy;
use crate::rate_limits::{KEY, charge_request, reserve, store, within};
use crate::server::Server;

const HOUR: Duration = Duration::from_secs(3600);

/// Much longer than the timeout of 50 ms, much shorter than the timeouts of an operating system.
const HANGS: Duration = Duration::from_secs(10);

fn hasty(url: &str) -> RedisRateLimits {
    RedisRateLimits::new(&RedisConnection::builder(url, "tests", KEY).build().unwrap())
}

async fn decide(store: &RedisRateLimits) -> Result<(), Unavailable> {
    let began = Instant::now();
    let decision = store.reserve(&[charge_request(1, 1_000_000, HOUR, "ada")]).await;
    assert!(began.elapsed() < HANGS, "a decision took {:?}", began.elapsed());
    decision.map(|decisions| assert!(matches!(&decisions[..], [RedisDecision::Charged(_)]), "{decisions:?}"))
}

async fn wait_until_it_responds(store: &RedisRateLimits) {
    let began = Instant::now();
    while decide(store).await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(60), "it does not recover");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// This many decisions would take 20 seconds if each waited for its timeout.
async fn assert_fails_at_once(store: &RedisRateLimits) {
    let began = Instant::now();
    for _ in 0..400 {
        assert_eq!(decide(store).await, Err(Unavailable));
    }
    assert!(began.elapsed() < HANGS, "each waited: {:?}", began.elapsed());
}

#[tokio::test]
async fn killed_redis_is_unavailable_and_recovers() {
    let Some(mut server) = Server::start() else { return };
    let store = hasty(&server.url());
    wait_until_it_responds(&store).await;
    server.kill();
    assert_fails_at_once(&store).await;
    server.restart();
    wait_until_it_responds(&store).await;
}

#[tokio::test]
async fn suspended_redis_blocks_no_request_and_recovers() {
    let Some(server) = Server::start() else { return };
    let store = hasty(&server.url());
    wait_until_it_responds(&store).await;
    server.pause();
    assert_fails_at_once(&store).await;
    // Longer than connecting may take.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_fails_at_once(&store).await;
    server.resume();
    wait_until_it_responds(&store).await;
}

#[tokio::test]
async fn silent_peer_blocks_no_request() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let store = hasty(&format!("redis://{}/", silent.local_addr().unwrap()));
    assert_fails_at_once(&store).await;
    let charge = store.charge(&charge_request(1, 5, HOUR, "ada")).await;
    assert_eq!(charge, Err(Unavailable));
    assert_eq!(store.reset(&charge_request(1, 5, HOUR, "ada")).await, Err(Unavailable));
    assert_eq!(store.status(&[charge_request(1, 5, HOUR, "ada")]).await, Err(Unavailable));
}

#[tokio::test]
async fn busy_redis_blocks_no_request() {
    let Some(server) = Server::start() else { return };
    let store = hasty(&server.url());
    wait_until_it_responds(&store).await;
    let client = redis::Client::open(server.url()).unwrap();
    let busy = tokio::task::spawn_blocking(move || {
        let mut connection = client.get_connection().unwrap();
        redis::cmd("EVAL").arg("local n = 0; while n < 300000000 do n = n + 1 end").arg(0).exec(&mut connection)
    });
    let mut rejected = 0;
    while !busy.is_finished() {
        rejected += u32::from(decide(&store).await.is_err());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(rejected > 0, "the script ended before a decision met it");
    let _ = busy.await.unwrap();
    wait_until_it_responds(&store).await;
}

#[tokio::test]
async fn slow_network_fails_only_short_timeouts() {
    let Some(server) = Server::start() else { return };
    let proxy = Proxy::before(server.port()).await;
    let hasty = hasty(&proxy.url());
    let patient = within(Duration::from_secs(10), &proxy.url());
    wait_until_it_responds(&hasty).await;
    wait_until_it_responds(&patient).await;
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
    assert!(began.elapsed() < Duration::from_secs(6), "the decisions wait for each other: {:?}", began.elapsed());
    proxy.delay(Duration::ZERO);
    wait_until_it_responds(&hasty).await;
}

#[tokio::test]
async fn slow_handshake_still_connects() {
    let Some(server) = Server::start() else { return };
    let proxy = Proxy::before(server.port()).await;
    proxy.handshake(Duration::from_millis(700));
    let store = hasty(&proxy.url());
    for _ in 0..10 {
        assert_eq!(decide(&store).await, Err(Unavailable));
    }
    wait_until_it_responds(&store).await;
}

#[tokio::test]
async fn charge_with_a_lost_answer_stays() {
    let Some(server) = Server::start() else { return };
    let lost = hasty(&server.url());
    wait_until_it_responds(&lost).await;
    let one = charge_request(7, 3, HOUR, "ada");
    let kept = reserve(&lost, &one).await.unwrap();
    server.pause();
    let unheard = lost.reserve(std::slice::from_ref(&one)).await;
    let unsure = lost.refund(vec![kept]).await;
    server.resume();
    assert!(unheard.is_err() && unsure.is_err());
    let patient = store(&server);
    let status = patient.status(std::slice::from_ref(&one)).await.unwrap()[0];
    assert!((1..=3).contains(&status.remaining), "at most two units are charged and one is refunded: {status:?}");
    let _ = patient.charge(&palisade::__v1::rate_limits::ChargeRequest { cost: 3, ..one.clone() }).await.unwrap();
    assert!(reserve(&patient, &one).await.is_err());
}

#[test]
fn without_a_runtime_it_is_unavailable() {
    let store = hasty("redis://127.0.0.1:1/");
    let decided = futures_util::FutureExt::now_or_never(store.status(&[charge_request(1, 5, HOUR, "ada")]));
    assert_eq!(decided, Some(Err(Unavailable)));
}

#[tokio::test]
async fn late_command_charges_no_client() {
    let Some(server) = Server::start() else { return };
    let (hasty, patient) = (hasty(&server.url()), store(&server));
    let request = charge_request(1, 5, Duration::from_secs(3600), "ada");
    let _ = reserve(&patient, &request).await.unwrap();
    // After this, the store is connected and knows the server's clock.
    let began = Instant::now();
    while hasty.reserve(std::slice::from_ref(&request)).await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(20), "redis-server does not respond");
    }
    let before = patient.status(std::slice::from_ref(&request)).await.unwrap()[0].remaining;
    server.pause();
    for _ in 0..4 {
        assert!(hasty.reserve(std::slice::from_ref(&request)).await.is_err());
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    server.resume();
    // The server executes commands in order, so the earlier ones are done after this.
    let began = Instant::now();
    while hasty.status(std::slice::from_ref(&request)).await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(20), "redis-server does not respond");
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(patient.status(std::slice::from_ref(&request)).await.unwrap()[0].remaining, before);
}

#[test]
fn busy_worker_does_not_block_other_workers() {
    let Some(server) = Server::start() else { return };
    let rate_limits = within(Duration::from_millis(500), &server.url());
    let limit = palisade::__v1::rate_limits::Limit::new(1000, Duration::from_secs(60)).unwrap();
    let charge_request = move || {
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
            while first.reserve(&charge_request()).await.is_err() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            ready.send(()).unwrap();
            // A handler that computes for three seconds.
            std::thread::sleep(Duration::from_secs(3));
        });
    });
    wait.recv().unwrap();
    let (mut failed, mut decided) = (0, 0);
    rt().block_on(async {
        for _ in 0..10 {
            match rate_limits.reserve(&charge_request()).await {
                Ok(_) => decided += 1,
                Err(_) => failed += 1,
            }
        }
    });
    busy.join().unwrap();
    assert_eq!(failed, 0, "of 10 decisions of the other worker; {decided} were made");
}
