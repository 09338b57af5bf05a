//! CWE-204, CWE-200: response headers must not tell a stranger how often a name of its choice has failed.

use actix_web::test::{TestRequest, init_service};
use actix_web::web::Json;
use actix_web::{App, HttpRequest, HttpResponse};
use palisade::rate_limit::{RateLimitHeaders, RateLimitMode};
use palisade::{PalisadeBuilder, Principal, authenticated, get, post, public, rate_limit};
use palisade_tests::{TestResponse, bearer, builder, call, from, get_request, post_request};
use serde::Deserialize;

#[derive(Deserialize)]
struct Named {
    email: String,
}

macro_rules! app {
    ($builder:expr) => {{
        let scope = palisade::scope("").service(login).service(both).service(two).service(tenants).service(keyed);
        init_service(App::new().service(scope.service(mine).service(refunded)).wrap($builder.build().unwrap())).await
    }};
}

#[post("/login")]
#[public]
#[rate_limit(3, "15m", by = field(body.email), count = failures, name = "reports-login")]
async fn login(body: Json<Named>) -> HttpResponse {
    let _ = &body.email;
    HttpResponse::Unauthorized().finish()
}

#[post("/both")]
#[public]
#[rate_limit(3, "15m", by = [ip, field(body.email)], count = failures)]
async fn both(body: Json<Named>) -> HttpResponse {
    let _ = &body.email;
    HttpResponse::Unauthorized().finish()
}

#[post("/two")]
#[public]
#[rate_limit(100, "15m", name = "reports-address")]
#[rate_limit(3, "1h", by = field(body.email), name = "reports-name")]
async fn two(body: Json<Named>) -> HttpResponse {
    let _ = &body.email;
    HttpResponse::Ok().finish()
}

#[get("/tenants")]
#[public]
#[rate_limit(3, "15m", by = header("x-tenant"))]
async fn tenants() -> &'static str {
    "ok"
}

async fn chosen(request: &HttpRequest, _: Option<&Principal>) -> Option<String> {
    request.headers().get("x-name")?.to_str().ok().map(str::to_owned)
}

#[get("/keyed")]
#[public]
#[rate_limit(3, "15m", by = key(chosen))]
async fn keyed() -> &'static str {
    "ok"
}

#[get("/mine")]
#[authenticated]
#[rate_limit(3, "15m", by = principal)]
async fn mine() -> &'static str {
    "ok"
}

/// A request that succeeds is refunded.
#[get("/refunded")]
#[public]
#[rate_limit(3, "15m", count = failures)]
async fn refunded() -> &'static str {
    "ok"
}

fn reported(response: &TestResponse) -> Vec<String> {
    response.headers.keys().map(|name| name.as_str().to_owned()).filter(|name| name.contains("ratelimit")).collect()
}

fn styles() -> [fn() -> PalisadeBuilder; 3] {
    [
        builder,
        || builder().rate_limit_headers(RateLimitHeaders::Legacy),
        || builder().rate_limit_headers(RateLimitHeaders::Omit),
    ]
}

/// Sends three requests that pass and one that is rejected.
async fn four_times<S>(app: &S, request: impl Fn() -> TestRequest, passing: u16)
where
    S: actix_web::dev::Service<
            actix_http::Request,
            Response = actix_web::dev::ServiceResponse<actix_web::body::EitherBody<actix_web::body::BoxBody>>,
            Error = actix_web::Error,
        >,
{
    for _ in 0..3 {
        let response = call(app, request()).await;
        assert_eq!(response.status, passing, "{response:?}");
        assert_eq!((reported(&response), response.header("retry-after")), (vec![], ""), "{response:?}");
    }
    let rejected = call(app, request()).await;
    rejected.assert_problem(429);
    assert_eq!((reported(&rejected), rejected.header("retry-after")), (vec![], "900"), "{rejected:?}");
}

#[actix_web::test]
async fn client_chosen_key_is_not_reported() {
    for style in styles() {
        let app = app!(style().trusted_proxies(["203.0.113.7/32"]));
        four_times(&app, || post_request("/login", r#"{"email":"ann"}"#), 401).await;
        four_times(&app, || get_request("/keyed").insert_header(("x-name", "ann")), 200).await;
        four_times(&app, || get_request("/tenants").insert_header(("x-tenant", "acme")), 200).await;
    }
}

#[actix_web::test]
async fn client_chosen_key_is_not_reported_when_observed() {
    let app = app!(builder().rate_limit_mode(RateLimitMode::Observe));
    for _ in 0..5 {
        let response = call(&app, post_request("/login", r#"{"email":"ann"}"#)).await;
        assert_eq!((response.status.as_u16(), reported(&response)), (401, vec![]));
    }
}

#[actix_web::test]
async fn list_reports_only_the_address_limit() {
    let app = app!(builder());
    let ann = |address: &str| from(address, post_request("/both", r#"{"email":"ann"}"#));
    let first = call(&app, ann("198.51.100.1")).await;
    assert_eq!(first.header("ratelimit-policy"), r#""both:ip";q=3;w=900"#);
    assert_eq!(first.header("ratelimit"), r#""both:ip";r=2;t=900"#);
    for address in ["198.51.100.1", "198.51.100.2"] {
        assert_eq!(call(&app, ann(address)).await.status, 401);
    }
    // The failures of other clients with this name appear only in the rejection.
    let rejected = call(&app, ann("198.51.100.3")).await;
    rejected.assert_problem(429);
    assert_eq!(rejected.header("retry-after"), "900");
    assert_eq!(rejected.header("ratelimit"), r#""both:ip";r=3;t=900"#);
    let other = call(&app, from("198.51.100.3", post_request("/both", r#"{"email":"bob"}"#))).await;
    assert_eq!(other.header("ratelimit"), r#""both:ip";r=2;t=900"#);
}

#[actix_web::test]
async fn legacy_headers_report_the_tightest_reportable_limit() {
    let app = app!(builder().rate_limit_headers(RateLimitHeaders::Legacy));
    for left in ["99", "98", "97"] {
        let response = call(&app, post_request("/two", r#"{"email":"ann"}"#)).await;
        assert_eq!(response.header("x-ratelimit-limit"), "100");
        assert_eq!(response.header("x-ratelimit-remaining"), left);
    }
    let rejected = call(&app, post_request("/two", r#"{"email":"ann"}"#)).await;
    rejected.assert_problem(429);
    assert_eq!((rejected.header("x-ratelimit-limit"), rejected.header("retry-after")), ("100", "3600"));
}

#[actix_web::test]
async fn verified_identity_sees_its_limit() {
    let app = app!(builder());
    let response = call(&app, get_request("/mine").insert_header(("authorization", bearer("ann", &[])))).await;
    assert_eq!(response.header("ratelimit"), r#""mine";r=2;t=900"#);
}

/// Draft 11 §4.1.2: `t` is how long the client can use no more than `r`. In draft 10 it was the time of the next unit.
#[actix_web::test]
async fn drafts_differ_while_no_unit_is_used() {
    for (style, unused) in
        [(None, "900"), (Some(RateLimitHeaders::Draft11), "900"), (Some(RateLimitHeaders::Draft10), "1")]
    {
        let app = app!(style.into_iter().fold(builder(), PalisadeBuilder::rate_limit_headers));
        let response = call(&app, get_request("/refunded")).await;
        assert_eq!(response.header("ratelimit-policy"), r#""refunded";q=3;w=900"#);
        assert_eq!(response.header("ratelimit"), format!(r#""refunded";r=3;t={unused}"#), "{style:?}");
        let used = call(&app, get_request("/mine").insert_header(("authorization", bearer("ann", &[])))).await;
        assert_eq!(used.header("ratelimit"), r#""mine";r=2;t=900"#, "{style:?}");
    }
}
