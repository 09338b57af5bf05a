//! Nothing tells whether an account exists: one verification for every attempt, one answer for every failure.

use serde_json::json;

use super::support::{ADMIN_EMAIL, ADMIN_PASSWORD, Client, Server};

const VERIFYING: &str = "verifying a password";

#[tokio::test]
async fn every_attempt_costs_one_verification_and_every_failure_reads_alike() {
    let server = Server::start(&[("RUST_LOG", "info,palisade::authn::password=debug")]);
    let anyone = Client::new(&server);
    let admin = anyone.bearing(&anyone.token(ADMIN_EMAIL, ADMIN_PASSWORD).await);
    let password_less = json!({"name": "Carol", "email": "carol@example.com"});
    admin.post("/api/users", password_less).await.expect(201);

    let mut texts = Vec::new();
    for email in [ADMIN_EMAIL, "nobody@example.com", "carol@example.com"] {
        let before = server.log().matches(VERIFYING).count();
        texts.push(anyone.login(email, "not the pass phrase").await.expect(401).text);
        // The request's own line comes after all of its other lines.
        server.wait_until(|log| log.lines().filter(|line| line.contains("answered status=401")).count() == texts.len());
        assert_eq!(server.log().matches(VERIFYING).count() - before, 1, "{email}");
    }
    assert_eq!((&texts[0], &texts[0]), (&texts[1], &texts[2]));
}

#[tokio::test]
async fn the_case_of_an_email_does_not_matter_and_that_of_a_password_does() {
    let server = Server::start(&[]);
    let anyone = Client::new(&server);
    anyone.token("ADMIN@Example.COM", ADMIN_PASSWORD).await;
    anyone.login(ADMIN_EMAIL, &ADMIN_PASSWORD.to_uppercase()).await.expect(401);
    anyone.login(ADMIN_EMAIL, &format!("{ADMIN_PASSWORD} ")).await.expect(401);
}
