//! Tokens of an identity provider: one issuer in the shape of Keycloak, also with opaque tokens, and one in the shape of Auth0.
//!
//! `cargo run -p themes --bin identity_provider` starts a simulation of both on the loopback interface and prints tokens
//! of each. Then, for example: `curl -i -X DELETE http://127.0.0.1:3000/orders/7 -H "Authorization: Bearer $TOKEN"`

#![forbid(unsafe_code)]

#[path = "../provider.rs"]
mod provider;
#[cfg(test)]
#[path = "../tests/identity_provider.rs"]
mod tests;

use actix_web::{App, HttpServer};
use palisade::jwt::RemoteKeySet;
use palisade::oauth::{Introspection, OAuthClient, Provider};
use palisade::{ConfigError, Jwt, Palisade, Principal, Scope, authenticated, delete, get, require_role, step_up};

/// Keycloak: the metadata of the realm say where its keys are, and roles are nested.
fn keycloak(base: &str) -> Result<Jwt, ConfigError> {
    Jwt::discover(format!("{base}/realms/main"))?.audience("orders-api").roles_at("realm_access.roles").build()
}

/// Opaque tokens of the same realm, about which it is asked.
fn opaque(base: &str) -> Result<Introspection, ConfigError> {
    let realm = Provider::discover(format!("{base}/realms/main"))?;
    let api = OAuthClient::secret_basic("orders-api", provider::API_SECRET);
    Introspection::builder(&realm, api).audience("orders-api").roles_at("realm_access.roles").build()
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

/// A stolen token is not enough: the person must have logged in with a second factor, a short time ago.
#[delete("/orders/{id}")]
#[require_role("dispatcher")]
#[step_up(acr("phr"), max_age = "5m")]
async fn cancel_order() -> &'static str {
    "cancelled"
}

/// Two issuers may have the same subject: only issuer and subject together identify a caller.
#[get("/me")]
#[authenticated]
async fn me(caller: Principal) -> String {
    format!("{} of {}", caller.subject(), caller.issuer())
}

fn routes() -> Scope {
    palisade::scope("").service(list_orders).service(cancel_order).service(me)
}

fn configure(base: &str) -> Result<Palisade, ConfigError> {
    let palisade = Palisade::builder().authenticator(keycloak(base)?).authenticator(auth0(base)?);
    palisade.authenticator(opaque(base)?).routes(&routes()).build()
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let provider = provider::Provider::start()?;
    println!("in the shape of Keycloak: {}", provider.keycloak_token("dispatcher")?);
    println!("opaque, after a second factor: {}", provider.opaque_token("dispatcher", "phr")?);
    println!("in the shape of Auth0: {}", provider.auth0_token("dispatcher")?);
    let palisade = configure(provider.base())?;
    let app = move || App::new().service(routes()).wrap(palisade.clone());
    Ok(palisade::server::harden(HttpServer::new(app)).bind(("127.0.0.1", 3000))?.run().await?)
}
