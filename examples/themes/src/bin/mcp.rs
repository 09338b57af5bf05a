//! A server of the Model Context Protocol, protected by one scope: a client finds by itself where to get a token.
//!
//! `ISSUER=https://issuer.example cargo run -p themes --bin mcp`, then connect a client to `http://127.0.0.1:3000/mcp`. Or see what it
//! is told: `curl -i -X POST http://127.0.0.1:3000/mcp`, and `curl http://127.0.0.1:3000/.well-known/oauth-protected-resource/mcp`

#![forbid(unsafe_code)]

#[cfg(test)]
#[path = "../tests/mcp.rs"]
mod tests;

use actix_web::{App, HttpResponse, HttpServer};
use palisade::input::Json;
use palisade::jwt::TokenType;
use palisade::oauth::ProtectedResource;
use palisade::{ConfigError, Jwt, Palisade, Principal, Scope, authenticated, post, validate};
use serde::Deserialize;
use serde_json::{Value, json};
use validator::Validate;

const RESOURCE: &str = "http://127.0.0.1:3000/mcp";

#[derive(Deserialize, Validate)]
struct Message {
    /// A message without it is a notification, which has no answer.
    id: Option<Value>,
    #[validate(length(max = 100))]
    method: String,
    #[serde(default)]
    params: Value,
}

/// JSON-RPC: each message is one request, and so passes all checks.
#[post("")]
#[authenticated]
#[validate]
async fn messages(message: Json<Message>, caller: Principal) -> HttpResponse {
    let Message { id: Some(id), method, params } = message.into_inner() else {
        return HttpResponse::Accepted().finish();
    };
    let orders = json!({ "name": "orders", "description": "Your orders", "inputSchema": { "type": "object" } });
    let cached = json!({ "resultType": "complete", "ttlMs": 0, "cacheScope": "private" });
    let result = match (method.as_str(), params["name"].as_str()) {
        ("server/discover", _) => json!({ "supportedVersions": ["2026-07-28"], "capabilities": { "tools": {} } }),
        ("tools/list", _) => json!({ "tools": [orders] }),
        ("tools/call", Some("orders")) => {
            json!({ "content": [{ "type": "text", "text": format!("no orders of {}", caller.subject()) }] })
        }
        _ => {
            let error = json!({ "code": -32601, "message": "Method not found" });
            return HttpResponse::Ok().json(json!({ "jsonrpc": "2.0", "id": id, "error": error }));
        }
    };
    let members = [cached, result].into_iter().filter_map(|part| part.as_object().cloned()).flatten();
    let result: serde_json::Map<String, Value> = members.collect();
    HttpResponse::Ok().json(json!({ "jsonrpc": "2.0", "id": id, "result": result }))
}

pub(crate) fn routes(resource: &ProtectedResource) -> Scope {
    let mcp = palisade::scope("/mcp").protected_resource(resource).require_scope("orders:read").service(messages);
    palisade::scope("").service(resource.metadata()).service(mcp)
}

/// Tokens of this issuer, and only those that were given for this resource.
pub(crate) fn configure(issuer: &str, resource: &ProtectedResource) -> Result<Palisade, ConfigError> {
    let jwt = Jwt::discover(issuer)?.audience(resource.identifier()).token_type(TokenType::AccessToken);
    Palisade::builder().authenticator(jwt.build()?).routes(&routes(resource)).build()
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let resource = ProtectedResource::new(RESOURCE)?.name("Orders over MCP");
    let palisade = configure(&std::env::var("ISSUER")?, &resource)?;
    let app = move || App::new().service(routes(&resource)).wrap(palisade.clone());
    Ok(palisade::server::harden(HttpServer::new(app)).bind(("127.0.0.1", 3000))?.run().await?)
}
