//! CWE-863, OWASP API5: an endpoint that escapes the rule of its scope. A request must satisfy the rules of all its
//! scopes and of the endpoint. Conflicting and redundant rules are reported before the first request.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::test::init_service;
use actix_web::web::Path;
use actix_web::{App, web};
use futures_util::FutureExt;
use palisade::policy::Rule;
use palisade::{RateLimit, Scope, authenticated, authorize, get, owner, owner_or_admin, post, public, require_role};
use palisade_tests::{bearer, builder, call, get_request, palisade, request, without_places};

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

fn verify_error(scope: &Scope) -> String {
    let error = scope.verify().unwrap_err();
    let text = without_places(&error);
    assert_ne!(text, error.to_string(), "the error names no place");
    text
}

#[actix_web::test]
async fn scope_and_member_rules_are_both_required() {
    let inner = palisade::scope("/inner").require_role("auditor").service(pages).service(add_page);
    let routes = palisade::scope("/admin").require_role("admin").service(me).service(inner);
    let app = init_service(App::new().service(routes).wrap(palisade())).await;
    let request_as =
        |path: &str, roles: &[&str]| get_request(path).insert_header(("authorization", bearer("alice", roles)));
    for (path, roles, status) in [
        ("/admin/me", &[][..], 403),
        ("/admin/me", &["admin"], 200),
        ("/admin/inner/pages", &["editor"], 403),
        ("/admin/inner/pages", &["admin", "editor"], 403),
        ("/admin/inner/pages", &["auditor", "editor"], 403),
        ("/admin/inner/pages", &["admin", "auditor"], 403),
        ("/admin/inner/pages", &["admin", "auditor", "editor"], 200),
        // 404 and 405 are returned only to callers that the scope's rule admits.
        ("/admin/nowhere", &["editor"], 403),
        ("/admin/nowhere", &["admin"], 404),
        ("/admin/inner/nowhere", &["admin"], 403),
        ("/admin/inner/nowhere", &["admin", "auditor"], 404),
    ] {
        assert_eq!(call(&app, request_as(path, roles)).await.status, status, "{path} {roles:?}");
        call(&app, get_request(path)).await.assert_problem(401);
    }
    let anonymous = request(Method::DELETE, "/admin/inner/pages");
    call(&app, anonymous).await.assert_problem(401);
    let token = bearer("alice", &["admin", "auditor"]);
    let admitted = request(Method::DELETE, "/admin/inner/pages").insert_header(("authorization", token));
    let response = call(&app, admitted).await;
    response.assert_problem(405);
    assert_eq!(response.header("allow"), "GET, HEAD, POST");
}

#[actix_web::test]
async fn scope_without_prefix_adds_only_its_rule() {
    let editors = palisade::scope("").require_role("editor").service(me);
    let root = palisade::scope("").service(open).service(palisade::scope("/x").service(editors).service(add_page));
    let app = init_service(App::new().service(root).wrap(palisade())).await;
    assert_eq!(call(&app, get_request("/open")).await.body, "open");
    let request_as = |roles: &[&str]| get_request("/x/me").insert_header(("authorization", bearer("alice", roles)));
    call(&app, request_as(&["user"])).await.assert_problem(403);
    assert_eq!(call(&app, request_as(&["editor"])).await.body, "me");
}

#[actix_web::test]
async fn nested_and_outer_scope_limits_both_apply() {
    let inner_limit = RateLimit::new("two", 2, Duration::from_secs(60));
    let outer_limit = RateLimit::new("three", 3, Duration::from_secs(60));
    let inner = palisade::scope("/inner").rate_limit(inner_limit).service(open);
    let routes = palisade::scope("/outer").rate_limit(outer_limit).service(inner).service(open);
    let app = init_service(App::new().service(routes).wrap(palisade())).await;
    let mut statuses = Vec::new();
    for path in ["/outer/inner/open", "/outer/inner/open", "/outer/inner/open", "/outer/open", "/outer/open"] {
        statuses.push(call(&app, get_request(path)).await.status.as_u16());
    }
    assert_eq!(statuses, [200, 200, 429, 200, 429]);
}

#[test]
fn public_route_in_authenticated_scope_is_config_error() {
    for scope in [
        palisade::scope("/x").authenticated().service(open),
        palisade::scope("/x").require_role("admin").service(palisade::scope("/y").service(open)),
    ] {
        let error = verify_error(&scope);
        assert!(error.contains("::open` at /x"), "{error}");
        assert!(error.contains("is public, but its scope /x requires"), "{error}");
    }
}

#[test]
fn redundant_rule_is_a_config_error() {
    let error = verify_error(&palisade::scope("/x").require_role("admin").service(user));
    assert!(error.contains("`owner(id)` is redundant in the scope /x (require_role(\"admin\"))"), "{error}");
    assert!(palisade::scope("/x").require_role("auditor").service(user).verify().is_ok());
    assert!(
        palisade::scope("/x").authenticated().service(me).verify().is_ok(),
        "repeating the scope's rule is allowed"
    );
}

#[test]
fn rule_that_admits_nobody_is_config_error() {
    const NOT_EDITOR: Rule = Rule::Not(&Rule::Role("editor"));
    let error = verify_error(&palisade::scope("/x").authorize(NOT_EDITOR).service(pages));
    assert!(error.contains("admits nobody") && error.contains("authorize(!role(\"editor\"))"), "{error}");
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
        let error = verify_error(&scope);
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn duplicate_parameter_is_a_config_error() {
    let error = verify_error(&palisade::scope("/{thing}").service(thing));
    assert!(error.contains("both have a parameter `thing`"), "{error}");
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
fn route_shadowed_by_an_earlier_template_is_config_error() {
    let admins = || palisade::scope("/admin").require_role("admin").service(me);
    for scope in [
        palisade::scope("").service(palisade::scope("/{org}").service(anything)).service(admins()),
        palisade::scope("").service(everything).service(admins()),
        palisade::scope("/x").service(everything).service(admins()),
        palisade::scope("/x").service(anything).service(me),
        palisade::scope("").service(palisade::scope("").service(anything)).service(me),
    ] {
        let error = verify_error(&scope);
        assert!(error.contains("is never reached") && error.contains(" first"), "{error}");
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
    call(&app, get_request("/api/admin/me")).await.assert_problem(401);
    call(&app, get_request("/apiadmin/me")).await.assert_problem(404);
}

#[test]
fn scope_owner_needs_parameter_in_its_prefix() {
    let error = verify_error(&palisade::scope("/api").owner("id").service(user));
    assert!(error.contains("owner(id) of the scope /api needs the parameter `{id}` in its prefix"), "{error}");
    let error = verify_error(&palisade::scope("/x").owner("org").service(me));
    assert!(error.contains("owner(org) of the scope /x needs the parameter `{org}` in its prefix"), "{error}");
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
    let request_as = |path: &str| get_request(path).insert_header(("authorization", bearer("alice", &["admin"])));
    assert_eq!(call(&app, request_as("/users/alice/me")).await.status, 200);
    call(&app, request_as("/users/bob/me")).await.assert_problem(403);
    call(&app, request_as("/users/bob/nowhere")).await.assert_problem(403);
}

#[authorize(!role("suspendd"))]
async fn not_undefined_role() -> &'static str {
    "in"
}

#[authorize(!role("suspended"))]
async fn not_suspended() -> &'static str {
    "in"
}

#[actix_web::test]
async fn undefined_role_on_unverified_route_is_500() {
    let roles = palisade::Roles::builder().role("suspended", |role| role).role("editor", |role| role).build().unwrap();
    let routes = || palisade::scope("/x").service(pages);
    let palisade = builder().roles(roles).routes(&routes()).build().unwrap();
    let app = App::new()
        .service(routes())
        .route("/not-undefined-role", web::get().to(not_undefined_role))
        .route("/not-suspended", web::get().to(not_suspended));
    let app = init_service(app.wrap(palisade)).await;
    let request_as =
        |path: &str, roles: &[&str]| get_request(path).insert_header(("authorization", bearer("alice", roles)));
    call(&app, request_as("/not-undefined-role", &["suspended"])).await.assert_problem(500);
    call(&app, request_as("/not-undefined-role", &["editor"])).await.assert_problem(500);
    call(&app, request_as("/not-suspended", &["suspended"])).await.assert_problem(403);
    assert_eq!(call(&app, request_as("/not-suspended", &["editor"])).await.status, 200);
    assert_eq!(call(&app, request_as("/x/pages", &["editor"])).await.status, 200);
}

#[test]
fn missing_settings_for_the_rules_fail_the_build() {
    use palisade::{ConfigError, Palisade, Roles};
    let build_error = |built: Result<Palisade, ConfigError>| without_places(&built.unwrap_err());
    let routes = || palisade::scope("").service(palisade::scope("/x").service(user)).service(pages);
    let without_authenticator = build_error(Palisade::builder().routes(&routes()).build());
    assert!(
        without_authenticator.starts_with("authenticator: none is set")
            && without_authenticator.contains("::user` at /x/users/{id}"),
        "{without_authenticator}"
    );

    let two_issuers = build_error(builder().authenticator(palisade_tests::jwt_of("theirs")).routes(&routes()).build());
    assert!(two_issuers.starts_with("resource_owner_issuer: must be set with"), "{two_issuers}");

    let roles = || Roles::builder().role("admin", |role| role).role("editr", |role| role).build().unwrap();
    let unknown_role = build_error(builder().roles(roles()).routes(&routes()).build());
    assert!(
        unknown_role.starts_with("roles: the role \"editor\" is not one of \"admin\", \"editr\""),
        "{unknown_role}"
    );
    assert!(unknown_role.contains("::pages` at /pages requires require_role(\"editor\")"), "{unknown_role}");

    let without_routes = build_error(builder().roles(roles()).build());
    assert!(without_routes.starts_with("roles: ") && without_routes.contains("`.routes(..)`"), "{without_routes}");
    let contradiction = palisade::scope("/x").authenticated().service(open);
    assert!(build_error(builder().routes(&contradiction).build()).starts_with("routes: "));
    assert!(builder().routes(&routes()).build().is_ok());
}

#[get("/members/{team}")]
#[owner(id, from_scope)]
async fn member() -> &'static str {
    "member"
}

/// A start that reports one mistake at a time takes as many starts as there are mistakes.
#[test]
fn all_mistakes_are_reported_at_once_with_their_places() {
    let scope = palisade::scope("/x")
        .service(palisade::scope("/:org").service(me))
        .service(me)
        .service(me)
        .service(palisade::scope("/{thing}").service(thing))
        .service(palisade::scope("/closed").require_role("admin").service(open).service(user))
        .service(palisade::scope("/teams").service(member))
        .service(palisade::scope("/named").require_role(" ").service(pages))
        .service(palisade::scope("").service(palisade::scope("/late").service(me)));
    let error = scope.verify().unwrap_err();
    for part in [
        "the prefix /:org of a scope",
        "both serve GET /x/me",
        "both have a parameter `thing`",
        "::open` (",
        "is redundant in the scope /x/closed",
        "needs the parameter `{id}`",
        "of the scope /x/named (",
        "the scope /x/late (",
    ] {
        let mistake = error.mistakes().find(|mistake| mistake.message().contains(part));
        let text = mistake.unwrap_or_else(|| panic!("{part}: {error}")).message();
        assert!(text.contains(concat!("(", file!(), ":")), "{text}");
    }
}
