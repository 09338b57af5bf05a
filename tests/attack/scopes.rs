//! CWE-863, OWASP API5: a member of a scope that escapes the scope's rule. The rules of a scope are ANDed with those
//! of its members, and conflicting or redundant rules are reported before the first request.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::test::init_service;
use actix_web::web::Path;
use actix_web::{App, web};
use futures_util::FutureExt;
use palisade::policy::Rule;
use palisade::{RateLimit, Scope, authenticated, authorize, get, owner, owner_or_admin, post, public, require_role};
use palisade_tests::{bearer, builder, call, get as getting, palisade, request};

#[get("/open")]
#[public("everybody may read it")]
async fn open() -> &'static str {
    "open"
}

#[get("/me")]
#[authenticated]
async fn me() -> &'static str {
    "me"
}

#[get("/pages")]
#[require_role("editor")]
async fn pages() -> &'static str {
    "pages"
}

#[post("/pages")]
#[require_role("editor")]
async fn add_page() -> &'static str {
    "added"
}

#[get("/users/{id}")]
#[owner_or_admin(id)]
async fn user(id: Path<String>) -> String {
    id.into_inner()
}

fn mistake(scope: &Scope) -> String {
    scope.verify().unwrap_err().to_string()
}

#[actix_web::test]
async fn scope_and_member_rules_are_both_required() {
    let inner = palisade::scope("/inner").require_role("auditor").service(pages).service(add_page);
    let routes = palisade::scope("/admin").require_role("admin").service(me).service(inner);
    let app = init_service(App::new().service(routes).wrap(palisade())).await;
    let asked = |path: &str, roles: &[&str]| getting(path).insert_header(("authorization", bearer("alice", roles)));
    for (path, roles, status) in [
        ("/admin/me", &[][..], 403),
        ("/admin/me", &["admin"], 200),
        ("/admin/inner/pages", &["editor"], 403),
        ("/admin/inner/pages", &["admin", "editor"], 403),
        ("/admin/inner/pages", &["auditor", "editor"], 403),
        ("/admin/inner/pages", &["admin", "auditor"], 403),
        ("/admin/inner/pages", &["admin", "auditor", "editor"], 200),
        // Unknown paths and wrong methods respond only to callers that pass the scope's rule.
        ("/admin/nowhere", &["editor"], 403),
        ("/admin/nowhere", &["admin"], 404),
        ("/admin/inner/nowhere", &["admin"], 403),
        ("/admin/inner/nowhere", &["admin", "auditor"], 404),
    ] {
        assert_eq!(call(&app, asked(path, roles)).await.status, status, "{path} {roles:?}");
        call(&app, getting(path)).await.assert_problem(401);
    }
    let wrong = request(Method::DELETE, "/admin/inner/pages");
    call(&app, wrong).await.assert_problem(401);
    let all = bearer("alice", &["admin", "auditor"]);
    let wrong = request(Method::DELETE, "/admin/inner/pages").insert_header(("authorization", all));
    let wrong = call(&app, wrong).await;
    wrong.assert_problem(405);
    assert_eq!(wrong.header("allow"), "GET, HEAD, POST");
}

#[actix_web::test]
async fn scope_without_prefix_adds_only_its_rule() {
    let editors = palisade::scope("").require_role("editor").service(me);
    let root = palisade::scope("").service(open).service(palisade::scope("/x").service(editors).service(add_page));
    let app = init_service(App::new().service(root).wrap(palisade())).await;
    assert_eq!(call(&app, getting("/open")).await.body, "open");
    let asked = |roles: &[&str]| getting("/x/me").insert_header(("authorization", bearer("alice", roles)));
    call(&app, asked(&["user"])).await.assert_problem(403);
    assert_eq!(call(&app, asked(&["editor"])).await.body, "me");
}

#[actix_web::test]
async fn nested_and_outer_scope_limits_both_apply() {
    let two = RateLimit::new("two", 2, Duration::from_secs(60));
    let three = RateLimit::new("three", 3, Duration::from_secs(60));
    let inner = palisade::scope("/inner").rate_limit(two).service(open);
    let routes = palisade::scope("/outer").rate_limit(three).service(inner).service(open);
    let app = init_service(App::new().service(routes).wrap(palisade())).await;
    let mut statuses = Vec::new();
    for path in ["/outer/inner/open", "/outer/inner/open", "/outer/inner/open", "/outer/open", "/outer/open"] {
        statuses.push(call(&app, getting(path)).await.status.as_u16());
    }
    assert_eq!(statuses, [200, 200, 429, 200, 429]);
}

#[test]
fn public_route_in_authenticated_scope_is_config_error() {
    for scope in [
        palisade::scope("/x").authenticated().service(open),
        palisade::scope("/x").require_role("admin").service(palisade::scope("/y").service(open)),
    ] {
        let mistake = mistake(&scope);
        assert!(mistake.contains("::open` at /x"), "{mistake}");
        assert!(mistake.contains("is public, but its scope /x requires"), "{mistake}");
    }
}

#[test]
fn redundant_rule_is_a_config_error() {
    let mistake = mistake(&palisade::scope("/x").require_role("admin").service(user));
    assert!(mistake.contains("`owner(id)` is redundant in the scope /x (require_role(\"admin\"))"), "{mistake}");
    assert!(palisade::scope("/x").require_role("auditor").service(user).verify().is_ok());
    assert!(
        palisade::scope("/x").authenticated().service(me).verify().is_ok(),
        "repeating the scope's rule is allowed"
    );
}

#[test]
fn rule_that_admits_nobody_is_config_error() {
    const NOT_EDITOR: Rule = Rule::Not(&Rule::Role("editor"));
    let mistake = mistake(&palisade::scope("/x").authorize(NOT_EDITOR).service(pages));
    assert!(mistake.contains("admits nobody") && mistake.contains("authorize(!role(\"editor\"))"), "{mistake}");
}

#[get("/things/{thing}")]
#[owner(thing)]
async fn thing() -> &'static str {
    "thing"
}

#[get("/things/{other}")]
#[authenticated]
async fn other() -> &'static str {
    "other"
}

#[test]
fn unreachable_route_is_a_config_error() {
    for (scope, part) in [
        (palisade::scope("/x").service(me).service(me), "both serve GET /x/me"),
        (palisade::scope("/x").service(thing).service(other), "match the same paths"),
        (palisade::scope("/{thing}").service(thing), "both have a parameter `thing`"),
        (palisade::scope("/x").owner("org").service(me), "of the scope /x needs the parameter `{org}` in its prefix"),
        (
            palisade::scope("").service(palisade::scope("/me").service(open)).service(me),
            "at /me is never reached, because the scope /me is added before it",
        ),
        (
            palisade::scope("").service(palisade::scope("/x").service(open)).service(palisade::scope("/x").service(me)),
            "the scope /x is never reached",
        ),
        (
            palisade::scope("")
                .service(palisade::scope("/{id:[0-9]+}").service(open))
                .service(palisade::scope("/{number:[0-9]+}").service(me)),
            "move it into that scope",
        ),
        (palisade::scope("/x").service(me).service(palisade::scope("").service(me)), "both serve GET /x/me"),
    ] {
        let mistake = mistake(&scope);
        assert!(mistake.contains(part), "{mistake}");
    }
}

#[get("/{what}")]
#[public]
async fn anything() -> &'static str {
    "anything"
}

#[get("/{tail:.*}")]
#[public]
async fn everything() -> &'static str {
    "everything"
}

#[get("/users/{id}/{number:[0-9]+}")]
#[owner(id)]
async fn numbered() -> &'static str {
    "numbered"
}

#[test]
fn route_behind_a_wider_template_is_config_error() {
    let admins = || palisade::scope("/admin").require_role("admin").service(me);
    for scope in [
        palisade::scope("").service(palisade::scope("/{org}").service(anything)).service(admins()),
        palisade::scope("").service(everything).service(admins()),
        palisade::scope("/x").service(everything).service(admins()),
        palisade::scope("/x").service(anything).service(me),
        palisade::scope("").service(palisade::scope("").service(anything)).service(me),
    ] {
        let mistake = mistake(&scope);
        assert!(mistake.contains("is never reached") && mistake.contains(" first"), "{mistake}");
    }
    for scope in [
        palisade::scope("").service(admins()).service(palisade::scope("/{org}").service(anything)),
        palisade::scope("/x").service(me).service(admins()).service(anything),
        palisade::scope("/x").service(anything).service(admins()),
        palisade::scope("/x").service(numbered).service(user),
    ] {
        assert_eq!(scope.verify(), Ok(()));
    }
}

#[actix_web::test]
async fn prefix_gets_a_leading_slash() {
    let routes = || palisade::scope("api").service(palisade::scope("admin/").require_role("admin").service(me));
    assert_eq!(routes().policies().rows()[0].path(), "/api/admin/me");
    let app = init_service(App::new().service(routes()).wrap(palisade())).await;
    call(&app, getting("/api/admin/me")).await.assert_problem(401);
    call(&app, getting("/apiadmin/me")).await.assert_problem(404);
}

#[test]
fn scope_owner_needs_parameter_in_its_prefix() {
    let mistake = mistake(&palisade::scope("/api").owner("id").service(user));
    assert!(mistake.contains("owner(id) of the scope /api needs the parameter `{id}` in its prefix"), "{mistake}");
}

#[actix_web::test]
async fn application_with_invalid_scope_does_not_start() {
    let app = App::new().service(palisade::scope("/x").authenticated().service(open)).wrap(palisade());
    assert!(AssertUnwindSafe(init_service(app)).catch_unwind().await.is_err());
}

#[actix_web::test]
async fn owner_parameter_can_be_in_the_prefix() {
    let routes = palisade::scope("/users/{user}").owner("user").service(me);
    let app = init_service(App::new().service(routes).wrap(palisade())).await;
    let asked = |path: &str| getting(path).insert_header(("authorization", bearer("alice", &["admin"])));
    assert_eq!(call(&app, asked("/users/alice/me")).await.status, 200);
    call(&app, asked("/users/bob/me")).await.assert_problem(403);
    call(&app, asked("/users/bob/nowhere")).await.assert_problem(403);
}

#[authorize(!role("suspendd"))]
async fn misspelt() -> &'static str {
    "in"
}

#[authorize(!role("suspended"))]
async fn spelt() -> &'static str {
    "in"
}

#[actix_web::test]
async fn undefined_role_on_unchecked_route_admits_nobody() {
    let roles = palisade::Roles::builder().role("suspended", |role| role).role("editor", |role| role).build().unwrap();
    let routes = || palisade::scope("/x").service(pages);
    let palisade = builder().roles(roles).routes(&routes()).build().unwrap();
    let app =
        App::new().service(routes()).route("/misspelt", web::get().to(misspelt)).route("/spelt", web::get().to(spelt));
    let app = init_service(app.wrap(palisade)).await;
    let asked = |path: &str, roles: &[&str]| getting(path).insert_header(("authorization", bearer("alice", roles)));
    call(&app, asked("/misspelt", &["suspended"])).await.assert_problem(500);
    call(&app, asked("/misspelt", &["editor"])).await.assert_problem(500);
    call(&app, asked("/spelt", &["suspended"])).await.assert_problem(403);
    assert_eq!(call(&app, asked("/spelt", &["editor"])).await.status, 200);
    assert_eq!(call(&app, asked("/x/pages", &["editor"])).await.status, 200);
}

#[test]
fn missing_settings_for_the_rules_fail_the_build() {
    use palisade::{ConfigError, Palisade, Roles};
    let refused = |built: Result<Palisade, ConfigError>| built.unwrap_err().to_string();
    let routes = || palisade::scope("").service(palisade::scope("/x").service(user)).service(pages);
    let none = refused(Palisade::builder().routes(&routes()).build());
    assert!(none.starts_with("authenticator: none is set") && none.contains("::user` at /x/users/{id}"), "{none}");

    let two = refused(builder().authenticator(palisade_tests::jwt_of("theirs")).routes(&routes()).build());
    assert!(two.starts_with("resource_owner_issuer: must be set with"), "{two}");

    let roles = || Roles::builder().role("admin", |role| role).role("editr", |role| role).build().unwrap();
    let unknown = refused(builder().roles(roles()).routes(&routes()).build());
    assert!(unknown.starts_with("roles: the role \"editor\" is not one of \"admin\", \"editr\""), "{unknown}");
    assert!(unknown.contains("::pages` at /pages requires require_role(\"editor\")"), "{unknown}");

    let unchecked = refused(builder().roles(roles()).build());
    assert!(unchecked.starts_with("roles: ") && unchecked.contains("`.routes(..)`"), "{unchecked}");
    let contradiction = palisade::scope("/x").authenticated().service(open);
    assert!(refused(builder().routes(&contradiction).build()).starts_with("routes: "));
    assert!(builder().routes(&routes()).build().is_ok());
}
