//! CWE-613, ASVS V7.2.4 to V7.4.3, RFC 9700 §4.14: sessions that must continue, and sessions that must end.

use serde_json::json;

use super::support::{ADMIN_EMAIL, ADMIN_PASSWORD, Client, Server};

const PASSWORD: &str = "ada's own pass phrase";
const ADA: &str = "ada@example.com";

async fn register_ada(anyone: &Client) -> String {
    let registration = json!({"name": "Ada", "email": ADA, "password": PASSWORD});
    anyone.post("/auth/register", registration).await.expect(201).id()
}

#[tokio::test]
async fn refresh_token_reuse_ends_the_session() {
    let server = Server::start(&[]);
    let anyone = Client::new(&server);
    register_ada(&anyone).await;
    let login = anyone.login(ADA, PASSWORD).await.expect(200);
    assert_eq!(login.header("cache-control"), Some("no-store"));
    let [first_access, first] = login.pair();
    let renewed = anyone.refresh(&first).await.expect(200);
    assert_eq!(renewed.header("cache-control"), Some("no-store"));
    assert_eq!((&renewed.body["token_type"], &renewed.body["expires_in"]), (&json!("Bearer"), &json!(900)));
    let [second_access, second] = renewed.pair();
    assert_ne!(first, second);
    for token in [&first_access, &second_access] {
        anyone.bearing(token).get("/api/me").await.expect(200);
    }

    anyone.refresh(&first).await.expect(401);
    anyone.refresh(&second).await.expect(401);
    for token in [&first_access, &second_access] {
        anyone.bearing(token).get("/api/me").await.expect(401);
    }
    server.wait_until(|log| log.contains("refresh_reused"));
    let log = server.stop().log;
    for token in [&first, &second, &first_access, &second_access] {
        assert!(!log.contains(&token[..40]), "the log must not contain a token");
    }
}

#[tokio::test]
async fn concurrent_refresh_succeeds_once_and_ends_session() {
    let server = Server::start(&[("ACCOUNTS_RATE_LIMITS", "observe"), ("ACCOUNTS_WORKERS", "4")]);
    let anyone = Client::scattered(&server);
    register_ada(&anyone).await;
    let [_, token] = anyone.pair(ADA, PASSWORD).await;
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let (anyone, token) = (anyone.clone(), token.clone());
            tokio::spawn(async move { anyone.refresh(&token).await })
        })
        .collect();
    let mut new_pairs = Vec::new();
    for task in tasks {
        let response = task.await.expect("no panic");
        match response.status.as_u16() {
            200 => new_pairs.push(response.pair()),
            _ => drop(response.expect(401)),
        }
    }
    let [[access, refresh]] = new_pairs.as_slice() else { panic!("{} refreshes succeeded", new_pairs.len()) };
    anyone.refresh(refresh).await.expect(401);
    anyone.bearing(access).get("/api/me").await.expect(401);
}

#[tokio::test]
async fn logout_ends_one_session_across_restarts() {
    for cache in ["on", "off"] {
        let server = Server::start(&[("ACCOUNTS_TOKEN_CACHE", cache)]);
        let anyone = Client::new(&server);
        register_ada(&anyone).await;
        let [access, refresh] = anyone.pair(ADA, PASSWORD).await;
        let [other_access, other_refresh] = anyone.pair(ADA, PASSWORD).await;
        anyone.bearing(&access).get("/api/me").await.expect(200);
        let rejected = anyone.post("/auth/logout", json!({})).await.expect(401);
        assert_eq!(rejected.header("clear-site-data"), None);
        let logout = anyone.bearing(&access).post("/auth/logout", json!({})).await.expect(204);
        assert_eq!(logout.text, "");
        assert_eq!(logout.header("clear-site-data"), Some("\"cache\", \"cookies\", \"storage\""));

        anyone.bearing(&access).get("/api/me").await.expect(401);
        anyone.refresh(&refresh).await.expect(401);
        anyone.bearing(&other_access).get("/api/me").await.expect(200);

        let data = server.stop().data;
        let server = Server::start_in(data, &[("ACCOUNTS_TOKEN_CACHE", cache)]);
        let anyone = Client::new(&server);
        anyone.bearing(&access).get("/api/me").await.expect(401);
        anyone.bearing(&other_access).get("/api/me").await.expect(200);
        anyone.refresh(&other_refresh).await.expect(200);
    }
}

#[tokio::test]
async fn logout_everywhere_ends_all_sessions() {
    let server = Server::start(&[]);
    let anyone = Client::new(&server);
    register_ada(&anyone).await;
    let [first_access, first_refresh] = anyone.pair(ADA, PASSWORD).await;
    let [second_access, second_refresh] = anyone.pair(ADA, PASSWORD).await;
    let admin = anyone.token(ADMIN_EMAIL, ADMIN_PASSWORD).await;
    anyone.bearing(&first_access).post("/auth/logout-all", json!({})).await.expect(204);
    for token in [&first_access, &second_access] {
        anyone.bearing(token).get("/api/me").await.expect(401);
    }
    for token in [&first_refresh, &second_refresh] {
        anyone.refresh(token).await.expect(401);
    }
    anyone.bearing(&admin).get("/api/me").await.expect(200);
    let [again, _] = anyone.pair(ADA, PASSWORD).await;
    anyone.bearing(&again).get("/api/me").await.expect(200);
}

#[tokio::test]
async fn changed_role_applies_at_once() {
    let server = Server::start(&[]);
    let anyone = Client::new(&server);
    let id = register_ada(&anyone).await;
    let admin = anyone.bearing(&anyone.token(ADMIN_EMAIL, ADMIN_PASSWORD).await);
    let [access, refresh] = anyone.pair(ADA, PASSWORD).await;
    anyone.bearing(&access).get("/api/users").await.expect(403);

    admin.patch(&format!("/api/users/{id}"), json!({"role": "admin"})).await.expect(200);
    anyone.bearing(&access).get("/api/users").await.expect(401);
    let [access, refresh] = anyone.refresh(&refresh).await.expect(200).pair();
    anyone.bearing(&access).get("/api/users").await.expect(200);

    admin.patch(&format!("/api/users/{id}"), json!({"role": "user"})).await.expect(200);
    anyone.bearing(&access).get("/api/users").await.expect(401);
    let [access, refresh] = anyone.refresh(&refresh).await.expect(200).pair();
    anyone.bearing(&access).get("/api/users").await.expect(403);

    admin.delete(&format!("/api/users/{id}")).await.expect(204);
    anyone.bearing(&access).get("/api/me").await.expect(401);
    anyone.refresh(&refresh).await.expect(401);
}

#[tokio::test]
async fn refresh_tokens_are_validated_and_rate_limited() {
    let server = Server::start(&[]);
    let anyone = Client::new(&server);
    anyone.post("/auth/refresh", json!({})).await.expect(422);
    anyone.post("/auth/refresh", json!({"refresh_token": ""})).await.expect_invalid(&["/refresh_token"]);
    anyone.post("/auth/refresh", json!({"refresh_token": "a".repeat(257)})).await.expect_invalid(&["/refresh_token"]);
    anyone.post("/auth/refresh", json!({"refresh_token": "rt_a", "role": "admin"})).await.expect(422);
    let mut rejected = 0;
    for _ in 0..40 {
        let response = anyone.refresh("rt_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").await;
        if response.status == 429 {
            rejected += 1;
        } else {
            response.expect(401);
        }
    }
    assert!(rejected >= 10, "{rejected} of 40 were rejected");
}
