//! CWE-799, CWE-307, CWE-359, ASVS V2.4.1: rate limits of several processes in one Redis.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use palisade::__v1::rate_limits::{ChargeRequest, Client, Limit, RedisCharge, RedisDecision, Refused};
use palisade::rate_limit::RateLimitStatus;
use palisade::rate_limit::RedisRateLimits;
use palisade::redis::RedisConnection;
use redis::AsyncCommands as _;

use crate::server::Server;

pub const KEY: [u8; 32] = [7; 32];
const HOUR: Duration = Duration::from_secs(3600);

/// What a test waits for at most; only tests of outages are about the timeout.
pub const PATIENT: Duration = Duration::from_secs(20);

pub fn store(server: &Server) -> RedisRateLimits {
    within(PATIENT, &server.url())
}

/// Rate limits in the Redis at this URL, with this timeout.
pub fn within(timeout: Duration, url: &str) -> RedisRateLimits {
    RedisRateLimits::new(&RedisConnection::builder(url, "tests", KEY).timeout(timeout).build().unwrap())
}

/// The same, where this process leases a share of each rate limit.
pub fn leasing(server: &Server, percent: u32, term: Duration) -> RedisRateLimits {
    let redis = RedisConnection::builder(&server.url(), "tests", KEY).timeout(PATIENT).build().unwrap();
    RedisRateLimits::builder(&redis).leases(percent, term).build().unwrap()
}

pub fn named(text: &str) -> Client<'static> {
    Client::Named { kind: Cow::Borrowed("body.email"), text: Cow::Owned(text.to_owned()) }
}

pub fn ask(bucket: u64, limit: u32, window: Duration, client: &str) -> ChargeRequest<'static> {
    ChargeRequest {
        bucket,
        limit: Limit::new(limit, window).unwrap(),
        cost: 1,
        client: named(client),
        binding: true,
        settles_later: false,
    }
}

fn costing(cost: u32, ask: &ChargeRequest<'static>) -> ChargeRequest<'static> {
    ChargeRequest { cost, ..ask.clone() }
}

fn observed(ask: &ChargeRequest<'static>) -> ChargeRequest<'static> {
    ChargeRequest { binding: false, ..ask.clone() }
}

pub async fn reserve(store: &RedisRateLimits, ask: &ChargeRequest<'static>) -> Result<RedisCharge, Refused> {
    match store.reserve(std::slice::from_ref(ask)).await.expect("an answer").pop() {
        Some(RedisDecision::Charged(charge)) => Ok(charge),
        Some(RedisDecision::Refused(refused)) => Err(refused),
        other => panic!("{other:?}"),
    }
}

async fn remaining(store: &RedisRateLimits, ask: &ChargeRequest<'static>) -> u32 {
    store.status(std::slice::from_ref(ask)).await.unwrap()[0].remaining
}

#[tokio::test]
async fn exactly_n_are_admitted_and_who_waits_as_long_as_it_says_is_the_next() {
    let Some(server) = Server::start() else { return };
    let store = store(&server);
    for limit in [1, 5, 16, 17, 100] {
        let ask = ask(u64::from(limit), limit, Duration::from_millis(700), "ada");
        let began = Instant::now();
        let mut admitted = 0;
        let refused = loop {
            match reserve(&store, &ask).await {
                Ok(charge) => {
                    admitted += 1;
                    assert_eq!(charge.status().remaining, limit - admitted);
                    assert!(charge.status().reset <= Duration::from_millis(722));
                }
                Err(refused) => break refused,
            }
        };
        // A machine that stands still for a window may see more than one of them.
        assert!(admitted == limit || began.elapsed() > Duration::from_millis(650), "{admitted} of {limit}");
        assert!(refused.retry_after > Duration::ZERO);
        assert!(refused.retry_after <= Duration::from_millis(700) + ask.limit.slack() + Duration::from_micros(1));
        tokio::time::sleep(refused.retry_after).await;
        assert!(reserve(&store, &ask).await.is_ok(), "{limit}: {refused:?} was not true");
    }
}

#[tokio::test]
async fn a_release_gives_back_exactly_what_was_charged() {
    let Some(server) = Server::start() else { return };
    let store = store(&server);
    for limit in [10, 1000] {
        let ask = ask(u64::from(limit), limit, HOUR, "ada");
        let three = reserve(&store, &costing(3, &ask)).await.unwrap();
        let four = reserve(&store, &costing(4, &ask)).await.unwrap();
        assert_eq!(four.status().remaining, limit - 7);
        let after = store.release(vec![three]).await.unwrap();
        assert_eq!(after[0].remaining, limit - 4);
        assert!(after[0].reset > HOUR - Duration::from_secs(60), "the other is still out: {after:?}");
        let after = store.release(vec![four]).await.unwrap();
        assert_eq!((after[0].remaining, after[0].reset), (limit, Duration::ZERO));
    }
    assert_eq!(server.dump().await, "", "nothing is kept of who owes nothing");
}

#[tokio::test]
async fn a_charge_from_before_a_reset_or_an_expiry_gives_nothing_back_after() {
    let Some(server) = Server::start() else { return };
    let store = store(&server);
    for limit in [4, 40] {
        let lasting = ask(u64::from(limit), limit, HOUR, "ada");
        let before = reserve(&store, &lasting).await.unwrap();
        store.reset(&lasting).await.unwrap();
        assert_eq!(remaining(&store, &lasting).await, limit);
        let _kept = reserve(&store, &lasting).await.unwrap();
        assert_eq!(store.release(vec![before]).await.unwrap()[0].remaining, limit - 1);

        let short = ask(u64::from(limit) + 100, limit, Duration::from_millis(100), "ada");
        let before = reserve(&store, &short).await.unwrap();
        tokio::time::sleep(Duration::from_millis(150)).await;
        let again = Instant::now();
        let _kept = reserve(&store, &short).await.unwrap();
        let after = store.release(vec![before]).await.unwrap()[0].remaining;
        assert!(after == limit - 1 || again.elapsed() > Duration::from_millis(90), "{after}");
    }
}

#[tokio::test]
async fn a_cost_is_charged_whole_or_not_at_all_and_a_charge_takes_what_there_is() {
    let Some(server) = Server::start() else { return };
    let store = store(&server);
    for limit in [10, 100] {
        let one = ask(u64::from(limit), limit, HOUR, "ada");
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
        let free = ask(u64::from(limit) + 1, limit, HOUR, "ada");
        assert_eq!(reserve(&store, &costing(0, &free)).await.unwrap().status().remaining, limit - 1);
    }
}

#[tokio::test]
async fn a_wait_is_until_as_many_units_are_free_as_it_costs() {
    let Some(server) = Server::start() else { return };
    let store = store(&server);
    let one = ask(1, 4, Duration::from_millis(900), "ada");
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
async fn of_binding_asks_all_are_charged_or_none_and_an_observed_one_hinders_nobody() {
    let Some(server) = Server::start() else { return };
    let store = store(&server);
    let (tight, wide, other) = (ask(1, 1, HOUR, "ada"), ask(2, 50, HOUR, "ada"), ask(3, 5, HOUR, "bob"));
    let _used = reserve(&store, &tight).await.unwrap();
    let decisions = store.reserve(&[wide.clone(), tight.clone(), other.clone()]).await.unwrap();
    assert!(matches!(
        &decisions[..],
        [RedisDecision::RolledBack(_), RedisDecision::Refused(_), RedisDecision::RolledBack(_)]
    ));
    assert_eq!((remaining(&store, &wide).await, remaining(&store, &other).await), (50, 5));

    let decisions = store.reserve(&[wide.clone(), observed(&tight), observed(&other)]).await.unwrap();
    let [RedisDecision::Charged(_), RedisDecision::Refused(refused), RedisDecision::Charged(_)] = &decisions[..] else {
        panic!("{decisions:?}");
    };
    assert!(refused.retry_after > HOUR - Duration::from_secs(60));
    assert_eq!((remaining(&store, &wide).await, remaining(&store, &other).await), (49, 4));
    assert!(store.reserve(&[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn one_rate_limit_that_is_asked_twice_is_charged_twice() {
    let Some(server) = Server::start() else { return };
    let store = store(&server);
    for limit in [3, 30] {
        let dear = costing(limit / 3, &ask(u64::from(limit), limit, HOUR, "ada"));
        let decisions = store.reserve(&[dear.clone(), dear.clone()]).await.unwrap();
        assert!(decisions.iter().all(|decision| matches!(decision, RedisDecision::Charged(_))));
        assert_eq!(remaining(&store, &dear).await, limit / 3);
        let decisions = store.reserve(&[dear.clone(), dear.clone()]).await.unwrap();
        assert!(matches!(&decisions[..], [RedisDecision::RolledBack(_), RedisDecision::Refused(_)]), "{decisions:?}");
        assert_eq!(remaining(&store, &dear).await, limit / 3);
    }
}

#[tokio::test]
async fn a_decision_is_one_command_and_a_flushed_script_comes_back_by_itself() {
    let Some(server) = Server::start() else { return };
    let store = store(&server);
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    for round in 0..3 {
        let asks = [ask(1, 1000, HOUR, "ada"), ask(2, 5, HOUR, "bob"), ask(3, 100, HOUR, "ada")];
        for _ in 0..20 {
            let asks: Vec<_> = asks.iter().map(observed).collect();
            let _ = store.reserve(&asks).await.unwrap();
        }
        let _: () = redis::cmd("SCRIPT").arg("FLUSH").query_async(&mut connection).await.unwrap();
        let stats: String = redis::cmd("INFO").arg("commandstats").query_async(&mut connection).await.unwrap();
        let calls = |command: &str| {
            let line =
                stats.lines().find(|line| line.starts_with(&format!("cmdstat_{command}:"))).unwrap_or("calls=0,");
            let number = line.split("calls=").nth(1).unwrap().split(',').next().unwrap();
            number.parse::<u64>().unwrap()
        };
        assert_eq!((calls("evalsha"), calls("eval")), (20 * (round + 1), round + 1), "EVALSHA each, EVAL when unknown");
    }
    assert_eq!(remaining(&store, &ask(1, 1000, HOUR, "ada")).await, 940);
}

#[tokio::test]
async fn keys_tell_no_address_and_no_name_and_all_expire_with_their_last_charge() {
    let Some(server) = Server::start() else { return };
    let store = store(&server);
    let address = Client::Address([192, 0, 2, 77].into());
    let principal = Client::Principal { issuer: "https://issuer.example".into(), subject: "u-4711".into() };
    for client in [address, principal, named("ada@example.com")] {
        for limit in [5, 500] {
            let ask = ChargeRequest { client: client.clone(), ..ask(u64::from(limit), limit, HOUR, "") };
            let _ = reserve(&store, &ask).await.unwrap();
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
async fn no_window_has_more_than_n_whatever_the_pattern() {
    let Some(server) = Server::start() else { return };
    let store = store(&server);
    let until = Instant::now() + Duration::from_secs(4);
    let mut keys = Vec::new();
    for (at, (limit, millis)) in
        [(1, 20), (2, 35), (5, 50), (16, 80), (17, 60), (33, 100), (100, 200), (3, 200)].into_iter().enumerate()
    {
        let ask = ask(at as u64, limit, Duration::from_millis(millis), "ada");
        let tasks: Vec<_> = (0..3)
            .map(|_| {
                let (store, ask) = (store.clone(), ask.clone());
                tokio::spawn(async move {
                    let mut admitted = Vec::new();
                    while Instant::now() < until {
                        let sent = Instant::now();
                        if reserve(&store, &ask).await.is_ok() {
                            admitted.push((sent, Instant::now()));
                        }
                    }
                    admitted
                })
            })
            .collect();
        keys.push((ask.limit, tasks));
    }
    for (limit, tasks) in keys {
        let mut admitted = Vec::new();
        for task in tasks {
            admitted.extend(task.await.unwrap());
        }
        // Each was charged between these two instants. Whatever N + 1 of them one takes, the server saw a window go by.
        let most = limit.limit() as usize;
        assert!(admitted.len() > 2 * most, "{limit:?}: only {} in all", admitted.len());
        admitted.sort();
        for group in admitted.windows(most + 1) {
            let latest = group.iter().map(|(_, answered)| *answered).max().unwrap();
            let span = latest - group[0].0;
            assert!(span >= limit.window(), "{limit:?}: {} in {span:?}", most + 1);
        }
    }
}

#[test]
fn what_cannot_work_is_told_without_a_secret() {
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
async fn a_million_in_a_day_are_counted_in_bounded_space() {
    let Some(server) = Server::start() else { return };
    let store = store(&server);
    let day = Duration::from_secs(86_400);
    let million = ask(1, 1_000_000, day, "ada");
    let quarter = ChargeRequest { cost: 250_000, ..million.clone() };
    for left in [750_000, 500_000, 250_000, 0] {
        assert_eq!(reserve(&store, &quarter).await.unwrap().status().remaining, left);
    }
    let refused = reserve(&store, &million).await.unwrap_err();
    assert!(refused.retry_after > day - Duration::from_secs(60) && refused.retry_after <= day + million.limit.slack());
    // What is said of the largest value there can be: one entry for each part of a window, and one more.
    let short = ask(2, 1000, Duration::from_millis(320), "ada");
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
