//! Responses that a cache or a browser shares with the wrong page (CWE-942, CWE-525), and headers of a handler that the rule loses.

use actix_web::http::Method;
use actix_web::test::init_service;
use actix_web::{App, HttpResponse};
use palisade::cors::{CorsRules, Subdomains};
use palisade::{Cors, SecurityHeaders, get, public};
use palisade_tests::{TestResponse, builder, call, get_request, request};

const APP: &str = "https://app.example";

#[get("/plain")]
#[public]
async fn plain() -> &'static str {
    "plain"
}

#[get("/own")]
#[public]
async fn own() -> HttpResponse {
    HttpResponse::Ok()
        .append_header(("access-control-expose-headers", "ETag, X-Own"))
        .append_header(("access-control-expose-headers", "Link"))
        .insert_header(("vary", "Accept-Encoding"))
        .insert_header(("access-control-allow-origin", "https://evil.example"))
        .insert_header(("access-control-allow-credentials", "true"))
        .insert_header(("cross-origin-resource-policy", "same-site"))
        .body("own")
}

async fn ask(cors: impl Into<CorsRules>, path: &str, origin: Option<&str>) -> TestResponse {
    let palisade = builder().cors(cors).build().unwrap();
    let app = init_service(App::new().service(palisade::scope("").service(plain).service(own)).wrap(palisade)).await;
    let request =
        origin.into_iter().fold(get_request(path), |request, origin| request.insert_header(("origin", origin)));
    call(&app, request).await
}

fn values<'r>(response: &'r TestResponse, name: &str) -> Vec<&'r str> {
    response.headers.get_all(name).map(|value| value.to_str().unwrap()).collect()
}

fn listed() -> Cors {
    Cors::allow_origins([APP])
}

/// A cache that stored the response without `Origin`, or that for another page, must not give it to a page that is allowed.
#[actix_web::test]
async fn responses_vary_by_origin_whoever_asks() {
    for origin in [None, Some(APP), Some("https://evil.example"), Some("null")] {
        for path in ["/plain", "/nowhere"] {
            assert_eq!(values(&ask(listed(), path, origin).await, "vary"), ["Origin"], "{path} {origin:?}");
        }
        assert_eq!(values(&ask(listed(), "/own", origin).await, "vary"), ["Accept-Encoding, Origin"], "{origin:?}");
    }
}

/// Fetch standard, "CORS protocol and HTTP caches": the header does not depend on the request.
#[actix_web::test]
async fn any_origin_is_on_each_response() {
    for origin in [None, Some(APP), Some("https://evil.example"), Some("null"), Some("")] {
        for path in ["/plain", "/own", "/nowhere"] {
            let response = ask(Cors::allow_any_origin(), path, origin).await;
            assert_eq!(values(&response, "access-control-allow-origin"), ["*"], "{path} {origin:?}");
            assert!(values(&response, "access-control-allow-credentials").is_empty(), "{path} {origin:?}");
            assert!(!response.header("vary").contains("Origin"), "{path} {origin:?}");
        }
    }
    let palisade = builder().cors(Cors::allow_any_origin().allow_header("X-A").methods(["GET"])).build().unwrap();
    let app = init_service(App::new().service(palisade::scope("").service(plain)).wrap(palisade)).await;
    let preflight = |method| {
        request(Method::OPTIONS, "/plain")
            .insert_header(("origin", "null"))
            .insert_header(("access-control-request-method", method))
    };
    assert_eq!(call(&app, preflight("GET")).await.header("access-control-allow-origin"), "*");
    call(&app, preflight("PUT")).await.assert_problem(403);
}

#[actix_web::test]
async fn exposed_headers_of_a_handler_are_kept() {
    let response = ask(listed().expose_header("X-Total"), "/own", Some(APP)).await;
    let [exposed] = values(&response, "access-control-expose-headers")[..] else { panic!("{response:?}") };
    for name in ["ETag", "X-Own", "Link", "Retry-After", "RateLimit", "WWW-Authenticate", "x-total"] {
        assert_eq!(exposed.split(", ").filter(|listed| *listed == name).count(), 1, "{name}: {exposed}");
    }
    assert_eq!(values(&response, "access-control-allow-origin"), [APP]);
    assert!(values(&response, "access-control-allow-credentials").is_empty());
    // A page that is not allowed gets nothing.
    let response = ask(listed(), "/own", Some("https://evil.example")).await;
    assert!(values(&response, "access-control-allow-origin").is_empty());
}

#[actix_web::test]
async fn resource_policy_does_not_contradict_the_rule() {
    let policy = async |cors: CorsRules, path: &str, origin| {
        values(&ask(cors, path, origin).await, "cross-origin-resource-policy").join("|")
    };
    assert_eq!(policy(listed().into(), "/plain", Some(APP)).await, "cross-origin");
    assert_eq!(policy(listed().into(), "/plain", Some("https://evil.example")).await, "same-origin");
    assert_eq!(policy(listed().into(), "/plain", None).await, "same-origin");
    assert_eq!(policy(Cors::allow_any_origin().into(), "/plain", None).await, "cross-origin");
    assert_eq!(policy(listed().into(), "/own", Some(APP)).await, "same-site", "the value of the handler stays");
    let headers = SecurityHeaders::new().with("vary", "Cookie");
    let palisade = builder().cors(listed()).security_headers(headers).build().unwrap();
    let app = init_service(App::new().service(palisade::scope("").service(plain)).wrap(palisade)).await;
    assert_eq!(values(&call(&app, get_request("/plain")).await, "vary"), ["Origin", "Cookie"]);
}

#[actix_web::test]
async fn subdomains_are_of_one_name_scheme_and_port() {
    let cors = || listed().allow_subdomains(Subdomains::of("https://shop.example:8443")).allow_credentials();
    for (origin, is_allowed) in [
        (APP, true),
        ("https://a.shop.example:8443", true),
        ("https://a.b.shop.example:8443", true),
        ("https://shop.example:8443", false),
        ("https://a.shop.example", false),
        ("http://a.shop.example:8443", false),
        ("https://evilshop.example:8443", false),
        ("https://.shop.example:8443", false),
        ("https://a..shop.example:8443", false),
        ("https://a.shop.example.:8443", false),
        ("https://A.shop.example:8443", false),
        ("https://a.shop.example:8443.evil.example", false),
        ("https://evil.example/.shop.example:8443", false),
        ("https://evil.example?.shop.example:8443", false),
        ("https://evil.example\\.shop.example:8443", false),
        ("https://evil.example@a.shop.example:8443", false),
        ("https://evil.example:a.shop.example:8443", false),
        ("https://a.app.example", false),
    ] {
        let response = ask(cors(), "/plain", Some(origin)).await;
        assert_eq!(response.header("access-control-allow-origin"), if is_allowed { origin } else { "" }, "{origin}");
        assert_eq!(values(&response, "vary"), ["Origin"]);
    }
}

/// B1 to B3 of the list of known weaknesses: any origin with credentials; patterns, `null` and user names; authentication of preflights.
#[test]
fn known_weaknesses_are_configuration_errors() {
    for weak in [
        "*",
        "null",
        "https://*.example.com",
        "https://user@app.example",
        "https://app.example.evil.example/",
        "example.com",
    ] {
        assert!(builder().cors(Cors::allow_origins([weak])).build().is_err(), "{weak}");
    }
    for weak in ["https://com", "https://*.com", "http://localhost", "https://203.0.113.7"] {
        let cors = Cors::allow_origins([APP]).allow_subdomains(Subdomains::of(weak));
        assert!(builder().cors(cors).build().is_err(), "{weak}");
    }
}
