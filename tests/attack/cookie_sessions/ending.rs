//! When a session is over, and how its users see and end sessions.

use std::time::Duration;

use actix_web::http::Method;
use actix_web::test::{TestRequest, init_service};
use actix_web::web::Data;
use actix_web::{App, HttpRequest};
use palisade::authn::AuthError;
use palisade::jwt::Grant;
use palisade::revocation::{MemoryRevocations, RevocationStore as _};
use palisade::session::{BeginError, CookieSessions, Device, MemorySessions, SessionStore as _};
use palisade::testing::ManualClock;
use palisade::{Principal, post, public};
use palisade_tests::cookie_site::NAME;
use palisade_tests::log::Log;
use palisade_tests::{ISSUER, call, request};

use super::{
    AGE, IDLE, builder_with, get, login, memory_sessions, post as post_with, sessions_in, set_cookie, site, status,
};

const NANO: Duration = Duration::from_nanos(1);

#[actix_web::test]
async fn idle_session_ends() {
    let clock = ManualClock::new();
    let app = site!(&memory_sessions(&clock));
    let (used, unused) = (login(&app, "ada").await, login(&app, "ada").await);
    for _ in 0..6 {
        clock.advance(IDLE / 5 - NANO);
        assert_eq!(status(&app, get("/me", &used)).await, 200);
    }
    let (log, _guard) = Log::start();
    assert_eq!(status(&app, get("/me", &unused)).await, 401);
    log.assert_one(&["session_idle"]);
    assert_eq!(status(&app, get("/me", &unused)).await, 401);
    log.assert_one(&["session_unknown"]);
    clock.advance(IDLE);
    assert_eq!(status(&app, get("/me", &used)).await, 401);
}

#[actix_web::test]
async fn old_session_ends_even_if_it_is_used_or_changed() {
    let clock = ManualClock::new();
    let app = site!(&memory_sessions(&clock));
    let mut cookie = login(&app, "ada").await;
    for _ in 0..47 {
        clock.advance(AGE / 48);
        cookie = set_cookie(&call(&app, post_with("/elevate", &cookie)).await).unwrap();
    }
    clock.advance(AGE / 48 - NANO);
    assert_eq!(status(&app, get("/me", &cookie)).await, 200);
    clock.advance(NANO);
    let (log, _guard) = Log::start();
    assert_eq!(status(&app, post_with("/elevate", &cookie)).await, 401);
    log.assert_one(&["session_expired"]);
}

#[actix_web::test]
async fn a_use_is_written_once_in_a_tenth_of_the_idle_timeout() {
    let clock = ManualClock::new();
    let store = MemorySessions::with_clock(&clock);
    let app = site!(&sessions_in(store.clone(), &clock));
    let cookie = login(&app, "ada").await;
    let written = async || store.list("ada").await.unwrap()[0].clone();
    let first = written().await;
    assert_eq!((first.created, first.last_used), (clock.wall_time(), clock.wall_time()));
    clock.advance(IDLE / 10 - NANO);
    assert_eq!(status(&app, get("/me", &cookie)).await, 200);
    assert!(written().await == first, "it was written a short time ago");
    clock.advance(NANO);
    assert_eq!(status(&app, get("/me", &cookie)).await, 200);
    let second = written().await;
    assert_eq!((second.last_used, second.expires), (clock.wall_time(), clock.wall_time() + IDLE));
    assert_eq!((second.digest, second.created, second.ends), (first.digest, first.created, first.ends));
}

#[actix_web::test]
async fn logout_ends_the_session_and_removes_the_cookie() {
    let clock = ManualClock::new();
    let app = site!(&memory_sessions(&clock));
    let (one, other) = (login(&app, "ada").await, login(&app, "ada").await);
    let logout = call(&app, post_with("/logout", &one)).await;
    assert_eq!((logout.status.as_u16(), set_cookie(&logout).as_deref()), (200, Some("")));
    assert_eq!((status(&app, get("/me", &one)).await, status(&app, get("/me", &other)).await), (401, 200));
    assert_eq!(status(&app, post_with("/logout-all", &other)).await, 200);
    assert_eq!(status(&app, get("/me", &other)).await, 401);
    clock.advance(Duration::from_micros(1));
    let again = login(&app, "ada").await;
    assert_eq!(status(&app, get("/me", &again)).await, 200, "a later session goes on");
}

/// A logout may overtake the response that has the next id, and other cookies of the name may have been planted.
#[actix_web::test]
async fn logout_with_a_replaced_id_or_beside_planted_cookies_ends_the_session() {
    let app = site!(&memory_sessions(&ManualClock::new()));
    let before = login(&app, "ada").await;
    let after = set_cookie(&call(&app, post_with("/elevate", &before)).await).unwrap();
    assert_eq!(status(&app, get("/me", &after)).await, 200);
    assert_eq!(status(&app, post_with("/leave", &before)).await, 200);
    assert_eq!(status(&app, get("/me", &after)).await, 401, "the session has ended");

    let (ada, eve) = (login(&app, "ada").await, login(&app, "eve").await);
    let both =
        TestRequest::post().uri("/leave").insert_header(("cookie", format!("{NAME}={eve}; {NAME}={ada}; {NAME}=x")));
    assert_eq!(status(&app, both).await, 200);
    assert_eq!((status(&app, get("/me", &ada)).await, status(&app, get("/me", &eve)).await), (401, 401));
}

/// A browser with a dead cookie must be able to see the page again.
#[actix_web::test]
async fn navigation_with_a_dead_cookie_removes_it() {
    let app = site!(&memory_sessions(&ManualClock::new()));
    let cookie = login(&app, "ada").await;
    call(&app, post_with("/logout", &cookie)).await;
    let navigate = ("sec-fetch-mode", "navigate");
    for path in ["/perhaps", "/me"] {
        let page = call(&app, get(path, &cookie).insert_header(navigate)).await;
        assert_eq!((page.status.as_u16(), set_cookie(&page).as_deref()), (401, Some("")), "{path}");
        // It may have overtaken a login, whose cookie must stay.
        let script = call(&app, get(path, &cookie).insert_header(("sec-fetch-mode", "cors"))).await;
        assert_eq!((script.status.as_u16(), set_cookie(&script)), (401, None), "{path}");
    }
    let public = call(&app, get("/public", &cookie).insert_header(navigate)).await;
    assert_eq!((public.status.as_u16(), set_cookie(&public)), (200, None));
}

#[actix_web::test]
async fn deleted_user_has_no_session() {
    let clock = ManualClock::new();
    let sessions = memory_sessions(&clock);
    let exists = async |caller: Principal, _: &HttpRequest| match caller.subject() {
        "deleted" => Err(AuthError::Invalid("user_deleted")),
        "promoted" => Ok(caller.with_roles(["admin"])),
        _ => Ok(caller),
    };
    let app = site!(&sessions, builder_with(&sessions).principals(exists));
    let (deleted, promoted) = (login(&app, "deleted").await, login(&app, "promoted").await);
    assert_eq!(status(&app, get("/me", &deleted)).await, 401);
    assert_eq!(status(&app, get("/admin", &promoted)).await, 200, "roles are those of now");
    let ada = login(&app, "ada").await;
    sessions.end_all_of("ada").await.unwrap();
    assert_eq!(status(&app, get("/me", &ada)).await, 401);
    assert!(sessions.end_all_of("nobody").await.is_ok());
}

#[actix_web::test]
async fn session_from_before_a_revocation_is_rejected() {
    let clock = ManualClock::new();
    let (store, revocations) = (MemorySessions::with_clock(&clock), MemoryRevocations::with_clock(&clock));
    let sessions = CookieSessions::builder(ISSUER, store, revocations.clone()).clock(&clock).build().unwrap();
    let app = site!(&sessions);
    let before = login(&app, "ada").await;
    clock.advance(Duration::from_millis(1));
    revocations.revoke_before(ISSUER, "ada", clock.wall_time()).await.unwrap();
    let (log, _guard) = Log::start();
    assert_eq!(status(&app, get("/me", &before)).await, 401);
    log.assert_one(&["token_revoked"]);
    let after = login(&app, "ada").await;
    assert_eq!(status(&app, get("/me", &after)).await, 200);
}

/// A route that asks for no credential, so that only the rotation itself can look at it.
#[post("/open/elevate")]
#[public]
async fn open_elevate(request: HttpRequest, sessions: Data<CookieSessions>) -> Result<&'static str, BeginError> {
    sessions.rotate(&request, &Grant::new("ada", IDLE)).await?;
    Ok("elevated")
}

#[actix_web::test]
async fn revoked_session_gets_no_new_id() {
    let clock = ManualClock::new();
    let (store, revocations) = (MemorySessions::with_clock(&clock), MemoryRevocations::with_clock(&clock));
    let sessions = CookieSessions::builder(ISSUER, store.clone(), revocations.clone()).clock(&clock).build().unwrap();
    let open = palisade::scope("").service(open_elevate);
    let app = App::new().app_data(Data::new(sessions.clone())).service(open);
    let open = init_service(app.wrap(builder_with(&sessions).build().unwrap())).await;
    let app = site!(&sessions);
    let cookie = login(&app, "ada").await;
    let cookie = set_cookie(&call(&open, post_with("/open/elevate", &cookie)).await).unwrap();
    for other in ["", "sc_x", &login(&app, "eve").await] {
        let response = call(&open, post_with("/open/elevate", other)).await;
        assert!(response.status == 401 || response.status == 500, "{other}: {response:?}");
        assert_eq!(set_cookie(&response), None);
    }
    clock.advance(Duration::from_millis(1));
    revocations.revoke_before(ISSUER, "ada", clock.wall_time()).await.unwrap();
    let response = call(&open, post_with("/open/elevate", &cookie)).await;
    assert_eq!((response.status.as_u16(), set_cookie(&response)), (401, None));
    clock.advance(IDLE);
    assert_eq!(status(&open, post_with("/open/elevate", &cookie)).await, 401);
}

#[actix_web::test]
async fn login_that_fails_keeps_the_session_of_before() {
    let app = site!(&memory_sessions(&ManualClock::new()));
    let cookie = login(&app, "ada").await;
    let too_long = format!("/login/{}", "x".repeat(256));
    let response = call(&app, post_with(&too_long, &cookie)).await;
    assert_eq!((response.status.as_u16(), set_cookie(&response)), (500, None));
    assert_eq!(status(&app, get("/me", &cookie)).await, 200);
}

#[actix_web::test]
async fn user_ends_one_or_all_other_own_sessions() {
    let clock = ManualClock::new();
    let store = MemorySessions::with_clock(&clock);
    let sessions = sessions_in(store, &clock);
    let app = site!(&sessions);
    let mut cookies = Vec::new();
    for agent in ["Firefox\u{1}", "curl/8", &"x".repeat(500)] {
        clock.advance(Duration::from_secs(1));
        let login = request(Method::POST, "/login/ada").insert_header(("user-agent", agent.replace('\u{1}', "\t")));
        cookies.push(set_cookie(&call(&app, login).await).unwrap());
    }
    let eve = login(&app, "eve").await;
    let list = call(&app, get("/sessions", &cookies[1])).await.body;
    let lines: Vec<Vec<&str>> = list.lines().map(|line| line.split(' ').collect()).collect();
    let long = "x".repeat(120);
    let shown: Vec<_> = lines.iter().map(|line| line[1..].to_vec()).collect();
    assert_eq!(
        shown,
        [
            ["Cookie", "other", &*long, "203.0.113.7"],
            ["Cookie", "current", "curl/8", "203.0.113.7"],
            ["Cookie", "other", "Firefox", "203.0.113.7"],
        ]
    );
    let end = |id: &str| format!("/sessions/{id}/end");
    // Of another user, of nobody, and of the user.
    assert_eq!(call(&app, post_with(&end(lines[0][0]), &eve)).await.body, "false");
    assert_eq!(call(&app, post_with(&end("x"), &cookies[1])).await.body, "false");
    assert_eq!(status(&app, get("/me", &cookies[2])).await, 200);
    assert_eq!(call(&app, post_with(&end(lines[0][0]), &cookies[1])).await.body, "true");
    assert_eq!(call(&app, post_with(&end(lines[0][0]), &cookies[1])).await.body, "false");
    assert_eq!(status(&app, get("/me", &cookies[2])).await, 401);
    assert_eq!(status(&app, post_with("/sessions/end-others", &cookies[1])).await, 200);
    assert_eq!((status(&app, get("/me", &cookies[0])).await, status(&app, get("/me", &cookies[1])).await), (401, 200));
    assert_eq!(status(&app, get("/me", &eve)).await, 200);
}

#[actix_web::test]
async fn application_says_what_a_device_is() {
    let sessions = CookieSessions::builder(ISSUER, MemorySessions::new(), MemoryRevocations::new())
        .device(|_| Device::new("a phone", "Ghent"))
        .build()
        .unwrap();
    let app = site!(&sessions);
    let cookie = login(&app, "ada").await;
    assert!(call(&app, get("/sessions", &cookie)).await.body.ends_with("Cookie current a phone Ghent\n"));
}
