//! CWE-601: the redirect to the login page, and what comes after the login.

use actix_web::http::Method;
use actix_web::http::header::LOCATION;
use actix_web::test::{TestRequest, init_service};
use actix_web::web::Query;
use actix_web::{App, HttpResponse};
use palisade::session::ReturnPath;
use palisade::testing::ManualClock;
use palisade::{Scope, authenticated, get, optional_auth, post, public, rate_limit, require_role};
use palisade_tests::cookie_site;
use palisade_tests::log::Log;
use palisade_tests::{call, request};
use serde::Deserialize;

use super::{builder_with, get, login, memory_sessions, set_cookie, with_cookie};

#[get("/inbox")]
#[authenticated]
#[rate_limit(3, "1h", count = failures)]
async fn inbox() -> &'static str {
    "no messages"
}

#[get("/{tail:.*}")]
#[authenticated]
async fn anything() -> &'static str {
    "anything"
}

#[get("/settings")]
#[require_role("admin")]
async fn settings() -> &'static str {
    "settings"
}

#[post("/send")]
#[authenticated]
async fn send() -> &'static str {
    "sent"
}

#[get("/start")]
#[optional_auth]
async fn start() -> &'static str {
    "start"
}

/// A login page that cannot be seen without a login.
#[get("/login")]
#[authenticated]
async fn closed_login() -> &'static str {
    "never"
}

#[derive(Deserialize)]
struct Login {
    #[serde(default)]
    return_to: ReturnPath,
}

#[get("/after-login")]
#[public]
async fn after_login(query: Query<Login>) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, query.return_to.as_str())).finish()
}

fn pages() -> Scope {
    let inner = palisade::scope("/inner").login_page("/other?lang=nl").service(settings);
    palisade::scope("/app")
        .login_page("/app/login")
        .service(inbox)
        .service(settings)
        .service(send)
        .service(start)
        .service(closed_login)
        .service(inner)
        .service(palisade::scope("/any").service(anything))
}

macro_rules! app {
    () => {{
        let sessions = memory_sessions(&ManualClock::new());
        let palisade = builder_with(&sessions).build().unwrap();
        let app = App::new().service(pages()).service(palisade::scope("/site").service(after_login));
        let app = app.configure(move |app| cookie_site::configure(app, &sessions));
        init_service(app.wrap(palisade)).await
    }};
}

fn navigate(path: &str) -> TestRequest {
    request(Method::GET, path).insert_header(("sec-fetch-mode", "navigate")).insert_header(("accept", "text/html"))
}

#[actix_web::test]
async fn only_a_navigation_is_redirected_to_the_login_page() {
    let app = app!();
    let (log, _guard) = Log::start();
    let page = call(&app, navigate("/app/any/list?page=2&sort=%26")).await;
    assert_eq!((page.status.as_u16(), &*page.body, page.header("cache-control")), (303, "", "no-store"), "{page:?}");
    assert_eq!(page.header("location"), "/app/login?return_to=%2Fapp%2Fany%2Flist%3Fpage%3D2%26sort%3D%2526");
    assert!(!page.headers.contains_key("www-authenticate") && !page.headers.contains_key("content-type"));
    page.assert_headers();
    log.assert_one(&["status=401", "rejected"]);

    let script = request(Method::GET, "/app/settings").insert_header(("sec-fetch-mode", "cors"));
    call(&app, script.insert_header(("accept", "text/html"))).await.assert_problem(401);
    call(&app, request(Method::GET, "/app/settings")).await.assert_problem(401);
    call(&app, navigate("/app/send").method(Method::POST)).await.assert_problem(401);
    call(&app, navigate("/app/login")).await.assert_problem(401);
    call(&app, navigate("/me")).await.assert_problem(401);
    assert_eq!(
        call(&app, navigate("/app/inner/settings")).await.header("location"),
        "/other?lang=nl&return_to=%2Fapp%2Finner%2Fsettings"
    );
    // Unknown paths of the scope have no demands of their own, and a caller without the role is known.
    call(&app, navigate("/app/nowhere")).await.assert_problem(404);
    let cookie = login(&app, "ada").await;
    call(&app, with_cookie(navigate("/app/settings"), &cookie)).await.assert_problem(403);
}

#[actix_web::test]
async fn redirect_counts_as_a_failure() {
    let app = app!();
    for _ in 0..3 {
        assert_eq!(call(&app, navigate("/app/inbox")).await.status, 303);
    }
    call(&app, navigate("/app/inbox")).await.assert_problem(429);
}

#[actix_web::test]
async fn dead_cookie_is_removed_on_the_way_to_the_login_page() {
    let app = app!();
    let cookie = login(&app, "ada").await;
    assert_eq!(call(&app, with_cookie(navigate("/app/start"), &cookie)).await.status, 200);
    call(&app, get("/me", &cookie)).await;
    call(&app, with_cookie(request(Method::POST, "/logout"), &cookie)).await;
    for path in ["/app/start", "/app/settings"] {
        let page = call(&app, with_cookie(navigate(path), &cookie)).await;
        assert_eq!((page.status.as_u16(), set_cookie(&page).as_deref()), (303, Some("")), "{path}");
    }
    assert_eq!(call(&app, navigate("/app/start")).await.status, 200);
}

#[actix_web::test]
async fn way_back_never_leaves_the_site() {
    let app = app!();
    // Paths of the request itself.
    for (path, back) in [
        ("/app/any//evil.example", "%2Fapp%2Fany%2F%2Fevil%2Eexample"),
        ("/app/any/%2F%2Fevil.example", "%2Fapp%2Fany%2F%252F%252Fevil%2Eexample"),
        ("/app/any/x?next=https://evil.example", "%2Fapp%2Fany%2Fx%3Fnext%3Dhttps%3A%2F%2Fevil%2Eexample"),
        ("/app/any/@evil.example/%5c", "%2Fapp%2Fany%2F%40evil%2Eexample%2F%255c"),
    ] {
        let location = call(&app, navigate(path)).await.header("location").to_owned();
        assert_eq!(location, format!("/app/login?return_to={back}"));
    }
    let absolute = navigate("https://evil.example/app/settings").insert_header(("host", "evil.example"));
    assert_eq!(call(&app, absolute).await.header("location"), "/app/login?return_to=%2Fapp%2Fsettings");
    // What the link of an attacker says.
    for (query, back) in [
        ("", "/"),
        ("?return_to=", "/"),
        ("?return_to=/app/inbox%3Fa=b", "/app/inbox?a=b"),
        ("?return_to=%2Fapp%2Fany%2F%252F%252Fevil.example", "/app/any/%2F%2Fevil.example"),
        ("?return_to=//evil.example", "/"),
        ("?return_to=/%5Cevil.example", "/"),
        ("?return_to=%5C%5Cevil.example", "/"),
        ("?return_to=/%09/evil.example", "/"),
        ("?return_to=/%0A/evil.example", "/"),
        ("?return_to=%20//evil.example", "/"),
        ("?return_to=https://evil.example", "/"),
        ("?return_to=https:evil.example", "/"),
        ("?return_to=javascript:alert(1)", "/"),
        ("?return_to=evil.example", "/"),
        ("?return_to=/%0D%0Aset-cookie:a=b", "/"),
        ("?return_to=/%EF%BC%8Fevil.example", "/"),
        ("?return_to=/%C3%A4", "/"),
    ] {
        let response = call(&app, request(Method::GET, &format!("/site/after-login{query}"))).await;
        assert_eq!((response.status.as_u16(), response.header("location")), (303, back), "{query}");
    }
}

#[test]
fn login_page_of_another_site_is_reported() {
    for (path, is_valid) in [
        ("/login", true),
        ("/login?lang=nl", true),
        ("//evil.example/login", false),
        ("https://sso.example/login", false),
        ("login", false),
        ("", false),
    ] {
        let inner = palisade::scope("/inner").login_page(path).service(send);
        let verified = palisade::scope("/app").service(inner).verify().map_err(|error| error.to_string());
        assert_eq!(verified.is_ok(), is_valid, "{path}: {verified:?}");
        assert!(verified.err().is_none_or(|error| error.contains("login page") && error.contains("\"/inner\"")));
    }
}
