//! API keys: long-lived credentials for programs, each with its own scopes and rate limit.
//!
//! `cargo run -p themes --bin api_keys` prints a key of alice. Then, for example:
//! `curl -i http://127.0.0.1:3000/orders -H "X-API-Key: $KEY"`

#![forbid(unsafe_code)]

#[cfg(test)]
#[path = "../tests/api_keys.rs"]
mod tests;

use std::time::Duration;

use actix_web::web::{Data, Json, Path};
use actix_web::{App, HttpServer};
use palisade::api_key::{ApiKeyError, ApiKeys, MemoryApiKeys, NewApiKey};
use palisade::resource::Unavailable;
use palisade::{ConfigError, Palisade, Principal, Scope, delete, get, post, rate_limit, require_scope};

const QUARTER: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// A program reads orders. Each key has a rate limit of its own.
#[get("/orders")]
#[require_scope("orders:read")]
#[rate_limit(60, "1m", by = api_key)]
async fn list_orders(caller: Principal) -> String {
    format!("the orders of {}", caller.subject())
}

/// The only response that contains the key: the store has a hash of it.
#[post("/keys")]
#[require_scope("keys:manage")]
async fn create_key(name: String, caller: Principal, keys: Data<ApiKeys>) -> Result<String, ApiKeyError> {
    let wanted = NewApiKey::of(&caller).name(name).scopes(["orders:read"]).expires_after(QUARTER);
    Ok(keys.create(wanted).await?.expose().to_owned())
}

#[get("/keys")]
#[require_scope("keys:manage")]
async fn list_keys(caller: Principal, keys: Data<ApiKeys>) -> Result<Json<Vec<String>>, Unavailable> {
    let keys = keys.list(caller.subject()).await?;
    Ok(Json(keys.iter().map(|key| format!("{} {}", key.id(), key.name())).collect()))
}

/// The owner comes from the principal, so nobody can delete the key of somebody else.
#[delete("/keys/{id}")]
#[require_scope("keys:manage")]
async fn delete_key(id: Path<String>, caller: Principal, keys: Data<ApiKeys>) -> Result<String, Unavailable> {
    let deleted = keys.remove(caller.subject(), &id).await?;
    Ok(format!("deleted: {deleted}"))
}

fn routes() -> Scope {
    palisade::scope("").service(list_orders).service(create_key).service(list_keys).service(delete_key)
}

fn configure(keys: &ApiKeys) -> Result<Palisade, ConfigError> {
    Palisade::builder().authenticator(keys.clone()).routes(&routes()).build()
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // `acme` is the prefix of every key, so that secret scanners find one that leaked.
    let keys = ApiKeys::new("acme", "https://api-keys.example", MemoryApiKeys::new())?;
    let first = keys.create(NewApiKey::new("alice").scopes(["orders:read", "keys:manage"])).await?;
    println!("key of alice: {}", first.expose());
    let (palisade, keys) = (configure(&keys)?, Data::new(keys));
    let app = move || App::new().app_data(keys.clone()).service(routes()).wrap(palisade.clone());
    Ok(palisade::server::harden(HttpServer::new(app)).bind(("127.0.0.1", 3000))?.run().await?)
}
