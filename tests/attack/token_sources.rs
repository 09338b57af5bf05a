//! CWE-598, CWE-352, CWE-436, RFC 6750: a token from a place that was not configured, that another site can use, or that two
//! parsers read differently.

use std::time::Duration;

use actix_web::App;
use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, CONNECTION, COOKIE, HOST, ORIGIN, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use actix_web::test::{TestRequest, init_service};
use palisade::jwt::{Algorithm, Grant, JwtBuilder, Set, VerifyingKey};
use palisade::{
    Authenticator as _, Cors, Jwt, Palisade, Principal, authenticated, get, optional_auth, options, post, rate_limit,
    require_role, require_scope,
};
use palisade_tests::log::Log;
use palisade_tests::{
    AUDIENCE, ISSUER, SECRET, TestResponse, call, call_raw, get_request, issuer, request,
    with_body_that_panics_when_read,
};

fn jwt() -> JwtBuilder<Set, Set, Set> {
    Jwt::builder().issuer(ISSUER).audience(AUDIENCE).keys(VerifyingKey::hmac(Algorithm::Hs256, SECRET).unwrap())
}

fn token() -> String {
    issuer().issue(&Grant::new("alice", Duration::from_secs(900))).unwrap()
}

fn palisade(jwt: Jwt) -> Palisade {
    Palisade::builder().authenticator(jwt).build().unwrap()
}

#[get("/me")]
#[authenticated]
async fn me(caller: Principal) -> String {
    format!("{} by {}", caller.subject(), caller.scheme())
}

#[get("/orders")]
#[require_scope("orders:read")]
async fn orders() -> &'static str {
    "none"
}

fn with(value: &str) -> TestRequest {
    get_request("/me").insert_header((AUTHORIZATION, value))
}

#[actix_web::test]
async fn another_scheme_replaces_bearer_everywhere() {
    let token = token();
    let palisade = palisade(jwt().scheme("Token").build().unwrap());
    let app = init_service(App::new().service(palisade::scope("").service(me).service(orders)).wrap(palisade)).await;
    for scheme in ["Token", "token", "TOKEN"] {
        let response = call(&app, with(&format!("{scheme} {token}"))).await;
        assert_eq!((response.status.as_u16(), response.body.as_str()), (200, "alice by Token"), "{scheme}");
    }
    for credential in [format!("Bearer {token}"), format!("Tokens {token}"), format!("Tok {token}"), token.clone()] {
        let response = call(&app, with(&credential)).await;
        response.assert_problem(401);
        assert_eq!(response.header("www-authenticate"), r#"Token realm="api""#, "{credential}");
    }
    for credential in ["Token", "Token x y", "token forged"] {
        let response = call(&app, with(credential)).await;
        response.assert_problem(401);
        assert_eq!(response.header("www-authenticate"), r#"Token realm="api", error="invalid_token""#, "{credential}");
    }
    let request = get_request("/orders").insert_header((AUTHORIZATION, format!("Token {token}")));
    let response = call(&app, request).await;
    response.assert_problem(403);
    let challenge = r#"Token realm="api", error="insufficient_scope", scope="orders:read""#;
    assert_eq!(response.header("www-authenticate"), challenge);
}

#[test]
fn scheme_is_a_token_of_http() {
    assert_eq!(jwt().build().unwrap().scheme(), "Bearer");
    for invalid in ["", "Token ", "To ken", "Token:", "Tök", "Token\r\n", "a,b", "\"Token\""] {
        let error = jwt().scheme(invalid).build().unwrap_err().to_string();
        assert!(error.contains("jwt scheme"), "{invalid:?}: {error}");
    }
}

/// RFC 9110 §11.1. If the schemes were different ones, the first verifier would have the last word.
#[actix_web::test]
async fn schemes_that_differ_in_case_are_one() {
    let token = token();
    let other = Jwt::builder()
        .issuer("https://other.example")
        .audience(AUDIENCE)
        .keys(VerifyingKey::hmac(Algorithm::Hs256, [9; 32]).unwrap())
        .scheme("bearer");
    let builder = Palisade::builder().authenticator(other.build().unwrap());
    let palisade = builder.authenticator(jwt().build().unwrap()).build().unwrap();
    let app = init_service(App::new().service(palisade::scope("").service(me)).wrap(palisade)).await;
    assert_eq!(call(&app, with(&format!("Bearer {token}"))).await.status, 200);
}

/// A verifier that reads all places.
fn everywhere() -> Jwt {
    let jwt = jwt().from_query("access_token").from_websocket_protocol("access_token");
    jwt.from_cookie("access_token").build().unwrap()
}

#[options("/me")]
#[authenticated]
async fn me_options() -> &'static str {
    "GET"
}

#[get("/perhaps")]
#[optional_auth]
async fn perhaps(caller: Option<Principal>) -> String {
    caller.map_or_else(|| "nobody".to_owned(), |caller| caller.subject().to_owned())
}

#[post("/note")]
#[authenticated]
async fn note(body: String) -> String {
    body
}

#[post("/limited")]
#[require_role("admin")]
#[rate_limit(1, "1h", by = principal)]
async fn limited() -> &'static str {
    "done"
}

async fn ask(jwt: Jwt, request: TestRequest) -> TestResponse {
    let routes = palisade::scope("").service(me).service(me_options).service(perhaps).service(note).service(limited);
    let app = init_service(App::new().service(routes).wrap(palisade(jwt))).await;
    call(&app, request).await
}

/// The status, and the reason in the audit log.
async fn verdict(jwt: Jwt, request: TestRequest) -> (u16, String) {
    let (log, _guard) = Log::start();
    let status = ask(jwt, request).await.status.as_u16();
    let reason = log.take().iter().find_map(|line| Some(line.split_once("reason=\"")?.1.split_once('"')?.0.to_owned()));
    (status, reason.unwrap_or_default())
}

fn upgrade(path: &str) -> TestRequest {
    get_request(path).insert_header((CONNECTION, "keep-alive, Upgrade")).insert_header((UPGRADE, "WebSocket"))
}

fn cookie(method: Method, path: &str) -> TestRequest {
    request(method, path).insert_header((COOKIE, format!("theme=dark; access_token={}", token())))
}

fn note_with_cookie() -> TestRequest {
    cookie(Method::POST, "/note").insert_header((HOST, "api.example")).set_payload("text")
}

#[actix_web::test]
async fn other_places_are_not_read_unless_configured() {
    let query = format!("/me?access_token={}", token());
    for request in [
        upgrade(&query),
        upgrade("/me").insert_header((SEC_WEBSOCKET_PROTOCOL, format!("access_token.{}", token()))),
        cookie(Method::GET, "/me"),
    ] {
        assert_eq!(verdict(jwt().build().unwrap(), request).await, (401, "no_credentials".to_owned()));
    }
}

#[actix_web::test]
async fn query_and_protocol_are_read_for_websockets_only() {
    let (token, jwt) = (token(), everywhere);
    let query = format!("/me?a=b&access_token={token}");
    let protocol =
        |request: TestRequest| request.insert_header((SEC_WEBSOCKET_PROTOCOL, format!("chat , access_token.{token}")));
    assert_eq!(ask(jwt(), upgrade(&query)).await.status, 200);
    assert_eq!(ask(jwt(), protocol(upgrade("/me"))).await.status, 200);
    assert_eq!(ask(jwt(), upgrade(&format!("/me?access%5Ftoken={token}"))).await.status, 200);

    let only_upgrade = |path: &str| get_request(path).insert_header((UPGRADE, "websocket"));
    let only_connection = |path: &str| get_request(path).insert_header((CONNECTION, "upgrade"));
    let closing = |path: &str| upgrade(path).insert_header((CONNECTION, "close"));
    let other = |path: &str| upgrade(path).insert_header((UPGRADE, "h2c, websocket2"));
    let posted = |path: &str| upgrade(path).method(Method::POST);
    for kind in [get_request, only_upgrade, only_connection, closing, other] {
        for request in [kind(&query), protocol(kind("/me"))] {
            assert_eq!(verdict(jwt(), request).await, (401, "no_credentials".to_owned()));
        }
    }
    let query = format!("/note?access_token={token}");
    assert_eq!(verdict(jwt(), posted(&query)).await, (401, "no_credentials".to_owned()));
    let form = request(Method::POST, "/note").set_payload(format!("access_token={token}"));
    assert_eq!(verdict(jwt(), form).await, (401, "no_credentials".to_owned()));
}

/// RFC 6750 §2: a client must not use more than one place in a request.
#[actix_web::test]
async fn token_in_two_places_is_rejected() {
    let token = token();
    let bearer = format!("Bearer {token}");
    let (query, protocol) = (format!("/me?access_token={token}"), format!("access_token.{token}"));
    let both = |path: &str| upgrade(path).insert_header((SEC_WEBSOCKET_PROTOCOL, protocol.clone()));
    for (request, reason) in [
        (upgrade(&query).insert_header((AUTHORIZATION, bearer.clone())), "token_repeated"),
        (upgrade(&query).insert_header((AUTHORIZATION, "Bearer")), "token_repeated"),
        (both("/me").insert_header((AUTHORIZATION, bearer)), "token_repeated"),
        (both(&query), "token_repeated"),
        (upgrade(&format!("{query}&access_token={token}")), "token_repeated"),
        (upgrade(&format!("{query}&access_token=")), "token_repeated"),
        (both("/me").append_header((SEC_WEBSOCKET_PROTOCOL, protocol.clone())), "token_repeated"),
        (upgrade("/me?access_token"), "bearer_malformed"),
        (upgrade("/me?access_token="), "bearer_malformed"),
        (upgrade(&query.replace('.', "%2E")), "bearer_malformed"),
        (upgrade("/me?access_token=a+b"), "bearer_malformed"),
        (upgrade("/me?access_token=forged"), "token_malformed"),
        (upgrade("/me").insert_header((SEC_WEBSOCKET_PROTOCOL, "access_token.")), "bearer_malformed"),
        (upgrade("/me").insert_header((SEC_WEBSOCKET_PROTOCOL, "access_token")), "no_credentials"),
        (upgrade("/me").insert_header((SEC_WEBSOCKET_PROTOCOL, format!("ACCESS_TOKEN.{token}"))), "no_credentials"),
    ] {
        assert_eq!(verdict(everywhere(), request).await, (401, reason.to_owned()));
    }
}

#[actix_web::test]
async fn cookie_is_used_if_nothing_else_is_there() {
    assert_eq!(ask(everywhere(), cookie(Method::GET, "/me")).await.body, "alice by Bearer");
    let bob = issuer().issue(&Grant::new("bob", Duration::from_secs(900))).unwrap();
    let both = cookie(Method::GET, "/me").insert_header((AUTHORIZATION, format!("Bearer {bob}")));
    assert_eq!(ask(everywhere(), both).await.body, "bob by Bearer");
    // A bad token in the header is not replaced by the cookie.
    let both = cookie(Method::GET, "/me").insert_header((AUTHORIZATION, "Bearer forged"));
    assert_eq!(verdict(everywhere(), both).await, (401, "token_malformed".to_owned()));
    let both = upgrade(&format!("/me?access_token={bob}")).insert_header((COOKIE, format!("access_token={}", token())));
    assert_eq!(ask(everywhere(), both).await.body, "bob by Bearer");
    let others = get_request("/perhaps").insert_header((COOKIE, "theme=dark; Access_Token=x; access_token2=x; broken"));
    assert_eq!(ask(everywhere(), others).await.body, "nobody");
    let stale = get_request("/perhaps").insert_header((COOKIE, "access_token=stale"));
    assert_eq!(verdict(everywhere(), stale).await, (401, "token_malformed".to_owned()));
}

/// Another subdomain can set a cookie of the same name ("cookie tossing").
#[actix_web::test]
async fn two_cookies_of_the_name_are_rejected() {
    let token = token();
    for (line, second) in [
        (format!("access_token={token}; access_token={token}"), None),
        (format!("access_token={token}; access_token="), None),
        (format!("access_token=evil; theme=dark;access_token={token}"), None),
        (format!("access_token={token}"), Some("access_token=evil")),
    ] {
        let request = get_request("/me").insert_header((COOKIE, line));
        let request = second.into_iter().fold(request, |request, line| request.append_header((COOKIE, line)));
        assert_eq!(verdict(everywhere(), request).await, (401, "token_repeated".to_owned()));
    }
    for empty in ["access_token=", "access_token=\"\"", "access_token = "] {
        let request = get_request("/me").insert_header((COOKIE, empty));
        assert_eq!(verdict(everywhere(), request).await, (401, "bearer_malformed".to_owned()), "{empty}");
    }
    let quoted = get_request("/me").insert_header((COOKIE, format!("access_token=\"{token}\"")));
    assert_eq!(ask(everywhere(), quoted).await.status, 200);
}

#[actix_web::test]
async fn ambient_post_must_come_from_the_same_origin() {
    let site = |value: &'static str| note_with_cookie().insert_header(("sec-fetch-site", value));
    let origin = |value: &'static str| note_with_cookie().insert_header((ORIGIN, value));
    for request in [
        site("same-origin"),
        // `Sec-Fetch-Site` decides: no page can set it.
        site("same-origin").insert_header((ORIGIN, "https://elsewhere.example")),
        // The user typed the address.
        site("none"),
        // No browser: all browsers send `Origin` with such a request.
        note_with_cookie(),
        note_with_cookie().insert_header(("referer", "https://evil.example/")),
        origin("https://api.example"),
        origin("https://api.example:443"),
        note_with_cookie().insert_header((HOST, "api.example:8443")).insert_header((ORIGIN, "http://api.example:8443")),
    ] {
        let response = ask(everywhere(), request).await;
        assert_eq!((response.status.as_u16(), response.body.as_str()), (200, "text"));
    }
    for request in [
        site("cross-site"),
        site("same-site"),
        site("Same-Origin"),
        site("same-origin, cross-site"),
        site(""),
        site("cross-site").insert_header((ORIGIN, "https://api.example")),
        origin("null"),
        origin(""),
        origin("https://evil.example"),
        origin("https://api.example:8443"),
        origin("http://api.example:443"),
        origin("https://api.example.evil.example"),
        origin("https://evil.example/https://api.example"),
        origin("https://api.example@evil.example"),
        origin("https://sub.api.example"),
        origin("api.example"),
        origin("https://https://api.example"),
        // A header that a page may set, or that names a host without saying who asks.
        origin("https://evil.example").insert_header(("referer", "https://api.example/")),
        origin("https://evil.example").insert_header(("x-forwarded-host", "evil.example")),
        origin("https://evil.example").insert_header(("forwarded", "host=evil.example")),
    ] {
        assert_eq!(verdict(everywhere(), request).await, (403, "cross_site".to_owned()));
    }
}

#[actix_web::test]
async fn ambient_upgrade_must_come_from_the_same_origin() {
    for protocol in ["websocket", "h2c"] {
        let ask_from = |origin: Option<&'static str>| {
            let request = cookie(Method::GET, "/me").insert_header((HOST, "api.example"));
            let request = request.insert_header((CONNECTION, "Upgrade")).insert_header((UPGRADE, protocol));
            let request = origin.into_iter().fold(request, |request, origin| request.insert_header((ORIGIN, origin)));
            verdict(everywhere(), request)
        };
        assert_eq!(ask_from(Some("https://api.example")).await.0, 200);
        assert_eq!(ask_from(Some("https://evil.example")).await, (403, "cross_site".to_owned()));
        assert_eq!(ask_from(Some("null")).await, (403, "cross_site".to_owned()));
        // All browsers send `Origin` with the handshake of a WebSocket (RFC 6455 §10.2).
        assert_eq!(ask_from(None).await.0, 200);
    }
}

#[actix_web::test]
async fn safe_methods_and_bearer_tokens_need_no_origin() {
    for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
        let request = cookie(method.clone(), "/me").insert_header(("sec-fetch-site", "cross-site"));
        let request = request.insert_header((ORIGIN, "https://evil.example"));
        assert_eq!(ask(everywhere(), request).await.status, 200, "{method}");
    }
    // A browser adds no `Authorization: Bearer` by itself, whatever else it adds.
    let bearer = note_with_cookie().insert_header((AUTHORIZATION, format!("Bearer {}", token())));
    assert_eq!(ask(everywhere(), bearer.insert_header((ORIGIN, "https://evil.example"))).await.status, 200);
    let query = upgrade(&format!("/me?access_token={}", token())).insert_header((ORIGIN, "https://evil.example"));
    assert_eq!(ask(everywhere(), query).await.status, 200);
}

/// CORS lets the page read responses. Only with credentials may it act as the user.
#[actix_web::test]
async fn origin_that_cors_allows_needs_credentials_to_act() {
    for (credentials, status) in [(false, 403), (true, 200)] {
        let cors = Cors::allow_origins(["https://app.example"]);
        let cors = if credentials { cors.allow_credentials() } else { cors };
        let palisade = Palisade::builder().authenticator(everywhere()).cors(cors).build().unwrap();
        let app = init_service(App::new().service(palisade::scope("").service(note)).wrap(palisade)).await;
        let response = call(&app, note_with_cookie().insert_header((ORIGIN, "https://app.example"))).await;
        assert_eq!(response.status, status, "{credentials}");
        assert_eq!(response.header("access-control-allow-origin"), "https://app.example");
    }
}

/// After the rate limits by principal, before the access rule and the body.
#[actix_web::test]
async fn origin_is_checked_before_the_rule_and_the_body() {
    let routes = palisade::scope("").service(note).service(limited);
    let app = init_service(App::new().service(routes).wrap(palisade(everywhere()))).await;
    let (log, _guard) = Log::start();
    let request = cookie(Method::POST, "/note").insert_header(("sec-fetch-site", "cross-site"));
    call_raw(&app, with_body_that_panics_when_read(request)).await.assert_problem(403);
    log.assert_one(&["reason=\"cross_site\"", "status=403", "subject=\"alice\""]);
    // alice is no administrator.
    for (status, reason) in [(403, "cross_site"), (429, "rate_limited")] {
        let request = cookie(Method::POST, "/limited").insert_header(("sec-fetch-site", "cross-site"));
        call(&app, request).await.assert_problem(status);
        log.assert_one(&[reason]);
    }
}

#[test]
fn names_of_places_are_checked() {
    for (builder, setting) in [
        (jwt().from_query(""), "jwt query parameter"),
        (jwt().from_websocket_protocol(""), "jwt websocket protocol"),
        (jwt().from_websocket_protocol("a,b"), "jwt websocket protocol"),
        (jwt().from_cookie(""), "jwt cookie"),
        (jwt().from_cookie("a=b"), "jwt cookie"),
        (jwt().from_cookie("a b"), "jwt cookie"),
    ] {
        let error = builder.build().unwrap_err().to_string();
        assert!(error.contains(setting), "{setting}: {error}");
    }
}

#[test]
fn only_a_cookie_is_ambient() {
    let with_token = |request: TestRequest| request.insert_header((AUTHORIZATION, format!("Bearer {}", token())));
    let is_ambient = |request: TestRequest| everywhere().is_ambient(&request.to_http_request());
    assert!(is_ambient(cookie(Method::GET, "/me")));
    assert!(!is_ambient(with_token(cookie(Method::GET, "/me"))));
    assert!(!is_ambient(with_token(get_request("/me"))) && !is_ambient(get_request("/me")));
    assert!(!jwt().build().unwrap().is_ambient(&cookie(Method::GET, "/me").to_http_request()));
}
