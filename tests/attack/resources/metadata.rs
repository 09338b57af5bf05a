//! The document that describes a resource (RFC 9728), and what it takes to have one.

use actix_web::http::Method;
use palisade::oauth::{Dpop, ProtectedResource};
use palisade::{Jwt, Palisade, Scope};
use palisade_tests::{AUDIENCE, SECRET, call, get_request};
use serde_json::{Value, json};

use crate::{INVOICES, ISSUER, ORDERS, app, builder, jwt, list, orders};

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

#[test]
fn resource_that_clients_cannot_find_is_not_built() {
    let protected =
        |resource: &ProtectedResource| palisade::scope("/orders").protected_resource(resource).service(list);
    let built = |builder: palisade::PalisadeBuilder, routes: Scope| {
        builder.routes(&routes).build().err().map_or_else(String::new, |mistake| mistake.to_string())
    };
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
