//! Each route of the example with each of its statuses, then a restart.

use reqwest::{Method, Version, header};
use serde_json::{Value, json};
use std::sync::Arc;

use super::support::{ADMIN_EMAIL, ADMIN_PASSWORD, Client, Server, TestResponse};

const APP: &str = "https://app.example.com";
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

/// The account that the calls leave behind, and the secrets that they used.
pub struct CalledRoutes {
    pub ada: String,
    pub secrets: Vec<String>,
}

/// Calls each route as each kind of caller, with fewer than 100 requests in all, so that no rate limit is reached.
pub async fn call_all(server: &Server, admin_password: &str) -> CalledRoutes {
    let anyone = Client::new(server);
    let passwords = ["ada's own pass phrase", "bob's own pass phrase"];

    check_health_and_unknown_path(&anyone).await;
    let ada_id = register(&anyone, passwords[0]).await;
    let bob = json!({"name": "Bob", "email": "bob@example.com", "password": passwords[1]});
    let bob_id = anyone.post("/auth/register", bob).await.expect(201).id();

    check_login(&anyone).await;
    let tokens = [anyone.token("ada@example.com", passwords[0]).await, anyone.token(ADMIN_EMAIL, admin_password).await];
    let (ada, admin) = (anyone.bearing(&tokens[0]), anyone.bearing(&tokens[1]));

    check_me(&anyone, &ada, &ada_id).await;
    check_list(&anyone, &ada, &admin).await;
    check_create(&anyone, &ada, &admin).await;
    check_show(&anyone, &ada, &admin, [&ada_id, &bob_id]).await;
    check_change(&anyone, &ada, &admin, [&ada_id, &bob_id]).await;
    check_remove(&anyone, &ada, &admin, &bob_id).await;
    check_cross_origin(&anyone).await;

    let secrets = tokens.into_iter().chain(passwords.map(String::from)).chain([admin_password.to_owned()]);
    CalledRoutes { ada: ada_id, secrets: secrets.collect() }
}

async fn check_health_and_unknown_path(anyone: &Client) {
    let health = anyone.get("/health").await.expect(200);
    assert_eq!(health.version, Version::HTTP_2);
    assert_eq!(health.body, json!({"status": "ok"}));
    let head = TestResponse::to(anyone.request(Method::HEAD, "/health")).await.expect(200);
    assert_eq!(head.text, "");
    anyone.post("/health", json!({})).await.expect(405);
    check_start_page(anyone).await;
    for nowhere in ["/health/nowhere", "/api", "/api/nowhere", "/auth", "/api/users/1/2"] {
        anyone.get(nowhere).await.expect(404);
    }
}

/// Its only style is a file of its own origin, which a browser keeps.
async fn check_start_page(anyone: &Client) {
    let page = anyone.get("/").await.expect(200);
    let policy = page.headers["content-security-policy"].to_str().expect("a policy");
    assert!(policy.contains("style-src 'self'") && !policy.contains("nonce"), "{policy}");
    assert!(!page.text.contains("<style") && !page.text.contains("<script"), "{}", page.text);
    let style = page.text.split('"').find(|address| address.starts_with("/app.css?v=")).expect("a style");
    let style = anyone.get(style).await.expect(200);
    assert_eq!(style.header("cache-control"), Some("public, max-age=31536000, immutable"));
}

async fn register(anyone: &Client, password: &str) -> String {
    let path = "/auth/register";
    let with = |name: &str, value: Value| {
        let mut body = json!({"name": "Ada", "email": "Ada@Example.com", "password": password});
        body[name] = value;
        anyone.post(path, body)
    };
    let made = with("name", json!("Ada")).await.expect(201);
    let id = made.id();
    assert_eq!(made.header("location"), Some(format!("/api/users/{id}").as_str()));
    let user = made.body.as_object().expect("an object");
    let mut members: Vec<_> = user.keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["age", "created_at", "email", "id", "name", "role"], "there must be no password hash");
    assert_eq!(
        (&user["email"], &user["role"], &user["age"]),
        (&json!("ada@example.com"), &json!("user"), &Value::Null)
    );

    with("email", json!("ADA@example.com")).await.expect(409);
    with("email", json!("nobody")).await.expect_invalid(&["/email"]);
    with("name", json!("A")).await.expect_invalid(&["/name"]);
    with("password", json!("2 short")).await.expect_invalid(&["/password"]);
    with("role", json!("admin")).await.expect(422);
    let all = anyone.post(path, json!({"name": "A", "email": "a", "password": "a"})).await;
    all.expect_invalid(&["/email", "/name", "/password"]);
    let broken = anyone.request(Method::POST, path).header(header::CONTENT_TYPE, "application/json").body("{\"name\":");
    TestResponse::to(broken).await.expect(400);
    TestResponse::to(anyone.request(Method::POST, path).body("name=Ada")).await.expect(415);
    with("name", json!("x".repeat(70_000))).await.expect(413);
    anyone.get(path).await.expect(405);
    id
}

async fn check_login(anyone: &Client) {
    let wrong_password = anyone.login("ada@example.com", "not her pass phrase").await.expect(401);
    let unknown_email = anyone.login("nobody@example.com", "not her pass phrase").await.expect(401);
    assert_eq!(wrong_password.text, unknown_email.text, "both failures must look the same");
    anyone.post("/auth/login", json!({"email": "ada@example.com"})).await.expect_invalid(&[""]);
    anyone.get("/auth/login").await.expect(405);
}

async fn check_me(anyone: &Client, ada: &Client, ada_id: &str) {
    let me = ada.get("/api/me").await.expect(200);
    assert_eq!(me.body, json!({"subject": ada_id, "roles": ["user"], "scopes": ["account:manage"]}));
    assert_eq!(me.header("cache-control"), Some("no-store"));
    let none = anyone.get("/api/me").await.expect(401);
    assert!(!none.header("www-authenticate").expect("a challenge").contains("error="));
    let forged = anyone.bearing("not.a.token").get("/api/me").await.expect(401);
    assert!(forged.header("www-authenticate").expect("a challenge").contains("error=\"invalid_token\""));
    ada.delete("/api/me").await.expect(405);
}

async fn check_list(anyone: &Client, ada: &Client, admin: &Client) {
    let names = |page: &TestResponse| {
        let items = page.body["items"].as_array().expect("items").clone();
        items.iter().map(|user| user["name"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
    };
    let page = admin.get("/api/users").await.expect(200);
    assert_eq!(names(&page), ["Administrator", "Ada", "Bob"], "the list must start with the oldest");
    assert_eq!((&page.body["total"], &page.body["limit"], &page.body["offset"]), (&json!(3), &json!(20), &json!(0)));
    for (sort, order) in [
        ("name", ["Ada", "Administrator", "Bob"]),
        ("-name", ["Bob", "Administrator", "Ada"]),
        ("email", ["Ada", "Administrator", "Bob"]),
        ("-email", ["Bob", "Administrator", "Ada"]),
        ("created_at", ["Administrator", "Ada", "Bob"]),
        ("-created_at", ["Bob", "Ada", "Administrator"]),
    ] {
        assert_eq!(names(&admin.get(&format!("/api/users?sort={sort}")).await.expect(200)), order, "{sort}");
    }
    let second = admin.get("/api/users?limit=1&offset=1&sort=name").await.expect(200);
    assert_eq!((names(&second), &second.body["total"]), (vec!["Administrator".to_owned()], &json!(3)));
    assert!(names(&admin.get("/api/users?offset=1000000").await.expect(200)).is_empty());

    admin.get("/api/users?limit=0&offset=-1").await.expect_invalid(&["limit", "offset"]);
    admin.get("/api/users?limit=101").await.expect_invalid(&["limit"]);
    for rejected in ["sort=role", "sort=name;drop%20table%20users", "limit=ten", "page=2", "limit=1&limit=2"] {
        admin.get(&format!("/api/users?{rejected}")).await.expect(422);
    }
    ada.get("/api/users").await.expect(403);
    anyone.get("/api/users").await.expect(401);
}

async fn check_create(anyone: &Client, ada: &Client, admin: &Client) {
    let path = "/api/users";
    let carol = json!({"name": "Carol", "email": "carol@example.com", "age": 150, "role": "admin"});
    let made = admin.post(path, carol.clone()).await.expect(201);
    let location = made.header("location").expect("a location").to_owned();
    let shown = admin.get(&location).await.expect(200);
    assert_eq!(shown.body, made.body);
    assert_eq!((&shown.body["age"], &shown.body["role"]), (&json!(150), &json!("admin")));
    let dan = admin.post(path, json!({"name": "Dan", "email": "dan@example.com"})).await.expect(201);
    assert_eq!((&dan.body["age"], &dan.body["role"]), (&Value::Null, &json!("user")));

    admin.post(path, carol.clone()).await.expect(409);
    let three_invalid_fields = json!({"name": "x".repeat(101), "email": "carol", "age": 151});
    admin.post(path, three_invalid_fields).await.expect_invalid(&["/age", "/email", "/name"]);
    admin.post(path, json!({"name": "Eve", "email": "eve@example.com", "role": "root"})).await.expect(422);
    admin.post(path, json!({"name": "Eve", "email": "eve@example.com", "id": NOBODY})).await.expect(422);
    admin.post(path, json!({"name": "Eve"})).await.expect_invalid(&[""]);
    ada.post(path, carol.clone()).await.expect(403);
    anyone.post(path, carol).await.expect(401);
}

async fn check_show(anyone: &Client, ada: &Client, admin: &Client, [ada_id, bob_id]: [&str; 2]) {
    let (own, other) = (format!("/api/users/{ada_id}"), format!("/api/users/{bob_id}"));
    assert_eq!(ada.get(&own).await.expect(200).body["email"], "ada@example.com");
    admin.get(&own).await.expect(200);
    ada.get(&other).await.expect(403);
    ada.get(&format!("/api/users/{NOBODY}")).await.expect(403);
    anyone.get(&own).await.expect(401);
    admin.get(&format!("/api/users/{NOBODY}")).await.expect(404);
    admin.get("/api/users/1%20OR%201=1").await.expect(404);
}

async fn check_change(anyone: &Client, ada: &Client, admin: &Client, [ada_id, bob_id]: [&str; 2]) {
    let (own, other) = (format!("/api/users/{ada_id}"), format!("/api/users/{bob_id}"));
    let injection = "Ada'); DROP TABLE users; --";
    let changed = ada.patch(&own, json!({"name": injection, "age": 36})).await.expect(200);
    assert_eq!((&changed.body["name"], &changed.body["age"]), (&json!(injection), &json!(36)));
    assert_eq!(changed.body["email"], "ada@example.com", "omitted members must be unchanged");
    let cleared = ada.patch(&own, json!({"age": null, "name": "Ada"})).await.expect(200);
    assert_eq!(cleared.body["age"], Value::Null);
    assert_eq!(ada.patch(&own, json!({})).await.expect(200).body, cleared.body);

    ada.patch(&own, json!({"role": "admin"})).await.expect(403);
    ada.patch(&own, json!({"name": "Eve", "role": "user"})).await.expect(403);
    assert_eq!(ada.get(&own).await.expect(200).body, cleared.body, "a rejected update must change nothing");
    ada.patch(&own, json!({"email": "Bob@example.com"})).await.expect(409);
    ada.patch(&own, json!({"email": "ada", "age": -1})).await.expect_invalid(&["/age", "/email"]);
    ada.patch(&own, json!({"created_at": "now"})).await.expect(422);
    ada.patch(&own, json!({"name": null})).await.expect(422);
    ada.patch(&other, json!({"name": "Eve"})).await.expect(403);
    anyone.patch(&own, json!({"name": "Eve"})).await.expect(401);
    admin.patch(&format!("/api/users/{NOBODY}"), json!({"name": "Eve"})).await.expect(404);
    assert_eq!(admin.patch(&other, json!({"role": "admin"})).await.expect(200).body["role"], "admin");
}

async fn check_remove(anyone: &Client, ada: &Client, admin: &Client, bob_id: &str) {
    let other = format!("/api/users/{bob_id}");
    anyone.delete(&other).await.expect(401);
    ada.delete(&other).await.expect(403);
    assert_eq!(admin.delete(&other).await.expect(204).text, "");
    admin.delete(&other).await.expect(404);
    admin.get(&other).await.expect(404);
}

async fn check_cross_origin(anyone: &Client) {
    let from = |origin: &'static str, method| anyone.request(method, "/api/me").header(header::ORIGIN, origin);
    let rejected = TestResponse::to(from(APP, Method::GET)).await.expect(401);
    assert_eq!(rejected.header("access-control-allow-origin"), Some(APP), "a page must be able to read the error");
    assert_eq!(rejected.header("access-control-allow-credentials"), Some("true"));
    let preflight = from(APP, Method::OPTIONS).header(header::ACCESS_CONTROL_REQUEST_METHOD, "PATCH");
    let preflight = TestResponse::to(preflight).await.expect(204);
    assert!(preflight.header("access-control-allow-methods").is_some_and(|methods| methods.contains("PATCH")));
    for foreign in ["https://app.example.com.evil.example", "http://app.example.com", "null"] {
        let response = TestResponse::to(from(foreign, Method::GET)).await;
        assert_eq!(response.header("access-control-allow-origin"), None, "{foreign}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_return_each_status_and_data_survives_restart() {
    let server = Server::start(&[]);
    let called = call_all(&server, ADMIN_PASSWORD).await;
    let certificate = std::fs::read(server.data().join("tls.crt")).expect("a certificate");
    let token = &called.secrets[0];
    let stopped = server.stop();
    assert!(stopped.status.success(), "{:?}", stopped.status);

    let again = Server::start_in(Arc::clone(&stopped.data), &[]);
    assert_eq!(std::fs::read(again.data().join("tls.crt")).expect("a certificate"), certificate);
    assert!(again.banner().contains("administrator: already exists"), "{}", again.banner());
    let anyone = Client::new(&again);
    let shown = anyone.bearing(token).get(&format!("/api/users/{}", called.ada)).await.expect(200);
    assert_eq!(shown.body["name"], "Ada");
    let admin = anyone.bearing(&anyone.token(ADMIN_EMAIL, ADMIN_PASSWORD).await);
    assert_eq!(admin.get("/api/users").await.expect(200).body["total"], 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_account_is_404_and_its_tokens_end() {
    let server = Server::start(&[]);
    let anyone = Client::new(&server);
    let body = json!({"name": "Ada", "email": "ada@example.com", "password": "ada's own pass phrase"});
    let id = anyone.post("/auth/register", body).await.expect(201).id();
    let ada = anyone.bearing(&anyone.token("ada@example.com", "ada's own pass phrase").await);
    let admin = anyone.bearing(&anyone.token(ADMIN_EMAIL, ADMIN_PASSWORD).await);
    let own = format!("/api/users/{id}");
    ada.get(&own).await.expect(200);
    admin.delete(&own).await.expect(204);
    ada.get("/api/me").await.expect(401);
    ada.get(&own).await.expect(401);
    ada.patch(&own, json!({"name": "Eve"})).await.expect(401);
    admin.get(&own).await.expect(404);
    admin.patch(&own, json!({"name": "Eve"})).await.expect(404);
    admin.delete(&own).await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_role_cannot_restore_itself() {
    let server = Server::start(&[]);
    let anyone = Client::new(&server);
    let eve = json!({"name": "Eve", "email": "eve@example.com", "password": "eve's own pass phrase"});
    let own = format!("/api/users/{}", anyone.post("/auth/register", eve).await.expect(201).id());
    let admin = anyone.bearing(&anyone.token(ADMIN_EMAIL, ADMIN_PASSWORD).await);
    admin.patch(&own, json!({"role": "admin"})).await.expect(200);
    let promoted = anyone.bearing(&anyone.token("eve@example.com", "eve's own pass phrase").await);
    promoted.get("/api/users").await.expect(200);
    admin.patch(&own, json!({"role": "user"})).await.expect(200);
    // The token contains the admin role, but it has been revoked.
    promoted.patch(&own, json!({"role": "admin"})).await.expect(401);
    let accomplice = json!({"name": "Mallory", "email": "mallory@example.com", "role": "admin"});
    promoted.post("/api/users", accomplice.clone()).await.expect(401);
    let eve = anyone.bearing(&anyone.token("eve@example.com", "eve's own pass phrase").await);
    eve.patch(&own, json!({"role": "admin"})).await.expect(403);
    eve.post("/api/users", accomplice).await.expect(403);
    assert_eq!(admin.get(&own).await.expect(200).body["role"], "user");
}
