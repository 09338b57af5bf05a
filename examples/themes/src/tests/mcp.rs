//! What a client is told before it has a token.

use actix_web::test::{TestRequest, call_service, init_service, read_body_json};
use serde_json::{Value, json};

use super::*;

#[actix_web::test]
async fn client_is_told_where_a_token_can_be_had() {
    let resource = ProtectedResource::new("https://api.example/mcp").unwrap();
    let palisade = configure("https://issuer.example", &resource).unwrap();
    let app = init_service(App::new().service(routes(&resource)).wrap(palisade)).await;
    let response = call_service(&app, TestRequest::post().uri("/mcp").to_request()).await;
    let challenge = response.headers().get("www-authenticate").unwrap().to_str().unwrap();
    let metadata = "https://api.example/.well-known/oauth-protected-resource/mcp";
    let expected = format!("Bearer realm=\"api\", scope=\"orders:read\", resource_metadata=\"{metadata}\"");
    assert_eq!((response.status().as_u16(), challenge), (401, expected.as_str()));

    let path = metadata.strip_prefix("https://api.example").unwrap();
    let document: Value = read_body_json(call_service(&app, TestRequest::get().uri(path).to_request()).await).await;
    assert_eq!(document["resource"], "https://api.example/mcp");
    assert_eq!(document["authorization_servers"], json!(["https://issuer.example"]));
    assert_eq!(document["scopes_supported"], json!(["orders:read", "orders:write"]));
    // A client without a token learns nothing about the other methods.
    assert_eq!(call_service(&app, TestRequest::get().uri("/mcp").to_request()).await.status(), 401);
}
