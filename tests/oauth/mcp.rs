//! A server of the Model Context Protocol, protected by scopes, and an unmodified client that knows only its URL: it finds the metadata
//! of the resource by the challenge, the provider in them, registers, signs a person in, and calls a tool. A tool that needs a further
//! scope makes it ask for that one too.

use std::net::TcpListener;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer};
use palisade::oauth::ProtectedResource;
use palisade_tests::provider::{RealProvider, Visitor};
use serde_json::{Value, json};

use super::mcp_client::McpClient;
use super::{CALLBACK, SERVICE, setup};

#[path = "../../examples/themes/src/mcp_server.rs"]
mod mcp_server;

/// The server of the example, its provider, and a client of both.
struct Connected {
    identifier: String,
    provider: RealProvider,
    client: McpClient,
    server: ServerHandle,
}

impl Connected {
    /// The provider has further resources, whose names begin with that of the server, and knows these clients.
    fn start(further: &str, clients: &Value) -> Option<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let identifier = format!("http://{}/mcp", listener.local_addr().unwrap());
        let mut setup = setup();
        for resource in [&identifier, &format!("{identifier}{further}")] {
            setup["resources"][resource] = json!({ "scope": "orders:read orders:write" });
        }
        setup["clients"].as_array_mut().unwrap().extend(clients.as_array().unwrap().iter().cloned());
        let (provider, client) = (RealProvider::start(&setup)?, McpClient::start()?);
        let resource = ProtectedResource::new(&identifier).unwrap();
        let palisade = mcp_server::configure(provider.issuer(), &resource).unwrap();
        let app = move || App::new().service(mcp_server::routes(&resource)).wrap(palisade.clone());
        let running = palisade::server::harden(HttpServer::new(app)).workers(1).listen(listener).unwrap().run();
        let server = running.handle();
        actix_web::rt::spawn(running);
        Some(Self { identifier, provider, client, server })
    }

    /// The response to a message of a service with a token of its own for this resource.
    async fn post(&self, resource: &str, message: &Value) -> reqwest::Response {
        let token = self.provider.client_token(SERVICE, resource, "orders:read").await;
        let request = reqwest::Client::new().post(&self.identifier).header("authorization", format!("Bearer {token}"));
        request.json(message).send().await.unwrap()
    }
}

/// A parameter of the page to sign in at.
fn parameter(answer: &Value, name: &str) -> String {
    let page = answer["authorize"].as_str().unwrap_or_else(|| panic!("{answer}"));
    let page = url::Url::parse(page).unwrap();
    page.query_pairs().find(|(own, _)| own == name).unwrap_or_else(|| panic!("{page}")).1.into_owned()
}

#[actix_web::test]
async fn client_finds_the_provider_and_calls_a_tool() {
    let Some(mut own) = Connected::start("-other", &json!([])) else { return };
    let line = json!({ "url": own.identifier, "redirect": CALLBACK, "tool": "orders" });
    let answer = own.client.ask(line).await;
    assert_eq!(parameter(&answer, "resource"), own.identifier, "RFC 8707");
    assert_eq!(parameter(&answer, "scope"), "orders:read", "the scope of the challenge");
    let callback = Visitor::new(&own.provider).visit(answer["authorize"].as_str().unwrap(), "ada").await;
    let answer = own.client.ask(json!({ "callback": callback.as_str() })).await;
    assert_eq!(answer["tools"], json!(["orders", "cancel"]), "{answer}");
    assert_eq!(answer["text"], "no orders of ada", "{answer}");

    // A token for another resource of the same provider is refused there.
    let note = json!({ "jsonrpc": "2.0", "method": "notifications/progress" });
    assert_eq!(own.post(&own.identifier, &note).await.status(), 202);
    assert_eq!(own.post(&format!("{}-other", own.identifier), &note).await.status(), 401);
    own.server.stop(false).await;
}

#[actix_web::test]
async fn client_gets_a_further_scope_when_a_tool_needs_it() {
    // A client that registers itself gets only the scopes that it named then.
    let known = json!({
        "client_id": "mcp", "redirect_uris": [CALLBACK], "response_types": ["code"], "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code"],
    });
    let Some(mut own) = Connected::start("", &json!([known])) else { return };
    let known = json!({ "client_id": "mcp", "issuer": own.provider.issuer() });
    let line = json!({
        "url": own.identifier, "redirect": CALLBACK, "tool": "orders", "further": "cancel", "client": known,
    });
    let mut visitor = Visitor::new(&own.provider);
    let page = own.client.ask(line).await;
    assert_eq!(parameter(&page, "scope"), "orders:read");
    let callback = visitor.visit(page["authorize"].as_str().unwrap(), "ada").await;
    let answer = own.client.ask(json!({ "callback": callback.as_str() })).await;
    assert_eq!((&answer["text"], &answer["scope"]), (&json!("no orders of ada"), &json!("orders:read")), "{answer}");

    let page = own.client.next().await;
    assert_eq!(
        parameter(&page, "scope"),
        "orders:read orders:write",
        "what it had, and what the challenge of the 403 names"
    );
    let callback = visitor.visit(page["authorize"].as_str().unwrap(), "ada").await;
    let answer = own.client.ask(json!({ "callback": callback.as_str() })).await;
    let both = json!("orders:read orders:write");
    assert_eq!((&answer["text"], &answer["scope"]), (&json!("cancelled by ada"), &both), "{answer}");

    // A client that leaves the header out does not get at the tool.
    let hidden = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "cancel" } });
    let refused: Value = own.post(&own.identifier, &hidden).await.json().await.unwrap();
    assert_eq!(refused["error"]["code"], -32601, "{refused}");
    own.server.stop(false).await;
}
