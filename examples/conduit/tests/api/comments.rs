//! Comments on articles.

use serde_json::json;

use crate::support::{Client, Server};

async fn comment(client: &Client<'_>, slug: &str, body: &str) -> i64 {
    let reply = client.post(&format!("/articles/{slug}/comments"), json!({"comment": {"body": body}})).await;
    reply.expect(200).json()["comment"]["id"].as_i64().unwrap()
}

#[actix_web::test]
async fn comments_are_listed_with_their_authors() {
    let server = Server::start().await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let slug = ann.publish("Post", &[]).await;
    ann.touch("/profiles/bob/follow").await.expect(200);
    let (first, second) = (comment(&bob, &slug, "first").await, comment(&ann, &slug, "second").await);
    let path = format!("/articles/{slug}/comments");
    let list = ann.get(&path).await.expect(200).json();
    let seen: Vec<_> =
        list["comments"].as_array().unwrap().iter().map(|c| (c["id"].as_i64(), c["body"].as_str())).collect();
    assert_eq!(seen, [(Some(second), Some("second")), (Some(first), Some("first"))]);
    let author = json!({"username": "bob", "bio": null, "image": null, "following": true});
    assert_eq!(list["comments"][1]["author"], author);
    let anonymous = server.anyone().get(&path).await.expect(200).json();
    assert_eq!(anonymous["comments"][1]["author"]["following"], false);
}

#[actix_web::test]
async fn comments_need_a_caller_a_text_and_an_article() {
    let server = Server::start().await;
    let ann = server.user("ann").await;
    let path = format!("/articles/{}/comments", ann.publish("Post", &[]).await);
    server.anyone().post(&path, json!({"comment": {"body": "x"}})).await.errors(401);
    ann.post(&path, json!({"comment": {"body": ""}})).await.errors(422);
    ann.post(&path, json!({"comment": {}})).await.errors(422);
    ann.post("/articles/nothing/comments", json!({"comment": {"body": "x"}})).await.errors(404);
    ann.get("/articles/nothing/comments").await.errors(404);
    assert_eq!(ann.get(&path).await.expect(200).json(), json!({"comments": []}));
}

#[actix_web::test]
async fn only_its_author_may_delete_a_comment() {
    let server = Server::start().await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let (slug, other) = (ann.publish("Post", &[]).await, ann.publish("Other", &[]).await);
    let id = comment(&bob, &slug, "mine").await;
    let path = format!("/articles/{slug}/comments/{id}");
    ann.delete(&path).await.errors(403);
    server.anyone().delete(&path).await.errors(401);
    bob.delete(&format!("/articles/{other}/comments/{id}")).await.errors(404);
    bob.delete(&format!("/articles/{slug}/comments/{}", id + 1)).await.errors(404);
    bob.delete(&format!("/articles/{slug}/comments/x")).await.errors(404);
    assert_eq!(bob.delete(&path).await.expect(204).text, "");
    bob.delete(&path).await.errors(404);
}
