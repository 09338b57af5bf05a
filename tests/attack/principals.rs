//! CWE-613: a user who was deleted, or whose roles changed, passes no guard, although the token is valid.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::test::init_service;
use actix_web::web::Data;
use actix_web::{App, HttpRequest};
use palisade::authn::AuthError;
use palisade::principal::{Caller, FromPrincipal};
use palisade::testing::AsPrincipal;
use palisade::{
    PalisadeBuilder, Principal, Problem, Roles, authenticated, get, optional_auth, owner, public, require_role,
};
use palisade_tests::{bearer, builder, call, get_request};

#[derive(Clone, Default)]
struct Users {
    roles: Arc<Mutex<HashMap<String, Vec<String>>>>,
    asked: Arc<AtomicUsize>,
}

impl Users {
    fn with(name: &str, roles: &[&str]) -> Self {
        let users = Self::default();
        users.set(name, roles);
        users
    }

    fn set(&self, name: &str, roles: &[&str]) {
        self.roles.lock().unwrap().insert(name.to_owned(), roles.iter().map(|role| (*role).to_owned()).collect());
    }

    fn asked(&self) -> usize {
        self.asked.swap(0, Ordering::Relaxed)
    }
}

async fn complete(principal: Principal, request: &HttpRequest) -> Result<Principal, AuthError> {
    let users = request.app_data::<Data<Users>>().ok_or(AuthError::Unavailable("no_users"))?;
    users.asked.fetch_add(1, Ordering::Relaxed);
    match (principal.subject(), users.roles.lock().unwrap().get(principal.subject())) {
        ("down", _) => Err(AuthError::Unavailable("users_unavailable")),
        ("other", _) => Ok(Principal::new(principal.scheme(), principal.issuer(), "alice")),
        (_, Some(roles)) => Ok(principal.with_roles(roles)),
        (_, None) => Err(AuthError::Invalid("user_deleted")),
    }
}

/// The row of the caller, as an argument of a handler.
struct User {
    name: String,
    roles: Vec<String>,
}

impl FromPrincipal for User {
    async fn from_principal(principal: &Principal, _: &HttpRequest) -> Result<Self, Problem> {
        match principal.subject() {
            "no-row" => Err(Problem::forbidden()),
            "down" => Err(Problem::unavailable()),
            name => Ok(Self { name: name.to_owned(), roles: principal.roles().to_vec() }),
        }
    }
}

#[get("/me")]
#[authenticated]
async fn me(caller: Caller<User>) -> String {
    format!("{} {:?}", caller.name, caller.roles)
}

#[get("/maybe-me")]
#[optional_auth]
async fn maybe_me(caller: Option<Caller<User>>) -> String {
    caller.map_or_else(|| "nobody".to_owned(), |caller| caller.0.name)
}

#[get("/edit")]
#[require_role("editor")]
async fn edit() -> &'static str {
    "edit"
}

#[get("/users/{id}")]
#[owner(id)]
async fn own() -> &'static str {
    "own"
}

#[get("/maybe")]
#[optional_auth]
async fn maybe(principal: Option<Principal>) -> String {
    principal.map_or_else(|| "nobody".to_owned(), |principal| principal.subject().to_owned())
}

#[get("/open")]
#[public]
async fn open() -> &'static str {
    "open"
}

macro_rules! app {
    ($builder:expr, $users:expr) => {{
        let scope =
            palisade::scope("").service(me).service(edit).service(own).service(maybe).service(maybe_me).service(open);
        let palisade: PalisadeBuilder = $builder;
        let app = App::new().app_data(Data::new($users.clone())).service(scope).wrap(palisade.build().unwrap());
        init_service(app).await
    }};
}

macro_rules! get_as {
    ($app:expr, $path:expr, $name:expr) => {
        call($app, get_request($path).insert_header(("authorization", bearer($name, &["editor"])))).await
    };
}

#[actix_web::test]
async fn a_deleted_user_passes_no_guard() {
    let users = Users::with("alice", &[]);
    let app = app!(builder().principals(complete), users);
    assert_eq!(get_as!(&app, "/me", "alice").body, "alice []", "the roles of the table replace those of the token");
    get_as!(&app, "/edit", "alice").assert_problem(403);
    users.set("alice", &["editor"]);
    assert_eq!(get_as!(&app, "/edit", "alice").body, "edit");
    users.roles.lock().unwrap().clear();
    for path in ["/me", "/edit", "/users/alice", "/maybe"] {
        let response = get_as!(&app, path, "alice");
        response.assert_problem(401);
        assert!(!response.body.contains("deleted"), "{}", response.body);
        assert_eq!(response.header("www-authenticate"), "Bearer realm=\"api\", error=\"invalid_token\"");
    }
    assert_eq!(users.asked(), 7, "once for each request");
    assert_eq!(get_as!(&app, "/open", "alice").body, "open");
    assert_eq!(call(&app, get_request("/maybe")).await.body, "nobody");
    assert_eq!(users.asked(), 0, "without a caller there is nobody to ask about");
}

#[actix_web::test]
async fn a_function_that_cannot_answer_lets_nobody_through() {
    let app = app!(builder().principals(complete), Users::with("alice", &[]));
    let response = get_as!(&app, "/me", "down");
    response.assert_problem(503);
    assert!(!response.header("retry-after").is_empty());
    // It cannot turn one caller into another.
    get_as!(&app, "/me", "other").assert_problem(500);
}

#[actix_web::test]
async fn roles_of_the_function_imply_others() {
    let roles =
        || Roles::builder().role("chief", |role| role.implies("editor")).role("editor", |role| role).build().unwrap();
    let scope = || palisade::scope("").service(edit);
    let palisade = builder().roles(roles()).principals(complete).routes(&scope()).build().unwrap();
    let users = Users::with("alice", &["chief"]);
    let app = init_service(App::new().app_data(Data::new(users)).service(scope()).wrap(palisade)).await;
    assert_eq!(get_as!(&app, "/edit", "alice").body, "edit");
}

#[actix_web::test]
async fn a_result_is_remembered_for_as_long_as_the_application_says() {
    let users = Users::with("alice", &["editor"]);
    let app = app!(builder().principals(complete).remember_principals(Duration::from_millis(200)), users);
    // One token: another one of the same user is another entry.
    let token = bearer("alice", &["editor"]);
    let editing = || get_request("/edit").insert_header(("authorization", token.clone()));
    for _ in 0..3 {
        assert_eq!(call(&app, editing()).await.body, "edit");
    }
    assert_eq!(users.asked(), 1);
    get_as!(&app, "/me", "bob").assert_problem(401);
    get_as!(&app, "/me", "bob").assert_problem(401);
    assert_eq!(users.asked(), 2, "a rejection is not remembered");
    users.roles.lock().unwrap().clear();
    tokio::time::sleep(Duration::from_millis(250)).await;
    call(&app, editing()).await.assert_problem(401);
}

#[actix_web::test]
async fn the_row_of_the_caller_is_an_argument() {
    let app = app!(builder(), Users::default());
    assert_eq!(get_as!(&app, "/me", "alice").body, "alice [\"editor\"]");
    get_as!(&app, "/me", "no-row").assert_problem(403);
    call(&app, get_request("/me")).await.assert_problem(401);
    assert_eq!(get_as!(&app, "/maybe-me", "alice").body, "alice");
    assert_eq!(call(&app, get_request("/maybe-me")).await.body, "nobody");
    // An outage makes no caller anonymous.
    for path in ["/me", "/maybe-me"] {
        get_as!(&app, path, "down").assert_problem(503);
    }
}

#[actix_web::test]
async fn a_caller_that_a_test_assumes_is_not_completed() {
    let users = Users::default();
    let app = app!(builder().principals(complete), users);
    let assumed = Principal::new("Bearer", "https://issuer.example", "nobody-knows").with_roles(["editor"]);
    let response = actix_web::test::call_service(&app, get_request("/edit").as_principal(assumed)).await;
    assert_eq!(response.status(), 200);
    assert_eq!(users.asked(), 0);
}

#[test]
fn settings_that_do_not_fit_are_config_errors() {
    for (builder, part) in [
        (builder().principals(complete).remember_principals(Duration::from_secs(61)), "at most 60 seconds"),
        (builder().remember_principals(Duration::from_secs(1)), "needs `.principals(..)`"),
    ] {
        let error = builder.build().unwrap_err();
        assert_eq!(error.setting(), "remember_principals");
        assert!(error.to_string().contains(part), "{error}");
    }
}
