//! What a thief of a token gets, and what its client gets.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::Method;
use actix_web::test::{TestRequest, init_service, read_body};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use palisade::jwt::{Grant, TokenIssuer};
use palisade::principal::{Actor, Confirmation};
use serde_json::{Value, json};

use super::*;

fn hash(text: &str) -> [u8; 32] {
    digest(&SHA256, text.as_bytes()).as_ref().try_into().unwrap()
}

/// A client with a key of its own.
struct Client {
    key: EcdsaKeyPair,
    jwk: Value,
}

impl Client {
    fn new() -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let (x, y) = key.public_key().as_ref()[1..].split_at(32);
        let jwk = json!({
            "crv": "P-256", "kty": "EC", "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        });
        Self { key, jwk }
    }

    /// The thumbprint of the key (RFC 7638), to which the issuer binds tokens.
    fn confirmation(&self) -> Confirmation {
        Confirmation::DpopKey(hash(&self.jwk.to_string()))
    }

    fn proof(&self, method: &Method, path: &str, token: &str, nonce: &str) -> String {
        let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk}).to_string();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let claims = json!({
            "jti": format!("{:?}", now), "htm": method.as_str(), "htu": format!("{API}{path}"), "iat": now.as_secs(),
            "ath": URL_SAFE_NO_PAD.encode(hash(token)), "nonce": nonce,
        });
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn issuer() -> TokenIssuer {
    TokenIssuer::hs256("https://issuer.example", "payments", [7; 32]).unwrap()
}

fn token(change: impl FnOnce(Grant) -> Grant) -> String {
    let grant = Grant::new("ada", Duration::from_secs(60)).scopes(["payments:read", "payments:write"]);
    issuer().issue(&change(grant)).unwrap()
}

macro_rules! app {
    () => {{
        let palisade = configure(issuer().verifier().build().unwrap(), &[8; 32]).unwrap();
        init_service(App::new().service(routes()).wrap(palisade)).await
    }};
}

/// Calls as the client does: the first 401 brings the nonce for the proof.
async fn call<S, B>(app: &S, client: &Client, method: Method, path: &str, token: &str) -> ServiceResponse<B>
where
    S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = actix_web::Error>,
{
    let mut nonce = String::new();
    loop {
        let proof = client.proof(&method, path, token, &nonce);
        let request = TestRequest::with_uri(path).method(method.clone()).insert_header(("dpop", proof));
        let request = request.insert_header(("authorization", format!("DPoP {token}")));
        let response = app.call(request.to_request()).await.unwrap();
        match response.headers().get("dpop-nonce").and_then(|next| next.to_str().ok()) {
            Some(next) if nonce.is_empty() => next.clone_into(&mut nonce),
            _ => return response,
        }
    }
}

#[actix_web::test]
async fn stolen_token_is_worth_nothing() {
    let (app, client, thief) = (app!(), Client::new(), Client::new());
    let bound = token(|grant| grant.bound_to(client.confirmation()));
    let response = call(&app, &client, Method::GET, "/payments", &bound).await;
    assert_eq!((response.status().as_u16(), read_body(response).await.as_ref()), (200, b"none".as_slice()));
    let own_key = call(&app, &thief, Method::GET, "/payments", &bound).await;
    assert_eq!(own_key.status(), 401);
    for path in ["/balance", "/payments"] {
        let bearer = TestRequest::with_uri(path).insert_header(("authorization", format!("Bearer {bound}")));
        assert_eq!(app.call(bearer.to_request()).await.unwrap().status(), 401, "{path}");
    }
    // A token that is not bound is enough for the one route and not for the other.
    let plain = token(|grant| grant);
    for (path, status) in [("/balance", 200), ("/payments", 401)] {
        let bearer = TestRequest::with_uri(path).insert_header(("authorization", format!("Bearer {plain}")));
        assert_eq!(app.call(bearer.to_request()).await.unwrap().status(), status, "{path}");
    }
}

#[actix_web::test]
async fn payment_needs_a_recent_second_factor_of_the_user() {
    let (app, client) = (app!(), Client::new());
    let bound = |grant: Grant| grant.bound_to(client.confirmation());
    let strong = |grant: Grant| bound(grant).authenticated("phr", ["pwd", "otp"], SystemTime::now());
    let service = |grant: Grant| strong(grant).actor(Actor::new("https://issuer.example", "shop"));
    for (token, status) in [(token(bound), 401), (token(service), 403), (token(strong), 200)] {
        let response = call(&app, &client, Method::POST, "/payments", &token).await;
        assert_eq!(response.status(), status);
    }
}
