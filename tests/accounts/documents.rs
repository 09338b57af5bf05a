//! Documents: each route with each of its statuses.

use reqwest::Method;
use serde_json::{Value, json};

use super::support::{ADMIN_EMAIL, ADMIN_PASSWORD, Client, Server, TestResponse};

const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

async fn register(anyone: &Client, name: &str) -> (String, Client) {
    let (email, password) = (format!("{name}@example.com"), format!("the pass phrase of {name}"));
    let response = anyone.post("/auth/register", json!({"name": name, "email": email, "password": password})).await;
    (response.expect(201).id(), anyone.bearing(&anyone.token(&email, &password).await))
}

#[tokio::test(flavor = "multi_thread")]
async fn document_routes_return_each_status() {
    let server = Server::start(&[]);
    let anyone = Client::new(&server);
    let (ada_id, ada) = register(&anyone, "ada").await;
    let (_, bob) = register(&anyone, "bob").await;
    let admin = anyone.bearing(&anyone.token(ADMIN_EMAIL, ADMIN_PASSWORD).await);
    let document = |title: &str, body: &str| json!({"title": title, "body": body});
    let collection = "/api/documents";

    let injection = "x'); DROP TABLE documents; --";
    let created = ada.post(collection, document("plans", injection)).await.expect(201);
    let path = format!("{collection}/{}", created.id());
    assert_eq!(created.header("location"), Some(path.as_str()));
    assert_eq!((&created.body["owner"], &created.body["body"]), (&json!(ada_id), &json!(injection)));
    anyone.post(collection, document("plans", "")).await.expect(401);
    ada.post(collection, document(&"x".repeat(201), &"x".repeat(10_001))).await.expect_invalid(&["/body", "/title"]);
    ada.post(collection, json!({"title": "only"})).await.expect_invalid(&[""]);
    // Mass assignment: the body cannot set the owner.
    for (member, value) in [("owner", json!(NOBODY)), ("id", json!(NOBODY)), ("created_at", json!("now"))] {
        let mut body = document("plans", "");
        body[member] = value;
        ada.post(collection, body.clone()).await.expect(422);
        ada.put(&path, body).await.expect(422);
    }

    assert_eq!(ada.get(&path).await.expect(200).body, created.body);
    assert_eq!(admin.get(&path).await.expect(200).body, created.body, "administrators may read");
    bob.get(&path).await.expect(404);
    anyone.get(&path).await.expect(401);
    admin.get(&format!("{collection}/{NOBODY}")).await.expect(404);

    let changed = ada.put(&path, document("new plans", "b")).await.expect(200);
    assert_eq!((&changed.body["title"], &changed.body["owner"]), (&json!("new plans"), &json!(ada_id)));
    ada.put(&path, document(" ", "b")).await.expect_invalid(&["/title"]);
    for (caller, status) in [(&bob, 404), (&admin, 404), (&anyone, 401)] {
        caller.put(&path, document("stolen", "")).await.expect(status);
        caller.delete(&path).await.expect(status);
        // An invalid request is rejected before anything is read.
        let broken_json = caller.request(Method::PUT, &path).header("content-type", "application/json").body("{");
        TestResponse::to(broken_json).await.expect(status);
    }
    assert_eq!(ada.get(&path).await.expect(200).body, changed.body, "a rejected update must change nothing");

    ada.post(collection, document("second", "")).await.expect(201);
    bob.post(collection, document("bob's", "")).await.expect(201);
    let titles = |page: &TestResponse| {
        let items = page.body["items"].as_array().expect("items").clone();
        items.iter().map(|item| item["title"].clone()).collect::<Vec<Value>>()
    };
    assert_eq!(titles(&ada.get(collection).await.expect(200)), ["new plans", "second"]);
    assert_eq!(titles(&bob.get(collection).await.expect(200)), ["bob's"]);
    assert_eq!(titles(&admin.get(collection).await.expect(200)), ["new plans", "second", "bob's"]);
    let page = ada.get(&format!("{collection}?limit=1&offset=1")).await.expect(200);
    assert_eq!((titles(&page), &page.body["total"]), (vec![json!("second")], &json!(2)));
    ada.get(&format!("{collection}?limit=0")).await.expect_invalid(&["limit"]);
    anyone.get(collection).await.expect(401);
    ada.patch(&path, json!({})).await.expect(405);

    assert_eq!(ada.delete(&path).await.expect(204).text, "");
    ada.delete(&path).await.expect(404);
    ada.get(&path).await.expect(404);

    // Deleting an account deletes its documents and ends its tokens.
    admin.delete(&format!("/api/users/{ada_id}")).await.expect(204);
    assert_eq!(titles(&admin.get(collection).await.expect(200)), ["bob's"]);
    ada.post(collection, document("from nobody", "")).await.expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_searched_sorted_and_paged() {
    let server = Server::start(&[]);
    let anyone = Client::new(&server);
    let (_, ada) = register(&anyone, "ada").await;
    let (_, bob) = register(&anyone, "bob").await;
    for title in ["Beta 100%", "alpha", "Gamma_x"] {
        ada.post("/api/documents", json!({"title": title, "body": "alpha"})).await.expect(201);
    }
    bob.post("/api/documents", json!({"title": "alpha of bob", "body": ""})).await.expect(201);
    let found = async |query: &str| -> Vec<String> {
        let page = ada.get(&format!("/api/documents?{query}")).await.expect(200);
        let items = page.body["items"].as_array().expect("items").clone();
        items.iter().map(|item| item["title"].as_str().expect("a title").to_owned()).collect()
    };
    assert_eq!(found("sort=title").await, ["alpha", "Beta 100%", "Gamma_x"]);
    assert_eq!(found("sort=-title&limit=2").await, ["Gamma_x", "Beta 100%"]);
    assert_eq!(found("sort=-created_at&limit=1").await, ["Gamma_x"]);
    assert_eq!(found("q=ALPHA").await, ["alpha"], "in the title, and only of the caller");
    // No character is a wildcard, and none ends the statement.
    assert_eq!(found("q=%25").await, ["Beta 100%"]);
    assert_eq!(found("q=_").await, ["Gamma_x"]);
    assert_eq!(found("q='%20OR%201=1%20--").await, [""; 0]);
    for (query, places) in [
        ("limit=0", ["limit"].as_slice()),
        ("limit=101", &["limit"]),
        ("limit=1&limit=2", &["limit"]),
        ("sort=owner", &["sort"]),
        ("sort=title;DROP", &["sort"]),
        ("q=", &["q", "q"]),
        ("owner=1&x=2", &["owner", "x"]),
    ] {
        ada.get(&format!("/api/documents?{query}")).await.expect_invalid(places);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lower_roles_cannot_administrate() {
    let server = Server::start(&[]);
    let anyone = Client::new(&server);
    let admin = anyone.bearing(&anyone.token(ADMIN_EMAIL, ADMIN_PASSWORD).await);
    let (eve_id, _) = register(&anyone, "eve").await;
    let path = format!("/api/users/{eve_id}");
    assert_eq!(admin.patch(&path, json!({"role": "editor"})).await.expect(200).body["role"], "editor");
    let eve = anyone.bearing(&anyone.token("eve@example.com", "the pass phrase of eve").await);
    assert_eq!(eve.get("/api/me").await.expect(200).body["roles"], json!(["editor"]));
    eve.get("/api/users").await.expect(403);
    eve.delete(&path).await.expect(403);
    eve.get("/api/admin/policies").await.expect(403);
}
