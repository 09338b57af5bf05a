//! CWE-307, CWE-799: the rate limits of the example, over several workers and many connections.

use std::collections::BTreeMap;

use reqwest::{Method, header};
use serde_json::json;
use tokio::task::JoinSet;

use super::support::{ADMIN_EMAIL, ADMIN_PASSWORD, Client, Server, TestResponse};

pub(super) const QUARTER: u64 = 15 * 60;
/// The number of time slots in the window of a large rate limit.
const PARTS: u64 = 32;

/// Large rate limits are counted in time slots, so a client may have to wait for one more slot.
pub(super) fn longest(window: u64) -> u64 {
    window + window.div_ceil(PARTS)
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_wrong_logins_get_five_attempts() {
    let server = Server::start(&[("ACCOUNTS_WORKERS", "4")]);
    let client = Client::scattered(&server);
    for _ in 0..6 {
        // Successful logins do not count as failures.
        client.login(ADMIN_EMAIL, ADMIN_PASSWORD).await.expect(200);
    }
    let mut tries = JoinSet::new();
    for number in 0..64 {
        let client = client.clone();
        tries.spawn(async move { client.login(ADMIN_EMAIL, &format!("guess {number}")).await });
    }
    let mut count = BTreeMap::new();
    for response in tries.join_all().await {
        let response = match response.status.as_u16() {
            429 => response.expect(429),
            _ => response.expect(401),
        };
        if response.status == 429 {
            assert!((1..=QUARTER).contains(&response.retry_after()), "{}", response.retry_after());
        }
        *count.entry(response.status.as_u16()).or_insert(0) += 1;
    }
    assert_eq!(count, BTreeMap::from([(401, 5), (429, 59)]));
    client.login(ADMIN_EMAIL, ADMIN_PASSWORD).await.expect(429);
    client.get("/health").await.expect(200);
}

#[tokio::test]
async fn registrations_are_limited_whatever_their_outcome() {
    let server = Server::start(&[]);
    let anyone = Client::new(&server);
    for _ in 0..20 {
        anyone.post("/auth/register", json!({"name": "Eve"})).await.expect(422);
    }
    let valid = json!({"name": "Ada", "email": "ada@example.com", "password": "ada's own pass phrase"});
    let rejected = anyone.post("/auth/register", valid).await.expect(429);
    let wait = rejected.retry_after();
    assert!((1800..=longest(3600)).contains(&wait), "{wait}");
    anyone.login(ADMIN_EMAIL, ADMIN_PASSWORD).await.expect(200);
}

#[tokio::test]
async fn api_routes_share_one_limit() {
    let server = Server::start(&[]);
    let anyone = Client::new(&server);
    let paths = ["/api/me", "/api/users", "/api/nowhere", "/api/users/1"];
    for number in 0..100 {
        let response = anyone.get(paths[number % paths.len()]).await;
        assert!(response.status.is_client_error() && response.status != 429, "{number}: {response:?}");
    }
    for path in paths {
        let request = anyone.request(Method::GET, path).header(header::ORIGIN, "https://app.example.com");
        let rejected = TestResponse::to(request).await.expect(429);
        let wait = rejected.retry_after();
        assert!((1..=longest(QUARTER)).contains(&wait), "{wait}");
        assert_eq!(rejected.header("access-control-allow-origin"), Some("https://app.example.com"));
    }
    let preflight = anyone
        .request(Method::OPTIONS, "/api/me")
        .header(header::ORIGIN, "https://app.example.com")
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "GET");
    TestResponse::to(preflight).await.expect(204);
    anyone.get("/health").await.expect(200);
    anyone.login(ADMIN_EMAIL, ADMIN_PASSWORD).await.expect(200);
}

#[tokio::test]
async fn observe_mode_rejects_nothing_and_warns() {
    let server = Server::start(&[("ACCOUNTS_RATE_LIMITS", "observe")]);
    let anyone = Client::new(&server);
    for _ in 0..7 {
        anyone.login(ADMIN_EMAIL, "a guess").await.expect(401);
    }
    for _ in 0..25 {
        anyone.post("/auth/register", json!({"name": "Eve"})).await.expect(422);
    }
    for _ in 0..105 {
        anyone.get("/api/me").await.expect(401);
    }
    let log = server.log();
    assert!(log.lines().any(|line| line.contains("WARN") && line.contains("only observed")), "{log}");
    server.wait_for_log("rate_limited");
}

#[tokio::test]
async fn forwarded_address_needs_a_trusted_proxy() {
    const CLIENTS: [&str; 6] = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5", "192.0.2.6"];
    let server = Server::start(&[]);
    let anyone = Client::new(&server);
    for client in &CLIENTS[..5] {
        anyone.forwarding_for(client).login(ADMIN_EMAIL, "a guess").await.expect(401);
    }
    anyone.forwarding_for(CLIENTS[5]).login(ADMIN_EMAIL, "a guess").await.expect(429);

    let server = Server::start(&[("ACCOUNTS_TRUSTED_PROXIES", "127.0.0.1/32")]);
    let anyone = Client::new(&server);
    for client in CLIENTS {
        anyone.forwarding_for(client).login(ADMIN_EMAIL, "a guess").await.expect(401);
    }
    for _ in 0..4 {
        anyone.forwarding_for(CLIENTS[0]).login(ADMIN_EMAIL, "a guess").await.expect(401);
    }
    anyone.forwarding_for(CLIENTS[0]).login(ADMIN_EMAIL, "a guess").await.expect(429);
    // The client's own text is to the left of what the proxy appends.
    anyone.forwarding_for("198.51.100.9, 192.0.2.1").login(ADMIN_EMAIL, "a guess").await.expect(429);
}
