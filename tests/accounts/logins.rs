//! CWE-204: nothing reveals whether an account exists: each attempt costs one password verification, and each failure
//! looks the same.

use serde_json::json;

use super::rate_limits::{QUARTER, longest};
use super::support::{ADMIN_EMAIL, ADMIN_PASSWORD, Client, Server};

const VERIFYING: &str = "verifying a password";
const ADA_PASSWORD: &str = "ada's own pass phrase";

#[tokio::test]
async fn login_failures_cost_and_look_the_same() {
    let server = Server::start(&[("RUST_LOG", "info,palisade::password=debug")]);
    let anyone = Client::new(&server);
    let admin = anyone.bearing(&anyone.token(ADMIN_EMAIL, ADMIN_PASSWORD).await);
    let password_less = json!({"name": "Carol", "email": "carol@example.com"});
    admin.post("/api/users", password_less).await.expect(201);

    let mut texts = Vec::new();
    for email in [ADMIN_EMAIL, "nobody@example.com", "carol@example.com"] {
        let before = server.log().matches(VERIFYING).count();
        texts.push(anyone.login(email, "not the pass phrase").await.expect(401).text);
        // The summary line of a request is logged after its other lines.
        server.wait_until(|log| log.lines().filter(|line| line.contains("answered status=401")).count() == texts.len());
        assert_eq!(server.log().matches(VERIFYING).count() - before, 1, "{email}");
    }
    assert_eq!((&texts[0], &texts[0]), (&texts[1], &texts[2]));
}

#[tokio::test]
async fn email_ignores_case_and_password_does_not() {
    let server = Server::start(&[]);
    let anyone = Client::new(&server);
    anyone.token("ADMIN@Example.COM", ADMIN_PASSWORD).await;
    anyone.login(ADMIN_EMAIL, &ADMIN_PASSWORD.to_uppercase()).await.expect(401);
    anyone.login(ADMIN_EMAIL, &format!("{ADMIN_PASSWORD} ")).await.expect(401);
}

/// Twenty clients of a trusted proxy, each below its own rate limit.
fn strangers(anyone: &Client) -> Vec<Client> {
    (1..=20).map(|number| anyone.forwarding_for(&format!("192.0.2.{number}"))).collect()
}

#[tokio::test]
async fn account_limit_spares_known_addresses() {
    let server = Server::start(&[("ACCOUNTS_TRUSTED_PROXIES", "127.0.0.1/32")]);
    let anyone = Client::new(&server);
    let (home, stranger) = (anyone.forwarding_for("198.51.100.1"), anyone.forwarding_for("203.0.113.1"));
    let ada = json!({"name": "Ada", "email": "ada@example.com", "password": ADA_PASSWORD});
    anyone.post("/auth/register", ada).await.expect(201);
    home.token("Ada@Example.com", ADA_PASSWORD).await;
    for (number, client) in strangers(&anyone).iter().enumerate() {
        let email = ["ada@example.com", "ADA@EXAMPLE.COM", "Ada@example.Com"][number % 3];
        client.login(email, "a guess").await.expect(401);
    }

    for email in ["ada@example.com", "aDA@eXAMPLE.com"] {
        for password in ["a guess", ADA_PASSWORD] {
            let rejected = stranger.login(email, password).await.expect(429);
            let wait = rejected.retry_after();
            assert!((QUARTER / 2..=longest(QUARTER)).contains(&wait), "{wait}");
        }
    }
    stranger.token(ADMIN_EMAIL, ADMIN_PASSWORD).await;

    // The known address has its own attempts, up to the rate limit.
    home.token("ada@example.com", ADA_PASSWORD).await;
    for _ in 0..5 {
        home.login("ADA@example.com", "a guess").await.expect(401);
    }
    home.login("ada@example.com", ADA_PASSWORD).await.expect(429);
    stranger.login("ada@example.com", ADA_PASSWORD).await.expect(429);
}

#[tokio::test]
async fn missing_account_is_limited_like_an_existing_one() {
    let server = Server::start(&[("ACCOUNTS_TRUSTED_PROXIES", "127.0.0.1/32")]);
    let anyone = Client::new(&server);
    for client in strangers(&anyone) {
        client.login("nobody@example.com", "a guess").await.expect(401);
    }
    let stranger = anyone.forwarding_for("203.0.113.1");
    let nobody = stranger.login("nobody@example.com", "a guess").await.expect(429);
    for client in strangers(&anyone) {
        client.login(ADMIN_EMAIL, "a guess").await.expect(401);
    }
    let somebody = stranger.login(ADMIN_EMAIL, "a guess").await.expect(429);
    assert_eq!(nobody.text, somebody.text);
}
