//! Simulates Keycloak and Auth0: publishes one key on the loopback interface, and signs tokens in the format of either.

use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use actix_web::web::{self, Data, Json};
use actix_web::{App, HttpServer, rt};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

pub struct Provider {
    base: String,
    key: EncodingKey,
}

async fn key_set(keys: Data<Value>) -> Json<Value> {
    Json(keys.get_ref().clone())
}

impl Provider {
    /// Creates a key, and serves its public half as a JWK set (RFC 7517) at the path of either product.
    pub fn start() -> Result<Self, Box<dyn Error>> {
        let document = Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new())?;
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref())?;
        let x = URL_SAFE_NO_PAD.encode(pair.public_key());
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "1", "x": x});
        let keys = Data::new(json!({"keys": [jwk]}));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(keys.clone())
                .route("/realms/main/protocol/openid-connect/certs", web::get().to(key_set))
                .route("/.well-known/jwks.json", web::get().to(key_set))
        });
        let server = palisade::server::harden(server);
        let server = server.workers(1).disable_signals().bind(("127.0.0.1", 0))?;
        let base = format!("http://{}", server.addrs()[0]);
        rt::spawn(server.run());
        Ok(Self { base, key: EncodingKey::from_ed_der(document.as_ref()) })
    }

    /// Returns its base URL, such as `http://127.0.0.1:41234`.
    pub fn base(&self) -> &str {
        &self.base
    }

    fn sign(&self, mut claims: Value) -> Result<String, Box<dyn Error>> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        claims["iat"] = now.into();
        claims["exp"] = (now + 300).into();
        let header = Header { kid: Some("1".into()), ..Header::new(Algorithm::EdDSA) };
        Ok(jsonwebtoken::encode(&header, &claims, &self.key)?)
    }

    pub fn keycloak_token(&self, role: &str) -> Result<String, Box<dyn Error>> {
        let realm = format!("{}/realms/main", self.base);
        self.sign(json!({
            "iss": realm, "aud": ["orders-api", "account"], "sub": "4f7c", "typ": "Bearer", "azp": "shop",
            "realm_access": {"roles": [role]}, "scope": "openid profile",
        }))
    }

    pub fn auth0_token(&self, role: &str) -> Result<String, Box<dyn Error>> {
        self.sign(json!({
            "iss": format!("{}/", self.base), "aud": ["https://orders.example/api"], "sub": "auth0|4f7c",
            "https://orders.example/roles": [role], "scope": "openid profile",
        }))
    }
}
