//! A server of the Model Context Protocol, protected by scopes: a client finds by itself where to get a token. The routes are in
//! `examples/themes/src/mcp_server.rs`.
//!
//! `ISSUER=https://issuer.example cargo run -p themes --bin mcp`, then connect a client to `http://127.0.0.1:3000/mcp`. Or see what it
//! is told: `curl -i -X POST http://127.0.0.1:3000/mcp`, and `curl http://127.0.0.1:3000/.well-known/oauth-protected-resource/mcp`

#![forbid(unsafe_code)]

#[path = "../mcp_server.rs"]
mod mcp_server;
#[cfg(test)]
#[path = "../tests/mcp.rs"]
mod tests;

use actix_web::{App, HttpServer};
use palisade::oauth::ProtectedResource;

use self::mcp_server::{configure, routes};

const RESOURCE: &str = "http://127.0.0.1:3000/mcp";

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let resource = ProtectedResource::new(RESOURCE)?.name("Orders over MCP");
    let palisade = configure(&std::env::var("ISSUER")?, &resource)?;
    let app = move || App::new().service(routes(&resource)).wrap(palisade.clone());
    Ok(palisade::server::harden(HttpServer::new(app)).bind(("127.0.0.1", 3000))?.run().await?)
}
