//! A tool that needs a further scope: the client reads it in the challenge of the 403, asks the provider for it beside what it has, and
//! calls again.

use std::net::TcpListener;

use actix_web::guard::GuardContext;
use actix_web::{App, HttpServer};
use palisade::input::Json;
use palisade::jwt::TokenType;
use palisade::oauth::ProtectedResource;
use palisade::{Jwt, Palisade, Principal, Scope, authenticated, post, require_scope, scope, validate};
use palisade_tests::provider::{RealProvider, Visitor};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;
use validator::Validate;

use super::mcp_client::McpClient;
use super::{CALLBACK, setup};

#[derive(Deserialize, Validate)]
struct Message {
    id: Option<Value>,
    method: String,
    #[serde(default)]
    params: Value,
}

/// The answer if the caller may use these tools.
fn answer(message: &Message, tools: &[&str], caller: &Principal) -> actix_web::web::Json<Value> {
    let tool = message.params["name"].as_str().unwrap_or_default();
    let result = match message.method.as_str() {
        "server/discover" => json!({"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}}),
        "tools/list" => {
            let tool = |name| json!({"name": name, "description": name, "inputSchema": {"type": "object"}});
            json!({"tools": [tool("list"), tool("cancel")]})
        }
        "tools/call" if tools.contains(&tool) => {
            json!({"content": [{"type": "text", "text": format!("{tool} by {}", caller.subject())}]})
        }
        _ => {
            let error = json!({"code": -32601, "message": "Method not found"});
            return actix_web::web::Json(json!({"jsonrpc": "2.0", "id": message.id, "error": error}));
        }
    };
    let cached = json!({"resultType": "complete", "ttlMs": 0, "cacheScope": "private"});
    let members = [cached, result].into_iter().filter_map(|part| part.as_object().cloned()).flatten();
    let result: serde_json::Map<String, Value> = members.collect();
    actix_web::web::Json(json!({"jsonrpc": "2.0", "id": message.id, "result": result}))
}

/// The client repeats the name of the tool in a header. A body that names another one is not answered.
fn names_cancel(request: &GuardContext<'_>) -> bool {
    request.head().headers().get("mcp-name").is_some_and(|name| name == "cancel")
}

#[post("", guard = "names_cancel")]
#[require_scope("orders:write")]
#[validate]
async fn cancel(message: Json<Message>, caller: Principal) -> actix_web::web::Json<Value> {
    answer(&message, &["cancel"], &caller)
}

#[post("")]
#[authenticated]
#[validate]
async fn messages(message: Json<Message>, caller: Principal) -> actix_web::web::Json<Value> {
    answer(&message, &["list"], &caller)
}

fn routes(resource: &ProtectedResource) -> Scope {
    let mcp = scope("/mcp").protected_resource(resource).require_scope("orders:read").service(cancel).service(messages);
    scope("").service(resource.metadata()).service(mcp)
}

#[actix_web::test]
async fn client_gets_a_further_scope_when_a_tool_needs_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let identifier = format!("http://{}/mcp", listener.local_addr().unwrap());
    let mut setup = setup();
    setup["resources"][&identifier] = json!({ "scope": "orders:read orders:write" });
    setup["clients"] = json!([{
        "client_id": "mcp", "redirect_uris": [CALLBACK], "response_types": ["code"], "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code"],
    }]);
    let Some(provider) = RealProvider::start(&setup) else { return };
    let Some(mut client) = McpClient::start() else { return };
    let resource = ProtectedResource::new(&identifier).unwrap();
    let jwt = Jwt::discover(provider.issuer()).unwrap().audience(&identifier).token_type(TokenType::AccessToken);
    let palisade = Palisade::builder().authenticator(jwt.build().unwrap()).routes(&routes(&resource)).build().unwrap();
    let app = move || App::new().service(routes(&resource)).wrap(palisade.clone());
    let server = palisade::server::harden(HttpServer::new(app)).workers(1).listen(listener).unwrap().run();
    let handle = server.handle();
    actix_web::rt::spawn(server);

    let mut visitor = Visitor::new(&provider);
    let known = json!({"client_id": "mcp", "issuer": provider.issuer()});
    let line = json!({"url": identifier, "redirect": CALLBACK, "tool": "list", "further": "cancel", "client": known});
    let mut page = client.ask(line).await;
    for (asked, text, scope) in [
        ("orders:read", "list by ada", "orders:read"),
        ("orders:read orders:write", "cancel by ada", "orders:read orders:write"),
    ] {
        let url = page["authorize"].as_str().unwrap_or_else(|| panic!("{page}"));
        let parsed = Url::parse(url).unwrap();
        let of_page = parsed.query_pairs().find(|(name, _)| name == "scope").unwrap().1;
        assert_eq!(of_page, asked);
        let callback = visitor.visit(url, "ada").await;
        let answer = client.ask(json!({ "callback": callback.as_str() })).await;
        assert_eq!((&answer["text"], &answer["scope"]), (&json!(text), &json!(scope)), "{answer}");
        if answer["tools"].is_array() {
            page = client.next().await;
        }
    }
    handle.stop(false).await;
}
