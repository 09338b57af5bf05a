//! A rule that means something else than it says (row M1, CWE-863): random trees, through the whole guard, equal a
//! reference evaluator that was written without it; and one more demand never admits more.

use std::cell::Cell;
use std::rc::Rc;

use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpRequest, web};
use palisade::{Policy, Rule};
use palisade_tests::{bearer, call, get, palisade};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

const ROLES: [&str; 3] = ["admin", "editor", "user"];

#[derive(Clone, Debug)]
enum Tree {
    Public,
    Authenticated,
    Nobody,
    Role(usize),
    Owner,
    All(Vec<Tree>),
    Any(Vec<Tree>),
}

/// Who asks: nobody, or a subject with some of the roles.
#[derive(Clone, Debug)]
struct Caller {
    known: bool,
    owner: bool,
    roles: Vec<usize>,
}

fn trees() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        1 => Just(Tree::Public),
        2 => Just(Tree::Authenticated),
        1 => Just(Tree::Nobody),
        6 => (0..ROLES.len()).prop_map(Tree::Role),
        4 => Just(Tree::Owner),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![vec(inner.clone(), 0..4).prop_map(Tree::All), vec(inner, 0..4).prop_map(Tree::Any)]
    })
}

fn callers() -> impl Strategy<Value = Caller> {
    (proptest::bool::weighted(0.8), any::<bool>(), proptest::sample::subsequence(vec![0, 1, 2], 0..=3))
        .prop_map(|(known, owner, roles)| Caller { known, owner, roles })
}

/// The tree as a policy holds it. The few bytes of a case are never given back.
fn rule(tree: &Tree) -> Rule {
    let list = |trees: &[Tree]| &*trees.iter().map(rule).collect::<Vec<_>>().leak();
    match tree {
        Tree::Public => Rule::Public,
        Tree::Authenticated => Rule::Authenticated,
        Tree::Nobody => Rule::Nobody,
        Tree::Role(role) => Rule::Role(ROLES[*role]),
        Tree::Owner => Rule::Owner("id"),
        Tree::All(trees) => Rule::All(list(trees)),
        Tree::Any(trees) => Rule::Any(list(trees)),
    }
}

/// The reference: the sentence that the tree says, read aloud.
fn holds(tree: &Tree, caller: &Caller) -> bool {
    match tree {
        Tree::Public => true,
        Tree::Authenticated => caller.known,
        Tree::Nobody => false,
        Tree::Role(role) => caller.known && caller.roles.contains(role),
        Tree::Owner => caller.known && caller.owner,
        Tree::All(trees) => !trees.is_empty() && !trees.iter().any(|tree| !holds(tree, caller)),
        Tree::Any(trees) => trees.iter().filter(|tree| holds(tree, caller)).count() > 0,
    }
}

fn names_a_caller(tree: &Tree) -> bool {
    match tree {
        Tree::Public => false,
        Tree::All(trees) | Tree::Any(trees) => trees.is_empty() || trees.iter().any(names_a_caller),
        _ => true,
    }
}

fn expected(tree: &Tree, caller: &Caller) -> u16 {
    match (names_a_caller(tree), caller.known, holds(tree, caller)) {
        (true, false, _) => 401,
        (_, _, true) => 200,
        _ => 403,
    }
}

/// One application, whose one route has the policy of the case.
macro_rules! app {
    ($current:expr) => {{
        let current = Rc::clone(&$current);
        let guarded = move |request: HttpRequest, payload: web::Payload| {
            palisade::__private::enforce(current.get(), request, payload, || async { "in" })
        };
        init_service(App::new().route("/{id}", web::get().to(guarded)).wrap(palisade())).await
    }};
}

fn policy(tree: &Tree) -> &'static Policy {
    Box::leak(Box::new(Policy::new(rule(tree))))
}

fn asking(caller: &Caller) -> TestRequest {
    let request = get("/me");
    if !caller.known {
        return request;
    }
    let roles: Vec<_> = caller.roles.iter().map(|role| ROLES[*role]).collect();
    request.insert_header(("authorization", bearer(if caller.owner { "me" } else { "other" }, &roles)))
}

#[actix_web::test]
async fn m1_random_rules_equal_the_reference_evaluator() {
    let current = Rc::new(Cell::new(policy(&Tree::Nobody)));
    let app = app!(current);
    let mut runner = TestRunner::new(Config::default());
    for _ in 0..10_000 {
        let (tree, caller) = (trees(), callers()).new_tree(&mut runner).unwrap().current();
        current.set(policy(&tree));
        let answer = call(&app, asking(&caller)).await;
        assert_eq!(answer.status.as_u16(), expected(&tree, &caller), "{tree:?} {caller:?}");
    }
}

#[actix_web::test]
async fn one_more_demand_never_admits_more() {
    let current = Rc::new(Cell::new(policy(&Tree::Nobody)));
    let app = app!(current);
    let mut runner = TestRunner::new(Config::default());
    for _ in 0..3_000 {
        let (tree, demand, caller) = (trees(), trees(), callers()).new_tree(&mut runner).unwrap().current();
        let both = Tree::All(vec![tree.clone(), demand.clone()]);
        let mut admitted = Vec::new();
        for tree in [&both, &tree, &demand] {
            current.set(policy(tree));
            admitted.push(call(&app, asking(&caller)).await.status == 200);
        }
        assert!(!admitted[0] || (admitted[1] && admitted[2]), "{tree:?} {demand:?} {caller:?}");
    }
}
