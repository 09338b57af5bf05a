//! The document that describes a resource (RFC 9728), and what it takes to have one.

use actix_web::http::Method;
use palisade::oauth::{Dpop, Introspection, ProtectedResource, Provider};
use palisade::{Jwt, Palisade, Scope, authorize, get, require_proof, require_scope};
use palisade_tests::{AUDIENCE, SECRET, call, get_request};
use serde_json::{Value, json};

use crate::{INVOICES, ISSUER, ORDERS, app, builder, jwt, list, open, orders};

const PATH: &str = "/.well-known/oauth-protected-resource/orders";

#[actix_web::test]
async fn metadata_are_made_of_the_configuration() {
    let app = app!();
    for (path, expected) in [
        (
            PATH,
            json!({
                "resource": ORDERS,
                "authorization_servers": [ISSUER.liar.origin()],
                "scopes_supported": ["orders:read", "orders:write"],
                "bearer_methods_supported": ["header"],
                "resource_name": "Orders",
            }),
        ),
        (
            "/.well-known/oauth-protected-resource/invoices",
            json!({
                "resource": INVOICES,
                "authorization_servers": [ISSUER.liar.origin()],
                "bearer_methods_supported": ["header"],
            }),
        ),
    ] {
        let request = get_request(path).insert_header(("host", "attacker.example"));
        let response = call(&app, request.insert_header(("x-forwarded-host", "attacker.example"))).await;
        assert_eq!((response.status.as_u16(), response.header("content-type")), (200, "application/json"));
        assert_eq!(response.header("cache-control"), "public, max-age=300");
        assert_eq!(serde_json::from_str::<Value>(&response.body).unwrap(), expected);
    }
}

#[actix_web::test]
async fn metadata_are_for_everybody_and_without_credentials() {
    let app = app!();
    let request = get_request(PATH).insert_header(("origin", "https://attacker.example"));
    let response = call(&app, request.insert_header(("authorization", "Bearer wrong"))).await;
    assert_eq!((response.status.as_u16(), response.header("access-control-allow-origin")), (200, "*"));
    assert!(response.headers.get("access-control-allow-credentials").is_none());
    assert_eq!(call(&app, get_request(PATH).method(Method::HEAD)).await.status, 200);
    assert_eq!(call(&app, get_request(PATH).method(Method::POST)).await.status, 405);
    assert_eq!(call(&app, get_request("/.well-known/oauth-protected-resource")).await.status, 404);
}

#[actix_web::test]
async fn authorization_servers_can_be_named() {
    let resource = orders().authorization_servers(["https://b.example", "https://a.example"]);
    let resource = resource.documentation("https://api.example/docs");
    let routes = || {
        let own = palisade::scope("/orders").protected_resource(&resource).service(list);
        palisade::scope("").service(resource.metadata()).service(own)
    };
    let palisade = builder().routes(&routes()).build().unwrap();
    let app = actix_web::test::init_service(actix_web::App::new().service(routes()).wrap(palisade)).await;
    let document: Value = serde_json::from_str(&call(&app, get_request(PATH)).await.body).unwrap();
    assert_eq!(document["authorization_servers"], json!(["https://b.example", "https://a.example"]));
    assert_eq!(document["resource_documentation"], "https://api.example/docs");
    assert_eq!(document.get("scopes_supported"), None, "no route names a scope");
}

/// RFC 9728 §2: only an application that checks proofs says so.
#[actix_web::test]
async fn metadata_say_how_proofs_are_signed() {
    let dpop = Dpop::new("https://api.example").unwrap();
    let app = app!(builder().dpop(dpop));
    let document: Value = serde_json::from_str(&call(&app, get_request(PATH)).await.body).unwrap();
    let algorithms = document["dpop_signing_alg_values_supported"].as_array().unwrap();
    assert!(algorithms.contains(&json!("ES256")) && !algorithms.contains(&json!("none")), "{document}");
}

#[get("/paid")]
#[require_scope("pay")]
#[require_proof]
async fn paid() -> &'static str {
    "paid"
}

#[get("/limited")]
#[authorize(authenticated && !scope("internal:blocked"))]
async fn limited() -> &'static str {
    "limited"
}

async fn document_of(builder: palisade::PalisadeBuilder, own: impl Fn() -> Scope) -> Value {
    let resource = orders();
    let routes = || palisade::scope("").service(resource.metadata()).service(own().protected_resource(&resource));
    let palisade = builder.routes(&routes()).build().unwrap();
    let app = actix_web::test::init_service(actix_web::App::new().service(routes()).wrap(palisade)).await;
    serde_json::from_str(&call(&app, get_request(PATH)).await.body).unwrap()
}

/// A scope that a caller must not have is no scope to ask for, and its name may be internal.
#[actix_web::test]
async fn negated_scope_is_not_advertised() {
    let document = document_of(builder(), || palisade::scope("/orders").service(limited).service(paid)).await;
    assert_eq!(document["scopes_supported"], json!(["pay"]));
}

/// RFC 9728 §2: what every route demands, and what the application can check.
#[actix_web::test]
async fn metadata_say_whether_tokens_are_bound() {
    let dpop = || builder().dpop(Dpop::new("https://api.example").unwrap());
    let (required, certificates) = ("dpop_bound_access_tokens_required", "tls_client_certificate_bound_access_tokens");
    let strict = || palisade::scope("/orders").service(paid).service(open);
    let mixed = || palisade::scope("/orders").service(paid).service(list);
    let of_scope = || palisade::scope("/orders").require_proof().service(list);
    for (document, is_required) in [
        (document_of(dpop(), strict).await, true),
        (document_of(dpop(), of_scope).await, true),
        (document_of(dpop(), mixed).await, false),
        (document_of(dpop(), || palisade::scope("/orders").service(open)).await, false),
        (document_of(builder(), strict).await, false),
    ] {
        assert_eq!(document.get(required), is_required.then_some(&json!(true)), "{document}");
        assert_eq!(document.get(certificates), None, "{document}");
    }
    // A certificate is as good as a proof, so no proof is required.
    let both = || dpop().trusted_proxies(["10.0.0.0/8"]).certificates_from_proxies();
    let document = document_of(both(), strict).await;
    assert_eq!((document.get(required), &document[certificates]), (None, &json!(true)), "{document}");
}

/// What is built, or the mistakes.
fn built(builder: palisade::PalisadeBuilder, routes: Scope) -> String {
    builder.routes(&routes).build().err().map_or_else(String::new, |mistake| mistake.to_string())
}

/// A client calls the address that it asked a token for.
#[test]
fn resource_at_another_path_is_not_built() {
    let at = |prefix: &'static str, identifier: &str| {
        let resource = ProtectedResource::new(identifier).unwrap();
        let own = palisade::scope(prefix).protected_resource(&resource).service(list);
        palisade::scope("").service(resource.metadata()).service(own)
    };
    let jwt = |identifier: &str| Jwt::discover(ISSUER.liar.origin()).unwrap().audience(identifier).build().unwrap();
    let builder = |identifier: &str| Palisade::builder().authenticator(jwt(identifier));
    for (prefix, identifier) in [
        ("/orders", ORDERS),
        ("/orders/v1", ORDERS),
        ("/any", "https://api.example"),
        ("", "https://api.example"),
        ("/{tenant}/orders", "https://api.example/acme/orders"),
    ] {
        assert_eq!(built(builder(identifier), at(prefix, identifier)), "", "{prefix}");
    }
    for (prefix, identifier) in [
        ("/order", ORDERS),
        ("/orders2", ORDERS),
        ("/api/orders", ORDERS),
        ("", ORDERS),
        ("/orders", "https://api.example/v1/orders"),
    ] {
        let mistake = built(builder(identifier), at(prefix, identifier));
        assert!(mistake.contains("protected_resource") && mistake.contains(identifier), "{prefix}: {mistake}");
        assert!(mistake.contains("path"), "{mistake}");
    }
    // A proxy may remove the first part of the path.
    let proxied = |identifier: &str| builder(identifier).trusted_proxies(["10.0.0.0/8"]);
    assert_eq!(built(proxied("https://api.example/v1/orders"), at("/orders", "https://api.example/v1/orders")), "");
    assert!(built(proxied(ORDERS), at("/api/orders", ORDERS)).contains("path"));
}

/// Otherwise every token would be refused.
#[test]
fn resource_whose_tokens_nothing_accepts_is_not_built() {
    let resource = orders();
    let routes = || {
        let own = palisade::scope("/orders").protected_resource(&resource).service(list);
        palisade::scope("").service(resource.metadata()).service(own)
    };
    let discovered = || Jwt::discover(ISSUER.liar.origin()).unwrap();
    let elsewhere = discovered().audience(ORDERS).danger_audience_at("client_id").build().unwrap();
    let introspection = || {
        let client = palisade::oauth::OAuthClient::secret_basic("api", "secret");
        Introspection::builder(&Provider::discover(ISSUER.liar.origin()).unwrap(), client)
    };
    let any = introspection().danger_any_audience().build().unwrap();
    for wrong in [
        Palisade::builder().authenticator(discovered().audience(INVOICES).build().unwrap()),
        Palisade::builder().authenticator(elsewhere),
        Palisade::builder().authenticator(any.clone()),
    ] {
        let mistake = built(wrong, routes());
        assert!(mistake.contains(ORDERS) && mistake.contains(".audience("), "{mistake}");
    }
    let asked = introspection().audience(ORDERS).build().unwrap();
    for right in [Palisade::builder().authenticator(any).authenticator(jwt()), Palisade::builder().authenticator(asked)]
    {
        assert_eq!(built(right, routes()), "");
    }
}

#[test]
fn resource_that_clients_cannot_find_is_not_built() {
    let protected =
        |resource: &ProtectedResource| palisade::scope("/orders").protected_resource(resource).service(list);
    let resource = orders();
    let ours = || Jwt::hs256("https://own.example", AUDIENCE, SECRET).unwrap();
    let found = || palisade::scope("").service(resource.metadata()).service(protected(&resource));
    assert_eq!(built(builder(), found()), "");
    // Without the route, below a prefix, and that of another resource.
    let other = ProtectedResource::new(INVOICES).unwrap();
    for lost in [
        protected(&resource),
        palisade::scope("/api").service(resource.metadata()).service(protected(&resource)),
        palisade::scope("").service(other.metadata()).service(protected(&resource)),
    ] {
        let mistake = built(builder(), lost);
        assert!(mistake.contains(ORDERS) && mistake.contains("resource.metadata()"), "{mistake}");
    }
    // Nobody issues tokens but ourselves.
    let mistake = built(Palisade::builder().authenticator(ours()), found());
    assert!(mistake.contains("authorization server"), "{mistake}");
    assert_eq!(built(Palisade::builder().authenticator(ours()).authenticator(jwt()), found()), "");
}
