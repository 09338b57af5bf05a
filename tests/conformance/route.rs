//! A route with several rate limits, on both stores. Only a route uses the memory store's own way to charge several
//! limits at once.

use std::time::Duration;

use actix_web::App;
use actix_web::test::init_service;
use palisade::rate_limit::{MemoryRateLimits, RateLimitHeaders, RateLimitStore, RedisRateLimits};
use palisade::rate_limiter::RateLimitKey;
use palisade::redis::RedisConnection;
use palisade::testing::ManualClock;
use palisade::{RateLimit, get, public, rate_limit};
use palisade_tests::{builder, call, get_request};

use crate::server::Server;

const HOUR: Duration = Duration::from_secs(3600);
const WIDE: RateLimit = RateLimit::new("conformance-wide", 50, HOUR);
const TIGHT: RateLimit = RateLimit::new("conformance-tight", 4, HOUR);
const BROAD: RateLimit = RateLimit::new("conformance-broad", 90, HOUR);

#[get("/first")]
#[public]
#[rate_limit(4, "1h", name = "conformance-tight", cost = 2)]
#[rate_limit(50, "1h", name = "conformance-wide")]
#[rate_limit(90, "1h", name = "conformance-broad", cost = 3)]
async fn first() -> &'static str {
    "the tight one first"
}

#[get("/middle")]
#[public]
#[rate_limit(50, "1h", name = "conformance-wide")]
#[rate_limit(4, "1h", name = "conformance-tight", cost = 2)]
#[rate_limit(90, "1h", name = "conformance-broad", cost = 3)]
async fn middle() -> &'static str {
    "the tight one between"
}

#[get("/last")]
#[public]
#[rate_limit(50, "1h", name = "conformance-wide")]
#[rate_limit(90, "1h", name = "conformance-broad", cost = 3)]
#[rate_limit(4, "1h", name = "conformance-tight", cost = 2)]
async fn last() -> &'static str {
    "the tight one last"
}

#[get("/watched")]
#[public]
#[rate_limit(50, "1h", name = "conformance-wide")]
#[rate_limit(2, "1h", observe)]
#[rate_limit(90, "1h", name = "conformance-broad", cost = 3)]
async fn watched() -> &'static str {
    "a tight one that only observes"
}

async fn assert_all_are_charged_or_none(rate_limits: impl Into<RateLimitStore>) {
    let palisade = builder().rate_limit_store(rate_limits).build().unwrap();
    let limiter = palisade.rate_limiter();
    let scope = palisade::scope("").service(first).service(middle).service(last).service(watched);
    let app = init_service(App::new().service(scope).wrap(palisade)).await;
    let key = RateLimitKey::address([203, 0, 113, 7].into());
    let left = async || {
        let mut left = Vec::new();
        for rate_limit in [WIDE, TIGHT, BROAD] {
            left.push(limiter.peek(&rate_limit, &key).await.unwrap().remaining);
        }
        left
    };
    for path in ["/first", "/last"] {
        assert_eq!(call(&app, get_request(path)).await.status, 200);
    }
    assert_eq!(left().await, [48, 0, 84]);
    for path in ["/first", "/middle", "/last", "/first"] {
        call(&app, get_request(path)).await.assert_problem(429);
        assert_eq!(left().await, [48, 0, 84], "{path} charged a rejected request");
    }
    for _ in 0..5 {
        assert_eq!(call(&app, get_request("/watched")).await.status, 200);
    }
    assert_eq!(left().await, [43, 0, 69]);
}

#[get("/counted")]
#[public]
#[rate_limit("conformance-counted")]
async fn counted() -> &'static str {
    "the numbers are configured"
}

/// Large limits are counted in time slots, so the last unit of a slot returns later than one window after its use.
async fn assert_no_time_is_longer_than_the_window(store: RateLimitStore, pass: impl AsyncFn(Duration)) {
    for style in [RateLimitHeaders::Draft11, RateLimitHeaders::Draft10, RateLimitHeaders::Legacy] {
        for (limit, window) in [(1, 1_u64), (16, 1), (17, 2), (100, 1), (1000, 3), (40, 2)] {
            let configured = builder().rate_limit_store(store.clone()).rate_limit_headers(style);
            let length = Duration::from_secs(window);
            let palisade = configured.rate_limit("conformance-counted", (limit, length)).build().unwrap();
            let app = init_service(App::new().service(palisade::scope("").service(counted)).wrap(palisade)).await;
            for part in 1..=4 {
                let response = call(&app, get_request("/counted")).await;
                let (name, text) = match style {
                    RateLimitHeaders::Legacy => ("x-ratelimit-reset", response.header("x-ratelimit-reset")),
                    _ => ("ratelimit", response.header("ratelimit").rsplit_once(";t=").unwrap().1),
                };
                let seconds: u64 = text.parse().unwrap();
                assert!((1..=window).contains(&seconds), "{name} {seconds} of {limit} in {window} s, {style:?}");
                pass(Duration::from_millis(20 * part)).await;
            }
        }
    }
}

#[actix_web::test]
async fn memory_route_reports_no_time_longer_than_the_window() {
    let clock = ManualClock::new();
    let store = MemoryRateLimits::with_clock(clock.clone()).into();
    assert_no_time_is_longer_than_the_window(store, async |time| clock.advance(time)).await;
}

#[actix_web::test]
async fn redis_route_reports_no_time_longer_than_the_window() {
    let Some(server) = Server::start() else { return };
    let redis = RedisConnection::builder(&server.url(), "conformance-times", [7; 32]);
    let store = RedisRateLimits::new(&redis.timeout(Duration::from_secs(20)).build().unwrap()).into();
    assert_no_time_is_longer_than_the_window(store, async |time| tokio::time::sleep(time).await).await;
}

#[actix_web::test]
async fn memory_route_charges_all_limits_or_none() {
    assert_all_are_charged_or_none(MemoryRateLimits::with_clock(ManualClock::new())).await;
}

#[actix_web::test]
async fn redis_route_charges_all_limits_or_none() {
    let Some(server) = Server::start() else { return };
    let redis = RedisConnection::builder(&server.url(), "conformance", [7; 32]);
    let redis = redis.timeout(Duration::from_secs(20)).build().unwrap();
    assert_all_are_charged_or_none(RedisRateLimits::new(&redis)).await;
}
