//! Who may call which route: `policies.md` and `access.md` are committed, and these tests compare them with the code.

use actix_web::{App, test::init_service};
use conduit::app::routes;
use palisade::Principal;
use palisade::testing::{Persona, Personas, access_matrix, assert_access, assert_policies};
use serde_json::json;

use crate::support::Server;

#[actix_web::test]
async fn policies_match_the_committed_page() {
    let server = Server::start().await;
    assert_policies!("policies.md", server.service.palisade.policies());
}

#[actix_web::test]
async fn access_matches_the_committed_page() {
    let server = Server::start().await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let slug = ann.publish("Post", &[]).await;
    let comment = bob.post(&format!("/articles/{slug}/comments"), json!({"comment": {"body": "x"}})).await;
    let comment = comment.expect(200).json()["comment"]["id"].to_string();
    let token = ann.get("/user").await.expect(200).json()["user"]["token"].as_str().unwrap().to_owned();

    let user = |id: &str| Principal::new("Token", "conduit", id);
    let personas = Personas::new()
        .parameter("username", "ann")
        .parameter("slug", slug)
        .parameter("id", comment)
        .row("Article", "1")
        .row("Comment", "2")
        .persona(Persona::anonymous())
        .persona(Persona::rejected("forged", "authorization", "Token forged"))
        .persona(Persona::of("author of the article", user("1")))
        .persona(Persona::of("author's token", user("1")).by_header("authorization", format!("Token {token}")))
        .persona(Persona::of("author of the comment", user("2")))
        .persona(Persona::of("another user", user("3")));
    let app = App::new().configure(|app| server.service.configure(app)).wrap(server.service.palisade.clone());
    let matrix = access_matrix(&init_service(app).await, &routes().policies(), &personas).await;
    assert_access!("access.md", matrix);
}
