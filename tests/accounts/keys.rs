//! CWE-269, CWE-522, ASVS V7.2: API keys grant what they were made for, until they are removed.

use serde_json::{Value, json};

use super::support::{ADMIN_EMAIL, ADMIN_PASSWORD, Client, Server, TestResponse};

const PASSWORD: &str = "ada's own pass phrase";

async fn made(caller: &Client, body: Value) -> (String, String) {
    let response = caller.post("/api/keys", body).await.expect(201);
    let (key, id) = (response.body["key"].as_str().expect("a key"), response.id());
    assert_eq!(response.header("location"), Some(format!("/api/keys/{id}").as_str()));
    assert!(key.starts_with(&format!("accounts_{id}_")), "{key}");
    (key.to_owned(), id)
}

#[tokio::test]
async fn key_works_until_it_is_removed() {
    let server = Server::start(&[]);
    let anyone = Client::new(&server);
    let admin = anyone.bearing(&anyone.token(ADMIN_EMAIL, ADMIN_PASSWORD).await);
    let (one, one_id) = made(&admin, json!({"name": "nightly", "scopes": ["reports:read"]})).await;
    let (two, two_id) = made(&admin, json!({"name": "next", "scopes": ["reports:read"], "expires_in_days": 30})).await;
    for key in [&one, &two] {
        let report = anyone.with_key(key).get("/api/reports").await.expect(200);
        assert_eq!(report.body, json!({"accounts": 1, "documents": 0}));
        assert_eq!(report.header("cache-control"), Some("no-store"));
        let me = anyone.with_key(key).get("/api/me").await.expect(200);
        assert_eq!(me.body["roles"], json!([]), "a key must not have its owner's roles");
        anyone.with_key(key).get("/api/users").await.expect(403);
        anyone.with_key(key).get("/api/keys").await.expect(403);
        anyone.with_key(key).post("/api/keys", json!({"name": "child"})).await.expect(403);
        anyone.with_key(key).post("/auth/logout", json!({})).await.expect(403);
        anyone.with_key(key).post("/auth/logout-all", json!({})).await.expect(403);
    }
    let list = admin.get("/api/keys").await.expect(200);
    let items = list.body["items"].as_array().expect("items");
    assert_eq!(items.len(), 2);
    assert!(items.iter().all(|item| item.get("key").is_none() && item["last_used_at"].is_string()), "{list:#?}");
    let ends = |name: &str| items.iter().find(|item| item["name"] == name).map(|item| item["expires_at"].is_string());
    assert_eq!((ends("nightly"), ends("next")), (Some(false), Some(true)));
    assert!(!list.text.contains(&one[42..]) && !list.text.contains(&two[42..]));

    admin.delete(&format!("/api/keys/{one_id}")).await.expect(204);
    admin.delete(&format!("/api/keys/{one_id}")).await.expect(404);
    anyone.with_key(&one).get("/api/reports").await.expect(401);
    anyone.with_key(&two).get("/api/reports").await.expect(200);

    let stopped = server.stop();
    assert!(!stopped.log.contains(&one[42..]) && !stopped.log.contains(&two[42..]), "the log must not contain a key");
    let again = Server::start_in(stopped.data, &[]);
    let anyone = Client::new(&again);
    anyone.with_key(&one).get("/api/reports").await.expect(401);
    anyone.with_key(&two).get("/api/reports").await.expect(200);
    let _ = two_id;
}

#[tokio::test]
async fn key_is_limited_by_its_owners_current_rights() {
    let server = Server::start(&[]);
    let anyone = Client::new(&server);
    let ada = json!({"name": "Ada", "email": "ada@example.com", "password": PASSWORD});
    let id = anyone.post("/auth/register", ada).await.expect(201).id();
    let admin = anyone.bearing(&anyone.token(ADMIN_EMAIL, ADMIN_PASSWORD).await);
    let ada = anyone.bearing(&anyone.token("ada@example.com", PASSWORD).await);
    ada.get("/api/reports").await.expect(403);
    ada.post("/api/keys", json!({"name": "more", "scopes": ["reports:read"]})).await.expect(403);
    for (body, status) in [
        (json!({"name": "x", "scopes": ["account:manage"]}), 422),
        (json!({"name": "x", "scopes": ["root"]}), 422),
        (json!({"name": "x", "roles": ["admin"]}), 422),
        (json!({"name": ""}), 422),
        (json!({"name": "x", "expires_in_days": 0}), 422),
        (json!({"name": "x", "expires_in_days": 366}), 422),
    ] {
        ada.post("/api/keys", body).await.expect(status);
    }

    admin.patch(&format!("/api/users/{id}"), json!({"role": "editor"})).await.expect(200);
    let editor = anyone.bearing(&anyone.token("ada@example.com", PASSWORD).await);
    let (key, key_id) = made(&editor, json!({"name": "figures", "scopes": ["reports:read"]})).await;
    anyone.with_key(&key).get("/api/reports").await.expect(200);
    // A key of another user looks like a missing key.
    admin.delete(&format!("/api/keys/{key_id}")).await.expect(404);
    anyone.with_key(&key).get("/api/reports").await.expect(200);

    admin.patch(&format!("/api/users/{id}"), json!({"role": "user"})).await.expect(200);
    let rejected = anyone.with_key(&key).get("/api/reports").await;
    assert!(
        rejected
            .headers
            .get_all("www-authenticate")
            .iter()
            .any(|value| value.to_str().is_ok_and(|value| value.contains("insufficient_scope")))
    );
    rejected.expect(403);
    anyone.with_key(&key).get("/api/me").await.expect(200);

    admin.delete(&format!("/api/users/{id}")).await.expect(204);
    anyone.with_key(&key).get("/api/me").await.expect(401);
}

#[tokio::test]
async fn credentials_of_two_callers_are_400() {
    let server = Server::start(&[]);
    let anyone = Client::new(&server);
    let ada = json!({"name": "Ada", "email": "ada@example.com", "password": PASSWORD});
    anyone.post("/auth/register", ada).await.expect(201);
    let admin = anyone.bearing(&anyone.token(ADMIN_EMAIL, ADMIN_PASSWORD).await);
    let ada = anyone.bearing(&anyone.token("ada@example.com", PASSWORD).await);
    let (key, _) = made(&admin, json!({"name": "k", "scopes": ["reports:read"]})).await;
    admin.with_key(&key).get("/api/me").await.expect(200);
    admin.with_key(&key).get("/api/users").await.expect(200);
    ada.with_key(&key).get("/api/me").await.expect(400);
    let other_end = if key.ends_with('0') { '1' } else { '0' };
    let bad = ada.with_key(&format!("{}{other_end}", &key[..key.len() - 1])).get("/api/me").await;
    let challenges: Vec<_> = bad.headers.get_all("www-authenticate").iter().collect();
    assert!(
        challenges.len() == 3 && challenges[1].to_str().is_ok_and(|value| value.starts_with("ApiKey ")),
        "{challenges:?}"
    );
    bad.expect(401);
    admin.bearing("e30.e30.e30").with_key(&key).get("/api/me").await.expect(401);
}

#[tokio::test]
async fn number_of_keys_per_account_is_limited() {
    let server = Server::start(&[("ACCOUNTS_RATE_LIMITS", "observe")]);
    let anyone = Client::new(&server);
    let admin = anyone.bearing(&anyone.token(ADMIN_EMAIL, ADMIN_PASSWORD).await);
    let tries: Vec<_> = (0..30)
        .map(|n| {
            let admin = admin.clone();
            tokio::spawn(async move { admin.post("/api/keys", json!({"name": format!("key {n}")})).await })
        })
        .collect();
    let mut statuses = Vec::new();
    for response in tries {
        let response: TestResponse = response.await.expect("no panic");
        statuses.push(response.status.as_u16());
    }
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 20, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 201 | 409)), "{statuses:?}");
}
