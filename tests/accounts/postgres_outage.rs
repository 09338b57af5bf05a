//! CWE-636, CWE-532: a PostgreSQL server that is away, and a URL that stays out of the log.

use palisade_tests::postgres;
use serde_json::json;

use super::support::{ADMIN_EMAIL, ADMIN_PASSWORD, Client, Server, program::fresh_data, start_and_fail};

#[tokio::test(flavor = "multi_thread")]
async fn requests_get_503_while_the_database_is_away() {
    let Some(mut postgres) = postgres::Server::start() else { return };
    let database = postgres.database().await;
    let server = Server::start(&[("ACCOUNTS_DATABASE_URL", &database.url)]);
    let anyone = Client::new(&server);
    let admin = anyone.bearing(&anyone.token(ADMIN_EMAIL, ADMIN_PASSWORD).await);
    admin.get("/api/users").await.expect(200);
    anyone.get("/ready").await.expect(200);
    postgres.stop();
    for response in [
        admin.get("/api/users").await,
        admin.get("/api/documents").await,
        anyone.login(ADMIN_EMAIL, ADMIN_PASSWORD).await,
        anyone
            .post("/auth/register", json!({"name": "Ada", "email": "ada@example.com", "password": "a long phrase"}))
            .await,
    ] {
        let response = response.expect(503);
        assert!(response.header("retry-after").is_some());
        assert_eq!(response.body["detail"], "A required service is unavailable; try again later.");
    }
    anyone.get("/health").await.expect(200);
    let password = database.url.split(':').nth(2).and_then(|rest| rest.split('@').next()).expect("a password");
    assert!(!password.is_empty() && !server.log().contains(password), "{}", server.log());
}

#[test]
fn mistakes_in_the_url_are_reported_without_it() {
    let data = fresh_data();
    for (url, problem) in [
        ("", "is empty"),
        ("mysql://root:hunter2@127.0.0.1/accounts", "must begin with postgres://"),
        ("postgres://root:hunter2@127.0.0.1:99999/accounts", "is not an address"),
        // Nothing listens on port 1.
        ("postgres://root:hunter2@127.0.0.1:1/accounts", "cannot open the database"),
    ] {
        let output = start_and_fail(&data.path().join("data"), &[("ACCOUNTS_DATABASE_URL", url)]);
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{err}");
        assert_eq!(err.lines().count(), 1, "{err}");
        assert!(err.starts_with("ACCOUNTS_DATABASE_URL: ") && err.contains(problem), "{err}");
        assert!(!err.contains("hunter2") && !err.contains("root"), "{err}");
    }
}
