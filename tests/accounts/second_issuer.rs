//! CWE-346, ASVS V6.8.1, V9.1.3: a second issuer is trusted only for its own tokens, by its published keys, and its
//! subjects own nothing here.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use palisade::jwt::{Algorithm, Grant, SigningKey, TokenIssuer};
use serde_json::json;

use super::support::{ADMIN_EMAIL, ADMIN_PASSWORD, Client, Server, start_and_fail};

const PARTNER: &str = "https://partner.example";

/// A key pair of the partner: the signing key, and the JWK set that the partner publishes.
fn keys() -> (SigningKey, String) {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key");
    let x = URL_SAFE_NO_PAD.encode(pair.public_key_raw());
    let set = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "p1", "x": x}]});
    let key = SigningKey::pem(Algorithm::EdDsa, pair.serialize_pem()).expect("the key is valid").with_id("p1");
    (key, set.to_string())
}

fn issuer(key: &SigningKey, name: &str) -> TokenIssuer {
    TokenIssuer::new(name, "accounts-api", key.clone()).expect("an issuer")
}

fn token(issuer: &TokenIssuer, grant: Grant) -> String {
    issuer.issue(&grant).expect("a token")
}

fn grant(subject: &str) -> Grant {
    Grant::new(subject, Duration::from_secs(600))
}

/// Serves one document over HTTP on loopback, and counts the requests.
fn key_server(document: String) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (url, requests) = (format!("http://{}/jwks", listener.local_addr().expect("its address")), Arc::default());
    let count: Arc<AtomicUsize> = Arc::clone(&requests);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.read(&mut [0; 4096]);
            count.fetch_add(1, Ordering::SeqCst);
            let length = document.len();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/jwk-set+json\r\ncache-control: max-age=600\r\nconnection: close";
            let _ = write!(stream, "{head}\r\ncontent-length: {length}\r\n\r\n{document}");
        }
    });
    (url, requests)
}

async fn assert_accepted_but_owns_nothing(server: &Server, key: &SigningKey) {
    let anyone = Client::new(server);
    let admin = anyone.bearing(&anyone.token(ADMIN_EMAIL, ADMIN_PASSWORD).await);
    let admin_id = admin.get("/api/me").await.expect(200).body["subject"].as_str().expect("an id").to_owned();
    let partner = issuer(key, PARTNER);
    let of = |grant| anyone.bearing(&token(&partner, grant));

    let me = of(grant("pat").scopes(["reports:read"])).get("/api/me").await.expect(200);
    assert_eq!(me.body, json!({"subject": "pat", "roles": [], "scopes": ["reports:read"]}));
    of(grant("pat").scopes(["reports:read"])).get("/api/reports").await.expect(200);
    of(grant("pat")).get("/api/reports").await.expect(403);
    of(grant("pat").roles(["admin"])).get("/api/users").await.expect(200);

    // The partner issues a token for the administrator's id, which must not give access to the account.
    let impostor = of(grant(&admin_id).scopes(["account:manage", "reports:read"]));
    impostor.get(&format!("/api/users/{admin_id}")).await.expect(403);
    impostor.post("/api/documents", json!({"title": "t", "body": ""})).await.expect(403);
    impostor.get("/api/documents").await.expect(403);
    impostor.post("/api/keys", json!({"name": "k"})).await.expect(403);
    impostor.post("/auth/logout-all", json!({})).await.expect(403);
    impostor.post("/auth/logout", json!({})).await.expect(403);
    admin.get("/api/me").await.expect(200);
    // It does not grant roles here either.
    let other_admin = of(grant(&admin_id).roles(["admin"]));
    other_admin.patch(&format!("/api/users/{admin_id}"), json!({"role": "user"})).await.expect(403);

    // Neither issuer can sign for the other.
    anyone.bearing(&token(&issuer(key, "https://accounts.example"), grant("pat"))).get("/api/me").await.expect(401);
    anyone.bearing(&token(&issuer(key, "https://else.example"), grant("pat"))).get("/api/me").await.expect(401);
    let (other, _) = keys();
    anyone.bearing(&token(&issuer(&other, PARTNER), grant("pat"))).get("/api/me").await.expect(401);
    let expired = expired_token(key);
    anyone.bearing(&expired).get("/api/me").await.expect(401);
}

fn expired_token(key: &SigningKey) -> String {
    // Waiting for a token to expire would be slow, so these claims expired an hour ago.
    let valid = token(&issuer(key, PARTNER), grant("pat"));
    let mut parts: Vec<String> = valid.split('.').map(str::to_owned).collect();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let claims = json!({"iss": PARTNER, "aud": "accounts-api", "sub": "pat", "iat": now - 7200, "exp": now - 3600});
    parts[1] = URL_SAFE_NO_PAD.encode(claims.to_string());
    parts.join(".")
}

#[tokio::test]
async fn second_issuer_with_key_file_is_accepted() {
    let (key, set) = keys();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("jwks.json");
    std::fs::write(&file, set).expect("written");
    let settings = [("ACCOUNTS_JWKS_FILE", file.to_str().expect("text")), ("ACCOUNTS_JWKS_ISSUER", PARTNER)];
    assert_accepted_but_owns_nothing(&Server::start(&settings), &key).await;
}

#[tokio::test]
async fn second_issuer_url_is_fetched_once() {
    let (key, set) = keys();
    let (url, requests) = key_server(set);
    let server = Server::start(&[("ACCOUNTS_JWKS_URL", &url), ("ACCOUNTS_JWKS_ISSUER", PARTNER)]);
    assert_accepted_but_owns_nothing(&server, &key).await;
    assert_eq!(requests.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn second_issuer_outage_affects_only_its_tokens() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address");
    let url = format!("http://{free}/jwks");
    let server = Server::start(&[("ACCOUNTS_JWKS_URL", &url), ("ACCOUNTS_JWKS_ISSUER", PARTNER)]);
    let anyone = Client::new(&server);
    let (key, _) = keys();
    let down = anyone.bearing(&token(&issuer(&key, PARTNER), grant("pat"))).get("/api/me").await.expect(503);
    assert!(down.retry_after() >= 1);
    let admin = anyone.bearing(&anyone.token(ADMIN_EMAIL, ADMIN_PASSWORD).await);
    admin.get("/api/me").await.expect(200);
    anyone.get("/api/me").await.expect(401);
}

#[test]
fn invalid_key_sources_are_reported_at_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("jwks.json");
    std::fs::write(&file, r#"{"keys":[]}"#).expect("written");
    for (name, value) in [
        ("ACCOUNTS_JWKS_FILE", file.to_str().expect("text")),
        ("ACCOUNTS_JWKS_FILE", "/nowhere/jwks.json"),
        ("ACCOUNTS_JWKS_URL", "http://partner.example/jwks"),
    ] {
        let ended = start_and_fail(&folder.path().join("data"), &[(name, value), ("ACCOUNTS_JWKS_ISSUER", PARTNER)]);
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.code() == Some(1) && stderr.starts_with(name) && stderr.lines().count() == 1, "{stderr}");
    }
}
