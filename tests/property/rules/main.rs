//! A rule that does not mean what it says (CWE-863): for random rules, the verdict of the whole guard equals that of
//! a reference evaluator that was written without it, and an additional condition never admits more.

mod cases;
mod reference;

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use actix_web::test::{TestRequest, init_service};
use actix_web::web::Data;
use actix_web::{App, HttpRequest, web};
use palisade::authn::{Attempt, Challenge, ChallengeContext, Challenges};
use palisade::policy::{AuthScheme, Check, Network, Ownership, Rule, Verdict};
use palisade::resource::{OwnerKey, Unavailable};
use palisade::testing::AsPrincipal;
use palisade::{Authenticator, Policy, Principal, Resource, Roles};
use palisade_tests::{ISSUER, builder, call_raw, get_request};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, TestRunner};

use self::cases::{Answer, Caller, Tree, callers, trees};
use self::reference::expected;

/// `admin` implies `editor`, which implies `user`. Each role grants the permission, and comes with the scope, of its
/// index.
const ROLES: [&str; 3] = ["admin", "editor", "user"];
/// The index of the administrator role in this application; it is not the default one.
const ADMIN: usize = 1;
const PERMISSIONS: [&str; 3] = ["p0", "p1", "p2"];
const SCOPES: [&str; 3] = ["s0", "s1", "s2"];
/// The schemes of the authenticators. The last one has API keys.
const SCHEMES: [&str; 3] = ["Bearer", "Basic", "ApiKey"];
const API_KEYS: usize = 2;

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
        Tree::Scheme(scheme) => Rule::Scheme(["bEARER", "Basic", "apikey"][*scheme]),
        Tree::By(schemes) => {
            let chosen = [AuthScheme::Named("bearer"), AuthScheme::Named("BASIC"), AuthScheme::ApiKeys];
            Rule::AuthenticatedBy(schemes.iter().map(|scheme| chosen[*scheme]).collect::<Vec<_>>().leak())
        }
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
        let palisade = builder().authenticator(Stub(1)).authenticator(Stub(API_KEYS));
        let palisade = palisade.roles(roles()).admin_role(ROLES[ADMIN]).routes(&routes).build().unwrap();
        let app = App::new().app_data(Data::new(())).route("/{tenant}/{id}", web::get().to(guarded)).wrap(palisade);
        init_service(app).await
    }};
}

/// An authenticator of one of the schemes, which finds no credential: each test says who the caller is.
struct Stub(usize);

impl Authenticator for Stub {
    fn authenticate<'a>(&'a self, _: &'a HttpRequest) -> Attempt<'a> {
        Attempt::Absent
    }

    fn scheme(&self) -> &'static str {
        SCHEMES[self.0]
    }

    fn issuer(&self) -> Option<&str> {
        Some(ISSUER)
    }

    fn has_api_keys(&self) -> bool {
        self.0 == API_KEYS
    }

    fn challenge(&self, _: &ChallengeContext<'_>, challenges: &mut Challenges) {
        challenges.add(Challenge::new(self.scheme()));
    }
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
    let principal = Principal::new(SCHEMES[caller.scheme], ISSUER, if caller.owner { "me" } else { "other" })
        .with_roles(caller.roles.iter().map(|role| ROLES[*role]))
        .with_scopes(caller.scopes.iter().map(|scope| SCOPES[*scope]))
        .with_tenant(if caller.tenant { "acme" } else { "elsewhere" });
    request.as_principal(if caller.scheme == API_KEYS { principal.with_api_key("key") } else { principal })
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
    for status in [200, 401, 403, 404, 500, 503] {
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
