//! CWE-645, CWE-307: a limit on failures must count what the client did wrong, and never what the server could not
//! do.

use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::{Next, from_fn};
use actix_web::test::{TestRequest, init_service};
use actix_web::web::{Json, Path};
use actix_web::{App, Error, HttpRequest, HttpResponse};
use palisade::authn::{Attempt, AuthError, Challenge, ChallengeContext, Challenges};
use palisade::rate_limit::{By, Count};
use palisade::rate_limiter::RateLimitKey;
use palisade::{Authenticator, RateLimit, authenticated, post, public, rate_limit};
use palisade_tests::{builder, call, palisade, post_request, request};
use serde::Deserialize;

/// Statuses for which the server is to blame; 599 stands in for a panic.
const SERVER_ERRORS: [u16; 6] = [500, 501, 502, 503, 504, 599];

#[derive(Deserialize)]
struct Named {
    email: String,
    status: u16,
}

fn answering(status: u16) -> HttpResponse {
    assert_ne!(status, 599, "a panic of the handler");
    HttpResponse::new(StatusCode::from_u16(status).unwrap())
}

fn named(path: &str, status: u16) -> TestRequest {
    post_request(path, &format!(r#"{{"email":"ann@example.org","status":{status}}}"#))
}

macro_rules! app {
    ($palisade:expr, $($endpoint:ident)*) => {
        init_service(App::new().service(palisade::scope("")$(.service($endpoint))*).wrap($palisade)).await
    };
}

#[post("/by-address/{status}")]
#[public]
#[rate_limit(3, "15m", count = failures)]
async fn by_address(status: Path<u16>) -> HttpResponse {
    answering(*status)
}

#[post("/by-field")]
#[public]
#[rate_limit(3, "15m", by = field(body.email), count = failures)]
async fn by_field(body: Json<Named>) -> HttpResponse {
    let _ = &body.email;
    answering(body.status)
}

#[post("/by-both")]
#[public]
#[rate_limit(3, "15m", by = [ip, field(body.email)], count = failures)]
async fn by_both(body: Json<Named>) -> HttpResponse {
    answering(body.status)
}

#[actix_web::test]
async fn server_failures_are_refunded() {
    let app = app!(palisade(), by_address by_field by_both);
    let request_for = |path: &str, status: u16| match path {
        "/by-address" => request(Method::POST, &format!("/by-address/{status}")),
        path => named(path, status),
    };
    for path in ["/by-address", "/by-field", "/by-both"] {
        for status in SERVER_ERRORS {
            for _ in 0..5 {
                let response = call(&app, request_for(path, status)).await;
                let expected = if status == 599 { 500 } else { status };
                assert_eq!(response.status, expected, "{path}: {response:?}");
            }
        }
        for status in [400, 401, 499] {
            assert_eq!(call(&app, request_for(path, status)).await.status, status, "{path}");
        }
        for status in [200, 401, 503] {
            call(&app, request_for(path, status)).await.assert_problem(429);
        }
    }
}

#[post("/successes/{status}")]
#[public]
#[rate_limit(2, "15m", count = successes)]
async fn successes(status: Path<u16>) -> HttpResponse {
    answering(*status)
}

#[post("/all/{status}")]
#[public]
#[rate_limit(2, "15m")]
async fn all(status: Path<u16>) -> HttpResponse {
    answering(*status)
}

#[actix_web::test]
async fn limit_on_all_requests_keeps_server_failures() {
    let app = app!(palisade(), successes all);
    let request_for = |path: &str, status: u16| request(Method::POST, &format!("/{path}/{status}"));
    for _ in 0..5 {
        assert_eq!(call(&app, request_for("successes", 599)).await.status, 500);
        assert_eq!(call(&app, request_for("successes", 503)).await.status, 503);
    }
    for _ in 0..2 {
        assert_eq!(call(&app, request_for("successes", 200)).await.status, 200);
    }
    call(&app, request_for("successes", 200)).await.assert_problem(429);
    assert_eq!(call(&app, request_for("all", 599)).await.status, 500);
    assert_eq!(call(&app, request_for("all", 503)).await.status, 503);
    call(&app, request_for("all", 200)).await.assert_problem(429);
}

/// Fails after the handler has responded, in the way that the request's `x-fail` header asks for.
async fn failing(request: ServiceRequest, next: Next<impl MessageBody + 'static>) -> Result<ServiceResponse, Error> {
    let how = request.headers().get("x-fail").map(|how| how.to_str().unwrap().to_owned());
    let response = next.call(request).await?.map_into_boxed_body();
    match how.as_deref() {
        Some("error") => Err(actix_web::error::ErrorServiceUnavailable("its backend is away")),
        Some("client error") => Err(actix_web::error::ErrorUnauthorized("it knows better")),
        Some("panic") => panic!("the wrap"),
        Some("response") => Ok(response.into_response(HttpResponse::BadGateway().finish())),
        _ => Ok(response),
    }
}

#[post("/wrapped", wrap = "from_fn(failing)")]
#[public]
#[rate_limit(3, "15m", by = [ip, field(body.email)], count = failures)]
async fn wrapped(body: Json<Named>) -> HttpResponse {
    answering(body.status)
}

#[actix_web::test]
async fn server_failure_in_wrap_is_refunded() {
    let app = app!(palisade(), wrapped);
    for (how, expected) in [("error", 503), ("panic", 500), ("response", 502)] {
        for status in [200, 401] {
            for _ in 0..5 {
                let response = call(&app, named("/wrapped", status).insert_header(("x-fail", how))).await;
                assert_eq!(response.status, expected, "{how} after {status}: {response:?}");
            }
        }
    }
    for _ in 0..2 {
        assert_eq!(call(&app, named("/wrapped", 401)).await.status, 401);
    }
    let other = post_request("/wrapped", r#"{"email":"bob","status":200}"#).insert_header(("x-fail", "client error"));
    assert_eq!(call(&app, other).await.status, 401);
    // The limit of the address is used up: two failures by ann, and the one that the wrap rejected.
    call(&app, named("/wrapped", 200)).await.assert_problem(429);
    let elsewhere = |email: &str| {
        let body = format!(r#"{{"email":{email:?},"status":401}}"#);
        palisade_tests::from("198.51.100.7", post_request("/wrapped", &body))
    };
    assert_eq!(call(&app, elsewhere("ann@example.org")).await.status, 401);
    call(&app, elsewhere("ann@example.org")).await.assert_problem(429);
    for _ in 0..2 {
        assert_eq!(call(&app, elsewhere("bob")).await.status, 401);
    }
    call(&app, elsewhere("bob")).await.assert_problem(429);
}

/// An authenticator whose store is down, unless the request asks for a wrong credential.
struct StoreDown;

impl Authenticator for StoreDown {
    fn authenticate<'a>(&'a self, request: &'a HttpRequest) -> Attempt<'a> {
        let has_header = request.headers().contains_key("x-wrong");
        Attempt::Done(Err(if has_header { AuthError::Invalid("wrong") } else { AuthError::Unavailable("store_away") }))
    }

    fn scheme(&self) -> &'static str {
        "Away"
    }

    fn challenge(&self, context: &ChallengeContext<'_>, challenges: &mut Challenges) {
        challenges.add(Challenge::new("Away").with("realm", context.realm()));
    }
}

#[post("/behind")]
#[authenticated]
#[rate_limit(2, "15m", count = failures)]
async fn behind() -> &'static str {
    "in"
}

#[actix_web::test]
async fn store_outage_is_not_counted_as_failure() {
    let app = app!(palisade::Palisade::builder().authenticator(StoreDown).build().unwrap(), behind);
    for _ in 0..10 {
        call(&app, request(Method::POST, "/behind")).await.assert_problem(503);
    }
    for _ in 0..2 {
        call(&app, request(Method::POST, "/behind").insert_header(("x-wrong", "1"))).await.assert_problem(401);
    }
    call(&app, request(Method::POST, "/behind")).await.assert_problem(429);
}

const PROBES: RateLimit =
    RateLimit::new("outcomes-probes", 2, Duration::from_mins(15)).by(By::Ip).count(Count::Failures);

#[actix_web::test]
async fn permit_settles_by_status_like_the_attribute() {
    let limiter = builder().build().unwrap().rate_limiter();
    let key = RateLimitKey::address([203, 0, 113, 9].into());
    for status in [200, 302, 500, 503] {
        for _ in 0..3 {
            limiter.check(&PROBES, &key).await.unwrap().settle(StatusCode::from_u16(status).unwrap()).await;
        }
    }
    for status in [401, 422] {
        limiter.check(&PROBES, &key).await.unwrap().settle(StatusCode::from_u16(status).unwrap()).await;
    }
    assert!(limiter.check(&PROBES, &key).await.is_err());
}
