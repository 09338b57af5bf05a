//! Function-level authorization (OWASP API5, CWE-862, CWE-863; ASVS V8.2.1): callers without the right role,
//! permission, scope or tenant are rejected. Covers role hierarchies, predicates and closed routes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::http::Method;
use actix_web::test::{TestRequest, init_service};
use actix_web::web::Data;
use actix_web::{App, HttpRequest};
use palisade::policy::Verdict;
use palisade::{
    Palisade, Principal, Roles, Scope, authorize, deny_all, get, optional_auth, post, public, require_permission,
    require_role, require_scope, tenant,
};
use palisade_tests::{bearer, builder, call, call_as, call_raw, get_request, request, with_body_that_panics_when_read};

mod model {
    #[derive(Clone, Copy, palisade::Role)]
    pub enum Role {
        #[implies(Editor)]
        #[grants("users:delete")]
        Admin,
        #[implies(User)]
        #[grants("pages:write")]
        Editor,
        User,
    }
}
use model::Role;

#[get("/users")]
#[require_role(Role::User)]
async fn users(caller: Principal) -> String {
    caller.subject().to_owned()
}

#[get("/pages")]
#[require_role(Role::Editor)]
async fn pages() -> &'static str {
    "in"
}

#[get("/delete")]
#[require_permission("users:delete")]
async fn delete_user() -> &'static str {
    "in"
}

#[get("/either")]
#[require_permission(all("users:delete", "pages:write"))]
async fn both_permissions() -> &'static str {
    "in"
}

#[post("/orders")]
#[require_scope("orders:write")]
async fn order() -> &'static str {
    "in"
}

#[get("/orders")]
#[require_scope(all("orders:read", "customers:read"))]
async fn orders() -> &'static str {
    "in"
}

#[get("/mixed")]
#[authorize(role(Role::Admin) && (scope("a") || scope("b")))]
async fn mixed() -> &'static str {
    "in"
}

#[get("/orgs/{org}")]
#[tenant(org)]
async fn org() -> &'static str {
    "in"
}

#[get("/crossing/{org}")]
#[authorize(tenant(org) || role("admin"))]
async fn crossing() -> &'static str {
    "in"
}

#[post("/closed")]
#[deny_all("until the audit is done")]
#[public]
async fn closed() -> &'static str {
    "in"
}

#[get("/maybe")]
#[optional_auth]
async fn maybe(caller: Option<Principal>) -> String {
    caller.map_or_else(|| "nobody".to_owned(), |caller| caller.subject().to_owned())
}

fn routes() -> Scope {
    palisade::scope("")
        .service(users)
        .service(pages)
        .service(delete_user)
        .service(both_permissions)
        .service(order)
        .service(orders)
        .service(mixed)
        .service(org)
        .service(crossing)
        .service(closed)
        .service(maybe)
        .service(checked)
}

fn palisade() -> Palisade {
    builder().roles(Roles::of::<Role>()).routes(&routes()).build().unwrap()
}

macro_rules! app {
    () => {
        init_service(App::new().app_data(Data::new(Arc::clone(&CHECK_CALLS))).service(routes()).wrap(palisade())).await
    };
}

fn alice() -> Principal {
    Principal::new("Bearer", "https://issuer.example", "alice")
}

#[actix_web::test]
async fn implied_roles_are_granted() {
    let app = app!();
    for (path, roles, admitted) in [
        ("/users", &["user"][..], true),
        ("/users", &["editor"], true),
        ("/users", &["admin"], true),
        ("/users", &[], false),
        ("/pages", &["user"], false),
        ("/pages", &["editor"], true),
        ("/pages", &["admin"], true),
        ("/delete", &["editor"], false),
        ("/delete", &["admin"], true),
        ("/either", &["editor"], false),
        ("/either", &["admin"], true),
        // Undefined roles grant nothing, whatever they are called.
        ("/users", &["Admin"], false),
        ("/users", &["superuser", "root", "*"], false),
        ("/users", &["superuser", "user"], true),
    ] {
        let token = get_request(path).insert_header(("authorization", bearer("alice", roles)));
        let response = call(&app, token).await;
        assert_eq!(response.status, if admitted { 200 } else { 403 }, "{path} {roles:?}");
        let claimed = call_as(&app, get_request(path), alice().with_roles(roles.iter().copied())).await;
        assert_eq!(claimed.status, response.status, "{path} {roles:?}");
    }
}

#[actix_web::test]
async fn challenge_names_the_needed_scopes() {
    let app = app!();
    let rejected = call_as(&app, request(Method::POST, "/orders"), alice().with_scopes(["orders:read"])).await;
    rejected.assert_problem(403);
    assert_eq!(
        rejected.header("www-authenticate"),
        "Bearer realm=\"api\", error=\"insufficient_scope\", scope=\"orders:write\""
    );
    // Also the scopes that the credential has: the client gets a new one with the scopes that it asks for.
    for held in [&["orders:read"][..], &[]] {
        let rejected = call_as(&app, get_request("/orders"), alice().with_scopes(held.iter().copied())).await;
        assert!(rejected.header("www-authenticate").ends_with("scope=\"orders:read customers:read\""), "{rejected:?}");
    }
    // Either scope would be enough, so the challenge names the first.
    let rejected = call_as(&app, get_request("/mixed"), alice().with_roles(["admin"])).await;
    assert!(rejected.header("www-authenticate").ends_with("scope=\"a\""), "{rejected:?}");
    // The role is missing too, so the challenge asks for no scope.
    let rejected = call_as(&app, get_request("/mixed"), alice()).await;
    rejected.assert_problem(403);
    assert!(!rejected.headers.contains_key("www-authenticate"), "{rejected:?}");
    assert_eq!(
        call_as(&app, request(Method::POST, "/orders"), alice().with_scopes(["orders:write"])).await.status,
        200
    );
    for near in ["orders:writ", "orders:write2", "Orders:write", "orders", "orders:*"] {
        call_as(&app, request(Method::POST, "/orders"), alice().with_scopes([near])).await.assert_problem(403);
    }
}

#[actix_web::test]
async fn roles_do_not_cross_tenants_by_default() {
    let app = app!();
    let of = |tenant: &str| alice().with_roles(["admin"]).with_tenant(tenant);
    assert_eq!(call_as(&app, get_request("/orgs/acme"), of("acme")).await.status, 200);
    for other in ["globex", "ACME", "acme ", ""] {
        call_as(&app, get_request("/orgs/acme"), of(other)).await.assert_problem(403);
    }
    call_as(&app, get_request("/orgs/acme"), alice().with_roles(["admin"])).await.assert_problem(403);
    assert_eq!(call_as(&app, get_request("/crossing/acme"), of("globex")).await.status, 200);
    call_as(&app, get_request("/crossing/acme"), alice().with_tenant("globex")).await.assert_problem(403);
}

#[actix_web::test]
async fn denied_route_is_403_without_reading_the_body() {
    let app = app!();
    let everybody = [
        request(Method::POST, "/closed"),
        request(Method::POST, "/closed").insert_header(("authorization", bearer("alice", &["admin"]))),
        request(Method::POST, "/closed").insert_header(("authorization", "Bearer nonsense")),
    ];
    for request in everybody {
        call_raw(&app, with_body_that_panics_when_read(request)).await.assert_problem(403);
    }
    let text = routes().policies().to_text();
    let (_, after) = text.split_once("/closed").unwrap();
    let block: Vec<&str> = after.lines().take_while(|line| !line.starts_with("GET")).collect();
    assert!(
        block[0].contains("deny_all") && block.iter().any(|line| line.contains("until the audit is done")),
        "{text}"
    );
}

#[actix_web::test]
async fn invalid_optional_credentials_are_rejected() {
    let app = app!();
    assert_eq!(call(&app, get_request("/maybe")).await.body, "nobody");
    let authenticated = get_request("/maybe").insert_header(("authorization", bearer("alice", &["user"])));
    assert_eq!(call(&app, authenticated).await.body, "alice");
    let bad = call(&app, get_request("/maybe").insert_header(("authorization", "Bearer nonsense"))).await;
    bad.assert_problem(401);
    assert!(bad.header("www-authenticate").contains("invalid_token"), "{bad:?}");
}

static CHECK_CALLS: std::sync::LazyLock<Arc<AtomicUsize>> = std::sync::LazyLock::new(Arc::default);

async fn by_subject(request: &HttpRequest, principal: &Principal) -> Verdict {
    CHECK_CALLS.fetch_add(1, Ordering::Relaxed);
    assert_eq!(request.path(), "/checked");
    match principal.subject() {
        "alice" => Verdict::Allow,
        "down" => Verdict::Unavailable,
        _ => Verdict::Deny,
    }
}

#[get("/checked")]
#[authorize(role("admin") || check(by_subject))]
async fn checked() -> &'static str {
    "in"
}

#[actix_web::test]
async fn predicate_is_called_only_when_it_decides() {
    let app = app!();
    let who = |subject: &str| Principal::new("Bearer", "i", subject);
    assert_eq!(call_as(&app, get_request("/checked"), who("alice")).await.status, 200);
    call_as(&app, get_request("/checked"), who("mallory")).await.assert_problem(403);
    let down = call_as(&app, get_request("/checked"), who("down")).await;
    down.assert_problem(503);
    assert_eq!(down.header("retry-after"), "1");
    assert_eq!(CHECK_CALLS.load(Ordering::Relaxed), 3);
    // The predicate is not called when the role already decides, or when the caller is anonymous.
    assert_eq!(call_as(&app, get_request("/checked"), who("down").with_roles(["admin"])).await.status, 200);
    call(&app, get_request("/checked")).await.assert_problem(401);
    assert_eq!(CHECK_CALLS.load(Ordering::Relaxed), 3);
}

#[actix_web::test]
async fn test_principal_cannot_be_set_by_header() {
    let app = app!();
    let claiming: TestRequest =
        get_request("/users").insert_header(("x-principal", "alice")).insert_header(("claimed", "alice"));
    call(&app, claiming).await.assert_problem(401);
}
