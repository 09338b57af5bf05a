//! CWE-863: a rule with a name, and a predicate with arguments, decide as if they were written out.

use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::test::init_service;
use actix_web::{App, HttpRequest};
use palisade::policy::{Rule, Verdict};
use palisade::{Principal, authorize, get, rule};
use palisade_tests::{bearer, builder, call, get_request, palisade};

mod rules {
    use palisade::policy::Rule;

    pub(crate) const EDITORS: Rule = Rule::Any(&[Rule::Role("editor"), Rule::Admin]);
    pub(crate) const OWNERS: Rule = palisade::rule!(owner(id));
}
use rules::EDITORS;

const EXPERTS: Rule = rule!(EDITORS && check(min_roles(MIN_ROLES)));
const MIN_ROLES: usize = 2;

async fn min_roles(_: &HttpRequest, principal: &Principal, least: usize) -> bool {
    principal.roles().len() >= least
}

async fn member_of(_: &HttpRequest, principal: &Principal, org: &str, page: &str, offset: i32) -> Verdict {
    if page == "broken" {
        return Verdict::Unavailable;
    }
    (offset == -1 && principal.subject() == org).into()
}

#[get("/edit")]
#[authorize(EDITORS)]
async fn edit() -> &'static str {
    "edit"
}

#[get("/review")]
#[authorize(rules::EDITORS && !role("suspended"))]
async fn review() -> &'static str {
    "review"
}

#[get("/expert")]
#[authorize(EXPERTS)]
async fn expert() -> &'static str {
    "expert"
}

#[get("/users/{id}")]
#[authorize(rules::OWNERS)]
async fn own() -> &'static str {
    "own"
}

#[get("/members/{org}/{page}")]
#[authorize(check(member_of(org, page, -1)))]
async fn members() -> &'static str {
    "members"
}

#[get("/pages/{page}")]
#[authorize(check(member_of(org, page, -1), from_scope))]
async fn inside() -> &'static str {
    "inside"
}

macro_rules! status {
    ($app:expr, $path:expr, $name:expr, $roles:expr) => {
        call($app, get_request($path).insert_header(("authorization", bearer($name, $roles)))).await.status.as_u16()
    };
}

#[actix_web::test]
async fn a_named_rule_decides_as_if_it_were_written_out() {
    let scope = || palisade::scope("/s").service(edit).service(review).service(expert).service(own);
    let palisade = builder().routes(&scope()).build().unwrap();
    let app = init_service(App::new().service(scope()).wrap(palisade)).await;
    for (path, roles, status) in [
        ("/s/edit", &["editor"][..], 200),
        ("/s/edit", &["admin"], 200),
        ("/s/edit", &["user"], 403),
        ("/s/review", &["editor"], 200),
        ("/s/review", &["editor", "suspended"], 403),
        ("/s/expert", &["editor"], 403),
        ("/s/expert", &["editor", "admin"], 200),
        ("/s/users/alice", &[], 200),
        ("/s/users/bob", &["admin"], 403),
    ] {
        assert_eq!(status!(&app, path, "alice", roles), status, "{path} {roles:?}");
        call(&app, get_request(path)).await.assert_problem(401);
    }
}

#[test]
fn the_policy_table_shows_the_conditions_of_a_named_rule() {
    let table = palisade::scope("/s").service(edit).service(review).service(expert).service(members).policies();
    let access: Vec<String> = table.rows().iter().map(|row| row.access()).collect();
    assert_eq!(
        access,
        [
            "authorize(role(\"editor\") || role(\"admin\"))",
            "authorize(role(\"editor\") || role(\"admin\")), authorize(!role(\"suspended\"))",
            "authorize(role(\"editor\") || role(\"admin\")), authorize(check(min_roles(MIN_ROLES)))",
            "authorize(check(member_of(org, page, -1)))",
        ]
    );
}

#[actix_web::test]
async fn a_predicate_gets_decoded_path_parameters_and_constants() {
    let scope = palisade::scope("/s").service(members).service(palisade::scope("/in/{org}").service(inside));
    assert_eq!(scope.verify(), Ok(()));
    let app = init_service(App::new().service(scope).wrap(palisade())).await;
    for (path, name, status) in [
        ("/s/members/alice/1", "alice", 200),
        ("/s/members/bob/1", "alice", 403),
        ("/s/members/a%2Fb/1", "a/b", 200),
        ("/s/members/a%FF/1", "a%FF", 400),
        ("/s/members/alice/broken", "alice", 503),
        ("/s/in/alice/pages/1", "alice", 200),
        ("/s/in/bob/pages/1", "alice", 403),
    ] {
        assert_eq!(status!(&app, path, name, &[]), status, "{path} of {name}");
    }
}

#[test]
fn a_named_rule_is_checked_where_it_is_mounted() {
    for (scope, part) in [
        (palisade::scope("/x").service(inside), "needs the parameter `{org}`"),
        (palisade::scope("/x").authorize(rule!(check(member_of(org, page, 1)))), ""),
        (
            palisade::scope("/x").authorize(rule!(check(member_of(org, page, 1)))).service(edit),
            "needs the parameter `{org}` in its prefix",
        ),
        (palisade::scope("/x").authorize(rules::OWNERS).service(edit), "needs the parameter `{id}` in its prefix"),
        (palisade::scope("/x").authorize(Rule::Not(&EDITORS)).service(edit), "admits nobody"),
    ] {
        match scope.verify() {
            Ok(()) => assert_eq!(part, ""),
            Err(error) => assert!(!part.is_empty() && error.to_string().contains(part), "{error}"),
        }
    }
}

static ASKED: AtomicUsize = AtomicUsize::new(0);

async fn is_alice(_: &HttpRequest, principal: &Principal) -> bool {
    ASKED.fetch_add(1, Ordering::Relaxed);
    principal.subject() == "alice"
}

fn is_not(name: &'static str) -> impl AsyncFn(&HttpRequest, &Principal) -> Verdict {
    async move |_: &HttpRequest, principal: &Principal| Verdict::from(principal.subject() != name)
}

#[actix_web::test]
async fn a_scope_has_predicates() {
    let scope = palisade::scope("/s")
        .authorize(Rule::check(is_alice))
        .authorize(Rule::check(is_not("bob")))
        .authorize(rule!(!role("editor") || check(min_roles(2))))
        .service(palisade::scope("/inner").authorize(Rule::check(is_alice)).service(own_page));
    assert_eq!(scope.verify(), Ok(()));
    let access = scope.policies().rows()[0].access();
    assert!(access.starts_with("authorize(check(attack_named_rules::is_alice)) (scope /s)"), "{access}");
    let app = init_service(App::new().service(scope).wrap(palisade())).await;
    for (path, name, roles, status) in [
        ("/s/inner/page", "alice", &[][..], 200),
        ("/s/inner/page", "bob", &[], 403),
        ("/s/inner/page", "alice", &["editor"], 403),
        ("/s/inner/page", "alice", &["editor", "user"], 200),
        ("/s/nowhere", "bob", &[], 403),
        ("/s/nowhere", "alice", &[], 404),
    ] {
        ASKED.store(0, Ordering::Relaxed);
        assert_eq!(status!(&app, path, name, roles), status, "{path} {name} {roles:?}");
        assert!(ASKED.load(Ordering::Relaxed) <= 1, "the same function is asked once");
    }
}

#[get("/page")]
#[palisade::authenticated]
async fn own_page() -> &'static str {
    "page"
}

#[test]
fn a_function_is_kept_once() {
    assert_eq!(Rule::check(is_alice), Rule::check(is_alice));
    let (Rule::Check(one), Rule::Check(other)) = (Rule::check(is_alice), Rule::check(is_alice)) else { unreachable!() };
    assert!(std::ptr::eq(one, other));
    assert_ne!(Rule::check(is_not("a")), Rule::check(is_not("a")), "two closures may differ in what they captured");
}
