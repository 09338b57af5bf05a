//! CWE-799, CWE-307, CWE-359, ASVS V2.4.1: rate limits of several processes in one Redis.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use palisade::__v1::rate_limits::RedisDecisions as _;
use palisade::__v1::rate_limits::{ChargeRequest, Client, Limit, RedisCharge, RedisDecision, Rejected};
use palisade::rate_limit::RateLimitStatus;
use palisade::rate_limit::RedisRateLimits;
use palisade::redis::RedisConnection;
use redis::AsyncCommands as _;

use crate::server::Server;

pub const KEY: [u8; 32] = [7; 32];
const HOUR: Duration = Duration::from_secs(3600);

/// A timeout that is never reached. Only the tests of outages use short timeouts.
pub const PATIENT: Duration = Duration::from_secs(20);

pub fn store(server: &Server) -> RedisRateLimits {
    within(PATIENT, &server.url())
}

/// Rate limits in the Redis at this URL, with this timeout.
pub fn within(timeout: Duration, url: &str) -> RedisRateLimits {
    RedisRateLimits::new(&RedisConnection::builder(url, "tests", KEY).timeout(timeout).build().unwrap())
}

/// Like [`store`], for a process that leases a share of each rate limit.
pub fn leasing(server: &Server, percent: u32, term: Duration) -> RedisRateLimits {
    let redis = RedisConnection::builder(&server.url(), "tests", KEY).timeout(PATIENT).build().unwrap();
    RedisRateLimits::builder(&redis).leases(percent, term).build().unwrap()
}

pub fn named(text: &str) -> Client<'static> {
    Client::Named { kind: Cow::Borrowed("body.email"), text: Cow::Owned(text.to_owned()) }
}

pub fn charge_request(bucket: u64, limit: u32, window: Duration, client: &str) -> ChargeRequest<'static> {
    ChargeRequest {
        bucket,
        limit: Limit::new(limit, window).unwrap(),
        cost: 1,
        client: named(client),
        binding: true,
        settles_later: false,
    }
}

fn costing(cost: u32, request: &ChargeRequest<'static>) -> ChargeRequest<'static> {
    ChargeRequest { cost, ..request.clone() }
}

fn observed(request: &ChargeRequest<'static>) -> ChargeRequest<'static> {
    ChargeRequest { binding: false, ..request.clone() }
}

pub async fn reserve(store: &RedisRateLimits, request: &ChargeRequest<'static>) -> Result<RedisCharge, Rejected> {
    match store.reserve(std::slice::from_ref(request)).await.expect("the store responds").pop() {
        Some(RedisDecision::Charged(charge)) => Ok(charge),
        Some(RedisDecision::Rejected(rejected)) => Err(rejected),
        other => panic!("{other:?}"),
    }
}

async fn remaining(store: &RedisRateLimits, request: &ChargeRequest<'static>) -> u32 {
    store.status(std::slice::from_ref(request)).await.unwrap()[0].remaining
}

#[tokio::test]
async fn exactly_the_limit_is_admitted_until_retry_after() {
    let Some(server) = Server::start() else { return };
    let store = store(&server);
    for limit in [1, 5, 16, 17, 100] {
        let request = charge_request(u64::from(limit), limit, Duration::from_millis(700), "ada");
        let began = Instant::now();
        let mut admitted = 0;
        let rejected = loop {
            match reserve(&store, &request).await {
                Ok(charge) => {
                    admitted += 1;
                    assert_eq!(charge.status().remaining, limit - admitted);
                    assert!(charge.status().reset <= Duration::from_millis(722));
                }
                Err(rejected) => break rejected,
            }
        };
        // If the machine pauses for a whole window, more units are admitted.
        assert!(admitted == limit || began.elapsed() > Duration::from_millis(650), "{admitted} of {limit}");
        assert!(rejected.retry_after > Duration::ZERO);
        assert!(rejected.retry_after <= Duration::from_millis(700) + request.limit.slack() + Duration::from_micros(1));
        tokio::time::sleep(rejected.retry_after).await;
        assert!(reserve(&store, &request).await.is_ok(), "{limit}: rejected after the announced wait: {rejected:?}");
    }
}

#[tokio::test]
async fn release_refunds_exactly_the_charge() {
    let Some(server) = Server::start() else { return };
    let store = store(&server);
    for limit in [10, 1000] {
        let request = charge_request(u64::from(limit), limit, HOUR, "ada");
        let three = reserve(&store, &costing(3, &request)).await.unwrap();
        let four = reserve(&store, &costing(4, &request)).await.unwrap();
        assert_eq!(four.status().remaining, limit - 7);
        let after = store.refund(vec![three]).await.unwrap();
        assert_eq!(after[0].remaining, limit - 4);
        assert!(after[0].reset > HOUR - Duration::from_secs(60), "the other charge is still held: {after:?}");
        let after = store.refund(vec![four]).await.unwrap();
        assert_eq!((after[0].remaining, after[0].reset), (limit, Duration::ZERO));
    }
    assert_eq!(server.dump().await, "", "a client without charges must have no key");
}

#[tokio::test]
async fn charge_from_before_a_reset_refunds_nothing() {
    let Some(server) = Server::start() else { return };
    let store = store(&server);
    for limit in [4, 40] {
        let lasting = charge_request(u64::from(limit), limit, HOUR, "ada");
        let before = reserve(&store, &lasting).await.unwrap();
        store.reset(&lasting).await.unwrap();
        assert_eq!(remaining(&store, &lasting).await, limit);
        let _kept = reserve(&store, &lasting).await.unwrap();
        assert_eq!(store.refund(vec![before]).await.unwrap()[0].remaining, limit - 1);

        let short = charge_request(u64::from(limit) + 100, limit, Duration::from_millis(100), "ada");
        let before = reserve(&store, &short).await.unwrap();
        tokio::time::sleep(Duration::from_millis(150)).await;
        let again = Instant::now();
        let _kept = reserve(&store, &short).await.unwrap();
        let after = store.refund(vec![before]).await.unwrap()[0].remaining;
        assert!(after == limit - 1 || again.elapsed() > Duration::from_millis(90), "{after}");
    }
}

#[tokio::test]
async fn cost_is_charged_completely_or_not_at_all() {
    let Some(server) = Server::start() else { return };
    let store = store(&server);
    for limit in [10, 100] {
        let one = charge_request(u64::from(limit), limit, HOUR, "ada");
        let most = costing(limit - 2, &one);
        let _first = reserve(&store, &most).await.unwrap();
        assert!(reserve(&store, &costing(3, &one)).await.is_err());
        assert_eq!(remaining(&store, &one).await, 2);
        let too_dear = reserve(&store, &costing(limit + 1, &one)).await.unwrap_err();
        assert_eq!(too_dear.retry_after, HOUR);
        assert_eq!(store.charge(&costing(1, &one)).await.unwrap().remaining, 1);
        let RateLimitStatus { remaining, reset, .. } = store.charge(&costing(7, &one)).await.unwrap();
        assert_eq!(remaining, 0);
        assert!(reset > Duration::ZERO);
        assert_eq!(store.charge(&costing(7, &one)).await.unwrap().remaining, 0);
        let free = charge_request(u64::from(limit) + 1, limit, HOUR, "ada");
        assert_eq!(reserve(&store, &costing(0, &free)).await.unwrap().status().remaining, limit - 1);
    }
}

#[tokio::test]
async fn retry_after_covers_the_whole_cost() {
    let Some(server) = Server::start() else { return };
    let store = store(&server);
    let one = charge_request(1, 4, Duration::from_millis(900), "ada");
    let _first = reserve(&store, &one).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let _rest = reserve(&store, &costing(3, &one)).await.unwrap();
    let (for_one, for_two) = (
        reserve(&store, &one).await.unwrap_err().retry_after,
        reserve(&store, &costing(2, &one)).await.unwrap_err().retry_after,
    );
    assert!(for_two > for_one + Duration::from_millis(250), "{for_one:?} {for_two:?}");
    tokio::time::sleep(for_two).await;
    assert!(reserve(&store, &costing(2, &one)).await.is_ok());
}

#[tokio::test]
async fn binding_requests_are_charged_all_or_none() {
    let Some(server) = Server::start() else { return };
    let store = store(&server);
    let (tight, wide, other) =
        (charge_request(1, 1, HOUR, "ada"), charge_request(2, 50, HOUR, "ada"), charge_request(3, 5, HOUR, "bob"));
    let _used = reserve(&store, &tight).await.unwrap();
    let decisions = store.reserve(&[wide.clone(), tight.clone(), other.clone()]).await.unwrap();
    assert!(matches!(
        &decisions[..],
        [RedisDecision::RolledBack(_), RedisDecision::Rejected(_), RedisDecision::RolledBack(_)]
    ));
    assert_eq!((remaining(&store, &wide).await, remaining(&store, &other).await), (50, 5));

    let decisions = store.reserve(&[wide.clone(), observed(&tight), observed(&other)]).await.unwrap();
    let [RedisDecision::Charged(_), RedisDecision::Rejected(rejected), RedisDecision::Charged(_)] = &decisions[..]
    else {
        panic!("{decisions:?}");
    };
    assert!(rejected.retry_after > HOUR - Duration::from_secs(60));
    assert_eq!((remaining(&store, &wide).await, remaining(&store, &other).await), (49, 4));
    assert!(store.reserve(&[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn repeated_request_is_charged_twice() {
    let Some(server) = Server::start() else { return };
    let store = store(&server);
    for limit in [3, 30] {
        let dear = costing(limit / 3, &charge_request(u64::from(limit), limit, HOUR, "ada"));
        let decisions = store.reserve(&[dear.clone(), dear.clone()]).await.unwrap();
        assert!(decisions.iter().all(|decision| matches!(decision, RedisDecision::Charged(_))));
        assert_eq!(remaining(&store, &dear).await, limit / 3);
        let decisions = store.reserve(&[dear.clone(), dear.clone()]).await.unwrap();
        assert!(matches!(&decisions[..], [RedisDecision::RolledBack(_), RedisDecision::Rejected(_)]), "{decisions:?}");
        assert_eq!(remaining(&store, &dear).await, limit / 3);
    }
}

#[tokio::test]
async fn decision_is_one_command_after_a_script_flush() {
    let Some(server) = Server::start() else { return };
    let store = store(&server);
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    for round in 0..3 {
        let requests = [
            charge_request(1, 1000, HOUR, "ada"),
            charge_request(2, 5, HOUR, "bob"),
            charge_request(3, 100, HOUR, "ada"),
        ];
        for _ in 0..20 {
            let requests: Vec<_> = requests.iter().map(observed).collect();
            let _ = store.reserve(&requests).await.unwrap();
        }
        let _: () = redis::cmd("SCRIPT").arg("FLUSH").query_async(&mut connection).await.unwrap();
        let stats: String = redis::cmd("INFO").arg("commandstats").query_async(&mut connection).await.unwrap();
        let calls = |command: &str| {
            let line =
                stats.lines().find(|line| line.starts_with(&format!("cmdstat_{command}:"))).unwrap_or("calls=0,");
            let number = line.split("calls=").nth(1).unwrap().split(',').next().unwrap();
            number.parse::<u64>().unwrap()
        };
        assert_eq!(
            (calls("evalsha"), calls("eval")),
            (20 * (round + 1), round + 1),
            "EVALSHA for each decision, EVAL only for an unknown script"
        );
    }
    assert_eq!(remaining(&store, &charge_request(1, 1000, HOUR, "ada")).await, 940);
}

#[tokio::test]
async fn keys_are_unreadable_and_expire() {
    let Some(server) = Server::start() else { return };
    let store = store(&server);
    let address = Client::Address([192, 0, 2, 77].into());
    let principal = Client::Principal { issuer: "https://issuer.example".into(), subject: "u-4711".into() };
    for client in [address, principal, named("ada@example.com")] {
        for limit in [5, 500] {
            let request = ChargeRequest { client: client.clone(), ..charge_request(u64::from(limit), limit, HOUR, "") };
            let _ = reserve(&store, &request).await.unwrap();
        }
    }
    let dump = server.dump().await;
    assert_eq!(dump.lines().count(), 6);
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    for key in dump.lines().map(|line| line.split(' ').next().unwrap()) {
        let value: Vec<u8> = connection.get(key).await.unwrap();
        let both = format!("{key}{}", String::from_utf8_lossy(&value));
        for hidden in ["192", "4711", "ada", "example", "issuer", "email"] {
            assert!(!both.contains(hidden), "{both} has {hidden}");
        }
        assert!(!value.windows(4).any(|bytes| bytes == [192, 0, 2, 77]));
        let left: u64 = connection.pttl(key).await.unwrap();
        assert!((3_000_000..=3_600_002 + 112_500).contains(&left), "{key} stays for {left} ms");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_window_exceeds_the_limit() {
    let Some(server) = Server::start() else { return };
    let store = store(&server);
    let until = Instant::now() + Duration::from_secs(4);
    let mut keys = Vec::new();
    for (at, (limit, millis)) in
        [(1, 20), (2, 35), (5, 50), (16, 80), (17, 60), (33, 100), (100, 200), (3, 200)].into_iter().enumerate()
    {
        let request = charge_request(at as u64, limit, Duration::from_millis(millis), "ada");
        let tasks: Vec<_> = (0..3)
            .map(|_| {
                let (store, request) = (store.clone(), request.clone());
                tokio::spawn(async move {
                    let mut admitted = Vec::new();
                    while Instant::now() < until {
                        let sent = Instant::now();
                        if reserve(&store, &request).await.is_ok() {
                            admitted.push((sent, Instant::now()));
                        }
                    }
                    admitted
                })
            })
            .collect();
        keys.push((request.limit, tasks));
    }
    for (limit, tasks) in keys {
        let mut admitted = Vec::new();
        for task in tasks {
            admitted.extend(task.await.unwrap());
        }
        // Each request was charged between these two instants. Any N + 1 of them must span at least one window.
        let most = limit.limit() as usize;
        assert!(admitted.len() > 2 * most, "{limit:?}: only {} in all", admitted.len());
        admitted.sort();
        for group in admitted.windows(most + 1) {
            let latest = group.iter().map(|(_, responded)| *responded).max().unwrap();
            let span = latest - group[0].0;
            assert!(span >= limit.window(), "{limit:?}: {} in {span:?}", most + 1);
        }
    }
}

#[test]
fn invalid_configuration_is_reported_without_secrets() {
    const URL: &str = "redis://127.0.0.1/";
    assert!(RedisConnection::builder(URL, "tests", [7; 31]).build().is_err());
    assert!(RedisConnection::builder(URL, "", KEY).build().is_err());
    assert!(RedisConnection::cluster([], "tests", KEY).build().is_err());
    for url in ["http://user:hunter2@127.0.0.1", "redis://:hunter2@", "127.0.0.1:6379:hunter2"] {
        for builder in [RedisConnection::builder(url, "tests", KEY), RedisConnection::cluster([url], "tests", KEY)] {
            let shown = format!("{builder:?}") + &format!("{:?}", builder.build());
            assert!(!shown.contains("hunter2") && !shown.contains("7, 7"), "{shown}");
        }
    }
    assert!(RedisConnection::builder(URL, "tests", KEY).timeout(Duration::from_millis(7)).build().is_ok());
    assert!(RedisConnection::builder(URL, "tests", KEY).timeout(Duration::ZERO).build().is_err());
}

#[tokio::test]
async fn large_limit_takes_bounded_space() {
    let Some(server) = Server::start() else { return };
    let store = store(&server);
    let day = Duration::from_secs(86_400);
    let million = charge_request(1, 1_000_000, day, "ada");
    let quarter = ChargeRequest { cost: 250_000, ..million.clone() };
    for left in [750_000, 500_000, 250_000, 0] {
        assert_eq!(reserve(&store, &quarter).await.unwrap().status().remaining, left);
    }
    let rejected = reserve(&store, &million).await.unwrap_err();
    assert!(
        rejected.retry_after > day - Duration::from_secs(60) && rejected.retry_after <= day + million.limit.slack()
    );
    // The documented size of the largest value: one entry for each time slot of a window, and one more.
    let short = charge_request(2, 1000, Duration::from_millis(320), "ada");
    let began = Instant::now();
    let mut longest = 0;
    let mut connection = redis::Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    while began.elapsed() < Duration::from_millis(700) {
        let _ = reserve(&store, &short).await;
        let keys: Vec<String> = connection.keys("tests:*").await.unwrap();
        for key in keys {
            longest = longest.max(connection.strlen::<_, usize>(key).await.unwrap_or(0));
        }
    }
    assert!((200..=416).contains(&longest), "{longest} bytes");
}
