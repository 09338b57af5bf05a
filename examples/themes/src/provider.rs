//! Simulates Keycloak and Auth0: publishes one key on the loopback interface, and signs tokens in the format of either.

use std::error::Error;
use std::time::Duration;

use actix_web::web::Data;
use actix_web::{App, HttpServer, rt};
use palisade::jwt::{Grant, PublishedKeys, SigningKey, TokenIssuer};
use palisade::{ConfigError, Palisade, get, public};
use serde_json::json;

#[path = "new_key.rs"]
mod new_key;

pub struct Provider {
    base: String,
    key: SigningKey,
}

#[get("/realms/main/protocol/openid-connect/certs")]
#[public("verification keys")]
async fn keycloak_keys(issuer: Data<TokenIssuer>) -> Result<PublishedKeys, ConfigError> {
    issuer.key_set()
}

#[get("/.well-known/jwks.json")]
#[public("verification keys")]
async fn auth0_keys(issuer: Data<TokenIssuer>) -> Result<PublishedKeys, ConfigError> {
    issuer.key_set()
}

impl Provider {
    /// Creates a key, and serves its public half as a JWK set (RFC 7517) at the path of either product.
    pub fn start() -> Result<Self, Box<dyn Error>> {
        let key = new_key::new_key()?;
        let issuer = Data::new(TokenIssuer::new("https://issuer.example", "any", key.clone())?);
        let palisade = Palisade::builder().build()?;
        let server = HttpServer::new(move || {
            let routes = palisade::scope("").service(keycloak_keys).service(auth0_keys);
            App::new().app_data(issuer.clone()).service(routes).wrap(palisade.clone())
        });
        let server = palisade::server::harden(server);
        let server = server.workers(1).disable_signals().bind(("127.0.0.1", 0))?;
        let base = format!("http://{}", server.addrs()[0]);
        rt::spawn(server.run());
        Ok(Self { base, key })
    }

    /// Returns its base URL, such as `http://127.0.0.1:41234`.
    pub fn base(&self) -> &str {
        &self.base
    }

    pub fn keycloak_token(&self, role: &str) -> Result<String, Box<dyn Error>> {
        let issuer = TokenIssuer::new(format!("{}/realms/main", self.base), "orders-api", self.key.clone())?;
        let grant = Grant::new("4f7c", Duration::from_mins(5)).scopes(["openid", "profile"]);
        Ok(issuer.issue(&grant.claim("realm_access", json!({"roles": [role]})))?)
    }

    pub fn auth0_token(&self, role: &str) -> Result<String, Box<dyn Error>> {
        let issuer = TokenIssuer::new(format!("{}/", self.base), "https://orders.example/api", self.key.clone())?;
        let grant = Grant::new("auth0|4f7c", Duration::from_mins(5)).scopes(["openid", "profile"]);
        Ok(issuer.issue(&grant.claim("https://orders.example/roles", json!([role])))?)
    }
}
