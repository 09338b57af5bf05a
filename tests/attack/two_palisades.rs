//! Two palisades, one around the other (CWE-693, CWE-942, CWE-307): headers that browsers ignore because they are there twice, a
//! request that is charged twice, a rule that the other one loosens, and a rejection that the other one replaces.

use actix_web::http::Method;
use actix_web::http::header::{COOKIE, HOST, ORIGIN};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpRequest, HttpResponse, web};
use palisade::authn::{Attempt, Challenge, ChallengeContext, Challenges};
use palisade::headers::CspNonce;
use palisade::input::Json;
use palisade::{
    Authenticator, Cors, PalisadeBuilder, Principal, Problem, SecurityHeaders, authenticated, cors, get, headers, post,
    public, rate_limit,
};
use palisade_tests::log::Log;
use palisade_tests::{TestResponse, bearer, builder, call, request};

const OUTER: &str = "https://outer.example";
const INNER: &str = "https://inner.example";
const PARTNER: &str = "https://partner.example";

#[get("/plain")]
#[public]
async fn plain() -> &'static str {
    "plain"
}

#[get("/partner")]
#[authenticated]
#[cors("https://partner.example", credentials)]
#[headers(frame = "same-origin")]
async fn of_partner() -> &'static str {
    "partner"
}

#[get("/closed")]
#[public]
#[cors(none)]
async fn closed() -> &'static str {
    panic!("the inside of the server")
}

#[get("/page")]
#[public]
#[headers(pages)]
async fn page(nonce: CspNonce) -> HttpResponse {
    HttpResponse::Ok().body(nonce.to_string())
}

#[get("/counted")]
#[public]
#[rate_limit(2, "1m")]
async fn counted() -> &'static str {
    "counted"
}

#[post("/save")]
#[authenticated]
async fn save() -> &'static str {
    "saved"
}

#[post("/text")]
#[public]
async fn text(Json(text): Json<String>) -> String {
    text
}

async fn file() -> &'static str {
    "file"
}

/// A cookie, which browsers add by themselves.
struct Cookie;

impl Authenticator for Cookie {
    fn authenticate<'a>(&'a self, request: &'a HttpRequest) -> Attempt<'a> {
        match request.headers().contains_key(COOKIE) {
            true => Attempt::Done(Ok(Principal::new("Cookie", "tests", "alice"))),
            false => Attempt::Absent,
        }
    }

    fn scheme(&self) -> &'static str {
        "Cookie"
    }

    fn is_ambient(&self, _: &HttpRequest) -> bool {
        true
    }

    fn challenge(&self, _: &ChallengeContext<'_>, challenges: &mut Challenges) {
        challenges.add(Challenge::new("Cookie"));
    }
}

fn outer() -> PalisadeBuilder {
    builder().cors(Cors::allow_origins([OUTER])).hosts(["site.example", "outer.example"])
}

fn inner() -> PalisadeBuilder {
    let headers = SecurityHeaders::new().csp("default-src 'self' https://cdn.example").with("vary", "Accept");
    builder()
        .authenticator(Cookie)
        .cors(Cors::allow_origins([INNER]).allow_credentials())
        .hosts(["site.example", "inner.example"])
        .security_headers(headers)
        .allow_unguarded("/in/files", "public style sheets")
}

macro_rules! app {
    ($outer:expr, $inner:expr) => {{
        let files = web::scope("/files").route("/a.css", web::get().to(file));
        let scope = web::scope("/in").service(plain).service(of_partner).service(closed).service(page);
        let scope = scope.service(counted).service(save).service(text).service(files);
        let scope = scope.wrap($inner.build().unwrap());
        init_service(App::new().service(scope).service(plain).wrap($outer.build().unwrap())).await
    }};
    () => {
        app!(outer(), inner())
    };
}

fn to(method: Method, path: &str) -> TestRequest {
    request(method, path).insert_header((HOST, "site.example"))
}

fn get_from(origin: &'static str, path: &str) -> TestRequest {
    to(Method::GET, path).insert_header((ORIGIN, origin))
}

fn values<'r>(response: &'r TestResponse, name: &str) -> Vec<&'r str> {
    response.headers.get_all(name).map(|value| value.to_str().unwrap()).collect()
}

fn shared_with(response: &TestResponse) -> Vec<&str> {
    values(response, "access-control-allow-origin")
}

/// Browsers ignore most of these headers if they have two values.
fn assert_each_header_once(response: &TestResponse) {
    for name in response.headers.keys() {
        assert_eq!(values(response, name.as_str()).len(), 1, "{name}: {response:?}");
    }
    for name in ["x-content-type-options", "x-frame-options", "content-security-policy", "referrer-policy"] {
        assert!(response.headers.contains_key(name), "{name}: {response:?}");
    }
    let vary: Vec<String> = response.header("vary").split(',').map(|name| name.trim().to_lowercase()).collect();
    assert!(vary.iter().all(|name| vary.iter().filter(|other| *other == name).count() == 1), "{vary:?}");
}

#[actix_web::test]
async fn each_header_is_sent_once_whatever_becomes_of_the_request() {
    let app = app!();
    for (path, status) in [
        ("/plain", 200),
        ("/in/plain", 200),
        ("/in/partner", 401),
        ("/in/closed", 500),
        ("/in/page", 200),
        ("/in/files/a.css", 200),
        ("/in/nothing", 404),
        ("/nothing", 404),
        ("/in/save", 405),
    ] {
        let response = call(&app, get_from(OUTER, path)).await;
        assert_eq!(response.status, status, "{path}: {response:?}");
        if status == 401 {
            // One challenge for each scheme.
            assert_eq!(values(&response, "www-authenticate"), ["Bearer realm=\"api\"", "Cookie"]);
            continue;
        }
        assert_each_header_once(&response);
    }
    let response = call(&app, to(Method::GET, "/in/plain")).await;
    assert!(response.header("content-security-policy").contains("https://cdn.example"), "{response:?}");
    let with_nonce = call(&app, to(Method::GET, "/in/page")).await;
    let nonce = format!("'nonce-{}'", with_nonce.body);
    assert!(with_nonce.header("content-security-policy").contains(&nonce), "{with_nonce:?}");
}

#[actix_web::test]
async fn outer_palisade_decides_preflights_and_reading() {
    let app = app!();
    let preflight = |path: &str, origin: &'static str| {
        to(Method::OPTIONS, path)
            .insert_header((ORIGIN, origin))
            .insert_header(("access-control-request-method", "GET"))
    };
    for (path, origin, status) in [
        ("/in/plain", OUTER, 204),
        ("/in/plain", INNER, 403),
        ("/in/partner", PARTNER, 204),
        ("/in/partner", OUTER, 403),
        ("/in/partner", INNER, 403),
        ("/in/closed", OUTER, 403),
    ] {
        let response = call(&app, preflight(path, origin)).await;
        assert_eq!(response.status, status, "{path} {origin}: {response:?}");
        assert_each_header_once(&response);
        let read = call(&app, get_from(origin, path)).await;
        // What a preflight allows, the response allows too.
        let allowed = if status == 204 { vec![origin] } else { vec![] };
        assert_eq!(
            (shared_with(&response), shared_with(&read)),
            (allowed.clone(), allowed),
            "{path} {origin}: {read:?}"
        );
    }
    let token = bearer("alice", &[]);
    let read = call(&app, get_from(PARTNER, "/in/partner").insert_header(("authorization", token))).await;
    assert_eq!((read.body.as_str(), shared_with(&read)), ("partner", vec![PARTNER]));
    assert_eq!(values(&read, "access-control-allow-credentials"), ["true"]);
    assert_eq!(values(&read, "x-frame-options"), ["SAMEORIGIN"]);
    assert_each_header_once(&read);
}

#[actix_web::test]
async fn hosts_of_both_must_fit() {
    let app = app!();
    let (log, _guard) = Log::start();
    for (host, status) in [("site.example", 200), ("inner.example", 421), ("outer.example", 421), ("evil.example", 421)]
    {
        let response = call(&app, request(Method::GET, "/in/plain").insert_header((HOST, host))).await;
        assert_eq!(response.status, status, "{host}: {response:?}");
        assert_each_header_once(&response);
        if status == 421 {
            assert_eq!(response.json()["status"], 421, "{response:?}");
            log.assert_one(&["status=421", "reason=\"host_not_allowed\""]);
        }
    }
}

#[actix_web::test]
async fn cross_site_request_is_rejected_by_the_rules_of_the_inner_one() {
    let app = app!();
    for (origin, site, status) in [
        ("https://site.example", "same-origin", 200),
        (INNER, "cross-site", 200),
        (OUTER, "cross-site", 403),
        ("https://evil.example", "cross-site", 403),
    ] {
        let request =
            to(Method::POST, "/in/save").insert_header((ORIGIN, origin)).insert_header(("sec-fetch-site", site));
        let response = call(&app, request.insert_header((COOKIE, "sid=alice"))).await;
        assert_eq!(response.status, status, "{origin}: {response:?}");
        assert_each_header_once(&response);
    }
}

#[actix_web::test]
async fn request_is_charged_once() {
    let app = app!();
    for (left, status) in [("1", 200), ("0", 200), ("0", 429)] {
        let response = call(&app, to(Method::GET, "/in/counted")).await;
        assert_eq!(response.status, status, "{response:?}");
        let reported = response.header("ratelimit");
        assert!(reported.contains(&format!(";r={left};")), "{response:?}");
        assert_each_header_once(&response);
    }
}

#[actix_web::test]
async fn error_has_the_style_of_the_inner_one() {
    let styled = |detail: &'static str| move |problem: Problem| problem.with_detail(detail);
    let app = app!(outer().problems(styled("outer")), inner().problems(styled("inner")));
    for (path, detail) in [("/in/closed", "inner"), ("/in/nothing", "inner"), ("/nothing", "outer")] {
        let response = call(&app, to(Method::GET, path)).await;
        assert_eq!(response.json()["detail"], detail, "{path}: {response:?}");
        assert_each_header_once(&response);
    }
}

#[actix_web::test]
async fn failure_is_logged_once() {
    let app = app!();
    let (log, _guard) = Log::start();
    call(&app, to(Method::GET, "/in/closed")).await;
    log.assert_one(&["panicked", "the inside of the server"]);
    call(&app, to(Method::DELETE, "/in/plain")).await;
    log.assert_one(&["status=405"]);
}

/// 415, and not a body whose coding nobody knows any more.
#[actix_web::test]
async fn compressed_body_is_rejected_by_the_inner_one() {
    let compressed = || {
        let coded = to(Method::POST, "/in/text").insert_header(("content-encoding", "gzip"));
        coded.insert_header(("content-type", "application/json")).set_payload("\"not compressed\"")
    };
    let uncompressed =
        || to(Method::POST, "/in/text").insert_header(("content-type", "application/json")).set_payload("\"t\"");
    let app = app!();
    assert_eq!(call(&app, uncompressed()).await.body, "t");
    assert_eq!(call(&app, compressed()).await.status, 415);
    let app = app!(outer(), inner().compressed_bodies(1_024));
    assert_eq!(call(&app, uncompressed()).await.body, "t");
    assert_eq!(call(&app, compressed()).await.status, 400);
}
