//! CWE-770, CWE-307, ASVS V6.3.1: a handler that uses the rate limiter sees the same limits and counts as the
//! attributes.

use std::time::Duration;

use actix_web::http::Method;
use actix_web::test::init_service;
use actix_web::web::Path;
use actix_web::{App, HttpResponse};
use palisade::rate_limit::{By, Count};
use palisade::rate_limiter::{RateLimitError, RateLimitKey};
use palisade::testing::ManualClock;
use palisade::{Principal, RateLimit, RateLimiter, authenticated, delete, get, post, public, rate_limit, require_role};
use palisade_tests::{bearer, builder, builder_at, call, get_request, palisade, request};

const LOGIN: RateLimit = RateLimit::new("limiter-login", 2, Duration::from_mins(15)).count(Count::Failures);
const REPORTS: RateLimit = RateLimit::new("limiter-reports", 2, Duration::from_hours(24)).by(By::Principal);

#[post("/login")]
#[public]
#[rate_limit(2, "15m", name = "limiter-login", count = failures)]
async fn login() -> HttpResponse {
    HttpResponse::Unauthorized().finish()
}

#[delete("/lockouts/{address}")]
#[require_role("admin")]
async fn unblock(address: Path<std::net::IpAddr>, limiter: RateLimiter) -> Result<HttpResponse, RateLimitError> {
    limiter.reset(&LOGIN, &RateLimitKey::address(*address)).await?;
    Ok(HttpResponse::NoContent().finish())
}

#[get("/lockouts/{address}")]
#[require_role("admin")]
async fn left(address: Path<std::net::IpAddr>, limiter: RateLimiter) -> Result<String, RateLimitError> {
    Ok(limiter.peek(&LOGIN, &RateLimitKey::address(*address)).await?.remaining.to_string())
}

#[post("/reports/{outcome}")]
#[authenticated]
async fn report(
    outcome: Path<String>,
    caller: Principal,
    limiter: RateLimiter,
) -> Result<HttpResponse, RateLimitError> {
    let permit = limiter.check(&REPORTS, &RateLimitKey::principal(&caller)).await?;
    if *outcome == "nothing" {
        permit.refund().await;
    }
    Ok(HttpResponse::Ok().finish())
}

#[actix_web::test]
async fn administrator_resets_a_locked_out_address() {
    let palisade = palisade();
    let scope = palisade::scope("").service(login).service(palisade::scope("").service(unblock).service(left));
    let app = init_service(App::new().service(scope).wrap(palisade)).await;
    let guess = || request(Method::POST, "/login");
    let admin = |method: Method| {
        request(method, "/lockouts/203.0.113.7").insert_header(("authorization", bearer("root", &["admin"])))
    };
    for _ in 0..2 {
        assert_eq!(call(&app, guess()).await.status, 401);
    }
    call(&app, guess()).await.assert_problem(429);
    assert_eq!(call(&app, admin(Method::GET)).await.body, "0");
    // A client that is locked out cannot reset its own limit.
    call(&app, request(Method::DELETE, "/lockouts/203.0.113.7")).await.assert_problem(401);
    assert_eq!(call(&app, admin(Method::DELETE)).await.status, 204);
    assert_eq!(call(&app, admin(Method::GET)).await.body, "2");
    assert_eq!(call(&app, guess()).await.status, 401);
}

#[actix_web::test]
async fn handler_check_is_exact_and_can_refund() {
    let clock = ManualClock::new();
    let palisade = builder_at(&clock).build().unwrap();
    let app = init_service(App::new().service(palisade::scope("").service(report)).wrap(palisade)).await;
    let request_as = |outcome: &str, who: &str| {
        request(Method::POST, &format!("/reports/{outcome}")).insert_header(("authorization", bearer(who, &[])))
    };
    for _ in 0..10 {
        assert_eq!(call(&app, request_as("nothing", "ann")).await.status, 200);
    }
    for _ in 0..2 {
        assert_eq!(call(&app, request_as("made", "ann")).await.status, 200);
    }
    let rejected = call(&app, request_as("made", "ann")).await;
    rejected.assert_problem(429);
    assert_eq!(rejected.header("retry-after"), "86400");
    assert_eq!(call(&app, request_as("made", "bob")).await.status, 200);
    clock.advance(Duration::from_hours(24));
    assert_eq!(call(&app, request_as("made", "ann")).await.status, 200);
}

#[actix_web::test]
async fn charge_saturates_and_reset_ignores_older_permits() {
    let limiter = palisade().rate_limiter();
    let ann = RateLimitKey::subject("https://issuer.example", "ann");
    let before = limiter.check(&REPORTS, &ann).await.unwrap();
    assert_eq!(before.status().unwrap().remaining, 1);
    assert_eq!(limiter.charge(&REPORTS, &ann).await.unwrap().remaining, 0);
    assert_eq!(limiter.charge(&REPORTS, &ann).await.unwrap().remaining, 0);
    assert!(matches!(limiter.check(&REPORTS, &ann).await, Err(RateLimitError::RateLimited { .. })));
    limiter.reset(&REPORTS, &ann).await.unwrap();
    for _ in 0..2 {
        let _ = limiter.check(&REPORTS, &ann).await.unwrap();
    }
    before.refund().await;
    assert_eq!(limiter.peek(&REPORTS, &ann).await.unwrap().remaining, 0);
}

#[actix_web::test]
async fn unknown_limit_is_an_error_and_never_admits() {
    let routes = palisade::scope("").service(login);
    let limiter = builder().routes(&routes).build().unwrap().rate_limiter();
    let address = RateLimitKey::address([203, 0, 113, 7].into());
    const OTHER: RateLimit = RateLimit::new("limiter-login", 3, Duration::from_mins(15));
    for (rate_limit, key) in [(&OTHER, &address), (&REPORTS, &address), (&LOGIN, &RateLimitKey::field("ann"))] {
        assert!(matches!(limiter.check(rate_limit, key).await, Err(RateLimitError::Misconfigured(_))), "{key:?}");
        assert!(limiter.reset(rate_limit, key).await.is_err());
    }
    assert_eq!(limiter.peek(&LOGIN, &address).await.unwrap().remaining, 2);
}

#[get("/unwrapped")]
#[public]
async fn unwrapped(limiter: RateLimiter) -> String {
    format!("{limiter:?}")
}

#[actix_web::test]
async fn limiter_argument_debug_shows_no_client() {
    let app = init_service(App::new().service(palisade::scope("").service(unwrapped)).wrap(palisade())).await;
    let shown = call(&app, get_request("/unwrapped")).await;
    assert_eq!(shown.status, 200);
    assert!(!shown.body.contains("203.0.113"), "{shown:?}");
}
