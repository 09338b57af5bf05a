//! CWE-384, CWE-613, CWE-352, CWE-522: sessions in cookies: fixation, cookie tossing, ids that are stolen, pages of other sites.

mod ending;
mod ids;
mod kinds;
mod pages;
mod rotation;
mod store;
mod wire;

use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::Method;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, Error};
use palisade::rate_limit::MemoryRateLimits;
use palisade::revocation::MemoryRevocations;
use palisade::session::{CookieSessions, MemorySessions, SessionStore};
use palisade::testing::ManualClock;
use palisade::{Palisade, PalisadeBuilder};
use palisade_tests::cookie_site::{self, NAME};
use palisade_tests::{ISSUER, TestResponse, call, request};

const IDLE: Duration = Duration::from_secs(30 * 60);
const AGE: Duration = Duration::from_secs(12 * 60 * 60);

fn builder_with<S: SessionStore>(sessions: &CookieSessions<S, MemoryRevocations>) -> PalisadeBuilder {
    Palisade::builder().authenticator(sessions.clone()).rate_limit_store(MemoryRateLimits::new())
}

fn sessions_in<S: SessionStore>(store: S, clock: &ManualClock) -> CookieSessions<S, MemoryRevocations> {
    let revocations = MemoryRevocations::with_clock(clock);
    CookieSessions::builder(ISSUER, store, revocations).clock(clock).build().unwrap()
}

fn memory_sessions(clock: &ManualClock) -> CookieSessions {
    sessions_in(MemorySessions::with_clock(clock), clock)
}

macro_rules! site {
    ($sessions:expr) => {{
        let sessions = Clone::clone($sessions);
        crate::site!(&sessions, crate::builder_with(&sessions))
    }};
    ($sessions:expr, $builder:expr) => {{
        let sessions = Clone::clone($sessions);
        let app = actix_web::App::new().configure(|app| palisade_tests::cookie_site::configure(app, &sessions));
        actix_web::test::init_service(app.wrap($builder.build().unwrap())).await
    }};
}
use site;

fn with_cookie(request: TestRequest, cookie: &str) -> TestRequest {
    request.append_header(("cookie", format!("{NAME}={cookie}")))
}

fn get(path: &str, cookie: &str) -> TestRequest {
    with_cookie(request(Method::GET, path), cookie)
}

fn post(path: &str, cookie: &str) -> TestRequest {
    with_cookie(request(Method::POST, path), cookie)
}

/// The cookie that the response sets: empty if it removes one.
fn set_cookie(response: &TestResponse) -> Option<String> {
    cookie_site::cookie_of(response.headers.get_all("set-cookie").map(|value| value.as_bytes()))
}

async fn login<S, B>(app: &S, name: &str) -> String
where
    S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    let response = call(app, request(Method::POST, &format!("/login/{name}"))).await;
    assert_eq!((response.status.as_u16(), response.header("cache-control")), (303, "no-store"), "{response:?}");
    set_cookie(&response).expect("the login sets a cookie")
}

async fn status<S, B>(app: &S, request: TestRequest) -> u16
where
    S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    call(app, request).await.status.as_u16()
}

#[actix_web::test]
async fn session_has_the_principal_of_a_token() {
    let sessions = memory_sessions(&ManualClock::new());
    let app = site!(&sessions);
    let cookie = login(&app, "ada").await;
    let me = call(&app, get("/me", &cookie)).await;
    assert_eq!((me.status.as_u16(), &*me.body), (200, r#"ada ["user"] acme ["notes:read"] Cookie"#));
    assert_eq!(me.header("cache-control"), "no-store");
    assert_eq!(set_cookie(&me), None, "a request changes no cookie");
    assert_eq!(call(&app, get("/perhaps", &cookie)).await.body, "ada");
    let none = call(&app, request(Method::GET, "/me")).await;
    assert_eq!(none.header("www-authenticate"), format!("Cookie realm=\"api\", cookie-name=\"{NAME}\""), "{none:?}");
    none.assert_problem(401);
    assert_eq!(call(&app, request(Method::GET, "/perhaps")).await.body, "nobody");
}

#[actix_web::test]
async fn page_of_another_site_changes_nothing() {
    let sessions = memory_sessions(&ManualClock::new());
    let app = site!(&sessions);
    let cookie = login(&app, "ada").await;
    for foreign in
        [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("origin", "https://evil.example")]
    {
        for path in ["/elevate", "/logout", "/logout-all", "/sessions/end-others", "/sessions/x/end"] {
            let response = call(&app, post(path, &cookie).insert_header(foreign)).await;
            assert_eq!((response.status.as_u16(), set_cookie(&response)), (403, None), "{path} {foreign:?}");
        }
        // A login that the victim did not want would put the victim into the account of the attacker.
        let login = call(&app, post("/login/eve", &cookie).insert_header(foreign)).await;
        assert_eq!((login.status.as_u16(), set_cookie(&login)), (403, None), "{foreign:?}");
        assert_eq!(status(&app, get("/me", &cookie).insert_header(foreign)).await, 200, "a link may be followed");
    }
    assert_eq!(call(&app, get("/sessions", &cookie)).await.body.lines().count(), 1);
    assert_eq!(status(&app, post("/elevate", &cookie).insert_header(("sec-fetch-site", "same-origin"))).await, 200);
}

#[actix_web::test]
async fn mistakes_are_reported_when_it_is_built() {
    let build = |name: &str, idle: u64, age: u64| {
        CookieSessions::builder(ISSUER, MemorySessions::new(), MemoryRevocations::new())
            .cookie_name(name)
            .idle_timeout(Duration::from_secs(idle))
            .absolute_timeout(Duration::from_secs(age))
            .build()
            .map_err(|error| error.to_string())
    };
    assert!(build("__Host-s", 60, 60).is_ok() && build(NAME, 60, 90 * 86_400).is_ok());
    for name in ["", "session", "__Host-", "__host-session", "__Secure-session", "__Host-a b", "__Host-a;b", "__Host-ä"]
    {
        assert!(build(name, 60, 60).unwrap_err().contains("cookie_name"), "{name}");
    }
    for (idle, age, setting) in
        [(59, 60, "idle_timeout"), (61, 60, "absolute_timeout"), (60, 90 * 86_400 + 1, "absolute_timeout")]
    {
        assert!(build(NAME, idle, age).unwrap_err().contains(setting), "{idle} {age}");
    }
    let blank = CookieSessions::new(" ", MemorySessions::new(), MemoryRevocations::new());
    assert!(blank.unwrap_err().to_string().contains("issuer"));
}

#[actix_web::test]
async fn without_palisade_no_session_begins() {
    let sessions = memory_sessions(&ManualClock::new());
    let bare = init_service(App::new().configure(|app| cookie_site::configure(app, &sessions))).await;
    let response = call(&bare, request(Method::POST, "/login/ada")).await;
    assert_eq!((response.status.as_u16(), set_cookie(&response)), (500, None));
}
