//! Whom `owner_or_admin` and `RowFilter` mean is a setting, and it reaches every place that reads a rule.

use actix_web::test::init_service;
use actix_web::{App, Responder};
use palisade::policy::Rule;
use palisade::rate_limit::By;
use palisade::testing::{Access, AccessMatrix, Persona, Personas, access_matrix};
use palisade::{
    PalisadeBuilder, Principal, RateLimit, Roles, RowFilter, Scope, authenticated, get, owner_or_admin, require_role,
};
use palisade_tests::{bearer, builder, call, get as getting, jwt_of};
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

type Whose = RowFilter;

#[get("/list")]
#[authenticated]
async fn list(whose: Whose) -> String {
    format!("{whose:?}")
}

#[get("/perhaps")]
#[authenticated]
async fn perhaps(_: actix_web::HttpRequest, whose: Option<RowFilter>) -> String {
    format!("{whose:?}")
}

#[get("/wrapped", wrap = "actix_web::middleware::NormalizePath::trim()", guard = "everybody")]
#[authenticated]
async fn wrapped(whose: Result<RowFilter, actix_web::Error>) -> impl Responder {
    format!("{:?}", whose.ok())
}

fn everybody(_: &actix_web::guard::GuardContext<'_>) -> bool {
    true
}

fn routes() -> Scope {
    palisade::scope("").service(user).service(named).service(list).service(perhaps).service(wrapped)
}

async fn status(builder: PalisadeBuilder, path: &str, roles: &[&str]) -> u16 {
    let app = init_service(App::new().service(routes()).wrap(builder.build().unwrap())).await;
    let asked = getting(path).insert_header(("authorization", bearer("alice", roles)));
    call(&app, asked).await.status.as_u16()
}

async fn body(builder: PalisadeBuilder, path: &str, roles: &[&str]) -> String {
    let app = init_service(App::new().service(routes()).wrap(builder.build().unwrap())).await;
    call(&app, getting(path).insert_header(("authorization", bearer("alice", roles)))).await.body
}

#[actix_web::test]
async fn another_role_is_whom_owner_or_admin_means() {
    for (builder, admins, others) in [
        (builder as fn() -> PalisadeBuilder, ["admin"].as_slice(), ["root"].as_slice()),
        (|| builder().admin_role("root"), &["root"], &["admin"]),
        (|| builder().admin_role(Role::Root), &["root"], &["admin"]),
        (|| builder().admin_role("root".to_owned()), &["root"], &["admin"]),
        (|| builder().admin_role(Role::Root).roles(Roles::of::<Role>()).routes(&routes()), &["founder"], &["admin"]),
    ] {
        assert_eq!(status(builder(), "/users/bob", admins).await, 200);
        assert_eq!(status(builder(), "/users/bob", others).await, 403);
        assert_eq!(status(builder(), "/users/alice", others).await, 200, "owners stay owners");
        assert_eq!(body(builder(), "/list", admins).await, "Everything");
        assert_eq!(body(builder(), "/list", others).await, "Subject { subject: \"alice\", tenant: None }");
        // A role that is named is that role.
        assert_eq!(status(builder(), "/named", &["admin"]).await, 200);
        assert_eq!(status(builder(), "/named", &["root"]).await, 403);
    }
}

#[test]
fn the_table_prints_the_role_that_is_enforced() {
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
    let scoped: Vec<_> = json["routes"].as_array().unwrap().iter().map(|route| route["scoped"] == true).collect();
    assert_eq!(
        scoped,
        [false, false, true, true, true],
        "an alias, an option and a result are the type that they hold"
    );
}

#[test]
fn a_vocabulary_without_the_role_of_administrators_is_an_error_of_build() {
    let roles = || Roles::builder().role("root", |role| role).role("user", |role| role).build().unwrap();
    let build = |routes: Scope| builder().roles(roles()).routes(&routes).build();
    for (routes, demands) in [
        (palisade::scope("/x").service(user), "admin_role::user` at /x/users/{id} demands owner_or_admin(id)"),
        (palisade::scope("/x").service(list), "admin_role::list` at /x/list takes a `RowFilter`"),
        (palisade::scope("/x").service(perhaps), "admin_role::perhaps` at /x/perhaps takes a `RowFilter`"),
        (palisade::scope("").service(wrapped), "admin_role::wrapped` at /wrapped takes a `RowFilter`"),
        (palisade::scope("/x").authorize(Rule::Admin).service(plain), "demands require_role(\"admin\")"),
    ] {
        let refused = build(routes).unwrap_err().to_string();
        assert!(refused.starts_with("roles: the role \"admin\" is none of \"root\", \"user\" (name"), "{refused}");
        assert!(refused.contains(".admin_role(..)") && refused.contains(demands), "{refused}");
    }
    assert!(build(palisade::scope("/x").service(plain)).is_ok(), "nobody means administrators");
    let all = || palisade::scope("").service(user).service(list).service(perhaps).service(wrapped);
    assert!(builder().roles(roles()).routes(&all()).admin_role("root").build().is_ok());
    for name in ["", " root"] {
        let refused = builder().admin_role(name.to_owned()).build().unwrap_err().to_string();
        assert!(refused.starts_with("admin_role: "), "{refused}");
    }
}

#[get("/plain")]
#[authenticated]
async fn plain(caller: Principal) -> String {
    caller.subject().to_owned()
}

#[actix_web::test]
async fn a_scoped_that_nobody_gave_to_routes_is_refused_and_never_everything() {
    let roles = Roles::builder().role("root", |role| role).build().unwrap();
    let listed = palisade::scope("/x").service(plain);
    let palisade = builder().roles(roles).routes(&listed).build().unwrap();
    let app = init_service(App::new().service(listed).service(list).wrap(palisade)).await;
    for role in ["root", "admin"] {
        let asked = getting("/list").insert_header(("authorization", bearer("alice", &[role])));
        call(&app, asked).await.assert_problem(500);
    }
}

#[test]
fn whose_subjects_count_for_a_scoped_is_asked_at_build() {
    let two = || builder().authenticator(jwt_of("theirs"));
    let build = |builder: PalisadeBuilder| builder.routes(&palisade::scope("").service(list)).build();
    let refused = build(two()).unwrap_err().to_string();
    assert!(
        refused.starts_with("resource_owner_issuer: ") && refused.contains("at /list takes a `RowFilter`"),
        "{refused}"
    );
    assert!(build(two().resource_owner_issuer("theirs")).is_ok());
}

#[test]
fn what_never_matters_is_judged_by_the_real_name() {
    let around = |role| palisade::scope("/x").require_role(role).service(user);
    let build = |routes: &Scope, admin: &'static str| builder().admin_role(admin).routes(routes).build();
    assert!(around("admin").verify().is_err(), "by itself a scope takes the default name");
    assert!(build(&around("admin"), "root").is_ok(), "an admin who owns it is not any admin");
    let dead = build(&around("root"), "root").unwrap_err().to_string();
    let words = "has authorize(owner(id) || role(\"root\")), but `owner(id)` is redundant in the scope /x";
    assert!(dead.contains(words), "{dead}");
    // Two attributes of one handler.
    let own = palisade::scope("/x").service(admin_or_owner_under_admin);
    assert!(build(&own, "root").is_ok());
    let dead = build(&own, "admin").unwrap_err().to_string();
    assert!(dead.contains("`owner(id)` is redundant beside the other conditions"), "{dead}");
}

#[get("/both/{id}")]
#[owner_or_admin(id)]
#[require_role("admin")]
async fn admin_or_owner_under_admin() -> &'static str {
    "in"
}

#[actix_web::test]
async fn exemptions_mean_the_same_administrators() {
    let limited =
        || palisade::scope("").rate_limit(RateLimit::new("one", 1, Duration::from_secs(60)).by(By::Principal));
    let routes = || limited().service(plain);
    let palisade = builder().admin_role("root").exempt_from_rate_limits_if(Rule::Admin).build().unwrap();
    let app = init_service(App::new().service(routes()).wrap(palisade)).await;
    let mut answers = Vec::new();
    for role in ["root", "root", "admin", "admin"] {
        let asked = getting("/plain").insert_header(("authorization", bearer(role, &[role])));
        answers.push(call(&app, asked).await.status.as_u16());
    }
    assert_eq!(answers, [200, 200, 200, 429]);
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
async fn the_access_matrix_expects_the_real_administrators() {
    let row =
        |matrix: AccessMatrix| matrix.row("GET /users/{id}").map(|row| row[0] == Access::In && row[1] != Access::In);
    assert_eq!(row(matrix(builder(), routes().policies()).await), Some(true));
    let renamed = builder().admin_role("root").routes(&routes()).build().unwrap().policies();
    assert_eq!(row(matrix(builder().admin_role("root"), renamed).await), Some(false));
}

#[actix_web::test]
#[should_panic(expected = "add `.with_admin_role(\"root\")`")]
async fn a_matrix_by_a_table_of_other_administrators_says_what_to_do() {
    matrix(builder().admin_role("root"), routes().policies()).await;
}
