//! A server of the Model Context Protocol, protected by one scope, and an unmodified client that knows only its URL: it finds the metadata
//! of the resource by the challenge, the provider in them, registers, signs a person in, and calls a tool.

use std::net::TcpListener;

use actix_web::{App, HttpServer};
use palisade::oauth::ProtectedResource;
use palisade_tests::provider::{RealProvider, Visitor};
use serde_json::json;

use super::mcp_client::McpClient;
use super::{CALLBACK, SERVICE, setup};

#[allow(dead_code, reason = "its server listens on a port of its own")]
#[path = "../../examples/themes/src/bin/mcp.rs"]
mod theme;

#[actix_web::test]
async fn client_finds_the_provider_and_calls_a_tool() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let identifier = format!("http://{}/mcp", listener.local_addr().unwrap());
    let other = format!("{identifier}-other");
    let mut setup = setup();
    for resource in [&identifier, &other] {
        setup["resources"][resource] = json!({ "scope": "orders:read orders:write" });
    }
    let Some(provider) = RealProvider::start(&setup) else { return };
    let Some(mut client) = McpClient::start() else { return };
    let resource = ProtectedResource::new(&identifier).unwrap();
    let palisade = theme::configure(provider.issuer(), &resource).unwrap();
    let app = move || App::new().service(theme::routes(&resource)).wrap(palisade.clone());
    let server = palisade::server::harden(HttpServer::new(app)).workers(1).listen(listener).unwrap().run();
    let handle = server.handle();
    actix_web::rt::spawn(server);

    let answer = client.ask(json!({ "url": identifier, "redirect": CALLBACK, "tool": "orders" })).await;
    let page = answer["authorize"].as_str().unwrap_or_else(|| panic!("{answer}"));
    let asked = url::Url::parse(page).unwrap();
    let parameter = |name| asked.query_pairs().find(|(own, _)| own == name).map(|(_, value)| value.into_owned());
    assert_eq!(parameter("resource"), Some(identifier.clone()), "RFC 8707");
    assert_eq!(parameter("scope").as_deref(), Some("orders:read"), "the scope of the challenge");
    let callback = Visitor::new(&provider).visit(page, "ada").await;
    let answer = client.ask(json!({ "callback": callback.as_str() })).await;
    assert_eq!(answer["tools"], json!(["orders"]), "{answer}");
    assert_eq!(answer["text"], "no orders of ada", "{answer}");

    // A token for another resource of the same provider is refused there.
    for (resource, status) in [(&identifier, 202), (&other, 401)] {
        let token = provider.client_token(SERVICE, resource, "orders:read").await;
        let request = reqwest::Client::new().post(&identifier).header("authorization", format!("Bearer {token}"));
        let message = json!({ "jsonrpc": "2.0", "method": "notifications/progress" });
        assert_eq!(request.json(&message).send().await.unwrap().status(), status, "{resource}");
    }
    handle.stop(false).await;
}
