//! CWE-799, CWE-770, ASVS V2.4.1: which requests a limit counts, how much a request costs, who is exempt, and which
//! limits are shared.

use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use actix_web::test::init_service;
use actix_web::web::Path;
use actix_web::{App, HttpResponse};
use palisade::policy::Rule;
use palisade::rate_limit::{Count, RateLimitHeaders};
use palisade::{RateLimit, authenticated, get, post, public, rate_limit};
use palisade_tests::{bearer, builder, call, get_request, palisade, request};

macro_rules! app {
    ($palisade:expr, $($endpoint:ident)*) => {
        init_service(App::new().service(palisade::scope("")$(.service($endpoint))*).wrap($palisade)).await
    };
}

fn answering(status: u16, path: &str) -> actix_web::test::TestRequest {
    request(Method::POST, &format!("/{path}/{status}"))
}

#[post("/orders/{status}")]
#[public]
#[rate_limit(2, "1h", count = successes)]
async fn orders(status: Path<u16>) -> HttpResponse {
    HttpResponse::new(StatusCode::from_u16(*status).unwrap())
}

#[actix_web::test]
async fn count_successes_gives_failures_back() {
    let app = app!(palisade(), orders);
    for _ in 0..10 {
        assert_eq!(call(&app, answering(422, "orders")).await.status, 422);
    }
    for _ in 0..2 {
        assert_eq!(call(&app, answering(201, "orders")).await.status, 201);
    }
    call(&app, answering(201, "orders")).await.assert_problem(429);
    call(&app, answering(422, "orders")).await.assert_problem(429);
}

fn is_a_guess(status: StatusCode) -> bool {
    status == StatusCode::UNAUTHORIZED
}

#[post("/guess/{status}")]
#[public]
#[rate_limit(2, "1h", count = when(is_a_guess))]
async fn guess(status: Path<u16>) -> HttpResponse {
    HttpResponse::new(StatusCode::from_u16(*status).unwrap())
}

#[actix_web::test]
async fn count_function_decides_by_status() {
    let app = app!(palisade(), guess);
    for status in [200, 404, 500, 200, 404] {
        assert_eq!(call(&app, answering(status, "guess")).await.status, status);
    }
    for _ in 0..2 {
        assert_eq!(call(&app, answering(401, "guess")).await.status, 401);
    }
    call(&app, answering(200, "guess")).await.assert_problem(429);
}

#[get("/export")]
#[public]
#[rate_limit(10, "1h", cost = 4)]
async fn export() -> &'static str {
    "all of it"
}

#[actix_web::test]
async fn request_takes_its_full_cost_or_nothing() {
    let app = app!(palisade(), export);
    for left in ["r=6", "r=2"] {
        let response = call(&app, get_request("/export")).await;
        assert_eq!(response.status, 200);
        assert!(response.header("ratelimit").contains(left), "{response:?}");
    }
    call(&app, get_request("/export")).await.assert_problem(429);
}

#[get("/one")]
#[public]
#[rate_limit(2, "1h", name = "shared-by-two")]
async fn one() -> &'static str {
    "one"
}

#[get("/two")]
#[public]
#[rate_limit(2, "1h", name = "shared-by-two")]
async fn two() -> &'static str {
    "two"
}

#[get("/three")]
#[public]
#[rate_limit(3, "1h", name = "shared-by-two")]
async fn three() -> &'static str {
    "three"
}

#[actix_web::test]
async fn handlers_share_a_limit_by_name() {
    let app = app!(palisade(), one two);
    assert_eq!(call(&app, get_request("/one")).await.status, 200);
    assert_eq!(call(&app, get_request("/two")).await.status, 200);
    call(&app, get_request("/one")).await.assert_problem(429);
    call(&app, get_request("/two")).await.assert_problem(429);
}

#[actix_web::test]
async fn shared_name_with_different_limits_is_config_error() {
    let routes = palisade::scope("").service(one).service(palisade::scope("/in").service(three));
    let mistake = builder().routes(&routes).build().unwrap_err().to_string();
    for part in ["shared-by-two", "2 per 3600 s", "3 per 3600 s", "one", "three"] {
        assert!(mistake.contains(part), "{mistake}");
    }
    const ALSO: RateLimit = RateLimit::new("shared-by-two", 2, Duration::from_hours(2)).shared();
    let routes = palisade::scope("/a").rate_limit(ALSO).service(one);
    assert!(builder().routes(&routes).build().is_err());
    const OWN: RateLimit = RateLimit::new("own", 2, Duration::from_hours(2));
    const OWN_TOO: RateLimit = RateLimit::new("own", 3, Duration::from_hours(2));
    let two_of_one_prefix =
        palisade::scope("").service(palisade::scope("/a").rate_limit(OWN).service(one)).rate_limit(OWN_TOO);
    builder().routes(&two_of_one_prefix).build().unwrap();
}

#[get("/observed")]
#[public]
#[rate_limit(1, "1h", observe)]
#[rate_limit(3, "1h", name = "observed-enforced")]
async fn observed() -> &'static str {
    "ok"
}

#[actix_web::test]
async fn observed_limit_does_not_lift_another() {
    let app = app!(palisade(), observed);
    for expected in [r#""observed";r=0"#, r#""observed";r=0"#, r#""observed";r=0"#] {
        let response = call(&app, get_request("/observed")).await;
        assert_eq!(response.status, 200);
        assert!(response.header("ratelimit").contains(expected), "{response:?}");
    }
    call(&app, get_request("/observed")).await.assert_problem(429);
}

#[get("/mine")]
#[authenticated]
#[rate_limit(2, "1h")]
#[rate_limit(3, "1h", by = principal)]
async fn mine() -> &'static str {
    "ok"
}

#[actix_web::test]
async fn exempt_address_is_uncounted_and_cannot_be_forged() {
    let palisade = builder().exempt_from_rate_limits(["192.0.2.0/24", "::ffff:198.51.100.7"]).build().unwrap();
    let app = app!(palisade, one);
    let request_from = |peer: &str| get_request("/one").peer_addr(peer.parse().unwrap());
    for peer in ["192.0.2.9:1", "198.51.100.7:1", "[::ffff:192.0.2.1]:1"] {
        for _ in 0..5 {
            let response = call(&app, request_from(peer)).await;
            assert_eq!(response.status, 200);
            assert_eq!(response.header("ratelimit"), "", "an exempt request reports no limit");
        }
    }
    let forged = || request_from("203.0.113.9:1").insert_header(("x-forwarded-for", "192.0.2.9"));
    for status in [200, 200, 429] {
        assert_eq!(call(&app, forged()).await.status, status);
    }
}

#[actix_web::test]
async fn exempt_caller_is_not_charged() {
    let palisade = builder().exempt_from_rate_limits_if(Rule::Role("monitor")).build().unwrap();
    let app = app!(palisade, mine);
    let request_as = |roles: &[&str]| get_request("/mine").insert_header(("authorization", bearer("ann", roles)));
    for _ in 0..5 {
        assert_eq!(call(&app, request_as(&["monitor"])).await.status, 200);
    }
    for status in [200, 200, 429] {
        assert_eq!(call(&app, request_as(&["user"])).await.status, status);
    }
    // The limit of the address is used up before the caller is known.
    call(&app, request_as(&["monitor"])).await.assert_problem(429);
}

#[get("/by-address")]
#[authenticated]
#[rate_limit(2, "1h")]
async fn by_address() -> &'static str {
    "ok"
}

#[actix_web::test]
async fn exempt_caller_is_not_charged_by_address() {
    let palisade = builder().exempt_from_rate_limits_if(Rule::Role("monitor")).build().unwrap();
    let app = app!(palisade, by_address);
    for _ in 0..5 {
        let request = get_request("/by-address").insert_header(("authorization", bearer("ann", &["monitor"])));
        assert_eq!(call(&app, request).await.status, 200);
    }
}

#[actix_web::test]
async fn exemption_rule_must_depend_on_caller_only() {
    for rule in [Rule::Public, Rule::Authenticated, Rule::Owner("id"), Rule::Any(&[]), Rule::Not(&Rule::Owner("id"))] {
        let mistake = builder().exempt_from_rate_limits_if(rule).build().unwrap_err().to_string();
        assert!(mistake.contains("exempt_from_rate_limits_if"), "{mistake}");
    }
    for range in ["10.0.0.0/40", "0.0.0.0/0", "::/0"] {
        assert!(builder().exempt_from_rate_limits([range]).build().is_err(), "{range}");
    }
}

#[get("/tight")]
#[public]
#[rate_limit(5, "1h")]
#[rate_limit(2, "1m", name = "tight-minute")]
async fn tight() -> &'static str {
    "ok"
}

#[actix_web::test]
async fn header_style_is_configurable_and_keeps_retry_after() {
    let cors = palisade::Cors::allow_origins(["https://app.example.com"]);
    let legacy = builder().cors(cors).rate_limit_headers(RateLimitHeaders::Legacy).build().unwrap();
    let app = app!(legacy, tight);
    let names = ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"];
    let response = call(&app, get_request("/tight").insert_header(("origin", "https://app.example.com"))).await;
    for name in names {
        // A page of another origin can read these headers too.
        assert!(response.header("access-control-expose-headers").to_lowercase().contains(name), "{response:?}");
    }
    assert_eq!(names.map(|name| response.header(name).to_owned()), ["2", "1", "60"]);
    assert_eq!((response.header("ratelimit"), response.header("ratelimit-policy")), ("", ""));
    call(&app, get_request("/tight")).await;
    let rejected = call(&app, get_request("/tight")).await;
    rejected.assert_problem(429);
    assert_eq!(names.map(|name| rejected.header(name).to_owned()), ["2", "0", "60"]);
    assert_eq!(rejected.header("retry-after"), "60");

    let app = app!(builder().rate_limit_headers(RateLimitHeaders::Omit).build().unwrap(), tight);
    for status in [200, 200, 429] {
        let response = call(&app, get_request("/tight")).await;
        assert_eq!(response.status, status);
        let reported: Vec<_> = response.headers.keys().filter(|name| name.as_str().contains("ratelimit")).collect();
        assert!(reported.is_empty(), "{reported:?}");
        assert_eq!(response.header("retry-after").is_empty(), status == 200);
    }
}

#[test]
fn count_matches_its_statuses() {
    assert!(Count::Failures.counts(StatusCode::BAD_REQUEST) && !Count::Failures.counts(StatusCode::OK));
}
