//! Requests that the page of another site causes with the credential of its visitor (CWE-352, CWE-1385, ASVS V3.5.1): cookies, HTTP
//! Basic, client certificates; exemptions; and a limit of failures that such a page uses up.

use std::net::TcpListener;

use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, CONNECTION, COOKIE, HOST, ORIGIN, UPGRADE};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpRequest, HttpServer, rt};
use palisade::authn::{Attempt, AuthError, Challenge, ChallengeContext, Challenges};
use palisade::cors::Subdomains;
use palisade::{
    Authenticator, Cors, Endpoint as _, Palisade, PalisadeBuilder, Principal, allow_cross_site, authenticated, cors,
    get, optional_auth, post, put, rate_limit,
};
use palisade_tests::log::Log;
use palisade_tests::{bearer, builder, call, call_raw, request, with_body_that_panics_when_read};

const PARTNER: &str = "https://partner.example";

/// Accepts `sid=alice` in the cookie, and `Basic alice` in `Authorization`: what browsers add by themselves.
struct ByBrowser;

impl Authenticator for ByBrowser {
    fn authenticate<'a>(&'a self, request: &'a HttpRequest) -> Attempt<'a> {
        let alice = || Attempt::Done(Ok(Principal::new("Basic", "tests", "alice")));
        match (request.headers().get(AUTHORIZATION), request.headers().get(COOKIE)) {
            (Some(value), _) if value == "Basic alice" => alice(),
            (Some(value), _) if value.as_bytes().starts_with(b"Basic ") => {
                Attempt::Done(Err(AuthError::Invalid("basic_wrong")))
            }
            (_, Some(value)) if value == "sid=alice" => alice(),
            _ => Attempt::Absent,
        }
    }

    fn scheme(&self) -> &'static str {
        "Basic"
    }

    fn is_ambient(&self, _: &HttpRequest) -> bool {
        true
    }

    fn challenge(&self, context: &ChallengeContext<'_>, challenges: &mut Challenges) {
        challenges.add(Challenge::new("Basic").with("realm", context.realm()));
    }
}

#[post("/save")]
#[authenticated]
async fn save() -> &'static str {
    "saved"
}

#[get("/socket")]
#[authenticated]
async fn socket() -> &'static str {
    "socket"
}

#[post("/partner")]
#[authenticated]
#[cors("https://partner.example", credentials)]
async fn of_partner() -> &'static str {
    "partner"
}

#[put("/partner")]
#[authenticated]
#[cors("https://partner.example", credentials, methods("POST"))]
async fn put_of_partner() -> &'static str {
    "partner"
}

#[post("/readable")]
#[authenticated]
#[cors("https://partner.example")]
async fn readable() -> &'static str {
    "readable"
}

#[post("/own")]
#[authenticated]
#[cors(none)]
async fn own() -> &'static str {
    "own"
}

#[post("/callback")]
#[authenticated]
#[allow_cross_site("the provider answers with a form; `state` is checked")]
async fn callback() -> &'static str {
    "callback"
}

#[post("/perhaps")]
#[optional_auth]
async fn perhaps() -> &'static str {
    "perhaps"
}

#[post("/limited")]
#[authenticated]
#[rate_limit(2, "1h", count = failures, by = ip, name = "address")]
#[rate_limit(2, "1h", count = failures, by = principal, name = "caller")]
async fn limited() -> &'static str {
    "limited"
}

#[post("/counted")]
#[authenticated]
#[rate_limit(2, "1h")]
async fn counted() -> &'static str {
    "counted"
}

fn palisade_builder() -> PalisadeBuilder {
    builder().authenticator(ByBrowser)
}

macro_rules! app {
    ($builder:expr) => {{
        let routes = palisade::scope("").service(save).service(socket).service(of_partner).service(put_of_partner);
        let routes = routes.service(readable).service(own).service(callback).service(perhaps);
        let routes = routes.service(limited).service(counted);
        init_service(App::new().service(routes).wrap($builder.build().unwrap())).await
    }};
}

/// A request with the cookie of alice, as her browser sends it.
fn browser(method: Method, path: &str) -> TestRequest {
    request(method, path).insert_header((COOKIE, "sid=alice")).insert_header((HOST, "api.example"))
}

fn post_to(path: &str) -> TestRequest {
    browser(Method::POST, path)
}

fn with(request: TestRequest, headers: &[(&'static str, &'static str)]) -> TestRequest {
    headers.iter().fold(request, |request, header| request.insert_header(*header))
}

/// What browsers of different ages send with requests that an attacker's page causes.
const CROSS_SITE: [&[(&str, &str)]; 9] = [
    &[("sec-fetch-site", "cross-site")],
    &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")],
    // A page that a sister subdomain serves.
    &[("sec-fetch-site", "same-site"), ("origin", "https://sister.api.example")],
    // A sandboxed frame, a `data:` document, a redirect from another origin, `Referrer-Policy: no-referrer`.
    &[("sec-fetch-site", "cross-site"), ("origin", "null")],
    &[("origin", "null")],
    // Browsers from before `Sec-Fetch-Site`, and connections without TLS.
    &[("origin", "https://evil.example")],
    &[("origin", "https://api.example.evil.example")],
    &[("origin", "https://api.example:8443")],
    &[("origin", "")],
];
const SAME_ORIGIN: [&[(&str, &str)]; 5] = [
    &[("sec-fetch-site", "same-origin"), ("origin", "https://api.example")],
    &[("sec-fetch-site", "same-origin")],
    // The user caused it: a bookmark, the address bar.
    &[("sec-fetch-site", "none")],
    &[("origin", "https://api.example")],
    // No browser: a program with a cookie.
    &[],
];

#[actix_web::test]
async fn unsafe_requests_come_from_the_own_origin_or_no_browser() {
    let app = app!(palisade_builder());
    for headers in CROSS_SITE {
        let (log, _guard) = Log::start();
        let request = with(post_to("/save"), headers);
        call_raw(&app, with_body_that_panics_when_read(request)).await.assert_problem(403);
        log.assert_one(&["reason=\"cross_site\"", "status=403", "subject=\"alice\""]);
    }
    for headers in SAME_ORIGIN {
        assert_eq!(call(&app, with(post_to("/save"), headers)).await.status, 200, "{headers:?}");
    }
    // HTTP Basic is as ambient as a cookie.
    let basic = |headers| with(request(Method::POST, "/save").insert_header((AUTHORIZATION, "Basic alice")), headers);
    call(&app, basic(CROSS_SITE[1])).await.assert_problem(403);
    assert_eq!(call(&app, basic(SAME_ORIGIN[4])).await.status, 200);
}

/// A page of another site opens a WebSocket with the cookie of its visitor; no CORS preflight asks before.
#[actix_web::test]
async fn upgrades_are_checked_like_unsafe_methods() {
    let app = app!(palisade_builder());
    for protocol in ["websocket", "WebSocket", "h2c"] {
        let upgrade = || {
            browser(Method::GET, "/socket").insert_header((CONNECTION, "Upgrade")).insert_header((UPGRADE, protocol))
        };
        for headers in CROSS_SITE {
            call(&app, with(upgrade(), headers)).await.assert_problem(403);
        }
        for headers in SAME_ORIGIN {
            assert_eq!(call(&app, with(upgrade(), headers)).await.status, 200, "{headers:?}");
        }
    }
}

#[actix_web::test]
async fn safe_methods_and_bearer_tokens_pass() {
    let app = app!(palisade_builder());
    for headers in CROSS_SITE {
        for method in [Method::GET, Method::HEAD] {
            assert_eq!(call(&app, with(browser(method, "/socket"), headers)).await.status, 200, "{headers:?}");
        }
        let bearer = request(Method::POST, "/save").insert_header((AUTHORIZATION, bearer("alice", &[])));
        assert_eq!(call(&app, with(bearer, headers)).await.status, 200, "{headers:?}");
    }
}

/// A login form has no credential yet, and a stale or missing cookie is no one's.
#[actix_web::test]
async fn anonymous_requests_are_not_checked() {
    let app = app!(palisade_builder());
    let anonymous = with(request(Method::POST, "/perhaps"), CROSS_SITE[1]);
    assert_eq!(call(&app, anonymous).await.status, 200);
    call(&app, with(post_to("/perhaps"), CROSS_SITE[1])).await.assert_problem(403);
}

/// One list of origins: that of the CORS rule of the route, and only with credentials.
#[actix_web::test]
async fn origins_with_credentials_of_the_route_are_trusted() {
    let partner: [&[(&str, &str)]; 2] =
        [&[("sec-fetch-site", "cross-site"), ("origin", PARTNER)], &[("origin", PARTNER)]];
    let trusted = Cors::allow_origins([PARTNER]).allow_credentials();
    for (cors, method, path, status) in [
        (Cors::allow_origins([""; 0]), Method::POST, "/partner", 200),
        (Cors::allow_origins([""; 0]), Method::POST, "/save", 403),
        // Its rule allows another method only.
        (Cors::allow_origins([""; 0]), Method::PUT, "/partner", 403),
        // Reading without credentials is no trust.
        (trusted.clone(), Method::POST, "/readable", 403),
        (Cors::allow_origins([PARTNER]), Method::POST, "/save", 403),
        // The rule of the application, unless the route has its own.
        (trusted.clone(), Method::POST, "/save", 200),
        (trusted.clone(), Method::POST, "/own", 403),
        (trusted.clone().methods(["GET"]), Method::POST, "/save", 403),
        (
            Cors::allow_origins([""; 0])
                .allow_subdomains(Subdomains::of("https://sub.partner.example"))
                .allow_credentials(),
            Method::POST,
            "/save",
            403,
        ),
    ] {
        let app = app!(palisade_builder().cors(cors));
        for headers in partner {
            let response = call(&app, with(browser(method.clone(), path), headers)).await;
            assert_eq!(response.status, status, "{method} {path} {headers:?}");
        }
        for headers in CROSS_SITE {
            call(&app, with(browser(method.clone(), path), headers)).await.assert_problem(403);
        }
    }
    let app = app!(palisade_builder().cors(Cors::allow_any_origin()));
    call(&app, with(post_to("/save"), partner[1])).await.assert_problem(403);
}

/// B4: an exemption is of a route, and no other spelling of a path gets it.
#[actix_web::test]
async fn exemptions_hang_on_routes() {
    let app = app!(palisade_builder());
    for headers in CROSS_SITE {
        assert_eq!(call(&app, with(post_to("/callback"), headers)).await.status, 200, "{headers:?}");
    }
    for path in ["/save", "/callback/../save", "/%73ave", "/save?/callback", "/save#/callback"] {
        let status = call(&app, with(post_to(path), CROSS_SITE[1])).await.status;
        assert!(status == 403 || status == 404, "{path}: {status}");
    }
    let routes = palisade::scope("").service(callback).service(save);
    let table = routes.policies();
    assert_eq!(callback::POLICY.cross_site_reason(), Some("the provider answers with a form; `state` is checked"));
    let cell = "cross-site requests allowed: the provider answers with a form; `state` is checked";
    assert_eq!(table.rows().iter().map(|row| row.browser()).collect::<Vec<_>>(), [cell, ""]);
    let json: serde_json::Value = serde_json::from_str(&table.to_json()).unwrap();
    assert_eq!(json["routes"][1]["cross_site_allowed"], serde_json::Value::Null);
}

/// Otherwise the page of an attacker could lock its visitor out.
#[actix_web::test]
async fn cross_site_requests_use_up_no_failures() {
    let app = app!(palisade_builder());
    for _ in 0..5 {
        call(&app, with(post_to("/limited"), CROSS_SITE[1])).await.assert_problem(403);
    }
    assert_eq!(call(&app, post_to("/limited")).await.status, 200);
    // A rate limit of all requests counts them.
    for status in [403, 403, 429] {
        call(&app, with(post_to("/counted"), CROSS_SITE[1])).await.assert_problem(status);
    }
}

#[actix_web::test]
async fn guesses_of_passwords_are_counted_whatever_site_they_come_from() {
    let app = app!(palisade_builder());
    let guess = || with(request(Method::POST, "/limited").insert_header((AUTHORIZATION, "Basic guess")), CROSS_SITE[1]);
    for status in [401, 401, 429] {
        call(&app, guess()).await.assert_problem(status);
    }
}

/// P4: no header says that a request was checked.
#[actix_web::test]
async fn headers_cannot_mark_a_request_as_checked() {
    let app = app!(palisade_builder());
    for header in [
        ("x-requested-with", "XMLHttpRequest"),
        ("x-csrf-token", "valid"),
        ("x-palisade-guarded", "true"),
        ("referer", "https://api.example/"),
        ("x-forwarded-host", "evil.example"),
        ("forwarded", "host=evil.example"),
        ("sec-fetch-mode", "same-origin"),
        ("x-http-method-override", "GET"),
    ] {
        let request = with(post_to("/save"), &[("origin", "https://evil.example"), header]);
        call(&app, request).await.assert_problem(403);
    }
}

/// The certificate of the connection, as `on_connect` of a server with TLS notes it.
struct Certificate(&'static str);

struct ByCertificate;

impl Authenticator for ByCertificate {
    fn authenticate<'a>(&'a self, request: &'a HttpRequest) -> Attempt<'a> {
        match request.conn_data::<Certificate>() {
            Some(Certificate(subject)) => Attempt::Done(Ok(Principal::new("Certificate", "our authority", *subject))),
            None => Attempt::Absent,
        }
    }

    fn scheme(&self) -> &'static str {
        "Certificate"
    }

    /// The browser shows the certificate to the server whatever page causes the request.
    fn is_ambient(&self, _: &HttpRequest) -> bool {
        true
    }

    fn challenge(&self, context: &ChallengeContext<'_>, challenges: &mut Challenges) {
        challenges.add(Challenge::new("Certificate").with("realm", context.realm()));
    }
}

#[actix_web::test]
async fn client_certificates_are_ambient() {
    let palisade = Palisade::builder().authenticator(ByCertificate).build().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = HttpServer::new(move || App::new().service(palisade::scope("").service(save)).wrap(palisade.clone()))
        .on_connect(|_, data| {
            data.insert(Certificate("alice"));
        });
    let server = server.workers(1).listen(listener).unwrap().disable_signals().run();
    let handle = server.handle();
    rt::spawn(server);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let post = async |origin: String| {
        client.post(format!("http://{address}/save")).header(ORIGIN.as_str(), origin).send().await.unwrap().status()
    };
    assert_eq!(post("https://evil.example".to_owned()).await, 403);
    assert_eq!(post(format!("http://{address}")).await, 200);
    handle.stop(false).await;
}
