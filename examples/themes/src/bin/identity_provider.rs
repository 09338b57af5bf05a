//! Tokens of an identity provider: one issuer in the shape of Keycloak, one in the shape of Auth0.
//!
//! `cargo run -p themes --bin identity_provider` starts a simulation of both on the loopback interface and prints a token
//! of each. Then, for example: `curl -i http://127.0.0.1:3000/orders -H "Authorization: Bearer $TOKEN"`

#![forbid(unsafe_code)]

#[path = "../provider.rs"]
mod provider;
#[cfg(test)]
#[path = "../tests/identity_provider.rs"]
mod tests;

use actix_web::{App, HttpServer};
use palisade::jwt::RemoteKeySet;
use palisade::{ConfigError, Jwt, Palisade, Principal, Scope, authenticated, get, require_role};

/// Keycloak: roles are nested, and the keys have their own path in the realm.
fn keycloak(base: &str) -> Result<Jwt, ConfigError> {
    let realm = format!("{base}/realms/main");
    Jwt::builder()
        .issuer(&realm)
        .audience("orders-api")
        .keys(RemoteKeySet::new(format!("{realm}/protocol/openid-connect/certs"))?)
        .roles_at("realm_access.roles")
        .build()
}

/// Auth0: the issuer ends with a slash, and roles are in a claim whose name is a URL.
fn auth0(base: &str) -> Result<Jwt, ConfigError> {
    Jwt::builder()
        .issuer(format!("{base}/"))
        .audience("https://orders.example/api")
        .keys(RemoteKeySet::new(format!("{base}/.well-known/jwks.json"))?)
        .roles_at(["https://orders.example/roles"])
        .build()
}

#[get("/orders")]
#[require_role("dispatcher")]
async fn list_orders() -> &'static str {
    "every order"
}

/// Two issuers may have the same subject: only issuer and subject together identify a caller.
#[get("/me")]
#[authenticated]
async fn me(caller: Principal) -> String {
    format!("{} of {}", caller.subject(), caller.issuer())
}

fn routes() -> Scope {
    palisade::scope("").service(list_orders).service(me)
}

fn configure(base: &str) -> Result<Palisade, ConfigError> {
    Palisade::builder().authenticator(keycloak(base)?).authenticator(auth0(base)?).routes(&routes()).build()
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let provider = provider::Provider::start()?;
    println!("in the shape of Keycloak: {}", provider.keycloak_token("dispatcher")?);
    println!("in the shape of Auth0: {}", provider.auth0_token("dispatcher")?);
    let palisade = configure(provider.base())?;
    let app = move || App::new().service(routes()).wrap(palisade.clone());
    Ok(palisade::server::harden(HttpServer::new(app)).bind(("127.0.0.1", 3000))?.run().await?)
}
