//! A key server that is down (T9, ASVS V16.5.2): valid callers do not notice, and what can't be told is 503, not 401.

use palisade_tests::call;

use crate::server::{Conduct, KeyServer};
use crate::{COOLDOWN, Key, app, assert_refused, assert_unavailable, jwt, later, show, unknown};

#[actix_web::test]
async fn t5_an_hour_without_the_source_refuses_nobody_valid() {
    let (old, new) = (Key::new("k1"), Key::new("k2"));
    let mut server = KeyServer::start(Conduct::keys_for("max-age=60", [old.jwk()]));
    let app = app!(jwt(&server));
    let cached = old.token("cached");
    assert_eq!(show!(app, &cached).status, 200);
    server.stop();
    for minute in 0..60 {
        later(61).await;
        // The source comes back now and then, and has nothing of use to say.
        match minute {
            20 => {
                server.set(Conduct::Status(500));
                server.resume();
            }
            30 => server.set(Conduct::Serve { document: "<html>".to_owned(), cache_control: "max-age=60" }),
            40 => server.set(Conduct::Status(404)),
            50 => server.stop(),
            _ => {}
        }
        assert_eq!(show!(app, &cached).status, 200, "minute {minute}");
        assert_eq!(show!(app, old.token(&format!("u-{minute}"))).status, 200, "minute {minute}");
        assert_unavailable(&show!(app, new.token("u-1")));
        assert_unavailable(&show!(app, unknown(&format!("x-{minute}"))));
    }
    server.set(Conduct::keys_for("max-age=60", [old.jwk(), new.jwk()]));
    server.resume();
    later(61).await;
    assert_eq!(show!(app, new.token("u-1")).status, 200, "no restart was needed");
    assert_eq!(show!(app, &cached).status, 200);
    later(COOLDOWN).await;
    assert_refused(&show!(app, unknown("x-1")));
}

/// What a source that is down is asked: less and less.
#[actix_web::test]
async fn t5_a_source_that_is_down_is_left_alone() {
    let key = Key::new("k1");
    let server = KeyServer::start(Conduct::Status(500));
    let app = app!(jwt(&server));
    // Ten minutes, with a valid and a made-up token every second one.
    for _ in 0..300 {
        assert_unavailable(&show!(app, key.token("u-1")));
        assert_unavailable(&show!(app, unknown("x")));
        tokio::time::pause();
        tokio::time::advance(std::time::Duration::from_secs(2)).await;
        tokio::time::resume();
    }
    assert!(server.requests() <= 15, "{} requests in ten minutes", server.requests());
    assert!(server.requests() >= 9, "{} requests in ten minutes", server.requests());
}

#[actix_web::test]
async fn t5_a_source_that_is_down_at_first_is_503_until_it_is_back() {
    let key = Key::new("k1");
    let mut server = KeyServer::start(Conduct::keys([key.jwk()]));
    server.stop();
    let app = app!(jwt(&server));
    for _ in 0..3 {
        assert_unavailable(&show!(app, key.token("u-1")));
        assert_unavailable(&show!(app, unknown("x")));
    }
    assert_eq!(show!(app, "").status, 401, "what is no token needs no key");
    server.resume();
    later(COOLDOWN).await;
    assert_eq!(show!(app, key.token("u-1")).status, 200);
}

/// Nobody is anonymous because the key server is down.
#[actix_web::test]
async fn t9_an_outage_makes_nobody_anonymous() {
    let key = Key::new("k1");
    let mut server = KeyServer::start(Conduct::keys([key.jwk()]));
    server.stop();
    let app = app!(jwt(&server));
    let bearer = format!("Bearer {}", key.token("u-1"));
    let known = call(&app, palisade_tests::get("/perhaps").insert_header(("authorization", bearer))).await;
    assert_unavailable(&known);
    let anonymous = call(&app, palisade_tests::get("/perhaps")).await;
    assert_eq!((anonymous.status.as_u16(), anonymous.body.as_str()), (200, "nobody"));
}
