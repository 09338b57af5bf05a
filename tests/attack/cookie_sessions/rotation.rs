//! CWE-269: a session whose rights change, and that loses what limits it: who acts, and the key of the client.

use std::time::Duration;

use actix_web::http::Method;
use actix_web::web::Data;
use actix_web::{App, HttpRequest, HttpResponse};
use palisade::jwt::Grant;
use palisade::principal::{Actor, Confirmation};
use palisade::session::{BeginError, CookieSessions};
use palisade::testing::ManualClock;
use palisade::{Principal, authenticated, authorize, get, post, public};
use palisade_tests::{ISSUER, call, request};

use super::{builder_with, get as get_with, memory_sessions, post as post_with, set_cookie};

const MINUTES: Duration = Duration::from_secs(900);

fn delegated() -> Grant {
    Grant::new("ada", MINUTES).actor(Actor::new(ISSUER, "support-7"))
}

#[post("/act-as-ada")]
#[public]
async fn act_as(sessions: Data<CookieSessions>, request: HttpRequest) -> Result<HttpResponse, BeginError> {
    sessions.begin(&request, &delegated()).await?;
    Ok(HttpResponse::Ok().finish())
}

#[post("/second-factor")]
#[authenticated]
async fn second_factor(
    sessions: Data<CookieSessions>,
    request: HttpRequest,
    who: Principal,
) -> Result<HttpResponse, BeginError> {
    sessions.rotate(&request, &Grant::new(who.subject(), MINUTES).roles(["elevated"])).await?;
    Ok(HttpResponse::Ok().finish())
}

#[post("/hand-over")]
#[authenticated]
async fn hand_over(
    sessions: Data<CookieSessions>,
    request: HttpRequest,
    who: Principal,
) -> Result<HttpResponse, BeginError> {
    let grant = Grant::new(who.subject(), MINUTES).actor(Actor::new(ISSUER, "support-8"));
    sessions.rotate(&request, &grant).await?;
    Ok(HttpResponse::Ok().finish())
}

#[post("/delete-account")]
#[authorize(authenticated && !delegated)]
async fn delete_account() -> &'static str {
    "deleted"
}

#[get("/actor")]
#[authenticated]
async fn actor(who: Principal) -> String {
    who.actor().map(|actor| actor.subject().to_owned()).unwrap_or_default()
}

macro_rules! site {
    () => {{
        let sessions = memory_sessions(&ManualClock::new());
        let routes = palisade::scope("").service(act_as).service(second_factor).service(hand_over);
        let routes = routes.service(delete_account).service(actor).service(bind).service(rebind);
        let app = App::new().app_data(Data::new(sessions.clone())).service(routes);
        actix_web::test::init_service(app.wrap(builder_with(&sessions).build().unwrap())).await
    }};
}

#[actix_web::test]
async fn rotated_session_keeps_who_acts() {
    let app = site!();
    let cookie = set_cookie(&call(&app, request(Method::POST, "/act-as-ada")).await).unwrap();
    assert_eq!(call(&app, post_with("/delete-account", &cookie)).await.status, 403);
    let rotated = call(&app, post_with("/second-factor", &cookie)).await;
    assert_eq!(rotated.status, 200, "{rotated:?}");
    let cookie = set_cookie(&rotated).unwrap();
    assert_eq!(call(&app, get_with("/actor", &cookie)).await.body, "support-7");
    let response = call(&app, post_with("/delete-account", &cookie)).await;
    assert_eq!(response.status, 403, "the support agent is not ada: {response:?}");
    // A grant that names an actor says it itself.
    let cookie = set_cookie(&call(&app, post_with("/hand-over", &cookie)).await).unwrap();
    assert_eq!(call(&app, get_with("/actor", &cookie)).await.body, "support-8");
    assert_eq!(call(&app, post_with("/delete-account", &cookie)).await.status, 403);
}

#[post("/bind")]
#[public]
async fn bind(sessions: Data<CookieSessions>, request: HttpRequest) -> Result<HttpResponse, BeginError> {
    let grant = Grant::new("ada", MINUTES).bound_to(Confirmation::Certificate([7; 32]));
    sessions.begin(&request, &grant).await?;
    Ok(HttpResponse::Ok().finish())
}

/// It reads the cookie without a rule, so that the session may be bound to a key that no request here proves.
#[post("/rebind")]
#[public]
async fn rebind(sessions: Data<CookieSessions>, request: HttpRequest) -> Result<HttpResponse, BeginError> {
    sessions.rotate(&request, &Grant::new("ada", MINUTES)).await?;
    Ok(HttpResponse::Ok().finish())
}

#[actix_web::test]
async fn rotated_session_stays_bound() {
    let app = site!();
    let cookie = set_cookie(&call(&app, request(Method::POST, "/bind")).await).unwrap();
    assert_eq!(call(&app, get_with("/actor", &cookie)).await.status, 401, "bound to a certificate");
    let rotated = call(&app, post_with("/rebind", &cookie)).await;
    assert_eq!(rotated.status, 200, "{rotated:?}");
    let cookie = set_cookie(&rotated).unwrap();
    assert_eq!(call(&app, get_with("/actor", &cookie)).await.status, 401, "still bound to it");
}
