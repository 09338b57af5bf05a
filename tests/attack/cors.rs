//! CORS: other origins must not read responses unless they are listed (CWE-942; ASVS V3.4.2).

use actix_web::App;
use actix_web::http::Method;
use actix_web::test::{TestRequest, init_service};
use palisade::{Cors, authenticated, get, public, rate_limit};
use palisade_tests::{TestResponse, bearer, builder, call, get_request, request};

#[get("/me")]
#[authenticated]
async fn me() -> &'static str {
    "me"
}

#[get("/open")]
#[public]
#[rate_limit(2, "1m")]
async fn open() -> &'static str {
    "open"
}

macro_rules! app {
    () => {{
        let cors = Cors::allow_origins(["https://app.example.com", "http://localhost:5173"]);
        let palisade = builder().cors(cors.allow_credentials()).build().unwrap();
        init_service(App::new().service(palisade::scope("").service(me).service(open)).wrap(palisade)).await
    }};
}

fn preflight(path: &str, origin: &str, method: &str) -> TestRequest {
    request(Method::OPTIONS, path)
        .insert_header(("origin", origin))
        .insert_header(("access-control-request-method", method))
}

fn shares(response: &TestResponse) -> bool {
    response.headers.contains_key("access-control-allow-origin")
        || response.headers.contains_key("access-control-allow-credentials")
}

#[test]
fn wildcard_origin_is_rejected() {
    // The type has no such method; `ui/types/cors_any_origin_with_credentials.rs` checks that. Here: the list rejects
    // `*`.
    assert!(palisade::Palisade::builder().cors(Cors::allow_origins(["*"])).build().is_err());
}

/// B2: origins matched by a prefix or a suffix, `null`, and user names in `Origin`.
#[actix_web::test]
async fn origins_are_compared_exactly() {
    let app = app!();
    let allowed = call(&app, get_request("/open").insert_header(("origin", "https://app.example.com"))).await;
    assert_eq!(allowed.header("access-control-allow-origin"), "https://app.example.com");
    assert_eq!(allowed.header("access-control-allow-credentials"), "true");
    for origin in [
        "https://app.example.com.evil.test",
        "https://evil-app.example.com",
        "https://evil.test/https://app.example.com",
        "https://app.example.com:444",
        "https://app.example.com/",
        "http://app.example.com",
        "https://APP.example.com",
        "https://user@app.example.com",
        "https://app.example.com@evil.test",
        "https://sub.app.example.com",
        "http://localhost",
        "http://localhost:51730",
        "null",
        "*",
        "",
    ] {
        let response = call(&app, get_request("/me").insert_header(("origin", origin))).await;
        assert!(!shares(&response), "{origin}: {response:?}");
        assert!(response.header("vary").contains("Origin"), "{origin}");
        let response = call(&app, preflight("/me", origin, "GET")).await;
        response.assert_problem(403);
        assert!(!shares(&response), "{origin}: {response:?}");
    }
}

#[actix_web::test]
async fn two_origin_headers_get_no_cors_headers() {
    let app = app!();
    let twice = get_request("/me")
        .append_header(("origin", "https://app.example.com"))
        .append_header(("origin", "https://evil.test"));
    assert!(!shares(&call(&app, twice).await));
}

#[actix_web::test]
async fn preflight_is_answered_before_authentication() {
    let app = app!();
    let request = preflight("/me", "https://app.example.com", "PATCH")
        .insert_header(("access-control-request-headers", "authorization, Content-Type"));
    let response = call(&app, request).await;
    assert_eq!(response.status, 204);
    assert_eq!(response.header("access-control-allow-origin"), "https://app.example.com");
    assert!(response.header("access-control-allow-methods").contains("PATCH"));
    assert_eq!(response.header("access-control-allow-headers"), "authorization, content-type");
    response.assert_headers();
    let unlisted =
        preflight("/me", "https://app.example.com", "GET").insert_header(("access-control-request-headers", "x-admin"));
    call(&app, unlisted).await.assert_problem(403);
    call(&app, preflight("/me", "https://app.example.com", "TRACE")).await.assert_problem(403);
}

/// Q7: a preflight that a rate limit counts, and a 429 without CORS headers, which the page cannot read.
#[actix_web::test]
async fn preflight_is_not_counted_and_429_is_readable() {
    let app = app!();
    for _ in 0..10 {
        assert_eq!(call(&app, preflight("/open", "https://app.example.com", "GET")).await.status, 204);
    }
    let request = || get_request("/open").insert_header(("origin", "https://app.example.com"));
    assert_eq!(call(&app, request()).await.status, 200);
    assert_eq!(call(&app, request()).await.status, 200);
    let rejected = call(&app, request()).await;
    rejected.assert_problem(429);
    assert_eq!(rejected.header("access-control-allow-origin"), "https://app.example.com");
    for exposed in ["Retry-After", "RateLimit", "RateLimit-Policy", "WWW-Authenticate"] {
        assert!(rejected.header("access-control-expose-headers").contains(exposed), "{exposed}");
    }
}

#[actix_web::test]
async fn rejections_and_successes_carry_the_same_cors_headers() {
    let app = app!();
    let origin = ("origin", "http://localhost:5173");
    let anonymous = call(&app, get_request("/me").insert_header(origin)).await;
    anonymous.assert_problem(401);
    let authenticated =
        call(&app, get_request("/me").insert_header(origin).insert_header(("authorization", bearer("a", &[])))).await;
    assert_eq!(authenticated.status, 200);
    let missing = call(&app, get_request("/nowhere").insert_header(origin)).await;
    missing.assert_problem(404);
    for response in [anonymous, authenticated, missing] {
        assert_eq!(response.header("access-control-allow-origin"), "http://localhost:5173");
    }
}
