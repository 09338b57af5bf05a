//! Each mailbox has one account, however its address is spelled, and names contain no deceptive characters.

use serde_json::json;

use super::support::{ADMIN_EMAIL, ADMIN_PASSWORD, Client, Server};

const PASSWORD: &str = "a pass phrase of somebody";

const FREELY: &[(&str, &str)] = &[("ACCOUNTS_RATE_LIMITS", "observe")];

#[tokio::test(flavor = "multi_thread")]
async fn all_spellings_of_an_address_share_one_account() {
    let server = Server::start(FREELY);
    let anyone = Client::new(&server);
    let register = |email: &str| json!({"name": "Ada", "email": email, "password": PASSWORD});
    let made = anyone.post("/auth/register", register("Ada@B\u{dc}CHER.example")).await.expect(201);
    assert_eq!(made.body["email"], "ada@xn--bcher-kva.example");
    let admin = anyone.bearing(&anyone.token(ADMIN_EMAIL, ADMIN_PASSWORD).await);
    let other = admin.post("/api/users", json!({"name": "Bob", "email": "bob@example.com"})).await.expect(201).id();
    for spelling in [
        "ada@b\u{fc}cher.example",
        "ada@bu\u{308}cher.example",
        "ADA@xn--bcher-kva.example",
        "ada@XN--BCHER-KVA.example",
        "ada@b\u{fc}cher\u{3002}example",
        "ada@b\u{fc}cher\u{ff0e}ex\u{ff41}mple",
    ] {
        anyone.token(spelling, PASSWORD).await;
        anyone.post("/auth/register", register(spelling)).await.expect(409);
        admin.post("/api/users", json!({"name": "Ada", "email": spelling})).await.expect(409);
        admin.patch(&format!("/api/users/{other}"), json!({"email": spelling})).await.expect(409);
    }
    // Two domains that an old mapping treated as one.
    anyone.post("/auth/register", register("ada@stra\u{df}e.example")).await.expect(201);
    anyone.post("/auth/register", register("ada@strasse.example")).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn invisible_characters_in_an_address_are_rejected() {
    let server = Server::start(FREELY);
    let anyone = Client::new(&server);
    let admin = anyone.bearing(&anyone.token(ADMIN_EMAIL, ADMIN_PASSWORD).await);
    let other = admin.post("/api/users", json!({"name": "Bob", "email": "bob@example.com"})).await.expect(201).id();
    for c in ['\u{ad}', '\u{200b}', '\u{200c}', '\u{200d}', '\u{fe0f}', '\u{3164}', '\u{ffa0}', '\u{e0061}', '\u{2060}']
    {
        for email in [format!("admin@exam{c}ple.com"), format!("ad{c}min@example.com")] {
            anyone.login(&email, ADMIN_PASSWORD).await.expect_invalid(&["/email"]);
            let ada = json!({"name": "Ada", "email": email, "password": PASSWORD});
            anyone.post("/auth/register", ada).await.expect_invalid(&["/email"]);
            admin.post("/api/users", json!({"name": "Ada", "email": email})).await.expect_invalid(&["/email"]);
            let patch = json!({"email": email});
            admin.patch(&format!("/api/users/{other}"), patch).await.expect_invalid(&["/email"]);
        }
    }
    anyone.token(ADMIN_EMAIL, ADMIN_PASSWORD).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn control_characters_in_a_name_are_rejected() {
    let server = Server::start(FREELY);
    let anyone = Client::new(&server);
    let admin = anyone.bearing(&anyone.token(ADMIN_EMAIL, ADMIN_PASSWORD).await);
    for c in ['\u{202e}', '\u{2066}', '\u{200f}', '\u{61c}', '\u{2028}', '\u{2029}', '\u{85}', '\n', '\0', '\u{7f}'] {
        let name = format!("Ada{c}nimda");
        let ada = json!({"name": name, "email": "ada@example.com", "password": PASSWORD});
        anyone.post("/auth/register", ada).await.expect_invalid(&["/name"]);
        admin.post("/api/users", json!({"name": name, "email": "ada@example.com"})).await.expect_invalid(&["/name"]);
        admin.post("/api/keys", json!({"name": name})).await.expect_invalid(&["/name"]);
        admin.post("/api/documents", json!({"title": name, "body": ""})).await.expect_invalid(&["/title"]);
    }
    for name in ["\u{646}\u{627}\u{645}\u{647}\u{200c}\u{627}\u{6cc}", "Jos\u{e9}", "\u{1f469}\u{200d}\u{1f4bb} Ada"] {
        let title = admin.post("/api/documents", json!({"title": name, "body": "a\nb"})).await.expect(201);
        assert_eq!(title.body["title"], name);
    }
}
