//! CWE-799, CWE-770, CWE-348, ASVS V2.4.1: rate limits in combination with each other, with a scope, with an
//! exemption or with a route's own middleware.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use actix_web::App;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::test::init_service;
use actix_web::web::Json;
use palisade::__v1::rate_limits::{Client, Limit, Partition};
use palisade::proxy::ForwardedBy;
use palisade::rate_limit::{By, MemoryRateLimits};
use palisade::rate_limiter::RateLimitKey;
use palisade::testing::ManualClock;
use palisade::{Palisade, RateLimit, authenticated, get, post, public, rate_limit, validate};
use palisade_tests::{builder, call, from, get_request, jwt, nth, post_request};
use serde::Deserialize;
use validator::Validate;

const HOUR: Duration = Duration::from_hours(1);

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct Credentials {
    #[validate(length(max = 64))]
    email: String,
    password: String,
}

fn body(email: &str, password: &str) -> String {
    serde_json::json!({"email": email, "password": password}).to_string()
}

#[get("/shared")]
#[public]
#[rate_limit(2, "1h", name = "shared")]
async fn shared() -> &'static str {
    "ok"
}

#[get("/costly")]
#[public]
#[rate_limit(10, "1h", name = "costly", cost = 5)]
async fn costly() -> &'static str {
    "ok"
}

#[actix_web::test]
async fn observed_scope_limit_does_not_lift_the_handlers() {
    let routes = || {
        palisade::scope("")
            .rate_limit(RateLimit::new("shared", 2, HOUR).shared().observe())
            .rate_limit(RateLimit::new("costly", 10, HOUR).shared())
            .service(shared)
            .service(costly)
    };
    let palisade = builder().routes(&routes()).build().unwrap();
    let app = init_service(App::new().service(routes()).wrap(palisade)).await;
    let (mut admitted, mut paid) = (0, 0);
    for _ in 0..20 {
        admitted += u32::from(call(&app, get_request("/shared")).await.status == 200);
        paid += u32::from(call(&app, from("203.0.113.99", get_request("/costly"))).await.status == 200);
    }
    assert_eq!((admitted, paid), (2, 2), "admitted to /shared (rate limit 2), /costly (10 units of 5)");
}

#[post("/one")]
#[public]
#[rate_limit(2, "1h", name = "login")]
#[validate]
async fn one(body: Json<Credentials>) -> String {
    body.password.clone()
}

#[post("/two")]
#[public]
#[rate_limit(2, "1h", name = "login", by = [ip, field(given.email)])]
#[validate]
async fn two(given: Json<Credentials>) -> String {
    given.email.clone()
}

#[post("/three")]
#[public]
#[rate_limit(2, "1h", name = "login", by = [ip, field(body.email)])]
#[validate]
async fn three(body: Json<Credentials>) -> String {
    body.email.clone()
}

#[actix_web::test]
async fn shared_limit_is_one_bucket_in_any_list() {
    let routes = || palisade::scope("").service(one).service(two).service(three);
    let Ok(palisade) = builder().routes(&routes()).build() else { return };
    let limiter = palisade.rate_limiter();
    let app = init_service(App::new().service(routes()).wrap(palisade)).await;
    let (mut by_address, mut by_name) = (0, 0);
    for n in 0..10 {
        for path in ["/one", "/two"] {
            let request = from("203.0.113.1", post_request(path, &body(&format!("x{n}"), "x")));
            by_address += u32::from(call(&app, request).await.status == 200);
        }
        for path in ["/two", "/three"] {
            let request = from(&nth(198, n), post_request(path, &body("ann", "x")));
            by_name += u32::from(call(&app, request).await.status == 200);
        }
    }
    // An administrator resets the limit of the name, and the reset takes effect.
    const LOGIN: RateLimit = RateLimit::new("login", 2, HOUR).by(By::Field("given.email"));
    limiter.reset(&LOGIN, &RateLimitKey::field("ann")).await.unwrap();
    let after = call(&app, from("198.51.100.200", post_request("/two", &body("ann", "x")))).await.status;
    assert_eq!((by_address, by_name, after), (2, 2, StatusCode::OK));
}

#[post("/mail")]
#[public]
#[rate_limit(1, "1d", by = field(body.email))]
#[validate]
async fn mail(body: Json<Credentials>) -> String {
    body.email.clone()
}

#[get("/home")]
#[public]
#[rate_limit(100, "1m")]
async fn home() -> &'static str {
    "ok"
}

#[actix_web::test]
async fn invented_names_do_not_fill_the_store() {
    let clock = ManualClock::new();
    let store = MemoryRateLimits::bounded(NonZeroUsize::new(1024).unwrap(), clock.clone());
    let palisade = Palisade::builder().authenticator(jwt()).rate_limit_store(store).build().unwrap();
    let routes = palisade::scope("").service(mail).service(home);
    let app = init_service(App::new().service(routes).wrap(palisade)).await;
    let mut admitted = 0;
    for n in 0..4000 {
        let made_up = from("198.51.100.1", post_request("/mail", &body(&format!("made-up-{n}"), "")));
        admitted += u32::from(call(&app, made_up).await.status == 200);
    }
    assert!((100..1000).contains(&admitted), "{admitted} names were admitted to a store of 1024");
    clock.advance(Duration::from_hours(20));
    let mut let_in = 0;
    for n in 0..100 {
        let_in += u32::from(call(&app, from(&nth(9, n), get_request("/home"))).await.status == 200);
    }
    assert_eq!(let_in, 100, "other clients, on another route, 20 hours later");
}

#[actix_web::test]
async fn unreadable_hop_is_not_an_exempt_proxy() {
    let Ok(palisade) = builder()
        .trusted_proxies(["10.0.0.0/8"])
        .forwarded_by(ForwardedBy::Forwarded)
        .exempt_from_rate_limits(["10.0.0.0/8"])
        .build()
    else {
        return;
    };
    let app = init_service(App::new().service(palisade::scope("").service(shared)).wrap(palisade)).await;
    let mut admitted = 0;
    for _ in 0..20 {
        // A proxy writes `for=..;host=$host` without quotes, and the client sent `Host: a:1`.
        let request = from("10.0.0.1", get_request("/shared")).insert_header(("forwarded", "for=203.0.113.9;host=a:1"));
        admitted += u32::from(call(&app, request).await.status == 200);
    }
    assert_eq!(admitted, 2);
}

#[post("/wrapped", wrap = "actix_web::middleware::NormalizePath::trim()")]
#[public]
#[rate_limit(5, "1h", name = "a9")]
#[rate_limit(1, "1h", by = field(body.email), name = "n9")]
#[validate]
async fn wrapped(body: Json<Credentials>) -> String {
    body.email.clone()
}

#[actix_web::test]
async fn rejected_request_charges_no_limit_behind_wrap() {
    let palisade = builder().build().unwrap();
    let app = init_service(App::new().service(palisade::scope("").service(wrapped)).wrap(palisade)).await;
    let attempt_as = async |email: &str| call(&app, post_request("/wrapped", &body(email, ""))).await;
    let first = attempt_as("ann").await;
    for _ in 0..6 {
        attempt_as("ann").await.assert_problem(429);
    }
    let other = attempt_as("bob").await;
    assert_eq!(other.status, 200);
    assert_eq!(first.header("ratelimit-policy"), r#""a9";q=5;w=3600"#, "a name that the caller chose is not reported");
}

#[post("/exempt", wrap = "actix_web::middleware::NormalizePath::trim()")]
#[authenticated]
#[rate_limit(1, "1h", by = field(body.email))]
#[validate]
async fn exempted(body: Json<Credentials>) -> String {
    body.email.clone()
}

#[actix_web::test]
async fn exemption_works_behind_a_wrap() {
    let palisade = builder().exempt_from_rate_limits_if(palisade::policy::Rule::Role("monitor")).build().unwrap();
    let app = init_service(App::new().service(palisade::scope("").service(exempted)).wrap(palisade)).await;
    for _ in 0..3 {
        let request = post_request("/exempt", &body("ann", ""))
            .insert_header(("authorization", palisade_tests::bearer("m", &["monitor"])));
        assert_eq!(call(&app, request).await.status, 200);
    }
}

async fn fails(
    _: actix_web::dev::ServiceRequest,
    _: actix_web::middleware::Next<impl actix_web::body::MessageBody>,
) -> Result<actix_web::dev::ServiceResponse<actix_web::body::BoxBody>, actix_web::Error> {
    Err(actix_web::error::ErrorConflict("no"))
}

#[get("/fails", wrap = "actix_web::middleware::from_fn(fails)")]
#[public]
#[rate_limit(2, "1h", count = successes)]
async fn failing() -> &'static str {
    "ok"
}

#[actix_web::test]
async fn error_of_the_wrap_counts_as_failure() {
    let palisade = builder().build().unwrap();
    let app = init_service(App::new().service(palisade::scope("").service(failing)).wrap(palisade)).await;
    for _ in 0..4 {
        let response = call(&app, get_request("/fails")).await;
        assert_eq!(response.status, 409);
    }
}

async fn rejects(
    request: actix_web::dev::ServiceRequest,
    next: actix_web::middleware::Next<impl actix_web::body::MessageBody + 'static>,
) -> Result<actix_web::dev::ServiceResponse<actix_web::body::BoxBody>, actix_web::Error> {
    let response = next.call(request).await?;
    let (request, _) = response.into_parts();
    Ok(actix_web::dev::ServiceResponse::new(request, HttpResponse::Unauthorized().finish()))
}

static SECOND_FACTORS: AtomicU32 = AtomicU32::new(0);

#[post("/second-factor", wrap = "actix_web::middleware::from_fn(rejects)")]
#[public]
#[rate_limit(2, "1h", by = field(body.email), count = failures)]
#[validate]
async fn second_factor(body: Json<Credentials>) -> String {
    SECOND_FACTORS.fetch_add(1, Ordering::Relaxed);
    body.email.clone()
}

#[actix_web::test]
async fn field_limit_settles_by_the_rejection_of_wrap() {
    let palisade = builder().build().unwrap();
    let app = init_service(App::new().service(palisade::scope("").service(second_factor)).wrap(palisade)).await;
    for _ in 0..10 {
        assert_eq!(call(&app, post_request("/second-factor", &body("ann", ""))).await.status, 401);
    }
    assert_eq!(SECOND_FACTORS.load(Ordering::Relaxed), 2, "the rate limit is checked before the handler runs");
}

#[test]
fn end_of_the_clock_admits_no_more() {
    let end = palisade::clock::Tick::from_nanos;
    for (n, secs) in [(1, 1), (5, 900), (16, 86_400), (17, 900), (1000, 86_400), (100_000, 1)] {
        let store = Partition::with_clock(ManualClock::new());
        let limit = Limit::new(n, Duration::from_secs(secs)).unwrap();
        let key = store.key(1, &Client::Address([1, 2, 3, 4].into()));
        let mut admitted = 0;
        for now in [0, 1, 0, 5] {
            for _ in 0..n + 3 {
                admitted += u32::from(store.reserve(key, limit, 1, end(now)).is_ok());
            }
        }
        assert_eq!(admitted, n, "{n} in {secs}");
        let mut admitted = 0;
        for now in [u64::MAX - 2, u64::MAX, u64::MAX - 1, 0, u64::MAX] {
            for _ in 0..n + 3 {
                admitted += u32::from(store.reserve(key, limit, 1, end(now)).is_ok());
            }
        }
        assert_eq!(admitted, n, "{n} in {secs}, at the end");
    }
}
