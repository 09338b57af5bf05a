//! Articles, favorites, the feed and tags.

use serde_json::{Value, json};

use crate::support::Server;

#[actix_web::test]
async fn article_has_the_members_of_the_specification() {
    let server = Server::start().await;
    let ann = server.user("ann").await;
    let new = json!({"title": "A day at sea", "description": "d", "body": "b", "tagList": ["sea", "day", "sea"]});
    let mut made = ann.post("/articles", json!({"article": new})).await.expect(201).json();
    let shown = server.anyone().get("/articles/a-day-at-sea").await.expect(200).json();
    assert_eq!(made, shown);
    let (created, updated) = (made["article"]["createdAt"].take(), made["article"]["updatedAt"].take());
    assert_eq!(created, updated);
    assert!(created.as_str().unwrap().ends_with('Z'));
    let author = json!({"username": "ann", "bio": null, "image": null, "following": false});
    let expected = json!({
        "slug": "a-day-at-sea", "title": "A day at sea", "description": "d", "body": "b", "tagList": ["day", "sea"],
        "createdAt": null, "updatedAt": null, "favorited": false, "favoritesCount": 0, "author": author,
    });
    assert_eq!(made["article"], expected);
    assert_eq!(server.anyone().get("/tags").await.expect(200).json(), json!({"tags": ["day", "sea"]}));
}

#[actix_web::test]
async fn invalid_articles_are_422() {
    let server = Server::start().await;
    let ann = server.user("ann").await;
    let new = |name: &str, value: Value| {
        let mut article = json!({"title": "t", "description": "d", "body": "b", "tagList": []});
        article[name] = value;
        json!({"article": article})
    };
    for (name, value) in
        [("title", json!("")), ("body", json!("")), ("tagList", json!([""])), ("tagList", json!(vec!["t"; 21]))]
    {
        let lines = ann.post("/articles", new(name, value)).await.errors(422);
        assert!(lines.len() == 1 && lines[0].starts_with(&format!("article.{name}")), "{lines:?}");
    }
    ann.post("/articles", json!({"article": {"title": "t"}})).await.errors(422);
    ann.post("/articles", new("body", json!("b".repeat(600_000)))).await.errors(413);
    server.anyone().post("/articles", new("title", json!("t"))).await.errors(401);
    // An anonymous caller learns nothing about the input.
    server.anyone().post("/articles", json!(1)).await.errors(401);
}

#[actix_web::test]
async fn equal_titles_get_different_slugs() {
    let server = Server::start().await;
    let ann = server.user("ann").await;
    let (first, second) = (ann.publish("Same title", &[]).await, ann.publish("Same title", &[]).await);
    assert_eq!(first, "same-title");
    assert!(second.starts_with("same-title-"));
    let feed = ann.publish("Feed", &[]).await;
    assert_ne!(feed, "feed", "the feed is another route");
    for slug in [&first, &second, &feed] {
        server.anyone().get(&format!("/articles/{slug}")).await.expect(200);
    }
    let cyrillic = ann.publish("\u{416}", &[]).await;
    assert_eq!(cyrillic, "\u{436}");
    server.anyone().get("/articles/%D0%B6").await.expect(200);
    server.anyone().get("/articles/nothing").await.errors(404);
}

#[actix_web::test]
async fn only_the_author_may_change_an_article() {
    let server = Server::start().await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let path = format!("/articles/{}", ann.publish("Before", &[]).await);
    let change = json!({"article": {"title": "After", "body": "new"}});
    bob.put(&path, change.clone()).await.errors(403);
    server.anyone().put(&path, change.clone()).await.errors(401);
    ann.put("/articles/nothing", change.clone()).await.errors(404);
    ann.put(&path, json!({"article": {"title": ""}})).await.errors(422);
    // A stranger learns nothing about the input.
    bob.put(&path, json!({"article": {"title": ""}})).await.errors(403);

    let changed = ann.put(&path, change).await.expect(200).json();
    let article = &changed["article"];
    assert_eq!(
        (&article["slug"], &article["title"], &article["body"]),
        (&json!("after"), &json!("After"), &json!("new"))
    );
    assert_eq!(article["description"], "about");
    ann.get(&path).await.errors(404);
    let same = ann.put("/articles/after", json!({"article": {"title": "After", "body": "newer"}})).await.expect(200);
    assert_eq!(same.json()["article"]["slug"], "after", "the slug of its own title is free for an article");
    let body_only = ann.put("/articles/after", json!({"article": {"body": "newest"}})).await.expect(200).json();
    assert_eq!((&body_only["article"]["slug"], &body_only["article"]["body"]), (&json!("after"), &json!("newest")));
}

#[actix_web::test]
async fn only_the_author_may_delete_an_article() {
    let server = Server::start().await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let path = format!("/articles/{}", ann.publish("Gone", &["t"]).await);
    bob.touch(&format!("{path}/favorite")).await.expect(200);
    bob.delete(&path).await.errors(403);
    server.anyone().delete(&path).await.errors(401);
    assert_eq!(ann.delete(&path).await.expect(204).text, "");
    ann.delete(&path).await.errors(404);
    assert_eq!(server.anyone().get("/tags").await.expect(200).json(), json!({"tags": []}));
}

#[actix_web::test]
async fn favorites_count_each_user_once() {
    let server = Server::start().await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let path = format!("/articles/{}", ann.publish("Good", &[]).await);
    let favorite = format!("{path}/favorite");
    let state = |reply: crate::support::Reply| {
        let article = reply.expect(200).json()["article"].take();
        (article["favorited"].as_bool().unwrap(), article["favoritesCount"].as_i64().unwrap())
    };
    assert_eq!(state(ann.touch(&favorite).await), (true, 1));
    assert_eq!(state(ann.touch(&favorite).await), (true, 1));
    assert_eq!(state(ann.get(&path).await), (true, 1));
    assert_eq!(state(bob.get(&path).await), (false, 1));
    assert_eq!(state(bob.touch(&favorite).await), (true, 2));
    assert_eq!(state(ann.delete(&favorite).await), (false, 1));
    assert_eq!(state(ann.delete(&favorite).await), (false, 1));
    for client in [server.anyone(), ann] {
        let status = if client.get("/user").await.status == 200 { 404 } else { 401 };
        client.touch("/articles/nothing/favorite").await.errors(status);
        client.delete("/articles/nothing/favorite").await.errors(status);
    }
}

#[actix_web::test]
async fn list_filters_and_pages() {
    let server = Server::start().await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    ann.publish("One", &["sea"]).await;
    ann.publish("Two", &["sea", "day"]).await;
    bob.publish("Three", &["day"]).await;
    bob.touch("/articles/one/favorite").await.expect(200);
    let anyone = server.anyone();
    for (query, expected) in [
        ("", vec!["three", "two", "one"]),
        ("?limit=1&offset=1", vec!["two"]),
        ("?tag=sea", vec!["two", "one"]),
        ("?author=bob", vec!["three"]),
        ("?author=ANN&tag=day", vec!["two"]),
        ("?favorited=bob", vec!["one"]),
        ("?author=nobody", vec![]),
        ("?tag=%27%20OR%201=1--", vec![]),
    ] {
        assert_eq!(anyone.get(&format!("/articles{query}")).await.slugs(), expected, "{query}");
    }
    let list = bob.get("/articles?tag=sea&limit=1&offset=1").await.expect(200).json();
    assert_eq!(list["articlesCount"], 2);
    assert_eq!((&list["articles"][0]["favorited"], &list["articles"][0]["body"]), (&json!(true), &Value::Null));
    for wrong in ["limit=0", "limit=101", "offset=-1", "limit=ten"] {
        anyone.get(&format!("/articles?{wrong}")).await.errors(422);
    }
    anyone.bearing("forged").get("/articles").await.errors(401);
}

#[actix_web::test]
async fn feed_has_the_articles_of_followed_users() {
    let server = Server::start().await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    bob.publish("One", &[]).await;
    bob.publish("Two", &[]).await;
    ann.publish("Own", &[]).await;
    assert!(ann.get("/articles/feed").await.slugs().is_empty());
    ann.touch("/profiles/bob/follow").await.expect(200);
    assert_eq!(ann.get("/articles/feed").await.slugs(), ["two", "one"]);
    let page = ann.get("/articles/feed?limit=1&offset=1").await.expect(200).json();
    assert_eq!((&page["articlesCount"], &page["articles"][0]["slug"]), (&json!(2), &json!("one")));
    assert_eq!(page["articles"][0]["author"]["following"], true);
    ann.get("/articles/feed?limit=0").await.errors(422);
    server.anyone().get("/articles/feed").await.errors(401);
}
