//! `CookieSessions` over each pair of stores.

use actix_web::App;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::Method;
use actix_web::test::{TestRequest, init_service};
use futures_util::future::join_all;
use palisade::Palisade;
use palisade::session::CookieSessions;
use palisade_tests::cookie_site::{NAME, configure, cookie_of};
use palisade_tests::{ISSUER, TestResponse, call, request};
use tokio::task::LocalSet;

use crate::backends::{Backend, Shared};

crate::check_laws! {
    cookies: [
        cookie_session_lives_rotates_and_ends,
        one_of_many_rotations_wins,
        lists_and_ends_are_of_one_user,
    ],
    memory: Memory, redis: Redis, sqlite: Sqlite, postgres: Postgres,
}

crate::check_laws! {
    cookies: [
        processes_share_cookie_sessions,
    ],
    shared_redis: Redis, shared_sqlite: Sqlite, shared_postgres: Postgres,
}

macro_rules! site {
    ($backend:expr) => {{
        let sessions = CookieSessions::new(ISSUER, $backend.sessions(), $backend.revocations()).unwrap();
        let palisade = Palisade::builder().authenticator(sessions.clone()).build().unwrap();
        init_service(App::new().configure(|app| configure(app, &sessions)).wrap(palisade)).await
    }};
}

fn get(path: &str, cookie: &str) -> TestRequest {
    request(Method::GET, path).insert_header(("cookie", format!("{NAME}={cookie}")))
}

fn post(path: &str, cookie: &str) -> TestRequest {
    request(Method::POST, path).insert_header(("cookie", format!("{NAME}={cookie}")))
}

fn set_cookie(response: &TestResponse) -> Option<String> {
    cookie_of(response.headers.get_all("set-cookie").map(|value| value.as_bytes()))
}

async fn status<S, B>(app: &S, request: TestRequest) -> u16
where
    S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = actix_web::Error>,
    B: MessageBody,
{
    call(app, request).await.status.as_u16()
}

async fn login<S, B>(app: &S, name: &str) -> String
where
    S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = actix_web::Error>,
    B: MessageBody,
{
    set_cookie(&call(app, request(Method::POST, &format!("/login/{name}"))).await).expect("a session begins")
}

async fn cookie_session_lives_rotates_and_ends<B: Backend>(backend: &B) {
    LocalSet::new()
        .run_until(async {
            let app = site!(backend);
            let (first, other) = (login(&app, "ada").await, login(&app, "ada").await);
            let me = call(&app, get("/me", &first)).await;
            assert_eq!(me.body, r#"ada ["user"] acme ["notes:read"] Cookie"#);
            let second = set_cookie(&call(&app, post("/elevate", &first)).await).unwrap();
            assert_eq!(
                (status(&app, get("/me", &first)).await, status(&app, get("/admin", &second)).await),
                (401, 200)
            );
            assert_eq!(status(&app, post("/logout", &second)).await, 200);
            assert_eq!((status(&app, get("/me", &second)).await, status(&app, get("/me", &other)).await), (401, 200));
            assert_eq!(status(&app, post("/logout-all", &other)).await, 200);
            assert_eq!(status(&app, get("/me", &other)).await, 401);
            let later = login(&app, "ada").await;
            assert_eq!(status(&app, get("/me", &later)).await, 200);
        })
        .await;
}

async fn one_of_many_rotations_wins<B: Backend>(backend: &B) {
    LocalSet::new()
        .run_until(async {
            let app = site!(backend);
            let cookie = login(&app, "ada").await;
            let responses = join_all((0..16).map(|_| call(&app, post("/elevate", &cookie)))).await;
            let won: Vec<String> = responses.iter().filter_map(set_cookie).collect();
            assert_eq!(won.len(), 1);
            assert!(responses.iter().all(|response| matches!(response.status.as_u16(), 200 | 401)));
            assert_eq!(
                (status(&app, get("/admin", &won[0])).await, status(&app, get("/me", &cookie)).await),
                (200, 401)
            );
        })
        .await;
}

async fn lists_and_ends_are_of_one_user<B: Backend>(backend: &B) {
    LocalSet::new()
        .run_until(async {
            let app = site!(backend);
            let (own, other, eve) = (login(&app, "ada").await, login(&app, "ada").await, login(&app, "eve").await);
            let list = call(&app, get("/sessions", &own)).await.body;
            assert_eq!((list.lines().count(), list.matches(" current ").count()), (2, 1), "{list}");
            let id = list.lines().find(|line| line.contains(" other ")).unwrap().split(' ').next().unwrap();
            assert_eq!(call(&app, post(&format!("/sessions/{id}/end"), &eve)).await.body, "false");
            assert_eq!(status(&app, get("/me", &other)).await, 200);
            assert_eq!(call(&app, post(&format!("/sessions/{id}/end"), &own)).await.body, "true");
            assert_eq!(status(&app, get("/me", &other)).await, 401);
            let third = login(&app, "ada").await;
            assert_eq!(status(&app, post("/sessions/end-others", &own)).await, 200);
            assert_eq!((status(&app, get("/me", &third)).await, status(&app, get("/me", &own)).await), (401, 200));
            assert_eq!(status(&app, get("/me", &eve)).await, 200);
        })
        .await;
}

async fn processes_share_cookie_sessions<B: Shared>(backend: &B) {
    LocalSet::new()
        .run_until(async {
            let next = backend.of_another_process().await;
            let (here, there) = (site!(backend), site!(next));
            let cookie = login(&here, "ada").await;
            assert_eq!(status(&there, get("/me", &cookie)).await, 200);
            let new = set_cookie(&call(&there, post("/elevate", &cookie)).await).unwrap();
            assert_eq!(
                (status(&here, get("/me", &cookie)).await, status(&here, get("/admin", &new)).await),
                (401, 200)
            );
            assert_eq!(status(&here, post("/logout", &new)).await, 200);
            assert_eq!(status(&there, get("/me", &new)).await, 401);
        })
        .await;
}
