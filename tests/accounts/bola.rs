//! Access to other users' rows over the real network (BOLA: OWASP API1, CWE-639): a foreign id and a missing id get
//! the same response in every spelling.

use serde_json::json;

use super::support::{ADMIN_EMAIL, ADMIN_PASSWORD, Client, Server, raw::RawTls};

/// Has the length of every other id, but belongs to no row.
const MISSING: &str = "00000000-0000-4000-8000-000000000000";

/// Spellings of an id that an attacker may try: equivalent for the database, for the router, or for neither.
fn spellings(id: &str) -> Vec<String> {
    let (first, rest) = id.split_at(1);
    let encoded: String = id.bytes().map(|byte| format!("%{byte:02x}")).collect();
    vec![
        id.to_owned(),
        id.to_uppercase(),
        id.replace('-', ""),
        format!("{{{id}}}"),
        format!("%7b{id}%7d"),
        format!("urn:uuid:{id}"),
        format!("%{:02x}{rest}", first.as_bytes()[0]),
        encoded,
        format!("%25{:02x}{rest}", first.as_bytes()[0]),
        format!("{id}/"),
        format!("/{id}"),
        format!("./{id}"),
        format!("x/../{id}"),
        format!("%2e%2e/{id}"),
        format!("{id};x=1"),
        format!("{id}%00"),
        format!("{id}%0a"),
        format!("{id}%2f"),
        format!("%2f{id}"),
        format!("{id}%20"),
        format!("%20{id}"),
        format!("{id}."),
        format!("{id}?id={id}"),
        format!("{id}?owner=me"),
        format!("{id}%ff"),
        format!("{id},{id}"),
        format!("[\"{id}\"]"),
        "*".to_owned(),
        "null".to_owned(),
        "0".to_owned(),
        "-1".to_owned(),
        String::new(),
    ]
}

/// The response without the parts that differ in each request.
fn ask(server: &Server, token: &str, method: &str, path: &str) -> (Vec<String>, String) {
    let body = r#"{"title":"taken over","body":"x"}"#;
    let body = if method == "PATCH" { r#"{"name":"taken over"}"# } else { body };
    let body = if matches!(method, "PUT" | "PATCH") { body } else { "" };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let response = RawTls::connect(server).exchange(&request);
    let (head, body) = response.split_once("\r\n\r\n").expect("a head");
    let passing = ["date:", "ratelimit:", "x-request-id:"];
    let mut head: Vec<_> = head.lines().map(str::to_lowercase).collect();
    head.retain(|line| !passing.iter().any(|name| line.starts_with(name)));
    head.sort();
    (head, body.to_owned())
}

struct Someone {
    id: String,
    token: String,
}

async fn register(anyone: &Client, name: &str) -> Someone {
    let email = format!("{name}@example.com");
    let password = format!("the pass phrase of {name}");
    let body = json!({"name": name, "email": email, "password": password});
    let id = anyone.post("/auth/register", body).await.expect(201).id();
    Someone { id, token: anyone.token(&email, &password).await }
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_and_missing_ids_look_alike() {
    let server = Server::start(&[("ACCOUNTS_RATE_LIMITS", "observe")]);
    let anyone = Client::new(&server);
    let (victim, thief) = (register(&anyone, "victim").await, register(&anyone, "thief").await);
    let text = json!({"title": "the victim's secret title", "body": "the victim's secret body"});
    let own = anyone.bearing(&victim.token).post("/api/documents", text).await.expect(201);
    let document = own.id();

    let mut probes = 0;
    for (collection, foreign, methods) in [
        ("documents", &document, ["GET", "PUT", "DELETE", "HEAD"]),
        ("users", &victim.id, ["GET", "PATCH", "DELETE", "HEAD"]),
    ] {
        for method in methods {
            for (theirs, nobodys) in spellings(foreign).into_iter().zip(spellings(MISSING)) {
                let response_to = |id: &str| ask(&server, &thief.token, method, &format!("/api/{collection}/{id}"));
                let (foreign_head, foreign_body) = response_to(&theirs);
                let (missing_head, missing_body) = response_to(&nobodys);
                let what = format!("{method} {collection} {theirs}");
                assert_eq!(foreign_head, missing_head, "{what}");
                // The requested path is the only part in which the two responses may differ.
                let same = foreign_body.replace(foreign.as_str(), MISSING).replace(&theirs, &nobodys);
                let without = |body: &str| body.split("\"instance\":").next().unwrap_or_default().to_owned();
                assert!(
                    same == missing_body || without(&foreign_body) == without(&missing_body),
                    "{what}: {foreign_body} {missing_body}"
                );
                let status = foreign_head.iter().find(|line| line.starts_with("http/1.1")).expect("a status line");
                let rejected = ["400", "403", "404", "405"].iter().any(|rejection| status.contains(rejection));
                // With an empty id this is the thief's own list.
                assert!(rejected || (collection == "documents" && theirs.is_empty()), "{what}: {status}");
                assert!(!foreign_body.contains("secret") && !foreign_body.contains("victim"), "{what}: {foreign_body}");
                probes += 2;
            }
        }
    }
    assert!(probes > 500, "{probes} probes");

    let after = anyone.bearing(&victim.token).get(&format!("/api/documents/{document}")).await.expect(200);
    assert_eq!(after.body, own.body, "the document must be unchanged");
    let after = anyone.bearing(&victim.token).get(&format!("/api/users/{}", victim.id)).await.expect(200);
    assert_eq!(after.body["name"], "victim");
    // The caller's own id in another spelling still belongs to the caller.
    let spelled = anyone.bearing(&victim.token).get(&format!("/api/documents/{}", document.to_uppercase())).await;
    assert_eq!(spelled.expect(200).body, own.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn list_shows_only_own_rows() {
    let server = Server::start(&[]);
    let anyone = Client::new(&server);
    let (victim, thief) = (register(&anyone, "victim").await, register(&anyone, "thief").await);
    let text = |title: &str| json!({"title": title, "body": ""});
    for title in ["one", "two"] {
        anyone.bearing(&victim.token).post("/api/documents", text(title)).await.expect(201);
    }
    let thief_client = anyone.bearing(&thief.token);
    for query in ["", "?limit=100", "?offset=1"] {
        let page = thief_client.get(&format!("/api/documents{query}")).await.expect(200);
        assert_eq!((&page.body["items"], &page.body["total"]), (&json!([]), &json!(0)), "{query}");
    }
    for query in ["?owner=victim", "?subject=x", "?limit=1%20OR%201=1", "?offset=-1"] {
        thief_client.get(&format!("/api/documents{query}")).await.expect(422);
    }
    let admin = anyone.bearing(&anyone.token(ADMIN_EMAIL, ADMIN_PASSWORD).await);
    assert_eq!(admin.get("/api/documents").await.expect(200).body["total"], 2);
}
