//! CWE-863, CWE-644, RFC 8707, RFC 9728: a token for another resource of the same issuer, and a client that is told the wrong place to get
//! one.

mod metadata;
mod several;

use std::sync::LazyLock;

use actix_web::test::TestRequest;
use jsonwebtoken::Algorithm;
use palisade::api_key::{ApiKeys, MemoryApiKeys, NewApiKey};
use palisade::oauth::ProtectedResource;
use palisade::{Jwt, Palisade, PalisadeBuilder, Scope, authenticated, get, optional_auth, post, public};
use palisade_tests::liar::Liar;
use palisade_tests::log::Log;
use palisade_tests::tokens::{Signer, with};
use palisade_tests::{TestResponse, call, get_request};
use serde_json::{Value, json};

const ORDERS: &str = "https://api.example/orders";
const INVOICES: &str = "https://api.example/invoices";
const ORDERS_METADATA: &str = "https://api.example/.well-known/oauth-protected-resource/orders";

#[get("/list")]
#[authenticated]
async fn list() -> &'static str {
    "list"
}

#[post("/new")]
#[palisade::require_scope("orders:write")]
async fn new() -> &'static str {
    "new"
}

#[get("/maybe")]
#[optional_auth]
async fn maybe() -> &'static str {
    "maybe"
}

#[get("/open")]
#[public]
async fn open() -> &'static str {
    "open"
}

/// One provider and one key for all tests: nothing here changes them.
struct Issuer {
    liar: Liar,
    key: Signer,
}

static ISSUER: LazyLock<Issuer> = LazyLock::new(|| {
    let key = Signer::generate(Algorithm::ES256);
    Issuer { liar: Liar::provider(&[key.jwk("k1")]), key }
});

/// Accepts tokens for both resources.
fn jwt() -> Jwt {
    Jwt::discover(ISSUER.liar.origin()).unwrap().audience(ORDERS).audience(INVOICES).build().unwrap()
}

fn builder() -> PalisadeBuilder {
    Palisade::builder().authenticator(jwt())
}

fn token(audience: &Value, scope: &str) -> String {
    let mut claims = with("iss", json!(ISSUER.liar.origin()));
    (claims["aud"], claims["scope"]) = (audience.clone(), json!(scope));
    ISSUER.key.token("k1", &claims)
}

fn presenting(path: &str, token: &str) -> TestRequest {
    get_request(path).insert_header(("authorization", format!("Bearer {token}")))
}

fn orders() -> ProtectedResource {
    ProtectedResource::new(ORDERS).unwrap().name("Orders")
}

/// Two resources, and a scope that is none.
fn routes() -> Scope {
    let (orders, invoices) = (orders(), ProtectedResource::new(INVOICES).unwrap());
    let own =
        palisade::scope("/orders").protected_resource(&orders).service(list).service(new).service(maybe).service(open);
    palisade::scope("")
        .service(orders.metadata())
        .service(own.service(palisade::scope("/deep").require_scope("orders:read").service(list)))
        .service(invoices.metadata())
        .service(palisade::scope("/invoices").protected_resource(&invoices).authenticated().service(list))
        .service(palisade::scope("/other").service(list))
}

macro_rules! app {
    () => {
        crate::app!(crate::builder())
    };
    ($builder:expr) => {{
        let palisade = $builder.routes(&crate::routes()).build().unwrap();
        actix_web::test::init_service(actix_web::App::new().service(crate::routes()).wrap(palisade)).await
    }};
}
pub(crate) use app;

fn challenge(response: &TestResponse) -> &str {
    response.header("www-authenticate")
}

#[actix_web::test]
async fn token_of_one_resource_is_refused_at_another() {
    let app = app!();
    let (for_orders, for_invoices) = (token(&json!(ORDERS), ""), token(&json!([INVOICES]), ""));
    let for_both = token(&json!([INVOICES, "https://x.example", ORDERS]), "");
    let (log, _guard) = Log::start();
    // Twice, because the token is then a cached one.
    for _ in 0..2 {
        for (path, token, status) in [
            ("/orders/list", &for_orders, 200),
            ("/orders/list", &for_invoices, 401),
            ("/orders/list", &for_both, 200),
            ("/invoices/list", &for_orders, 401),
            ("/invoices/list", &for_invoices, 200),
            ("/invoices/list", &for_both, 200),
            ("/other/list", &for_orders, 200),
            ("/other/list", &for_invoices, 200),
            // Inner scopes and unknown paths belong to the resource, too.
            ("/orders/deep/list", &for_invoices, 401),
            ("/invoices/unknown", &for_orders, 401),
            ("/invoices/unknown", &for_invoices, 404),
            // A credential that is presented must be good.
            ("/orders/maybe", &for_invoices, 401),
            ("/orders/maybe", &for_orders, 200),
            ("/orders/open", &for_invoices, 200),
        ] {
            log.take();
            let response = call(&app, presenting(path, token)).await;
            assert_eq!(response.status, status, "{path}: {response:?}");
            if status == 401 {
                log.assert_one(&["token_foreign_resource"]);
                assert!(challenge(&response).contains("error=\"invalid_token\""), "{response:?}");
            }
        }
    }
}

/// Audiences are compared byte by byte.
#[actix_web::test]
async fn similar_audience_is_another_one() {
    let app = app!(
        Palisade::builder().authenticator(
            Jwt::discover(ISSUER.liar.origin())
                .unwrap()
                .audience(ORDERS)
                .audience(INVOICES)
                .audience("other")
                .audience("https://api.example")
                .audience("https://api.example/orders-2")
                .build()
                .unwrap()
        )
    );
    for similar in ["https://api.example/orders/", "https://API.example/orders", "https://api.example", "orders"] {
        let response = call(&app, presenting("/orders/list", &token(&json!(["other", similar]), ""))).await;
        assert_eq!(response.status, 401, "{similar}");
    }
    // One text, which another resource of the application accepts.
    for similar in ["https://api.example", "https://api.example/orders-2"] {
        assert_eq!(call(&app, presenting("/other/list", &token(&json!(similar), ""))).await.status, 200, "{similar}");
        assert_eq!(call(&app, presenting("/orders/list", &token(&json!(similar), ""))).await.status, 401, "{similar}");
    }
}

/// Only tokens have an audience.
#[actix_web::test]
async fn other_credentials_are_refused_at_a_resource() {
    let keys = ApiKeys::new("acme", "https://keys.example", MemoryApiKeys::new()).unwrap();
    let key = keys.create(NewApiKey::new("alice")).await.unwrap();
    let app = app!(builder().authenticator(keys).resource_owner_issuer(ISSUER.liar.origin()));
    let with_key = |path| get_request(path).insert_header(("x-api-key", key.expose()));
    assert_eq!(call(&app, with_key("/orders/list")).await.status, 401);
    assert_eq!(call(&app, with_key("/other/list")).await.status, 200);
}

#[actix_web::test]
async fn challenge_says_where_a_token_can_be_had() {
    let app = app!();
    let wrong = token(&json!(INVOICES), "");
    let metadata = format!("resource_metadata=\"{ORDERS_METADATA}\"");
    for (request, expected) in [
        (get_request("/orders/list"), format!("Bearer realm=\"api\", {metadata}")),
        (get_request("/orders/deep/list"), format!("Bearer realm=\"api\", scope=\"orders:read\", {metadata}")),
        (
            presenting("/orders/deep/list", &wrong),
            format!("Bearer realm=\"api\", error=\"invalid_token\", scope=\"orders:read\", {metadata}"),
        ),
        // Elsewhere no byte is added.
        (get_request("/other/list"), "Bearer realm=\"api\"".to_owned()),
    ] {
        // What the request says about the host is not believed.
        let request = request.insert_header(("x-forwarded-host", "attacker.example"));
        let response = call(&app, request.insert_header(("host", "attacker.example"))).await;
        assert_eq!((response.status.as_u16(), challenge(&response)), (401, expected.as_str()));
    }
    let request =
        presenting("/orders/new", &token(&json!(ORDERS), "orders:read")).method(actix_web::http::Method::POST);
    let response = call(&app, request).await;
    let expected = format!("Bearer realm=\"api\", error=\"insufficient_scope\", scope=\"orders:write\", {metadata}");
    assert_eq!((response.status.as_u16(), challenge(&response)), (403, expected.as_str()));
}

#[test]
fn table_names_the_resource() {
    let table = routes().policies();
    let row = table.rows().iter().find(|row| row.path() == "/orders/deep/list").unwrap();
    let expected = format!(
        "protected_resource(\"{ORDERS}\") (scope /orders), require_scope(\"orders:read\") (scope /orders/deep)"
    );
    assert!(row.access().starts_with(&expected), "{}", row.access());
    let json: Value = serde_json::from_str(&table.to_json()).unwrap();
    let resources: Vec<&Value> = json["routes"].as_array().unwrap().iter().map(|row| &row["resource"]).collect();
    assert!(resources.contains(&&json!(ORDERS)) && resources.contains(&&Value::Null), "{resources:?}");
    assert!(table.to_text().contains(&format!("protected_resource(\"{ORDERS}\")")), "{}", table.to_text());
}
