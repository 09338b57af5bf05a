//! What a scope and a route change, on each of their responses and on no other (ASVS V3.4.3, V3.4.6, V3.4.7, V14.3.1).

use std::collections::HashSet;

use actix_web::http::Method;
use actix_web::test::init_service;
use actix_web::web::Html;
use actix_web::{App, HttpResponse, web};
use palisade::headers::CspNonce;
use palisade::{Cors, SecurityHeaders, authenticated, get, headers, post, public};
use palisade_tests::log::Log;
use palisade_tests::{DEFAULT_CSP, TestResponse, bearer, builder, call, get_request, palisade, request};

const API_CSP: &str = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'";
const CSP: &str = "content-security-policy";

#[get("/page")]
#[public]
#[headers(pages)]
async fn page(nonce: CspNonce) -> Html {
    Html::new(format!("<script nonce=\"{nonce}\"></script>"))
}

#[get("/two")]
#[public]
async fn takes_it_twice(first: CspNonce, second: CspNonce) -> String {
    assert_eq!(first, second);
    first.to_string()
}

#[get("/cached")]
#[public]
#[headers(pages)]
async fn cached(_nonce: CspNonce, request: actix_web::HttpRequest) -> HttpResponse {
    let mut response =
        if request.headers().contains_key("if-none-match") { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header(("cache-control", "private, max-age=60")).insert_header(("etag", "\"1\"")).finish()
}

#[get("/plain")]
#[public]
async fn plain(nonce: CspNonce) -> String {
    nonce.to_string()
}

#[get("/frame")]
#[authenticated]
#[headers(frame = "same-origin", embedder = "credentialless", referrer = "origin")]
async fn frame() -> &'static str {
    "frame"
}

#[get("/panic")]
#[public]
#[headers(frame = "same-origin")]
async fn panicking() -> &'static str {
    panic!("the inside of the server")
}

#[get("/own")]
#[public]
#[headers(api, danger_without = ["referrer-policy", "permissions-policy"])]
async fn own() -> HttpResponse {
    HttpResponse::Ok().insert_header((CSP, "sandbox")).insert_header(("x-content-type-options", "none")).finish()
}

/// What browsers would ignore, in place of protections.
#[get("/ignored")]
#[public]
async fn ignored() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CSP, "defualt-src 'self'"))
        .insert_header(("cross-origin-opener-policy", "garbage"))
        .insert_header(("cross-origin-resource-policy", "whatever"))
        .insert_header(("referrer-policy", "bogus"))
        .insert_header(("permissions-policy", "camera"))
        .finish()
}

/// `'unsafe-inline'` is for browsers that know no nonces.
#[get("/fallback")]
#[authenticated]
#[headers(csp = "script-src 'nonce-{nonce}' 'unsafe-inline'")]
async fn fallback(nonce: CspNonce) -> String {
    nonce.to_string()
}

#[get("/fallback/panic")]
#[public]
#[headers(csp = "script-src 'nonce-{nonce}' 'unsafe-inline'")]
async fn fallback_panicking() -> &'static str {
    panic!("the inside of the server")
}

#[post("/logout")]
#[authenticated]
#[headers(clear_site_data)]
async fn logout() -> HttpResponse {
    HttpResponse::NoContent().finish()
}

fn api() -> palisade::Scope {
    let inner = palisade::scope("/inner").headers(SecurityHeaders::new().frame("same-origin")).service(frame);
    palisade::scope("/api").headers(SecurityHeaders::api()).service(inner).service(own).service(plain)
}

#[actix_web::test]
async fn nonce_differs_in_each_response() {
    let site = palisade::scope("").headers(SecurityHeaders::pages()).service(takes_it_twice);
    let app = init_service(App::new().service(page).service(site).wrap(palisade())).await;
    let mut seen = HashSet::new();
    for path in ["/page", "/two"].repeat(20) {
        let response = call(&app, get_request(path)).await;
        let policy = response.header(CSP).to_owned();
        let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap().to_owned();
        assert_eq!(policy.matches(&format!("'nonce-{nonce}'")).count(), 2, "{policy}");
        assert!(response.body.contains(&nonce) && nonce.len() == 22, "{response:?}");
        assert_eq!(response.header("cache-control"), "no-store");
        assert!(seen.insert(nonce), "{response:?}");
    }
    // No handler took it, so no markup of this response can have it.
    let rejected = call(&app, request(Method::DELETE, "/page")).await;
    assert!(!rejected.header(CSP).contains("nonce"), "{rejected:?}");
}

#[actix_web::test]
async fn stored_page_keeps_the_policy_with_its_nonce() {
    let app = init_service(App::new().service(cached).wrap(palisade())).await;
    let first = call(&app, get_request("/cached")).await;
    assert!(first.header(CSP).contains("'nonce-"), "{first:?}");
    assert_eq!(first.header("cache-control"), "private, max-age=60");
    let again = call(&app, get_request("/cached").insert_header(("if-none-match", "\"1\""))).await;
    assert_eq!((again.status.as_u16(), again.header(CSP)), (304, ""), "{again:?}");
    assert_eq!(again.header("x-frame-options"), "DENY");
}

#[actix_web::test]
async fn nonce_without_a_place_is_a_server_error() {
    let (log, _guard) = Log::start();
    let app = init_service(App::new().service(plain).service(api()).wrap(palisade())).await;
    call(&app, get_request("/plain")).await.assert_problem(500);
    assert_eq!(call(&app, get_request("/api/plain")).await.status, 500);
    let logged = log.take_all();
    assert!(logged.contains("#[headers(pages)]"), "{logged}");
    // The application's own policy may have the place.
    let palisade = builder().security_headers(SecurityHeaders::pages()).build().unwrap();
    let app = init_service(App::new().service(plain).wrap(palisade)).await;
    let response = call(&app, get_request("/plain")).await;
    assert!(response.header(CSP).contains(&format!("'nonce-{}'", response.body)), "{response:?}");
}

fn assert_framed(response: &TestResponse, policy: &str) {
    assert_eq!(response.header("x-frame-options"), "SAMEORIGIN", "{response:?}");
    assert_eq!(
        response.header(CSP),
        policy.replace("frame-ancestors 'none'", "frame-ancestors 'self'"),
        "{response:?}"
    );
}

#[actix_web::test]
async fn changes_apply_to_each_response_of_the_route() {
    let app = init_service(App::new().service(api()).service(panicking).service(frame).wrap(palisade())).await;
    let allowed = || ("authorization", bearer("alice", &[]));
    for (path, policy) in [("/api/inner/frame", API_CSP), ("/frame", DEFAULT_CSP)] {
        for request in [get_request(path), get_request(path).insert_header(allowed())] {
            let response = call(&app, request).await;
            assert_framed(&response, policy);
            assert_eq!(response.header("cross-origin-embedder-policy"), "credentialless");
            assert_eq!(response.header("referrer-policy"), "origin");
        }
    }
    assert_framed(&call(&app, get_request("/panic")).await, DEFAULT_CSP);
    // Unknown paths and wrong methods of a scope have the headers of the scope.
    assert_framed(&call(&app, get_request("/api/inner/nowhere")).await, API_CSP);
    assert_framed(&call(&app, request(Method::DELETE, "/api/inner/frame")).await, API_CSP);
    let outer = call(&app, get_request("/api/nowhere")).await;
    assert_eq!((outer.header(CSP), outer.header("x-frame-options")), (API_CSP, "DENY"));
    call(&app, get_request("/nowhere")).await.assert_problem(404);
}

#[actix_web::test]
async fn other_spelling_of_a_path_has_the_same_headers() {
    let app = init_service(App::new().service(api()).wrap(palisade())).await;
    for path in ["/api/inner/frame", "/%61pi/inner/frame", "/api/inner/%66rame", "/api/inner/frame?x=/api/own"] {
        assert_framed(&call(&app, get_request(path)).await, API_CSP);
    }
}

#[actix_web::test]
async fn values_that_browsers_ignore_do_not_replace_protections() {
    let app = init_service(App::new().service(ignored).wrap(palisade())).await;
    let response = call(&app, get_request("/ignored")).await;
    assert_eq!(response.status, 200);
    response.assert_headers();
    assert_eq!(response.header("cross-origin-opener-policy"), "same-origin");
    assert_eq!(response.header("cross-origin-resource-policy"), "same-origin");
    assert_eq!(response.header("permissions-policy"), "camera=(), geolocation=(), microphone=()");
}

/// CWE-79: without the nonce, browsers would obey `'unsafe-inline'`.
#[actix_web::test]
async fn panics_and_rejections_do_not_allow_inline_scripts() {
    let app = init_service(App::new().service(fallback_panicking).service(fallback).wrap(palisade())).await;
    let allowed = ("authorization", bearer("alice", &[]));
    let taken = call(&app, get_request("/fallback").insert_header(allowed)).await;
    assert!(taken.header(CSP).starts_with(&format!("script-src 'nonce-{}' 'unsafe-inline';", taken.body)), "{taken:?}");
    for (path, status) in [("/fallback", 401), ("/fallback/panic", 500)] {
        let response = call(&app, get_request(path)).await;
        assert_eq!(response.status, status);
        assert!(response.header(CSP).starts_with("script-src 'none';"), "{response:?}");
    }
}

#[actix_web::test]
async fn own_headers_of_a_handler_win_if_they_are_safe() {
    let app = init_service(App::new().service(api()).wrap(palisade())).await;
    let response = call(&app, get_request("/api/own")).await;
    assert_eq!(response.header(CSP), "sandbox");
    assert_eq!(response.header("x-content-type-options"), "nosniff");
    assert_eq!(response.headers.get_all("x-content-type-options").count(), 1);
    assert!(!response.headers.contains_key("referrer-policy") && !response.headers.contains_key("permissions-policy"));
    assert_eq!(response.header("x-frame-options"), "DENY");
}

#[actix_web::test]
async fn site_data_is_cleared_by_a_logout_only() {
    let cors = Cors::allow_origins(["https://app.example.com"]);
    let app = init_service(App::new().service(logout).wrap(builder().cors(cors).build().unwrap())).await;
    let allowed = || ("authorization", bearer("alice", &[]));
    let done = call(&app, request(Method::POST, "/logout").insert_header(allowed())).await;
    assert_eq!((done.status.as_u16(), done.header("clear-site-data")), (204, "\"cache\", \"cookies\", \"storage\""));
    let preflight = request(Method::OPTIONS, "/logout").insert_header(("origin", "https://app.example.com"));
    let preflight = preflight.insert_header(("access-control-request-method", "POST"));
    for request in
        [request(Method::POST, "/logout"), request(Method::GET, "/logout").insert_header(allowed()), preflight]
    {
        let response = call(&app, request).await;
        assert!(!response.headers.contains_key("clear-site-data"), "{response:?}");
    }
}

#[actix_web::test]
async fn function_without_a_route_attribute_has_its_headers() {
    #[public]
    #[headers(frame = "same-origin", pages)]
    async fn function(nonce: CspNonce) -> String {
        nonce.to_string()
    }
    let app = init_service(App::new().route("/f", web::get().to(function)).wrap(palisade())).await;
    let response = call(&app, get_request("/f")).await;
    assert_eq!(response.header("x-frame-options"), "SAMEORIGIN");
    assert!(response.header(CSP).contains(&format!("'nonce-{}'", response.body)), "{response:?}");
}

#[actix_web::test]
async fn hsts_needs_tls_or_a_trusted_proxy_that_says_so() {
    let palisade = builder().trusted_proxies(["10.0.0.0/8"]).build().unwrap();
    let app = init_service(App::new().service(own).wrap(palisade)).await;
    for (peer, proto, sent) in [
        ("10.0.0.1", Some("https"), true),
        ("10.0.0.1", Some("http"), false),
        ("10.0.0.1", None, false),
        ("203.0.113.9", Some("https"), false),
    ] {
        let request = get_request("/own").peer_addr(format!("{peer}:4711").parse().unwrap());
        let request =
            proto.into_iter().fold(request, |request, proto| request.insert_header(("x-forwarded-proto", proto)));
        let response = call(&app, request).await;
        assert_eq!(response.headers.contains_key("strict-transport-security"), sent, "{peer} {proto:?}");
    }
}

#[test]
fn mistakes_of_scopes_and_of_the_application_are_found_at_startup() {
    let scope = || palisade::scope("/a").headers(SecurityHeaders::new().csp("script-src self"));
    let mistakes = palisade::scope("").service(scope().service(page)).verify().unwrap_err().to_string();
    assert!(mistakes.contains("write `'self'`"), "{mistakes}");
    let routes = palisade::scope("").service(palisade::scope("/a").service(page));
    assert!(builder().routes(&routes).build().is_ok());
    // A scope that differs only in its headers was not verified before.
    assert!(builder().routes(&palisade::scope("").service(scope().service(page))).build().is_err());
    let short = palisade::headers::Hsts::new().max_age(std::time::Duration::from_secs(60)).preload();
    let wrong = builder().security_headers(SecurityHeaders::new().frame("none")).hsts(short).build().unwrap_err();
    assert_eq!(
        wrong.mistakes().map(|mistake| mistake.setting()).collect::<Vec<_>>(),
        ["security header \"x-frame-options\"", "hsts"]
    );
}

#[get("/lost")]
#[public]
#[headers(csp_report_only = "default-src 'self'; report-to lost")]
async fn loses_reports() -> &'static str {
    "lost"
}

#[get("/reported")]
#[public]
#[headers(csp = "default-src 'self'; report-to own", reporting("own", "https://reports.example/own"))]
async fn reports() -> &'static str {
    "reported"
}

/// Browsers report nothing then, so nobody learns of an attack (CWE-778, ASVS V3.4.7).
#[actix_web::test]
async fn reports_go_to_an_endpoint_of_the_route_its_scopes_or_the_application() {
    let mistakes = |application: SecurityHeaders, scope: SecurityHeaders| {
        let inner = palisade::scope("/in").headers(scope).service(loses_reports).service(reports).service(plain);
        let built = builder().security_headers(application).routes(&palisade::scope("/site").service(inner)).build();
        let error = built.err();
        let messages = error.iter().flat_map(|error| error.mistakes()).map(|mistake| mistake.to_string());
        messages.collect::<Vec<_>>()
    };
    let (new, url) = (SecurityHeaders::new, "https://reports.example");
    let of_scope = || new().csp("default-src 'self'; report-to scoped");
    let [scoped, lost] = &mistakes(new(), of_scope())[..] else { panic!("{:?}", mistakes(new(), of_scope())) };
    assert!(
        lost.contains("loses_reports`") && lost.contains("at /site/in/lost") && lost.contains("\"lost\""),
        "{lost}"
    );
    assert!(scoped.contains("the scope /site/in") && scoped.contains(".reporting(\"scoped\","), "{scoped}");
    let known = new().reporting("lost", url).reporting("scoped", url);
    assert_eq!(mistakes(known.clone(), of_scope()), [""; 0]);
    assert_eq!(mistakes(new().reporting("lost", url), of_scope().reporting("scoped", url)), [""; 0]);
    // The mistake of the application is not repeated for each route.
    assert_eq!(mistakes(known.csp("default-src 'self'; report-to gone"), new()).len(), 1);
}

/// The same endpoint, declared further in again, is one member.
#[actix_web::test]
async fn endpoint_of_a_route_replaces_the_one_of_the_same_name() {
    let application =
        SecurityHeaders::new().reporting("own", "https://old.example").reporting("b", "https://b.example");
    let palisade = builder().security_headers(application).build().unwrap();
    let app = init_service(App::new().service(reports).wrap(palisade)).await;
    let response = call(&app, get_request("/reported")).await;
    assert_eq!(response.header("reporting-endpoints"), "own=\"https://reports.example/own\", b=\"https://b.example\"");
}

/// What one list sets and removes is a mistake; what an inner scope or route removes is not.
#[actix_web::test]
async fn header_that_is_set_and_removed_in_one_list_is_a_mistake() {
    let new = SecurityHeaders::new;
    for (headers, cure) in [
        (SecurityHeaders::pages().danger_without(CSP), "`pages` sets the header"),
        (SecurityHeaders::api().danger_without("Content-Security-Policy"), "`api` sets the header"),
        (new().csp("default-src 'self'").danger_without(CSP), "`csp` sets the header"),
        (new().danger_without("referrer-policy").referrer("origin"), "`referrer` sets the header"),
    ] {
        let of_application = builder().security_headers(headers.clone()).build().unwrap_err().to_string();
        let scope = palisade::scope("/site").headers(headers).service(plain);
        let of_scope = builder().routes(&scope).build().unwrap_err().to_string();
        for mistake in [of_application, of_scope] {
            assert!(mistake.contains("removed") && mistake.contains(cure), "{mistake}");
        }
    }
    let inner = palisade::scope("/in").headers(SecurityHeaders::pages()).service(plain);
    let outer = palisade::scope("/site").headers(new().danger_without(CSP)).service(inner);
    builder().routes(&outer).build().unwrap();
}
