//! A rule that does not mean what it says (CWE-863): for random rules, the verdict of the whole guard equals that of
//! a reference evaluator that was written without it, and an additional condition never admits more.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use actix_web::test::{TestRequest, init_service};
use actix_web::web::Data;
use actix_web::{App, HttpRequest, web};
use palisade::policy::{Check, Network, Ownership, Rule, Verdict};
use palisade::resource::{OwnerKey, Unavailable};
use palisade::testing::AsPrincipal;
use palisade::{Policy, Principal, Resource, Roles};
use palisade_tests::{builder, call_raw, get_request};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

/// `admin` implies `editor`, which implies `user`. Each role grants the permission, and comes with the scope, of its
/// index.
const ROLES: [&str; 3] = ["admin", "editor", "user"];
/// The index of the administrator role in this application; it is not the default one.
const ADMIN: usize = 1;
const PERMISSIONS: [&str; 3] = ["p0", "p1", "p2"];
const SCOPES: [&str; 3] = ["s0", "s1", "s2"];

#[derive(Clone, Debug, PartialEq)]
enum Tree {
    Public,
    Authenticated,
    Nobody,
    Role(usize),
    Admin,
    Permission(usize),
    Scope(usize),
    Owner,
    Tenant,
    /// Whether it is the scheme of the caller.
    Scheme(bool),
    /// Whether the network contains the address of the caller, if that is known.
    Network(bool),
    Check(Answer),
    Row(Found),
    Not(Box<Tree>),
    All(Vec<Tree>),
    Any(Vec<Tree>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Answer {
    Allow,
    Deny,
    Down,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Found {
    Own,
    Foreign,
    OfAnotherTenant,
    Missing,
    Down,
}

/// The caller: anonymous, or a subject with some of the roles.
#[derive(Clone, Debug)]
struct Caller {
    known: bool,
    owner: bool,
    tenant: bool,
    /// Whether the address is known.
    located: bool,
    roles: Vec<usize>,
    scopes: Vec<usize>,
}

fn trees() -> impl Strategy<Value = Tree> {
    let answers = prop_oneof![Just(Answer::Allow), Just(Answer::Deny), Just(Answer::Down)];
    let found = prop_oneof![
        2 => Just(Found::Own), 2 => Just(Found::Foreign), 1 => Just(Found::OfAnotherTenant), 1 => Just(Found::Missing), 1 => Just(Found::Down)
    ];
    let leaf = prop_oneof![
        1 => Just(Tree::Public),
        2 => Just(Tree::Authenticated),
        1 => Just(Tree::Nobody),
        5 => (0..3_usize).prop_map(Tree::Role),
        2 => Just(Tree::Admin),
        3 => (0..3_usize).prop_map(Tree::Permission),
        3 => (0..3_usize).prop_map(Tree::Scope),
        3 => Just(Tree::Owner),
        2 => Just(Tree::Tenant),
        2 => any::<bool>().prop_map(Tree::Scheme),
        2 => any::<bool>().prop_map(Tree::Network),
        3 => answers.prop_map(Tree::Check),
        3 => found.prop_map(Tree::Row),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            2 => vec(inner.clone(), 0..4).prop_map(Tree::All),
            2 => vec(inner.clone(), 0..4).prop_map(Tree::Any),
            1 => inner.prop_map(|tree| Tree::Not(Box::new(tree))),
        ]
    })
}

fn callers() -> impl Strategy<Value = Caller> {
    let some = || proptest::sample::subsequence(vec![0, 1, 2], 0..=3);
    let located = proptest::bool::weighted(0.8);
    (proptest::bool::weighted(0.8), any::<bool>(), any::<bool>(), located, some(), some()).prop_map(
        |(known, owner, tenant, located, roles, scopes)| Caller { known, owner, tenant, located, roles, scopes },
    )
}

static ALLOW: Check = Check::new("allow", |_, _| palisade::__v1::pending(async { true }));
static DENY: Check = Check::new("deny", |_, _| palisade::__v1::pending(async { Verdict::Deny }));
static DOWN: Check = Check::new("down", |_, _| palisade::__v1::pending(async { Verdict::Unavailable }));

/// Five types, because a rule may name each of these rows once.
struct Row<const KIND: u8>;

impl<const KIND: u8> Resource for Row<KIND> {
    type Id = String;
    type Store = ();

    async fn load((): &(), id: String) -> Result<Option<Self>, Unavailable> {
        assert_eq!(id, "me");
        match KIND {
            3 => Ok(None),
            4 => Err(Unavailable),
            _ => Ok(Some(Self)),
        }
    }

    fn owner(&self) -> impl OwnerKey {
        if KIND == 1 { "somebody else" } else { "me" }
    }

    fn tenant(&self) -> Option<Cow<'_, str>> {
        (KIND == 2).then_some(Cow::Borrowed("another"))
    }
}

static ROWS: [Ownership; 5] = [
    Ownership::of::<Row<0>>("Own", &["id"]),
    Ownership::of::<Row<1>>("Foreign", &["id"]),
    Ownership::of::<Row<2>>("OfAnotherTenant", &["id"]),
    Ownership::of::<Row<3>>("Missing", &["id"]),
    Ownership::of::<Row<4>>("Down", &["id"]),
];

/// The tree as a policy stores it. The few bytes of a case are leaked.
fn rule(tree: &Tree) -> Rule {
    let list = |trees: &[Tree]| &*trees.iter().map(rule).collect::<Vec<_>>().leak();
    match tree {
        Tree::Public => Rule::Public,
        Tree::Authenticated => Rule::Authenticated,
        Tree::Nobody => Rule::Nobody,
        Tree::Role(role) => Rule::Role(ROLES[*role]),
        Tree::Admin => Rule::Admin,
        Tree::Permission(permission) => Rule::Permission(PERMISSIONS[*permission]),
        Tree::Scope(scope) => Rule::Scope(SCOPES[*scope]),
        Tree::Owner => Rule::Owner("id"),
        Tree::Tenant => Rule::Tenant("tenant"),
        Tree::Scheme(own) => Rule::Scheme(if *own { "bEARER" } else { "Basic" }),
        Tree::Network(true) => Rule::Network(&[Network::V4([10, 0, 0, 0], 8), Network::V4([203, 0, 113, 0], 24)]),
        Tree::Network(false) => Rule::Network(&[Network::V4([10, 0, 0, 0], 8), Network::V6([0; 8], 8)]),
        Tree::Check(Answer::Allow) => Rule::Check(&ALLOW),
        Tree::Check(Answer::Deny) => Rule::Check(&DENY),
        Tree::Check(Answer::Down) => Rule::Check(&DOWN),
        Tree::Row(found) => Rule::Owns(&ROWS[*found as usize]),
        Tree::Not(tree) => Rule::Not(Box::leak(Box::new(rule(tree)))),
        Tree::All(trees) => Rule::All(list(trees)),
        Tree::Any(trees) => Rule::Any(list(trees)),
    }
}

/// The reference evaluator, a direct reading of the tree. `None` means that the result cannot be determined.
fn holds(tree: &Tree, caller: &Caller) -> Option<bool> {
    holds_for(tree, caller, None)
}

/// The same, if each row except this one belongs to another user.
fn holds_for(tree: &Tree, caller: &Caller, only: Option<Found>) -> Option<bool> {
    let known = |demand: bool| Some(caller.known && demand);
    match tree {
        Tree::Public => Some(true),
        Tree::Authenticated => known(true),
        Tree::Nobody => Some(false),
        // A role with a lower index implies more.
        Tree::Role(wanted) | Tree::Permission(wanted) => known(caller.roles.iter().any(|role| role <= wanted)),
        Tree::Admin => known(caller.roles.iter().any(|role| *role <= ADMIN)),
        Tree::Scope(scope) => known(caller.scopes.contains(scope)),
        Tree::Owner => known(caller.owner),
        Tree::Tenant => known(caller.tenant),
        Tree::Scheme(own) => known(*own),
        Tree::Network(inside) => {
            if caller.known && !caller.located {
                None
            } else {
                known(*inside)
            }
        }
        Tree::Check(_) | Tree::Row(_) | Tree::Not(_) if !caller.known => Some(false),
        Tree::Row(found) if only.is_some_and(|only| only != *found) => Some(false),
        Tree::Check(Answer::Down) | Tree::Row(Found::Down) => None,
        Tree::Check(answer) => Some(*answer == Answer::Allow),
        Tree::Row(found) => Some(*found == Found::Own && caller.owner),
        Tree::Not(tree) => holds_for(tree, caller, only).map(|holds| !holds),
        Tree::All(trees) => {
            let answers: Vec<_> = trees.iter().map(|tree| holds_for(tree, caller, only)).collect();
            if answers.is_empty() || answers.contains(&Some(false)) {
                Some(false)
            } else if answers.contains(&None) {
                None
            } else {
                Some(true)
            }
        }
        Tree::Any(trees) => {
            let answers: Vec<_> = trees.iter().map(|tree| holds_for(tree, caller, only)).collect();
            if answers.contains(&Some(true)) {
                Some(true)
            } else if answers.contains(&None) {
                None
            } else {
                Some(false)
            }
        }
    }
}

fn names_a_caller(tree: &Tree) -> bool {
    match tree {
        Tree::Public | Tree::Nobody => false,
        Tree::All(trees) | Tree::Any(trees) => trees.is_empty() || trees.iter().any(names_a_caller),
        _ => true,
    }
}

fn names_a_network(tree: &Tree) -> bool {
    match tree {
        Tree::Network(_) => true,
        Tree::Not(tree) => names_a_network(tree),
        Tree::All(trees) | Tree::Any(trees) => trees.iter().any(names_a_network),
        _ => false,
    }
}

fn rows(tree: &Tree, found: &mut Vec<Found>) {
    match tree {
        Tree::Row(row) => found.push(*row),
        Tree::Not(tree) => rows(tree, found),
        Tree::All(trees) | Tree::Any(trees) => trees.iter().for_each(|tree| rows(tree, found)),
        _ => {}
    }
}

/// Each status that is correct for the case: 200, or the allowed rejections.
fn expected(tree: &Tree, caller: &Caller) -> Vec<u16> {
    let mut named = Vec::new();
    rows(tree, &mut named);
    match (names_a_caller(tree), caller.known, holds(tree, caller)) {
        (true, false, _) => vec![401],
        // Trying again does not help a caller without an address.
        (_, _, None) => vec![if !caller.located && names_a_network(tree) { 403 } else { 503 }],
        // If the caller is admitted, the rows that the rule names must exist and be visible to this caller.
        (_, _, Some(true)) if caller.known => {
            let mut statuses = Vec::new();
            for row in &named {
                match row {
                    Found::Missing | Found::OfAnotherTenant => statuses.push(404),
                    Found::Down => statuses.push(503),
                    Found::Own if caller.owner => {}
                    Found::Own | Found::Foreign if holds_for(tree, caller, Some(*row)) == Some(true) => {}
                    Found::Own | Found::Foreign => statuses.push(404),
                }
            }
            if statuses.is_empty() { vec![200] } else { statuses }
        }
        (_, _, Some(true)) => vec![200],
        (_, _, Some(false)) if named.is_empty() => vec![403],
        (_, _, Some(false)) => vec![403, 404],
    }
}

thread_local! {
    /// The policy of the case. Each test has its own thread.
    static CURRENT: RefCell<Option<Rc<Cell<&'static Policy>>>> = const { RefCell::new(None) };
}

/// The policy of the function itself, in whose place each case has its own.
static UNUSED: Policy = Policy::new(Rule::Nobody);

/// One application, whose single route has the policy of the case.
macro_rules! app {
    ($current:expr) => {{
        CURRENT.with(|current| *current.borrow_mut() = Some(Rc::clone(&$current)));
        // The same as the attributes generate for a function.
        let guarded = palisade::__v1::Function::new(&UNUSED, |_, request: HttpRequest, payload: web::Payload| {
            let policy = CURRENT.with(|current| current.borrow().as_ref().unwrap().get());
            let policy = palisade::__v1::FunctionPolicy::of(policy);
            let handler = || async { "in" };
            let handler = palisade::__v1::handler!(handler; &'static str;);
            Box::pin(palisade::__v1::enforce(policy, request, payload, handler))
        });
        let routes = palisade::scope("/routes").service(nothing);
        let palisade = builder().roles(roles()).admin_role(ROLES[ADMIN]).routes(&routes).build().unwrap();
        let app = App::new().app_data(Data::new(())).route("/{tenant}/{id}", web::get().to(guarded)).wrap(palisade);
        init_service(app).await
    }};
}

#[palisade::get("/nothing")]
#[palisade::public]
async fn nothing() -> &'static str {
    ""
}

fn roles() -> Roles {
    Roles::builder()
        .role("admin", |role| role.implies("editor").grants("p0"))
        .role("editor", |role| role.implies("user").grants("p1"))
        .role("user", |role| role.grants("p2"))
        .build()
        .unwrap()
}

fn policy(tree: &Tree) -> &'static Policy {
    Box::leak(Box::new(Policy::new(rule(tree))))
}

fn asking(caller: &Caller) -> actix_http::Request {
    let request = if caller.located { get_request("/acme/me") } else { TestRequest::get().uri("/acme/me") };
    if !caller.known {
        return request.to_request();
    }
    let principal = Principal::new("Bearer", "issuer", if caller.owner { "me" } else { "other" })
        .with_roles(caller.roles.iter().map(|role| ROLES[*role]))
        .with_scopes(caller.scopes.iter().map(|scope| SCOPES[*scope]))
        .with_tenant(if caller.tenant { "acme" } else { "elsewhere" });
    request.as_principal(principal)
}

#[actix_web::test]
async fn random_rules_match_the_reference_evaluator() {
    let current = Rc::new(Cell::new(policy(&Tree::Nobody)));
    let app = app!(current);
    let mut runner = TestRunner::new(Config::default());
    let mut seen = std::collections::BTreeMap::new();
    for _ in 0..100_000 {
        let (tree, caller) = (trees(), callers()).new_tree(&mut runner).unwrap().current();
        current.set(policy(&tree));
        let status = call_raw(&app, asking(&caller)).await.status.as_u16();
        assert!(expected(&tree, &caller).contains(&status), "{status}: {tree:?} {caller:?}");
        *seen.entry(status).or_insert(0) += 1;
    }
    // If a verdict were hardly ever correct, the test would prove little.
    for status in [200, 401, 403, 404, 503] {
        assert!(seen.get(&status).is_some_and(|times| *times > 1_000), "{seen:?}");
    }
}

#[actix_web::test]
async fn additional_condition_never_admits_more() {
    let current = Rc::new(Cell::new(policy(&Tree::Nobody)));
    let app = app!(current);
    let mut runner = TestRunner::new(Config::default());
    for _ in 0..10_000 {
        let (tree, demand, caller) = (trees(), trees(), callers()).new_tree(&mut runner).unwrap().current();
        let both = Tree::All(vec![tree.clone(), demand.clone()]);
        let mut admitted = Vec::new();
        for tree in [&both, &tree, &demand] {
            current.set(policy(tree));
            admitted.push(call_raw(&app, asking(&caller)).await.status == 200);
        }
        // A condition for a principal also requires credentials, so a rule that is public without it need not be
        // public with it.
        assert!(!admitted[0] || (admitted[1] && admitted[2]), "{tree:?} {demand:?} {caller:?}");
    }
}
