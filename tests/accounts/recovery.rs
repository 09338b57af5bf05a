//! Recovery for an administrator who lost the password: a command on the machine, and nothing over the network.

use serde_json::json;

use super::{
    redis_server::Server as Redis,
    support::{ADMIN_EMAIL, ADMIN_PASSWORD, Client, Server, program::run_with},
};

pub const RESET: &[&str] = &["reset-admin-password"];
const ADA: &str = "ada@example.com";
const PASSWORD: &str = "ada's own pass phrase";

async fn resets_password_and_ends_only_the_admins_sessions(server: &Server, settings: &[(&str, &str)]) {
    let anyone = Client::new(server);
    let ada = json!({"name": "Ada", "email": ADA, "password": PASSWORD});
    anyone.post("/auth/register", ada).await.expect(201);
    let [adas, _] = anyone.pair(ADA, PASSWORD).await;
    let [access, refresh] = anyone.pair(ADMIN_EMAIL, ADMIN_PASSWORD).await;
    let [second, second_refresh] = anyone.pair(ADMIN_EMAIL, ADMIN_PASSWORD).await;
    let key = anyone.bearing(&access).post("/api/keys", json!({"name": "k"})).await.expect(201);
    let key = key.body["key"].as_str().expect("a key").to_owned();

    let output = run_with(RESET, &server.data(), settings);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{out}{err}");
    let (_, rest) = out.split_once(&format!("administrator: {ADMIN_EMAIL}, password ")).expect("a generated password");
    let password = rest.split(' ').next().expect("a word");
    assert!(rest.contains("every session of this account has ended") && !err.contains(password), "{out}{err}");

    for token in [access, second] {
        anyone.bearing(&token).get("/api/me").await.expect(401);
    }
    for token in [refresh, second_refresh] {
        anyone.refresh(&token).await.expect(401);
    }
    anyone.login(ADMIN_EMAIL, ADMIN_PASSWORD).await.expect(401);
    let token = anyone.token(ADMIN_EMAIL, password).await;
    anyone.bearing(&token).get("/api/users").await.expect(200);
    // Other users' accounts and API keys are not affected; each key can be removed separately.
    anyone.bearing(&adas).get("/api/me").await.expect(200);
    anyone.with_key(&key).get("/api/documents").await.expect(200);

    let mut chosen = settings.to_vec();
    chosen.push(("ACCOUNTS_ADMIN_PASSWORD", "a password that was chosen"));
    let output = run_with(RESET, &server.data(), &chosen);
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && !out.contains("a password that was chosen"), "{out}");
    anyone.token(ADMIN_EMAIL, "a password that was chosen").await;
    anyone.login(ADMIN_EMAIL, password).await.expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn password_reset_ends_the_administrators_sessions() {
    let server = Server::start(&[]);
    resets_password_and_ends_only_the_admins_sessions(&server, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn password_reset_ends_sessions_in_redis() {
    let Some(redis) = Redis::start() else { return };
    let url = redis.url();
    let settings = [("ACCOUNTS_REDIS_URL", url.as_str())];
    let server = Server::start(&settings);
    resets_password_and_ends_only_the_admins_sessions(&server, &settings).await;

    let nowhere = [("ACCOUNTS_REDIS_URL", "redis://127.0.0.1:1/0"), ("ACCOUNTS_ADMIN_PASSWORD", "never to be used")];
    let output = run_with(RESET, &server.data(), &nowhere);
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), err.lines().count()), (Some(1), 1), "{err}");
    assert!(err.contains("run this again"), "{err}");
    let anyone = Client::new(&server);
    anyone.login(ADMIN_EMAIL, "never to be used").await.expect(401);
    anyone.token(ADMIN_EMAIL, "a password that was chosen").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn password_reset_needs_an_existing_administrator() {
    let server = Server::start(&[]);
    let anyone = Client::new(&server);
    let ada = json!({"name": "Ada", "email": ADA, "password": PASSWORD});
    anyone.post("/auth/register", ada).await.expect(201);
    for email in [ADA, "nobody@example.com"] {
        let settings = [("ACCOUNTS_ADMIN_EMAIL", email), ("ACCOUNTS_ADMIN_PASSWORD", "never to be used")];
        let output = run_with(RESET, &server.data(), &settings);
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), output.stdout.len(), err.lines().count()), (Some(1), 0, 1), "{err}");
        assert!(err.starts_with("ACCOUNTS_ADMIN_EMAIL: ") && err.contains(ADMIN_EMAIL), "{err}");
        anyone.login(email, "never to be used").await.expect(401);
    }
    anyone.token(ADA, PASSWORD).await;
    anyone.token(ADMIN_EMAIL, ADMIN_PASSWORD).await;
}
