//! CWE-863: an administrator role with another name that only some places honour. The builder sets the role, and
//! every check that means administrators (`owner_or_admin`, `RowFilter`, exemptions, the policy table) must use it.

use actix_web::test::init_service;
use actix_web::{App, Responder};
use palisade::policy::Rule;
use palisade::rate_limit::By;
use palisade::testing::{Access, AccessMatrix, Persona, Personas, access_matrix};
use palisade::{
    PalisadeBuilder, Principal, RateLimit, Roles, RowFilter, Scope, authenticated, get, owner_or_admin, require_role,
};
use palisade_tests::{bearer, builder, call, get_request, jwt_of, without_places};
use std::time::Duration;

#[derive(Clone, Copy, palisade::Role)]
enum Role {
    #[implies(Root)]
    Founder,
    Root,
    Admin,
}

#[get("/users/{id}")]
#[owner_or_admin(id)]
async fn user() -> &'static str {
    "in"
}

#[get("/named")]
#[require_role("admin")]
async fn named() -> &'static str {
    "in"
}

type RowFilterAlias = RowFilter;

#[get("/list")]
#[authenticated]
async fn list(filter: RowFilterAlias) -> String {
    format!("{filter:?}")
}

#[get("/perhaps")]
#[authenticated]
async fn perhaps(_: actix_web::HttpRequest, filter: Option<RowFilter>) -> String {
    format!("{filter:?}")
}

#[get("/wrapped", wrap = "actix_web::middleware::NormalizePath::trim()", guard = "everybody")]
#[authenticated]
async fn wrapped(filter: Result<RowFilter, actix_web::Error>) -> impl Responder {
    format!("{:?}", filter.ok())
}

fn everybody(_: &actix_web::guard::GuardContext<'_>) -> bool {
    true
}

fn routes() -> Scope {
    palisade::scope("").service(user).service(named).service(list).service(perhaps).service(wrapped)
}

async fn status(builder: PalisadeBuilder, path: &str, roles: &[&str]) -> u16 {
    let app = init_service(App::new().service(routes()).wrap(builder.build().unwrap())).await;
    let request = get_request(path).insert_header(("authorization", bearer("alice", roles)));
    call(&app, request).await.status.as_u16()
}

async fn body(builder: PalisadeBuilder, path: &str, roles: &[&str]) -> String {
    let app = init_service(App::new().service(routes()).wrap(builder.build().unwrap())).await;
    call(&app, get_request(path).insert_header(("authorization", bearer("alice", roles)))).await.body
}

#[actix_web::test]
async fn configured_admin_role_replaces_the_default() {
    for (builder, admins, others) in [
        (builder as fn() -> PalisadeBuilder, ["admin"].as_slice(), ["root"].as_slice()),
        (|| builder().admin_role("root"), &["root"], &["admin"]),
        (|| builder().admin_role(Role::Root), &["root"], &["admin"]),
        (|| builder().admin_role("root".to_owned()), &["root"], &["admin"]),
        (|| builder().admin_role(Role::Root).roles(Roles::of::<Role>()).routes(&routes()), &["founder"], &["admin"]),
    ] {
        assert_eq!(status(builder(), "/users/bob", admins).await, 200);
        assert_eq!(status(builder(), "/users/bob", others).await, 403);
        assert_eq!(status(builder(), "/users/alice", others).await, 200, "an owner is still admitted");
        assert_eq!(body(builder(), "/list", admins).await, "Everything");
        assert_eq!(body(builder(), "/list", others).await, "Subject { subject: \"alice\", tenant: None }");
        // `require_role("admin")` names a role, so the setting does not change it.
        assert_eq!(status(builder(), "/named", &["admin"]).await, 200);
        assert_eq!(status(builder(), "/named", &["root"]).await, 403);
    }
}

#[test]
fn policy_table_prints_the_enforced_admin_role() {
    let access = |table: palisade::PolicyTable| {
        let texts = [table.to_text(), table.to_markdown(), table.to_html().replace("&quot;", "\"")];
        let access = table.rows()[0].access();
        assert!(texts.iter().all(|text| text.contains(&access) || text.contains(&access.replace("||", "\\|\\|"))));
        assert_eq!(table.rows()[1].access(), "require_role(\"admin\")");
        access
    };
    let renamed = "authorize(owner(id) || role(\"root\"))";
    assert_eq!(access(routes().policies()), "owner_or_admin(id)");
    assert_eq!(access(routes().policies().with_admin_role(Role::Root)), renamed);
    assert_eq!(access(builder().routes(&routes()).build().unwrap().policies()), "owner_or_admin(id)");
    let table = builder().routes(&routes()).admin_role("root").build().unwrap().policies();
    assert_eq!(access(table.clone()), renamed);
    let json: serde_json::Value = serde_json::from_str(&table.to_json()).unwrap();
    assert_eq!((&json["admin_role"], &json["routes"][0]["access"][0]["rule"]), (&"root".into(), &renamed.into()));
    let takes_row_filter: Vec<_> =
        json["routes"].as_array().unwrap().iter().map(|route| route["row_filter"] == true).collect();
    assert_eq!(
        takes_row_filter,
        [false, false, true, true, true],
        "a row filter is recognized behind an alias, an option and a result"
    );
}

#[test]
fn unregistered_admin_role_fails_the_build() {
    let roles = || Roles::builder().role("root", |role| role).role("user", |role| role).build().unwrap();
    let build = |routes: Scope| builder().roles(roles()).routes(&routes).build();
    for (routes, demands) in [
        (palisade::scope("/x").service(user), "admin_role::user` at /x/users/{id} requires owner_or_admin(id)"),
        (palisade::scope("/x").service(list), "admin_role::list` at /x/list takes a `RowFilter`"),
        (palisade::scope("/x").service(perhaps), "admin_role::perhaps` at /x/perhaps takes a `RowFilter`"),
        (palisade::scope("").service(wrapped), "admin_role::wrapped` at /wrapped takes a `RowFilter`"),
        (palisade::scope("/x").authorize(Rule::Admin).service(plain), "requires require_role(\"admin\")"),
    ] {
        let rejected = without_places(&build(routes).unwrap_err());
        assert!(rejected.starts_with("roles: the role \"admin\" is not one of \"root\", \"user\" (name"), "{rejected}");
        assert!(rejected.contains(".admin_role(..)") && rejected.contains(demands), "{rejected}");
    }
    assert!(build(palisade::scope("/x").service(plain)).is_ok(), "no route here needs an administrator");
    let all = || palisade::scope("").service(user).service(list).service(perhaps).service(wrapped);
    assert!(builder().roles(roles()).routes(&all()).admin_role("root").build().is_ok());
    for name in ["", " root"] {
        let rejected = builder().admin_role(name.to_owned()).build().unwrap_err().to_string();
        assert!(rejected.starts_with("admin_role: "), "{rejected}");
    }
}

#[get("/plain")]
#[authenticated]
async fn plain(caller: Principal) -> String {
    caller.subject().to_owned()
}

#[actix_web::test]
async fn row_filter_on_unregistered_route_is_rejected() {
    let roles = Roles::builder().role("root", |role| role).build().unwrap();
    let listed = palisade::scope("/x").service(plain);
    let palisade = builder().roles(roles).routes(&listed).build().unwrap();
    let app = init_service(App::new().service(listed).service(list).wrap(palisade)).await;
    for role in ["root", "admin"] {
        let request = get_request("/list").insert_header(("authorization", bearer("alice", &[role])));
        call(&app, request).await.assert_problem(500);
    }
}

#[test]
fn row_filter_with_several_issuers_needs_owner_issuer() {
    let two = || builder().authenticator(jwt_of("theirs"));
    let build = |builder: PalisadeBuilder| builder.routes(&palisade::scope("").service(list)).build();
    let rejected = build(two()).unwrap_err().to_string();
    assert!(
        rejected.starts_with("resource_owner_issuer: ") && rejected.contains("at /list takes a `RowFilter`"),
        "{rejected}"
    );
    assert!(build(two().resource_owner_issuer("theirs")).is_ok());
}

#[test]
fn redundancy_check_uses_the_configured_admin_role() {
    let around = |role| palisade::scope("/x").require_role(role).service(user);
    let build = |routes: &Scope, admin: &'static str| builder().admin_role(admin).routes(routes).build();
    assert!(around("admin").verify().is_err(), "without a builder a scope uses the default name");
    assert!(build(&around("admin"), "root").is_ok(), "the owner check is not redundant here");
    let dead = build(&around("root"), "root").unwrap_err().to_string();
    let words = "has authorize(owner(id) || role(\"root\")), but `owner(id)` is redundant in the scope /x";
    assert!(dead.contains(words), "{dead}");
    // The same check for two attributes of one handler.
    let own = palisade::scope("/x").service(admin_or_owner_under_admin);
    assert!(build(&own, "root").is_ok());
    let dead = build(&own, "admin").unwrap_err().to_string();
    assert!(dead.contains("`owner(id)` is redundant: the other conditions already imply the result"), "{dead}");
}

#[get("/both/{id}")]
#[owner_or_admin(id)]
#[require_role("admin")]
async fn admin_or_owner_under_admin() -> &'static str {
    "in"
}

#[actix_web::test]
async fn rate_limit_exemption_uses_configured_admin_role() {
    let limited =
        || palisade::scope("").rate_limit(RateLimit::new("one", 1, Duration::from_secs(60)).by(By::Principal));
    let routes = || limited().service(plain);
    let palisade = builder().admin_role("root").exempt_from_rate_limits_if(Rule::Admin).build().unwrap();
    let app = init_service(App::new().service(routes()).wrap(palisade)).await;
    let mut responses = Vec::new();
    for role in ["root", "root", "admin", "admin"] {
        let request = get_request("/plain").insert_header(("authorization", bearer(role, &[role])));
        responses.push(call(&app, request).await.status.as_u16());
    }
    assert_eq!(responses, [200, 200, 200, 429]);
}

fn personas() -> Personas {
    let of = |roles: [&'static str; 1]| Principal::new("Bearer", "i", "somebody").with_roles(roles);
    Personas::new()
        .parameter("id", "alice")
        .persona(Persona::of("admin", of(["admin"])))
        .persona(Persona::of("root", of(["root"])))
}

async fn matrix(builder: PalisadeBuilder, table: palisade::PolicyTable) -> AccessMatrix {
    let app = init_service(App::new().service(routes()).wrap(builder.build().unwrap())).await;
    access_matrix(&app, &table, &personas()).await
}

#[actix_web::test]
async fn access_matrix_uses_the_configured_admin_role() {
    let row =
        |matrix: AccessMatrix| matrix.row("GET /users/{id}").map(|row| row[0] == Access::In && row[1] != Access::In);
    assert_eq!(row(matrix(builder(), routes().policies()).await), Some(true));
    let renamed = builder().admin_role("root").routes(&routes()).build().unwrap().policies();
    assert_eq!(row(matrix(builder().admin_role("root"), renamed).await), Some(false));
}

#[actix_web::test]
#[should_panic(expected = "add `.with_admin_role(\"root\")`")]
async fn access_matrix_reports_a_mismatched_admin_role() {
    matrix(builder().admin_role("root"), routes().policies()).await;
}
