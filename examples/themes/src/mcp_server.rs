//! The routes of the server: JSON-RPC over HTTP (Model Context Protocol, 2026-07-28). Each message is one request, and so passes all checks.

use actix_web::HttpResponse;
use actix_web::guard::GuardContext;
use palisade::input::Json;
use palisade::jwt::TokenType;
use palisade::oauth::ProtectedResource;
use palisade::{ConfigError, Jwt, Palisade, Principal, Scope, authenticated, post, require_scope, validate};
use serde::Deserialize;
use serde_json::{Value, json};
use validator::Validate;

#[derive(Deserialize, Validate)]
struct Message {
    /// A message without it is a notification, which has no answer.
    id: Option<Value>,
    #[validate(length(max = 100))]
    method: String,
    #[serde(default)]
    params: Value,
}

#[post("")]
#[authenticated]
#[validate]
async fn messages(message: Json<Message>, caller: Principal) -> HttpResponse {
    answer(&message, "orders", format!("no orders of {}", caller.subject()))
}

/// Clients repeat the name of the tool in a header, so a tool can need a scope of its own.
fn names_cancel(request: &GuardContext<'_>) -> bool {
    request.head().headers().get("mcp-name").is_some_and(|name| name == "cancel")
}

#[post("", guard = "names_cancel")]
#[require_scope("orders:write")]
#[validate]
async fn cancel(message: Json<Message>, caller: Principal) -> HttpResponse {
    answer(&message, "cancel", format!("cancelled by {}", caller.subject()))
}

/// The answer of a route that has this tool. The tool is named in the body. The header is not read.
fn answer(message: &Message, tool: &str, text: String) -> HttpResponse {
    let Some(id) = &message.id else { return HttpResponse::Accepted().finish() };
    let described = |name: &str| json!({ "name": name, "description": name, "inputSchema": { "type": "object" } });
    let cached = json!({ "resultType": "complete", "ttlMs": 0, "cacheScope": "private" });
    let result = match (message.method.as_str(), message.params["name"].as_str()) {
        ("server/discover", _) => json!({ "supportedVersions": ["2026-07-28"], "capabilities": { "tools": {} } }),
        ("tools/list", _) => json!({ "tools": [described("orders"), described("cancel")] }),
        ("tools/call", Some(name)) if name == tool => json!({ "content": [{ "type": "text", "text": text }] }),
        _ => {
            let error = json!({ "code": -32601, "message": "Method not found" });
            return HttpResponse::Ok().json(json!({ "jsonrpc": "2.0", "id": id, "error": error }));
        }
    };
    let members = [cached, result].into_iter().filter_map(|part| part.as_object().cloned()).flatten();
    let result: serde_json::Map<String, Value> = members.collect();
    HttpResponse::Ok().json(json!({ "jsonrpc": "2.0", "id": id, "result": result }))
}

pub fn routes(resource: &ProtectedResource) -> Scope {
    let mcp = palisade::scope("/mcp").protected_resource(resource).require_scope("orders:read");
    palisade::scope("").service(resource.metadata()).service(mcp.service(cancel).service(messages))
}

/// Tokens of this issuer, and only those that were given for this resource.
pub fn configure(issuer: &str, resource: &ProtectedResource) -> Result<Palisade, ConfigError> {
    let jwt = Jwt::discover(issuer)?.audience(resource.identifier()).token_type(TokenType::AccessToken);
    Palisade::builder().authenticator(jwt.build()?).routes(&routes(resource)).build()
}
