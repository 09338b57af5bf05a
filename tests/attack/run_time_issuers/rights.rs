//! CWE-269, CWE-639: what the provider of a customer may give its users. It gives no role and no permission of the application unless the
//! rules name the claim, and its users reach the routes and the rows of their own tenant only.

use palisade::oauth::{IssuerRules, Issuers};
use palisade::{Palisade, get, require_permission, require_role, require_scope, tenant};
use palisade_tests::{AUDIENCE, SECRET, call, get_request, jwt_of};
use serde_json::{Value, json};

use crate::{Customer, Tenants, clock};

#[get("/admin")]
#[require_role("admin")]
async fn admin() -> &'static str {
    "admin"
}

#[get("/purge")]
#[require_permission("tenants:purge")]
async fn purge() -> &'static str {
    "purged"
}

#[get("/orders")]
#[require_scope("orders:read")]
async fn orders() -> &'static str {
    "orders"
}

#[get("/tenants/{org}/invoices")]
#[tenant(org)]
async fn invoices() -> &'static str {
    "invoices"
}

fn routes() -> palisade::Scope {
    palisade::scope("").service(admin).service(purge).service(orders).service(invoices)
}

/// An application in this process that uses these authenticators.
macro_rules! app {
    ($builder:expr) => {
        actix_web::test::init_service(actix_web::App::new().service(routes()).wrap($builder.build().unwrap())).await
    };
}

/// The status of `GET` with this token.
macro_rules! status {
    ($app:expr, $path:expr, $token:expr) => {
        call(&$app, get_request($path).insert_header(("authorization", format!("Bearer {}", $token))))
            .await
            .status
            .as_u16()
    };
}

fn claims_everything(claims: &mut Value) {
    claims["roles"] = json!(["admin"]);
    claims["permissions"] = json!(["tenants:purge"]);
    claims["scope"] = json!("orders:read");
}

/// The scope is the only right that the provider of a customer decides about: it limits a client and not a user.
#[actix_web::test]
async fn provider_of_a_customer_gives_no_role_and_no_permission_by_itself() {
    let acme = Customer::new();
    let app = app!(Palisade::builder().authenticator(Tenants::with(&acme, "acme").issuers(&clock())));
    let token = acme.token(claims_everything);
    for (path, expected) in [("/admin", 403), ("/purge", 403), ("/orders", 200)] {
        // Twice, because the token is then a cached one.
        for _ in 0..2 {
            assert_eq!(status!(app, path, token), expected, "{path}");
        }
    }
    // What is not read cannot be wrong.
    let odd = acme.token(|claims| (claims["roles"], claims["permissions"]) = (json!(7), json!([""])));
    assert_eq!(status!(app, "/tenants/acme/invoices", odd), 200);
}

#[actix_web::test]
async fn rules_say_which_claims_give_rights() {
    let acme = Customer::new();
    let rules = || IssuerRules::new(AUDIENCE).roles_at("roles").permissions_at("permissions").scopes_at("scp");
    let issuers =
        Issuers::builder(async move |_: &str| Ok::<_, palisade::resource::Unavailable>(Some(rules()))).build();
    let app = app!(Palisade::builder().authenticator(issuers.unwrap()));
    let token = acme.token(claims_everything);
    for (path, expected) in [("/admin", 200), ("/purge", 200), ("/orders", 403)] {
        assert_eq!(status!(app, path, token), expected, "{path}");
    }
}

/// Each customer has a provider of its own, and no setting names one of them.
#[actix_web::test]
async fn each_customer_reaches_the_routes_of_its_tenant() {
    let (acme, other, without) = (Customer::new(), Customer::new(), Customer::new());
    let tenants = Tenants::with(&acme, "acme");
    tenants.add(&other, Some("other"));
    tenants.add(&without, None);
    let issuers = tenants.issuers(&clock());
    let builder = || Palisade::builder().authenticator(issuers.clone()).routes(&routes_of_tenants());
    for builder in [builder(), builder().resource_owner_issuer(acme.liar.origin())] {
        let app = app!(builder);
        for (customer, own) in [(&acme, Some("acme")), (&other, Some("other")), (&without, None)] {
            for claimed in ["acme", "other"] {
                let token = customer.token(|claims| claims["tenant"] = json!(claimed));
                for asked in ["acme", "other"] {
                    let expected = if own == Some(asked) { 200 } else { 403 };
                    let path = format!("/tenants/{asked}/invoices");
                    assert_eq!(status!(app, &path, token), expected, "{own:?} {claimed} {asked}");
                }
            }
        }
    }
}

fn routes_of_tenants() -> palisade::Scope {
    palisade::scope("").service(invoices)
}

/// A tenant that a token claims still counts only if its issuer is the one whose subjects own.
#[actix_web::test]
async fn claimed_tenant_beside_assigned_ones_needs_the_owner_issuer() {
    let acme = Customer::new();
    let issuers = Tenants::with(&acme, "acme").issuers(&clock());
    let own = palisade::jwt::TokenIssuer::hs256("https://own.example", AUDIENCE, SECRET).unwrap();
    let lifetime = std::time::Duration::from_secs(60);
    let own = own.issue(&palisade::jwt::Grant::new("u-1", lifetime).tenant("acme")).unwrap();
    let builder = || {
        let builder = Palisade::builder().authenticator(jwt_of("https://own.example")).authenticator(issuers.clone());
        builder.routes(&routes_of_tenants())
    };
    let mistake = builder().build().unwrap_err().to_string();
    assert!(mistake.contains("resource_owner_issuer"), "{mistake}");
    for (owners, expected) in [(acme.liar.origin(), 403), ("https://own.example", 200)] {
        let app = app!(builder().resource_owner_issuer(owners));
        assert_eq!(status!(app, "/tenants/acme/invoices", own), expected, "{owners}");
        assert_eq!(status!(app, "/tenants/acme/invoices", acme.token(|_| {})), 200, "{owners}");
    }
}

/// A function that completes principals replaces the assigned tenant by one that it does not assign. No caller is admitted by that, and
/// none makes the request fail.
#[actix_web::test]
async fn tenant_that_is_not_assigned_any_more_is_that_of_nobody() {
    let acme = Customer::new();
    let issuers = Tenants::with(&acme, "acme").issuers(&clock());
    let builder = || Palisade::builder().authenticator(issuers.clone()).routes(&routes_of_tenants());
    let claimed = app!(builder().principals(async |caller, _| Ok(caller.with_tenant("other"))));
    let assigned = app!(builder().principals(async |caller, _| Ok(caller.with_assigned_tenant("other"))));
    let token = acme.token(|_| {});
    for (asked, expected) in [("acme", 403), ("other", 200)] {
        let path = format!("/tenants/{asked}/invoices");
        assert_eq!((status!(claimed, &path, token), status!(assigned, &path, token)), (403, expected));
    }
}
