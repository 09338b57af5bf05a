//! A key server that is down (CWE-636, ASVS V16.5.2): callers with known keys do not notice, and a token that cannot
//! be checked gets 503, not 401.

use palisade_tests::call;

use crate::server::{KeyServer, ServerBehaviour};
use crate::{
    COOLDOWN, Key, advance, app, assert_rejected, assert_unavailable, get_me, jwt, later, token_with_unknown_key,
};

#[actix_web::test]
async fn hour_long_outage_rejects_no_valid_token() {
    let (old, new) = (Key::new("k1"), Key::new("k2"));
    let mut server = KeyServer::start(ServerBehaviour::keys_for("max-age=60", [old.jwk()]));
    let app = app!(jwt(&server));
    let cached = old.token("cached");
    assert_eq!(get_me!(app, &cached).status, 200);
    server.stop();
    for minute in 0..60 {
        later(61).await;
        // The source comes back now and then, with unusable responses.
        match minute {
            20 => {
                server.set(ServerBehaviour::Status(500));
                server.resume();
            }
            30 => server.set(ServerBehaviour::Serve { document: "<html>".to_owned(), cache_control: "max-age=60" }),
            40 => server.set(ServerBehaviour::Status(404)),
            50 => server.stop(),
            _ => {}
        }
        assert_eq!(get_me!(app, &cached).status, 200, "minute {minute}");
        assert_eq!(get_me!(app, old.token(&format!("u-{minute}"))).status, 200, "minute {minute}");
        assert_unavailable(&get_me!(app, new.token("u-1")));
        assert_unavailable(&get_me!(app, token_with_unknown_key(&format!("x-{minute}"))));
    }
    server.set(ServerBehaviour::keys_for("max-age=60", [old.jwk(), new.jwk()]));
    server.resume();
    later(61).await;
    assert_eq!(get_me!(app, new.token("u-1")).status, 200, "the server must recover without a restart");
    assert_eq!(get_me!(app, &cached).status, 200);
    later(COOLDOWN).await;
    assert_rejected(&get_me!(app, token_with_unknown_key("x-1")));
}

/// A source that is down is asked less and less often.
#[actix_web::test]
async fn failing_source_is_asked_less_often() {
    let key = Key::new("k1");
    let server = KeyServer::start(ServerBehaviour::Status(500));
    let app = app!(jwt(&server));
    // Ten minutes, with a valid token and an invented one every two seconds.
    for _ in 0..300 {
        assert_unavailable(&get_me!(app, key.token("u-1")));
        assert_unavailable(&get_me!(app, token_with_unknown_key("x")));
        advance(2);
    }
    assert!(server.requests() <= 15, "{} requests in ten minutes", server.requests());
    assert!(server.requests() >= 9, "{} requests in ten minutes", server.requests());
}

#[actix_web::test]
async fn outage_at_start_is_503_until_recovery() {
    let key = Key::new("k1");
    let mut server = KeyServer::start(ServerBehaviour::keys([key.jwk()]));
    server.stop();
    let app = app!(jwt(&server));
    for _ in 0..3 {
        assert_unavailable(&get_me!(app, key.token("u-1")));
        assert_unavailable(&get_me!(app, token_with_unknown_key("x")));
    }
    assert_eq!(get_me!(app, "").status, 401, "a malformed token is rejected without keys");
    server.resume();
    later(COOLDOWN).await;
    assert_eq!(get_me!(app, key.token("u-1")).status, 200);
}

/// An outage of the key server does not turn a caller into an anonymous one.
#[actix_web::test]
async fn outage_makes_nobody_anonymous() {
    let key = Key::new("k1");
    let mut server = KeyServer::start(ServerBehaviour::keys([key.jwk()]));
    server.stop();
    let app = app!(jwt(&server));
    let bearer = format!("Bearer {}", key.token("u-1"));
    let with_token = call(&app, palisade_tests::get_request("/perhaps").insert_header(("authorization", bearer))).await;
    assert_unavailable(&with_token);
    let anonymous = call(&app, palisade_tests::get_request("/perhaps")).await;
    assert_eq!((anonymous.status.as_u16(), anonymous.body.as_str()), (200, "nobody"));
}
