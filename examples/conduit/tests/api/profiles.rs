//! Profiles, and following.

use serde_json::json;

use crate::support::Server;

#[actix_web::test]
async fn profile_shows_whether_the_caller_follows() {
    let server = Server::start().await;
    let (ann, _bob) = (server.user("ann").await, server.user("bob").await);
    let profile =
        |following: bool| json!({"profile": {"username": "bob", "bio": null, "image": null, "following": following}});
    assert_eq!(server.anyone().get("/profiles/bob").await.expect(200).json(), profile(false));
    for _ in 0..2 {
        assert_eq!(ann.touch("/profiles/bob/follow").await.expect(200).json(), profile(true));
    }
    assert_eq!(ann.get("/profiles/bob").await.expect(200).json(), profile(true));
    assert_eq!(server.anyone().get("/profiles/bob").await.expect(200).json(), profile(false));
    for _ in 0..2 {
        assert_eq!(ann.delete("/profiles/bob/follow").await.expect(200).json(), profile(false));
    }
}

#[actix_web::test]
async fn unknown_profiles_are_404_and_anonymous_followers_401() {
    let server = Server::start().await;
    let ann = server.user("ann").await;
    for path in ["/profiles/nobody", "/profiles/nobody%27%20OR%201=1--"] {
        assert_eq!(ann.get(path).await.errors(404), ["The user does not exist."]);
    }
    ann.touch("/profiles/nobody/follow").await.errors(404);
    ann.delete("/profiles/nobody/follow").await.errors(404);
    server.anyone().touch("/profiles/ann/follow").await.errors(401);
    server.anyone().delete("/profiles/ann/follow").await.errors(401);
    server.anyone().bearing("forged").get("/profiles/ann").await.errors(401);
}
