//! Pages with a session in a cookie, over any stores.

use std::time::Duration;

use actix_web::web::{Data, Path, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use palisade::jwt::Grant;
use palisade::revocation::RevocationStore;
use palisade::session::{BeginError, CookieSessions, SessionInfo, SessionStore};
use palisade::{Principal, Problem, Scope, authenticated, get, optional_auth, post, public, require_role};

pub const NAME: &str = "__Host-session";

fn grant(subject: &str, roles: &[&str]) -> Grant {
    Grant::new(subject, Duration::from_secs(1)).roles(roles.iter().copied()).tenant("acme").scopes(["notes:read"])
}

/// Logs in without a password.
#[post("/login/{name}")]
#[public]
async fn login<S: SessionStore, R: RevocationStore>(
    name: Path<String>,
    request: HttpRequest,
    sessions: Data<CookieSessions<S, R>>,
) -> Result<HttpResponse, BeginError> {
    sessions.begin(&request, &grant(&name, &["user"])).await?;
    Ok(HttpResponse::SeeOther().insert_header(("location", "/me")).finish())
}

/// Makes the caller an administrator, under a new id.
#[post("/elevate")]
#[authenticated]
async fn elevate<S: SessionStore, R: RevocationStore>(
    caller: Principal,
    request: HttpRequest,
    sessions: Data<CookieSessions<S, R>>,
) -> Result<&'static str, BeginError> {
    sessions.rotate(&request, &grant(caller.subject(), &["user", "admin"])).await?;
    Ok("elevated")
}

#[post("/logout")]
#[authenticated]
async fn logout<S: SessionStore, R: RevocationStore>(
    request: HttpRequest,
    sessions: Data<CookieSessions<S, R>>,
) -> Result<&'static str, Problem> {
    sessions.end(&request).await?;
    Ok("logged out")
}

/// A logout that also works after the session has ended.
#[post("/leave")]
#[public]
async fn leave<S: SessionStore, R: RevocationStore>(
    request: HttpRequest,
    sessions: Data<CookieSessions<S, R>>,
) -> Result<&'static str, Problem> {
    sessions.end(&request).await?;
    Ok("logged out")
}

#[post("/logout-all")]
#[authenticated]
async fn logout_all<S: SessionStore, R: RevocationStore>(
    caller: Principal,
    sessions: Data<CookieSessions<S, R>>,
) -> Result<&'static str, Problem> {
    sessions.end_all(&caller).await?;
    Ok("logged out everywhere")
}

/// One line for each session: `id kind current label place`.
#[get("/sessions")]
#[authenticated]
async fn list<S: SessionStore, R: RevocationStore>(
    caller: Principal,
    sessions: Data<CookieSessions<S, R>>,
) -> Result<String, Problem> {
    let line = |one: &SessionInfo| {
        let (device, current) = (one.device(), if one.is_current() { "current" } else { "other" });
        format!("{} {:?} {current} {} {}\n", one.id(), one.kind(), device.label(), device.place())
    };
    Ok(sessions.list(&caller).await?.iter().map(line).collect())
}

#[post("/sessions/{id}/end")]
#[authenticated]
async fn end_one<S: SessionStore, R: RevocationStore>(
    caller: Principal,
    id: Path<String>,
    sessions: Data<CookieSessions<S, R>>,
) -> Result<String, Problem> {
    Ok(sessions.end_one(&caller, &id).await?.to_string())
}

#[post("/sessions/end-others")]
#[authenticated]
async fn end_others<S: SessionStore, R: RevocationStore>(
    caller: Principal,
    sessions: Data<CookieSessions<S, R>>,
) -> Result<&'static str, Problem> {
    sessions.end_others(&caller).await?;
    Ok("ended")
}

#[get("/me")]
#[authenticated]
async fn me(caller: Principal) -> String {
    let tenant = caller.tenant().unwrap_or_default();
    format!("{} {:?} {tenant} {:?} {}", caller.subject(), caller.roles(), caller.scopes(), caller.scheme())
}

#[get("/admin")]
#[require_role("admin")]
async fn admin() -> &'static str {
    "admin"
}

#[get("/perhaps")]
#[optional_auth]
async fn perhaps(caller: Option<Principal>) -> String {
    caller.map_or_else(|| "nobody".to_owned(), |caller| caller.subject().to_owned())
}

#[get("/public")]
#[public]
async fn anyone() -> &'static str {
    "anyone"
}

pub fn routes<S: SessionStore, R: RevocationStore>() -> Scope {
    palisade::scope("")
        .service(login::<S, R>)
        .service(elevate::<S, R>)
        .service(logout::<S, R>)
        .service(leave::<S, R>)
        .service(logout_all::<S, R>)
        .service(list::<S, R>)
        .service(end_others::<S, R>)
        .service(end_one::<S, R>)
        .service(me)
        .service(admin)
        .service(perhaps)
        .service(anyone)
}

/// The [routes], and what their handlers need.
pub fn configure<S: SessionStore, R: RevocationStore>(app: &mut ServiceConfig, sessions: &CookieSessions<S, R>) {
    app.app_data(Data::new(sessions.clone())).service(routes::<S, R>());
}

/// The value of the cookie that a response sets. `None` if it sets none. Panics if it lacks an attribute.
pub fn cookie_of<'h>(set_cookies: impl Iterator<Item = &'h [u8]>) -> Option<String> {
    let mut cookies = set_cookies;
    let cookie = std::str::from_utf8(cookies.next()?).unwrap().to_owned();
    assert!(cookies.next().is_none(), "two cookies are set");
    let mut parts = cookie.split("; ");
    let (name, value) = parts.next().unwrap().split_once('=').unwrap();
    assert_eq!(name, NAME);
    let attributes: Vec<&str> = parts.collect();
    for attribute in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/"] {
        assert!(attributes.contains(&attribute), "{attribute}: {cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    assert_eq!(attributes.contains(&"Max-Age=0"), value.is_empty(), "{cookie}");
    Some(value.to_owned())
}
