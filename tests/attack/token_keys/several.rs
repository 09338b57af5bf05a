//! Several key sources of one issuer: what one of them knows counts, whatever becomes of the others.

use std::time::{Duration, Instant};

use palisade::Jwt;
use palisade::authn::AuthError;
use palisade::jwt::{Algorithm, TokenCache, VerifyingKey};
use palisade_tests::tokens::{Signer, encode, rsa, sound, with};
use palisade_tests::{AUDIENCE, ISSUER, SECRET};
use serde_json::json;

use crate::server::{Conduct, KeyServer};
use crate::{COOLDOWN, Key, app, assert_refused, assert_unavailable, later, remote, show, unknown};

fn both(first: &KeyServer, second: &KeyServer) -> Jwt {
    Jwt::builder().issuer(ISSUER).audience(AUDIENCE).keys(remote(first)).keys(remote(second)).build().unwrap()
}

fn secret_and(server: &KeyServer) -> Jwt {
    let secret = VerifyingKey::hmac(Algorithm::Hs256, SECRET).unwrap();
    Jwt::builder().issuer(ISSUER).audience(AUDIENCE).keys(secret).keys(remote(server)).build().unwrap()
}

fn by_secret(secret: &[u8]) -> String {
    Signer::hmac(jsonwebtoken::Algorithm::HS256, secret).token("legacy", &sound())
}

#[actix_web::test]
async fn keys_of_every_remote_source_count() {
    let (old, new) = (Key::new("k1"), Key::new("k2"));
    // The name of a key of the first source is another key of the second.
    let namesake = Key::new("k1");
    let first = KeyServer::start(Conduct::keys([old.jwk()]));
    let second = KeyServer::start(Conduct::keys([new.jwk(), namesake.jwk()]));
    let jwt = both(&first, &second);
    let app = app!(jwt.clone());
    for token in [old.token("u-1"), new.token("u-1"), namesake.token("u-1"), old.token("u-2")] {
        for _ in 0..2 {
            assert_eq!(show!(app, &token).status, 200);
        }
    }
    assert_eq!((first.requests(), second.requests()), (1, 1));
    let forged = Key::new("k1").token("u-1");
    assert_refused(&show!(app, &forged));
    assert_eq!(jwt.verify(&forged).await.map(drop), Err(AuthError::Invalid("token_signature")));
    assert_eq!((first.requests(), second.requests()), (1, 1), "the name is known: nobody is asked for it");

    later(COOLDOWN).await;
    assert_refused(&show!(app, Key::new("k2").token("u-1")));
    assert_eq!((first.requests(), second.requests()), (1, 1), "also where one source alone has the name");
    let stranger = unknown("made-up");
    assert_refused(&show!(app, &stranger));
    assert_eq!((first.requests(), second.requests()), (2, 2), "both are asked for a name that neither has");
    assert_eq!(jwt.verify(&stranger).await.map(drop), Err(AuthError::Invalid("token_kid")));
    assert_eq!((first.requests(), second.requests()), (2, 2), "and once");
}

#[actix_web::test]
async fn a_key_that_one_source_publishes_later_counts_at_once() {
    let (old, new) = (Key::new("k1"), Key::new("k2"));
    let first = KeyServer::start(Conduct::keys([old.jwk()]));
    let second = KeyServer::start(Conduct::keys([Key::new("k0").jwk()]));
    let app = app!(both(&first, &second));
    assert_unavailable_or_refused(show!(app, unknown("x")).status.as_u16());
    later(COOLDOWN).await;
    second.set(Conduct::keys([new.jwk()]));
    assert_eq!(show!(app, new.token("u-1")).status, 200);
    assert_eq!(show!(app, old.token("u-1")).status, 200);
}

#[track_caller]
fn assert_unavailable_or_refused(status: u16) {
    assert!(status == 401 || status == 503, "{status}");
}

/// What the source that is up has verified needs nobody else; what it has not can't be told.
#[actix_web::test]
async fn one_source_that_is_down_takes_no_tokens_of_the_others_with_it() {
    let (up, down) = (Key::new("k1"), Key::new("k2"));
    for down_first in [false, true] {
        let working = KeyServer::start(Conduct::keys([up.jwk()]));
        let broken = KeyServer::start(Conduct::Status(500));
        let app = app!(if down_first { both(&broken, &working) } else { both(&working, &broken) });
        for n in 0..3 {
            assert_eq!(show!(app, up.token(&format!("u-{n}"))).status, 200, "down first: {down_first}");
        }
        assert_unavailable(&show!(app, down.token("u-1")));
        later(60).await;
        broken.set(Conduct::keys([down.jwk()]));
        assert_eq!(show!(app, down.token("u-1")).status, 200);
    }
}

/// Sources are asked at the same time, so one that says nothing makes nobody wait whom another can vouch for.
#[actix_web::test]
async fn one_source_that_hangs_keeps_nobody_waiting_for_the_others() {
    let key = Key::new("k1");
    let (mute, working) = (KeyServer::start(Conduct::Hang), KeyServer::start(Conduct::keys([key.jwk()])));
    let app = app!(both(&mute, &working));
    let begun = Instant::now();
    for n in 0..3 {
        assert_eq!(show!(app, key.token(&format!("u-{n}"))).status, 200);
    }
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(4), "{took:?}");
}

#[actix_web::test]
async fn a_secret_and_published_keys_do_not_pass_for_each_other() {
    let new = Key::new("k1");
    let server = KeyServer::start(Conduct::keys([new.jwk(), rsa().jwk("rsa")]));
    let jwt = secret_and(&server);
    let app = app!(jwt.clone());
    let legacy = by_secret(SECRET);
    for _ in 0..3 {
        assert_eq!(show!(app, &legacy).status, 200);
    }
    assert_eq!(server.requests(), 0, "the secret needs nobody");
    assert_eq!(show!(app, new.token("u-1")).status, 200);
    assert_eq!(server.requests(), 1);
    // Whatever is public makes no secret.
    let public = new.jwk();
    for secret in [rsa().public().pem.as_bytes(), &rsa().public().der(), public.to_string().as_bytes(), &[7; 32]] {
        let forged = by_secret(secret);
        assert_eq!(jwt.verify(&forged).await.map(drop), Err(AuthError::Invalid("token_signature")));
        assert_refused(&show!(app, forged));
    }
    later(COOLDOWN).await;
    assert_refused(&show!(app, by_secret(&[8; 32])));
    assert_eq!(server.requests(), 1, "no published set has a secret, so nobody asks for one");
    assert_refused(&show!(app, unknown("k2")));
    assert_eq!(server.requests(), 2);
    // A secret that the document lists is none.
    server
        .set(Conduct::keys([new.jwk(), json!({"kty": "oct", "kid": "legacy", "alg": "HS256", "k": encode([9; 32])})]));
    later(601).await;
    assert_eq!(show!(app, new.token("u-2")).status, 200);
    assert_refused(&show!(app, by_secret(&[9; 32])));
}

/// While the source of the new keys is down, the tokens of the old secret are as good as ever.
#[actix_web::test]
async fn tokens_of_the_secret_count_while_the_published_keys_cannot_be_had() {
    let mut server = KeyServer::start(Conduct::keys([]));
    server.stop();
    let app = app!(secret_and(&server));
    assert_eq!(show!(app, by_secret(SECRET)).status, 200);
    assert_unavailable(&show!(app, Key::new("k1").token("u-1")));
    assert_eq!(show!(app, by_secret(SECRET)).status, 200);
}

/// A key without a name may have been replaced, whatever the names of the other source say.
#[actix_web::test]
async fn a_nameless_key_that_was_replaced_is_fetched_beside_a_source_with_names() {
    let (old, new, named) = (Key::new("k1"), Key::new("k1"), Key::new("k1"));
    let nameless = |key: &Key| {
        let mut jwk = key.jwk();
        jwk.as_object_mut().unwrap().remove("kid");
        jwk
    };
    let first = KeyServer::start(Conduct::keys([named.jwk()]));
    let second = KeyServer::start(Conduct::keys([nameless(&old)]));
    let app = app!(both(&first, &second));
    for key in [&named, &old] {
        assert_eq!(show!(app, key.token("u-1")).status, 200);
    }
    later(COOLDOWN).await;
    second.set(Conduct::keys([nameless(&new)]));
    assert_eq!(show!(app, new.token("u-1")).status, 200);
    assert_eq!((first.requests(), second.requests()), (1, 2));
    later(COOLDOWN).await;
    assert_refused(&show!(app, old.token("u-2")));
    assert_eq!(show!(app, named.token("u-2")).status, 200);
}

/// A key that leaves its source takes its tokens along, and nothing of the other source.
#[actix_web::test]
async fn a_remembered_token_ends_with_the_key_of_its_source() {
    for cache in [TokenCache::DEFAULT, TokenCache::Off] {
        let (stays, leaves) = (Key::new("k1"), Key::new("k2"));
        let first = KeyServer::start(Conduct::keys([stays.jwk()]));
        let second = KeyServer::start(Conduct::keys([leaves.jwk()]));
        let jwt = Jwt::builder().issuer(ISSUER).audience(AUDIENCE).keys(remote(&first)).keys(remote(&second));
        let jwt = jwt.cache(cache).build().unwrap();
        let (kept, gone) = (stays.token("u-1"), leaves.signer.token("k2", &with("sub", json!("u-2"))));
        for _ in 0..2 {
            assert_eq!(jwt.verify(&kept).await.map(drop), Ok(()));
            assert_eq!(jwt.verify(&gone).await.map(drop), Ok(()));
        }
        second.set(Conduct::keys([Key::new("k3").jwk()]));
        later(601).await;
        assert_eq!(jwt.verify(&kept).await.map(drop), Ok(()));
        // It may be a new key of the first source, which was asked a moment ago: that can't be told before it may be asked again.
        assert_eq!(jwt.verify(&gone).await.map(drop), Err(AuthError::Unavailable("jwks_cooldown")), "{cache:?}");
        later(COOLDOWN).await;
        assert_eq!(jwt.verify(&gone).await.map(drop), Err(AuthError::Invalid("token_kid")), "{cache:?}");
        assert_eq!(jwt.verify(&kept).await.map(drop), Ok(()));
    }
}
