//! CWE-269, CWE-362, ASVS V8.3.2: rights that change while they are used, and credentials that are used for more than
//! they were made for.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use palisade::jwt::{Algorithm, Grant, SigningKey, TokenIssuer};
use serde_json::json;

use super::support::{ADMIN_EMAIL, ADMIN_PASSWORD, Client, Server};

const PASSWORD: &str = "ada's own pass phrase";
const ADA: &str = "ada@example.com";

async fn register_ada(anyone: &Client) -> String {
    let registration = json!({"name": "Ada", "email": ADA, "password": PASSWORD});
    anyone.post("/auth/register", registration).await.expect(201).id()
}

#[tokio::test]
async fn login_in_progress_does_not_keep_lost_role() {
    let server = Server::start(&[("ACCOUNTS_RATE_LIMITS", "observe"), ("ACCOUNTS_WORKERS", "4")]);
    let anyone = Client::scattered(&server);
    let id = register_ada(&anyone).await;
    let admin = anyone.bearing(&anyone.token(ADMIN_EMAIL, ADMIN_PASSWORD).await);
    admin.patch(&format!("/api/users/{id}"), json!({"role": "admin"})).await.expect(200);
    // Many logins at once: the queue for argon2 stretches the time between reading the role and issuing the token.
    let logins: Vec<_> = (0..24)
        .map(|_| {
            let anyone = anyone.clone();
            tokio::spawn(async move { anyone.login(ADA, PASSWORD).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(150)).await;
    admin.patch(&format!("/api/users/{id}"), json!({"role": "user"})).await.expect(200);
    let (mut logged_in, mut still) = (0, 0);
    for login in logins {
        let response = login.await.expect("no panic");
        if response.status == 200 {
            let [access, _] = response.pair();
            logged_in += 1;
            still += usize::from(anyone.bearing(&access).get("/api/users").await.status == 200);
        }
    }
    assert_eq!(still, 0, "tokens of a former administrator are accepted");
    assert!(logged_in > 0, "no login succeeded, so nothing was tested");
    admin.get("/api/users").await.expect(200);
}

#[tokio::test]
async fn logins_of_one_account_are_limited() {
    let server = Server::start(&[]);
    let anyone = Client::new(&server);
    register_ada(&anyone).await;
    let mut succeeded = 0;
    for _ in 0..120 {
        succeeded += usize::from(anyone.login(ADA, PASSWORD).await.status == 200);
    }
    assert!(
        succeeded < 120,
        "{succeeded} of 120 logins from one address succeeded, and each costs an argon2id hash and a session of 14 days"
    );
}

#[tokio::test]
async fn scoped_key_cannot_take_over_the_account() {
    let server = Server::start(&[]);
    let anyone = Client::new(&server);
    let admin = anyone.bearing(&anyone.token(ADMIN_EMAIL, ADMIN_PASSWORD).await);
    let id = admin.get("/api/me").await.expect(200).body["subject"].as_str().expect("an id").to_owned();
    let made = admin.post("/api/keys", json!({"name": "figures", "scopes": ["reports:read"]})).await.expect(201);
    let program = anyone.with_key(made.body["key"].as_str().expect("a key"));
    let changed = program.patch(&format!("/api/users/{id}"), json!({"email": "eve@example.com"})).await;
    let login = anyone.login(ADMIN_EMAIL, ADMIN_PASSWORD).await;
    assert!(
        changed.status != 200 && login.status == 200,
        "PATCH {} and then the owner's login {}",
        changed.status,
        login.status
    );
}

fn partner() -> (TokenIssuer, String) {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key");
    let x = URL_SAFE_NO_PAD.encode(pair.public_key_raw());
    let set = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "p1", "x": x}]});
    let key = SigningKey::pem(Algorithm::EdDsa, pair.serialize_pem()).expect("the key is valid").with_id("p1");
    (TokenIssuer::new("https://partner.example", "accounts-api", key).expect("an issuer"), set.to_string())
}

#[tokio::test]
async fn partner_admin_cannot_change_local_administrators() {
    let (partner, set) = partner();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("jwks.json");
    std::fs::write(&file, set).expect("written");
    let settings =
        [("ACCOUNTS_JWKS_FILE", file.to_str().expect("text")), ("ACCOUNTS_JWKS_ISSUER", "https://partner.example")];
    let server = Server::start(&settings);
    let anyone = Client::new(&server);
    let admin = anyone.bearing(&anyone.token(ADMIN_EMAIL, ADMIN_PASSWORD).await);
    let id = admin.get("/api/me").await.expect(200).body["subject"].as_str().expect("an id").to_owned();
    // The token is also valid for a hundred years; nothing limits that, and the server cannot revoke it.
    let token =
        partner.issue(&Grant::new("pat", Duration::from_secs(100 * 365 * 86_400)).roles(["admin"])).expect("a token");
    let pat = anyone.bearing(&token);
    let century = pat.get("/api/me").await.status;
    let email = pat.patch(&format!("/api/users/{id}"), json!({"email": "pat@partner.example"})).await.status;
    let deleted = pat.delete(&format!("/api/users/{id}")).await.status;
    let login = anyone.login(ADMIN_EMAIL, ADMIN_PASSWORD).await.status;
    assert!(
        email == 403 && deleted == 403 && login == 200,
        "token of a century {century}, PATCH email {email}, DELETE {deleted}, login of the only administrator {login}"
    );
}

#[tokio::test]
async fn every_401_names_all_schemes() {
    let server = Server::start(&[]);
    let anyone = Client::new(&server);
    let from_guard = anyone.get("/api/me").await;
    let from_login = anyone.login(ADA, "wrong").await;
    for response in [from_guard, from_login] {
        let challenges = response.headers.get_all("www-authenticate").iter();
        let schemes: Vec<_> = challenges.map(|value| value.to_str().unwrap().split(' ').next().unwrap()).collect();
        assert_eq!(schemes, ["Bearer", "ApiKey", "Cookie"]);
    }
}

/// Each attempt queries the database, because the checksum of the key is correct.
#[tokio::test]
async fn every_credential_check_is_rate_limited() {
    let server = Server::start(&[]);
    let anyone = Client::new(&server);
    let mut statuses = std::collections::BTreeMap::<u16, usize>::new();
    for n in 0..400_u32 {
        let body = format!("accounts_{n:032x}_{n:064x}");
        let checksum = body.bytes().fold(!0_u32, |crc, byte| {
            (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
        });
        let stranger = anyone.with_key(&format!("{body}{:08x}", !checksum));
        *statuses.entry(stranger.post("/auth/logout", json!({})).await.status.as_u16()).or_default() += 1;
    }
    assert!(statuses.contains_key(&429), "{statuses:?}");
}

/// An account that is deleted during a login is not an outage.
#[tokio::test]
async fn login_of_an_account_just_deleted_is_401() {
    let server = Server::start(&[("ACCOUNTS_RATE_LIMITS", "observe"), ("ACCOUNTS_WORKERS", "4")]);
    let anyone = Client::scattered(&server);
    let id = register_ada(&anyone).await;
    let admin = anyone.bearing(&anyone.token(ADMIN_EMAIL, ADMIN_PASSWORD).await);
    let logins: Vec<_> = (0..24)
        .map(|_| {
            let anyone = anyone.clone();
            tokio::spawn(async move { anyone.login(ADA, PASSWORD).await.status.as_u16() })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(150)).await;
    admin.delete(&format!("/api/users/{id}")).await.expect(204);
    let mut statuses = std::collections::BTreeMap::<u16, usize>::new();
    for login in logins {
        *statuses.entry(login.await.expect("no panic")).or_default() += 1;
    }
    assert!(!statuses.contains_key(&503), "{statuses:?}");
    assert!(statuses.contains_key(&200) || statuses.contains_key(&401), "{statuses:?}");
}

/// If the client hangs up after sending its request, the change is made completely or not at all.
#[tokio::test]
async fn role_change_is_atomic_when_client_hangs_up() {
    let server = Server::start(&[("ACCOUNTS_RATE_LIMITS", "observe")]);
    let anyone = Client::scattered(&server);
    let id = register_ada(&anyone).await;
    let admin = anyone.bearing(&anyone.token(ADMIN_EMAIL, ADMIN_PASSWORD).await);
    let path = format!("/api/users/{id}");
    let (mut taken, mut gaps) = (0, 0);
    for n in 0..150_u64 {
        admin.patch(&path, json!({"role": "admin"})).await.expect(200);
        let [access, _] = anyone.pair(ADA, PASSWORD).await;
        anyone.bearing(&access).get("/api/users").await.expect(200);
        let patch = admin.patch(&path, json!({"role": "user"}));
        let _ = tokio::time::timeout(Duration::from_micros(4000 + n * 100), patch).await;
        tokio::time::sleep(Duration::from_millis(40)).await;
        let role = admin.get(&path).await.expect(200).body["role"].as_str().map(str::to_owned);
        if role.as_deref() == Some("user") {
            taken += 1;
            gaps += usize::from(anyone.bearing(&access).get("/api/users").await.status == 200);
        }
    }
    assert_eq!(gaps, 0, "of 150 attempts: the role is gone, but its token is accepted");
    assert!(taken > 0, "no role was taken, so nothing was tested");
}
