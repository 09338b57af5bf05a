//! Registration, login, and the caller's own account.

use actix_web::{http::header, test::TestRequest};
use serde_json::{Value, json};

use crate::support::{Client, PASSWORD, Reply, Server};

async fn login(client: &Client<'_>, email: &str, password: &str) -> Reply {
    client.post("/users/login", json!({"user": {"email": email, "password": password}})).await
}

fn token(reply: &Reply) -> String {
    reply.json()["user"]["token"].as_str().unwrap().to_owned()
}

#[actix_web::test]
async fn registration_returns_the_account_and_no_hash() {
    let server = Server::start().await;
    let new = json!({"username": "ann", "email": "ann@example.com", "password": PASSWORD, "admin": true});
    let mut user = server.anyone().post("/users", json!({"user": new})).await.expect(201).json()["user"].take();
    assert!(user["token"].take().is_string());
    let expected = json!({"username": "ann", "email": "ann@example.com", "bio": null, "image": null, "token": null});
    assert_eq!(user, expected);
}

#[actix_web::test]
async fn registration_reports_every_wrong_member() {
    let server = Server::start().await;
    let anyone = server.anyone();
    let wrong = json!({"username": "..", "email": "ann", "password": "short"});
    let mut lines = anyone.post("/users", json!({"user": wrong})).await.errors(422);
    lines.sort();
    let members: Vec<&str> = lines.iter().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(members, ["user.email", "user.password", "user.username"]);
    anyone.post("/users", json!({"user": {"username": "ann"}})).await.errors(422);
    anyone.post("/users", json!({})).await.errors(422);
    let broken = TestRequest::post().uri("/api/users").peer_addr(([192, 0, 2, 1], 1).into());
    let broken = broken.insert_header((header::CONTENT_TYPE, "application/json")).set_payload("{");
    anyone.call(broken).await.errors(400);
}

#[actix_web::test]
async fn names_and_emails_are_unique_in_any_case() {
    let server = Server::start().await;
    server.user("ann").await;
    let user =
        |username: &str, email: &str| json!({"user": {"username": username, "email": email, "password": PASSWORD}});
    let anyone = server.anyone();
    assert_eq!(
        anyone.post("/users", user("Ann", "b@example.com")).await.errors(422),
        ["user.username: Is already taken."]
    );
    assert_eq!(
        anyone.post("/users", user("bob", "ANN@example.com")).await.errors(422),
        ["user.email: Is already taken."]
    );
    let bob = server.user("bob").await;
    let taken = bob.put("/user", json!({"user": {"email": "ann@example.com"}})).await.errors(422);
    assert_eq!(taken, ["user.email: Is already taken."]);
}

#[actix_web::test]
async fn wrong_password_and_unknown_email_look_the_same() {
    let server = Server::start().await;
    server.user("ann").await;
    let anyone = server.anyone();
    let reply = login(&anyone, "ANN@example.com", PASSWORD).await.expect(200);
    anyone.bearing(&token(&reply)).get("/user").await.expect(200);
    let wrong = login(&anyone, "ann@example.com", "another pass phrase").await.expect(401);
    let unknown = login(&anyone, "bob@example.com", PASSWORD).await.expect(401);
    assert_eq!(wrong.text, unknown.text);
    assert_eq!(wrong.headers.get(header::WWW_AUTHENTICATE).unwrap(), "Token realm=\"api\"");
    login(&anyone, "no email", PASSWORD).await.errors(422);
    anyone.post("/users/login", json!({"user": {"email": "ann@example.com"}})).await.errors(422);
}

#[actix_web::test]
async fn failed_logins_are_limited_by_the_configured_number() {
    let server = Server::with(&[("CONDUIT_LOGIN_RATE_LIMIT", "2 per 1h")]).await;
    server.user("ann").await;
    let anyone = server.anyone();
    for _ in 0..2 {
        login(&anyone, "ann@example.com", "another pass phrase").await.expect(401);
    }
    let reply = login(&anyone, "ann@example.com", PASSWORD).await;
    assert!(reply.headers.contains_key(header::RETRY_AFTER));
    reply.errors(429);
}

#[actix_web::test]
async fn failed_logins_of_one_email_count_from_every_address() {
    let server = Server::with(&[("CONDUIT_LOGIN_RATE_LIMIT", "2 per 1h")]).await;
    server.user("ann").await;
    let attempt = async |address: u8, email: &str| {
        let body = json!({"user": {"email": email, "password": "another pass phrase"}});
        let request = TestRequest::post().uri("/api/users/login").peer_addr(([198, 51, 100, address], 1).into());
        server.anyone().call(request.set_json(body)).await
    };
    attempt(1, "ann@example.com").await.expect(401);
    attempt(2, "ANN@example.com").await.expect(401);
    attempt(3, "ann@example.com").await.errors(429);
    attempt(3, "bob@example.com").await.expect(401);
}

#[actix_web::test]
async fn registrations_are_limited_by_the_configured_number() {
    let server = Server::with(&[("CONDUIT_REGISTRATION_RATE_LIMIT", "1 per 1h")]).await;
    server.user("ann").await;
    server.anyone().post("/users", json!({})).await.errors(429);
}

#[actix_web::test]
async fn only_the_scheme_token_is_accepted() {
    let server = Server::start().await;
    let ann = server.user("ann").await;
    let token = token(&ann.get("/user").await.expect(200));
    for (value, status) in [
        (format!("Token {token}"), 200),
        (format!("token {token}"), 200),
        (format!("Bearer {token}"), 401),
        (token.clone(), 401),
        (format!("Token {token}x"), 401),
    ] {
        let request = TestRequest::get().uri("/api/user").insert_header((header::AUTHORIZATION, value.as_str()));
        ann.call(request).await.expect(status);
    }
    server.anyone().get("/user").await.errors(401);
}

#[actix_web::test]
async fn account_changes_only_in_the_members_that_are_sent() {
    let server = Server::start().await;
    let ann = server.user("ann").await;
    let change = json!({"user": {"bio": "writes", "image": "https://example.com/ann.png", "username": "anna"}});
    let user = ann.put("/user", change).await.expect(200).json();
    assert_eq!((&user["user"]["bio"], &user["user"]["username"]), (&json!("writes"), &json!("anna")));
    assert_eq!(user["user"]["email"], "ann@example.com");
    let user = ann.put("/user", json!({"user": {"image": null}})).await.expect(200).json();
    assert_eq!((&user["user"]["bio"], &user["user"]["image"]), (&json!("writes"), &Value::Null));
    ann.put("/user", json!({"user": {}})).await.errors(422);
    ann.put("/user", json!({"user": {"password": "short", "image": "no url"}})).await.errors(422);
    server.anyone().put("/user", json!({"user": {"bio": "?"}})).await.errors(401);
}

#[actix_web::test]
async fn new_password_revokes_the_old_tokens() {
    let server = Server::start().await;
    let ann = server.user("ann").await;
    let changed = ann.put("/user", json!({"user": {"password": "another pass phrase"}})).await.expect(200);
    ann.get("/user").await.errors(401);
    ann.get("/articles").await.errors(401);
    ann.bearing(&token(&changed)).get("/user").await.expect(200);
    login(&server.anyone(), "ann@example.com", PASSWORD).await.errors(401);
    login(&server.anyone(), "ann@example.com", "another pass phrase").await.expect(200);
}

/// Somebody replaced the database, and the ids begin again. The secret stays, so the signature of the token is valid.
#[actix_web::test]
async fn token_of_a_missing_account_is_rejected() {
    let server = Server::start().await;
    let ann = server.user("ann").await;
    let token = token(&ann.get("/user").await.expect(200));
    let server = server.restart_without("conduit.db").await;
    let ann = server.anyone().bearing(&token);
    ann.get("/user").await.errors(401);
    ann.get("/articles").await.errors(401);
    ann.post("/articles", json!({})).await.errors(401);
}
