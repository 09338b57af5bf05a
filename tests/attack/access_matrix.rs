//! An access matrix that only confirms itself (OWASP API1, API5): the matrix must agree with the guard about tenants,
//! issuers and predicates, and must fail if a response differs from the policy.

use std::borrow::Cow;

use actix_web::middleware::DefaultHeaders;
use actix_web::test::init_service;
use actix_web::web::{Data, Json};
use actix_web::{App, HttpRequest};
use futures_util::FutureExt;
use palisade::policy::Rule;
use palisade::resource::{OwnerKey, Unavailable};
use palisade::testing::{Access, Persona, Personas, access_matrix};
use palisade::{
    Owned, Palisade, Principal, Resource, Scope, authorize, deny_all, get, optional_auth, owner, owner_or_admin, post,
    public, rate_limit, tenant,
};
use palisade_tests::jwt_of;

struct Invoice;

impl Resource for Invoice {
    type Id = u64;
    type Store = ();

    async fn load((): &(), id: u64) -> Result<Option<Self>, Unavailable> {
        Ok((id == 7).then_some(Self))
    }

    fn owner(&self) -> impl OwnerKey {
        "alice"
    }

    fn tenant(&self) -> Option<Cow<'_, str>> {
        Some("acme".into())
    }
}

#[get("/invoices/{invoice}")]
#[owner_or_admin(invoice, of = Invoice)]
async fn invoice(_: Owned<Invoice>) -> &'static str {
    "in"
}

#[get("/revealed/{invoice}")]
#[owner(invoice, of = Invoice, deny = 403)]
async fn revealed(_: Owned<Invoice>) -> &'static str {
    "in"
}

#[get("/orgs/{org}")]
#[tenant(org)]
async fn org() -> &'static str {
    "in"
}

#[get("/users/{user}")]
#[authorize(owner(user) || check(is_bob))]
async fn user() -> &'static str {
    "in"
}

async fn is_bob(_: &HttpRequest, principal: &Principal) -> bool {
    principal.subject() == "bob"
}

#[post("/closed")]
#[deny_all("for now")]
#[public]
async fn closed() -> &'static str {
    "in"
}

#[post("/maybe")]
#[optional_auth]
#[rate_limit(1, "1d")]
async fn maybe(body: Json<u8>) -> String {
    panic!("a dry run called the handler with {body}")
}

fn routes() -> Scope {
    palisade::scope("").service(invoice).service(revealed).service(org).service(user).service(closed).service(maybe)
}

fn personas() -> Personas {
    let of = |issuer: &str, subject: &str| Principal::new("Bearer", issuer, subject);
    Personas::new()
        .parameter("invoice", "7")
        .parameter("org", "acme")
        .parameter("user", "alice")
        .check("is_bob", "bob", true)
        .resource_owner_issuer("ours")
        .persona(Persona::anonymous())
        .persona(Persona::rejected("forged", "authorization", "Bearer nonsense"))
        .persona(Persona::of("alice", of("ours", "alice").with_tenant("acme")))
        .persona(Persona::of("alice of no tenant", of("ours", "alice")))
        .persona(Persona::of("alice of another issuer", of("theirs", "alice").with_tenant("acme")))
        .persona(Persona::of("bob", of("ours", "bob").with_tenant("acme")))
        .persona(Persona::of("admin", of("ours", "root").with_tenant("acme").with_roles(["admin"])))
        .persona(Persona::of("admin of globex", of("ours", "root").with_tenant("globex").with_roles(["admin"])))
}

fn palisade() -> Palisade {
    let palisade = Palisade::builder().authenticator(jwt_of("ours")).authenticator(jwt_of("theirs"));
    palisade.resource_owner_issuer("ours").routes(&routes()).build().unwrap()
}

macro_rules! app {
    () => {
        init_service(App::new().app_data(Data::new(())).service(routes()).wrap(palisade())).await
    };
}

#[actix_web::test]
async fn access_matrix_agrees_with_the_guard() {
    let app = app!();
    let matrix = access_matrix(&app, &routes().policies(), &personas().row_of_tenant("Invoice", "alice", "acme")).await;
    let row = |route| matrix.row(route).unwrap().iter().map(Access::to_string).collect::<Vec<_>>();
    assert_eq!(row("GET /invoices/{invoice}"), ["401", "401", "in", "404", "404", "404", "in", "404"]);
    assert_eq!(row("GET /revealed/{invoice}"), ["401", "401", "in", "404", "404", "403", "403", "404"]);
    assert_eq!(row("GET /orgs/{org}"), ["401", "401", "in", "403", "403", "in", "in", "403"]);
    assert_eq!(row("GET /users/{user}"), ["401", "401", "in", "in", "403", "in", "403", "403"]);
    assert_eq!(row("POST /closed"), ["403"; 8]);
    assert_eq!(row("POST /maybe"), ["in", "401", "in", "in", "in", "in", "in", "in"]);
    assert_eq!(matrix.len(), 48);
    // A tenant that the application assigned counts whoever the issuer is.
    let assigned = || Principal::new("Bearer", "theirs", "alice").with_assigned_tenant("acme");
    let assigned = personas()
        .persona(Persona::of("alice of an assigned tenant", assigned()))
        .persona(Persona::of("admin of an assigned tenant", assigned().with_roles(["admin"])));
    let matrix = access_matrix(&app, &routes().policies(), &assigned.row_of_tenant("Invoice", "alice", "acme")).await;
    let last = |route| matrix.row(route).unwrap()[8..].iter().map(Access::to_string).collect::<Vec<_>>();
    assert_eq!(last("GET /invoices/{invoice}"), ["404", "in"]);
    assert_eq!(last("GET /revealed/{invoice}"), ["403", "403"]);
    assert_eq!(last("GET /orgs/{org}"), ["in", "in"]);
    assert_eq!(last("GET /users/{user}"), ["403", "403"]);
}

#[actix_web::test]
async fn response_that_differs_from_policy_fails_matrix() {
    let app = app!();
    for (personas, expected) in [
        (
            personas().row_of_tenant("Invoice", "bob", "acme"),
            "GET /invoices/{invoice} as alice: in, but the policy requires 404",
        ),
        (personas().row("Invoice", "alice"), "as alice of no tenant: 404, but the policy requires in"),
        (personas(), "the owner of the row of Invoice is missing"),
    ] {
        let table = routes().policies();
        let panicked = std::panic::AssertUnwindSafe(access_matrix(&app, &table, &personas)).catch_unwind().await;
        let text = *panicked.unwrap_err().downcast::<String>().unwrap();
        assert!(text.contains(expected), "{text}");
    }
}

#[palisade::authenticated]
async fn page() -> &'static str {
    "a page"
}

/// The root of the scope is a route, so it is not the default service.
#[get("/")]
#[public]
async fn root() -> &'static str {
    "root"
}

#[actix_web::test]
async fn services_and_default_services_are_called_too() {
    let routes = || {
        let files = palisade::scope::guarded("/files", actix_files::Files::new("/", "attack"), Rule::Role("auditor"));
        palisade::scope("/s")
            .service(root)
            .service(files)
            .service(
                palisade::scope("/inner").wrap(DefaultHeaders::new()).require_role("auditor").default_service(page),
            )
            .default_service(page)
    };
    let palisade = Palisade::builder().authenticator(jwt_of("issuer")).routes(&routes()).build().unwrap();
    let app = init_service(App::new().service(routes()).wrap(palisade)).await;
    let personas = Personas::new()
        .persona(Persona::anonymous())
        .persona(Persona::of("user", Principal::new("Bearer", "issuer", "alice")))
        .persona(Persona::of("auditor", Principal::new("Bearer", "issuer", "bob").with_roles(["auditor"])));
    let matrix = access_matrix(&app, &routes().policies(), &personas).await;
    let row = |route: &str| matrix.row(route).unwrap().iter().map(Access::to_string).collect::<Vec<_>>();
    assert_eq!(row("GET /s/"), ["in", "in", "in"]);
    assert_eq!(row("* /s/files/*"), ["401", "403", "in"]);
    assert_eq!(row("* /s/inner/*"), ["401", "403", "in"]);
    assert_eq!(row("* /s/*"), ["401", "in", "in"]);
}
