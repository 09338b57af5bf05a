//! Simulates Keycloak and Auth0: publishes metadata and one key on the loopback interface, signs tokens in the format of either, and
//! answers questions about opaque tokens (RFC 7662).

use std::collections::HashMap;
use std::error::Error;
use std::net::TcpListener;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use actix_web::http::header::{AUTHORIZATION, HeaderValue};
use actix_web::web::{Data, Form};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use palisade::jwt::{Grant, PublishedKeys, SigningKey, TokenIssuer};
use palisade::{ConfigError, Palisade, get, post, public};
use serde::Deserialize;
use serde_json::{Value, json};

#[path = "new_key.rs"]
mod new_key;

/// The secret of the client `orders-api`. A real one comes from the environment.
pub const API_SECRET: &str = "a-secret-of-the-simulation-only";

pub struct Provider {
    base: String,
    key: SigningKey,
    opaque: Data<OpaqueTokens>,
}

/// The claims of each opaque token.
#[derive(Default)]
struct OpaqueTokens(Mutex<HashMap<String, Value>>);

/// The base URL, which is known when the server is bound.
struct Base(String);

#[get("/realms/main/.well-known/openid-configuration")]
#[public("metadata of the provider")]
async fn keycloak_metadata(base: Data<Base>) -> HttpResponse {
    let realm = format!("{}/realms/main", base.0);
    HttpResponse::Ok().json(json!({
        "issuer": realm,
        "jwks_uri": format!("{realm}/protocol/openid-connect/certs"),
        "introspection_endpoint": format!("{realm}/protocol/openid-connect/token/introspect"),
    }))
}

#[derive(Deserialize)]
struct Question {
    token: String,
}

#[post("/realms/main/protocol/openid-connect/token/introspect")]
#[public("the secret of the client is the credential")]
async fn introspection(request: HttpRequest, question: Form<Question>, known: Data<OpaqueTokens>) -> HttpResponse {
    let client = format!("Basic {}", STANDARD.encode(format!("orders-api:{API_SECRET}")));
    if request.headers().get(AUTHORIZATION).map(HeaderValue::as_bytes) != Some(client.as_bytes()) {
        return HttpResponse::Unauthorized().json(json!({ "error": "invalid_client" }));
    }
    let tokens = known.0.lock().unwrap_or_else(PoisonError::into_inner);
    let claims = tokens.get(&question.token).cloned();
    HttpResponse::Ok().json(claims.unwrap_or_else(|| json!({ "active": false })))
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
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let base = format!("http://{}", listener.local_addr()?);
        let (own, opaque) = (Data::new(Base(base.clone())), Data::new(OpaqueTokens::default()));
        let known = opaque.clone();
        let server = HttpServer::new(move || {
            let routes = palisade::scope("").service(keycloak_keys).service(auth0_keys);
            let routes = routes.service(keycloak_metadata).service(introspection);
            let app = App::new().app_data(issuer.clone()).app_data(own.clone()).app_data(known.clone());
            app.service(routes).wrap(palisade.clone())
        });
        let server = palisade::server::harden(server).workers(1).disable_signals().listen(listener)?;
        rt::spawn(server.run());
        Ok(Self { base, key, opaque })
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

    /// An opaque token after a login of this strength (`acr`), now.
    pub fn opaque_token(&self, role: &str, acr: &str) -> Result<String, Box<dyn Error>> {
        let mut handle = [0; 32];
        aws_lc_rs::rand::fill(&mut handle).map_err(|_| "the machine has no random numbers")?;
        let token = URL_SAFE_NO_PAD.encode(handle);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
        let claims = json!({
            "active": true, "token_type": "Bearer", "iss": format!("{}/realms/main", self.base), "aud": "orders-api",
            "sub": "4f7c", "exp": now + 300, "acr": acr, "auth_time": now, "realm_access": {"roles": [role]},
        });
        self.opaque.0.lock().unwrap_or_else(PoisonError::into_inner).insert(token.clone(), claims);
        Ok(token)
    }

    pub fn auth0_token(&self, role: &str) -> Result<String, Box<dyn Error>> {
        let issuer = TokenIssuer::new(format!("{}/", self.base), "https://orders.example/api", self.key.clone())?;
        let grant = Grant::new("auth0|4f7c", Duration::from_mins(5)).scopes(["openid", "profile"]);
        Ok(issuer.issue(&grant.claim("https://orders.example/roles", json!([role])))?)
    }
}
