//! Several key sources of one issuer (CWE-636): a key of one source is accepted, whatever happens to the other
//! sources.

use std::time::{Duration, Instant};

use palisade::Jwt;
use palisade::authn::AuthError;
use palisade::jwt::{Algorithm, TokenCache, VerifyingKey};
use palisade_tests::tokens::{Signer, encode, rsa, valid_claims, with};
use palisade_tests::{AUDIENCE, ISSUER, SECRET};
use serde_json::json;

use crate::server::{KeyServer, ServerBehaviour};
use crate::{
    CACHE_SECONDS, COOLDOWN, Key, app, assert_rejected, assert_unavailable, clock, get_me, later, remote,
    token_with_unknown_key,
};

fn jwt_with_both(first: &KeyServer, second: &KeyServer) -> Jwt {
    Jwt::builder()
        .clock(clock())
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .keys(remote(first))
        .keys(remote(second))
        .build()
        .unwrap()
}

fn jwt_with_secret_and(server: &KeyServer) -> Jwt {
    let secret = VerifyingKey::hmac(Algorithm::Hs256, SECRET).unwrap();
    Jwt::builder().clock(clock()).issuer(ISSUER).audience(AUDIENCE).keys(secret).keys(remote(server)).build().unwrap()
}

fn token_signed_with(secret: &[u8]) -> String {
    Signer::hmac(jsonwebtoken::Algorithm::HS256, secret).token("legacy", &valid_claims())
}

#[actix_web::test]
async fn keys_of_every_remote_source_are_used() {
    let (old, new) = (Key::new("k1"), Key::new("k2"));
    // The second source has another key with the same `kid` as a key of the first.
    let namesake = Key::new("k1");
    let first = KeyServer::start(ServerBehaviour::keys([old.jwk()]));
    let second = KeyServer::start(ServerBehaviour::keys([new.jwk(), namesake.jwk()]));
    let jwt = jwt_with_both(&first, &second);
    let app = app!(jwt.clone());
    for token in [old.token("u-1"), new.token("u-1"), namesake.token("u-1"), old.token("u-2")] {
        for _ in 0..2 {
            assert_eq!(get_me!(app, &token).status, 200);
        }
    }
    assert_eq!((first.requests(), second.requests()), (1, 1));
    let forged = Key::new("k1").token("u-1");
    assert_rejected(&get_me!(app, &forged));
    assert_eq!(jwt.verify(&forged).await.map(drop), Err(AuthError::Invalid("token_signature")));
    assert_eq!((first.requests(), second.requests()), (1, 1), "a known key name must cause no fetch");

    later(COOLDOWN).await;
    assert_rejected(&get_me!(app, Key::new("k2").token("u-1")));
    assert_eq!((first.requests(), second.requests()), (1, 1), "a name that one source knows must cause no fetch");
    let stranger = token_with_unknown_key("made-up");
    assert_rejected(&get_me!(app, &stranger));
    assert_eq!((first.requests(), second.requests()), (2, 2), "both sources are asked for an unknown name");
    assert_eq!(jwt.verify(&stranger).await.map(drop), Err(AuthError::Invalid("token_kid")));
    assert_eq!((first.requests(), second.requests()), (2, 2), "each source is asked only once");
}

#[actix_web::test]
async fn key_published_later_is_accepted_at_once() {
    let (old, new) = (Key::new("k1"), Key::new("k2"));
    let first = KeyServer::start(ServerBehaviour::keys([old.jwk()]));
    let second = KeyServer::start(ServerBehaviour::keys([Key::new("k0").jwk()]));
    let app = app!(jwt_with_both(&first, &second));
    assert_unavailable_or_rejected(get_me!(app, token_with_unknown_key("x")).status.as_u16());
    later(COOLDOWN).await;
    second.set(ServerBehaviour::keys([new.jwk()]));
    assert_eq!(get_me!(app, new.token("u-1")).status, 200);
    assert_eq!(get_me!(app, old.token("u-1")).status, 200);
}

#[track_caller]
fn assert_unavailable_or_rejected(status: u16) {
    assert!(status == 401 || status == 503, "{status}");
}

/// A token that the working source verifies needs no other source; any other token cannot be decided.
#[actix_web::test]
async fn failing_source_spares_tokens_of_others() {
    let (up, down) = (Key::new("k1"), Key::new("k2"));
    for down_first in [false, true] {
        let working = KeyServer::start(ServerBehaviour::keys([up.jwk()]));
        let broken = KeyServer::start(ServerBehaviour::Status(500));
        let app = app!(if down_first { jwt_with_both(&broken, &working) } else { jwt_with_both(&working, &broken) });
        for n in 0..3 {
            assert_eq!(get_me!(app, up.token(&format!("u-{n}"))).status, 200, "down first: {down_first}");
        }
        assert_unavailable(&get_me!(app, down.token("u-1")));
        later(60).await;
        broken.set(ServerBehaviour::keys([down.jwk()]));
        assert_eq!(get_me!(app, down.token("u-1")).status, 200);
    }
}

/// Sources are asked at the same time, so a source that hangs does not delay tokens of another.
#[actix_web::test]
async fn hanging_source_does_not_delay_the_others() {
    let key = Key::new("k1");
    let (mute, working) =
        (KeyServer::start(ServerBehaviour::Hang), KeyServer::start(ServerBehaviour::keys([key.jwk()])));
    let app = app!(jwt_with_both(&mute, &working));
    let begun = Instant::now();
    for n in 0..3 {
        assert_eq!(get_me!(app, key.token(&format!("u-{n}"))).status, 200);
    }
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(4), "{took:?}");
}

#[actix_web::test]
async fn secret_and_published_keys_are_never_confused() {
    let new = Key::new("k1");
    let server = KeyServer::start(ServerBehaviour::keys([new.jwk(), rsa().jwk("rsa")]));
    let jwt = jwt_with_secret_and(&server);
    let app = app!(jwt.clone());
    let legacy = token_signed_with(SECRET);
    for _ in 0..3 {
        assert_eq!(get_me!(app, &legacy).status, 200);
    }
    assert_eq!(server.requests(), 0, "the secret needs no fetch");
    assert_eq!(get_me!(app, new.token("u-1")).status, 200);
    assert_eq!(server.requests(), 1);
    // No public value is accepted as the secret.
    let public = new.jwk();
    for secret in [rsa().public().pem.as_bytes(), &rsa().public().der(), public.to_string().as_bytes(), &[7; 32]] {
        let forged = token_signed_with(secret);
        assert_eq!(jwt.verify(&forged).await.map(drop), Err(AuthError::Invalid("token_signature")));
        assert_rejected(&get_me!(app, forged));
    }
    later(COOLDOWN).await;
    assert_rejected(&get_me!(app, token_signed_with(&[8; 32])));
    assert_eq!(server.requests(), 1, "a published set has no secrets, so no fetch is made for one");
    assert_rejected(&get_me!(app, token_with_unknown_key("k2")));
    assert_eq!(server.requests(), 2);
    // A secret that the published document lists is ignored.
    server.set(ServerBehaviour::keys([
        new.jwk(),
        json!({"kty": "oct", "kid": "legacy", "alg": "HS256", "k": encode([9; 32])}),
    ]));
    later(CACHE_SECONDS + 1).await;
    assert_eq!(get_me!(app, new.token("u-2")).status, 200);
    assert_rejected(&get_me!(app, token_signed_with(&[9; 32])));
}

/// While the source of the new keys is down, tokens of the old secret are still accepted.
#[actix_web::test]
async fn secret_tokens_are_accepted_during_key_outage() {
    let mut server = KeyServer::start(ServerBehaviour::keys([]));
    server.stop();
    let app = app!(jwt_with_secret_and(&server));
    assert_eq!(get_me!(app, token_signed_with(SECRET)).status, 200);
    assert_unavailable(&get_me!(app, Key::new("k1").token("u-1")));
    assert_eq!(get_me!(app, token_signed_with(SECRET)).status, 200);
}

/// A key without a name may have been replaced, whatever names the other source has.
#[actix_web::test]
async fn replaced_unnamed_key_is_fetched_again() {
    let (old, new, named) = (Key::new("k1"), Key::new("k1"), Key::new("k1"));
    let nameless = |key: &Key| {
        let mut jwk = key.jwk();
        jwk.as_object_mut().unwrap().remove("kid");
        jwk
    };
    let first = KeyServer::start(ServerBehaviour::keys([named.jwk()]));
    let second = KeyServer::start(ServerBehaviour::keys([nameless(&old)]));
    let app = app!(jwt_with_both(&first, &second));
    for key in [&named, &old] {
        assert_eq!(get_me!(app, key.token("u-1")).status, 200);
    }
    later(COOLDOWN).await;
    second.set(ServerBehaviour::keys([nameless(&new)]));
    assert_eq!(get_me!(app, new.token("u-1")).status, 200);
    assert_eq!((first.requests(), second.requests()), (1, 2));
    later(COOLDOWN).await;
    assert_rejected(&get_me!(app, old.token("u-2")));
    assert_eq!(get_me!(app, named.token("u-2")).status, 200);
}

/// If a key is removed from its source, its tokens are rejected; tokens of the other source are not affected.
#[actix_web::test]
async fn cached_token_is_rejected_with_its_removed_key() {
    for cache in [TokenCache::DEFAULT, TokenCache::Off] {
        let (stays, leaves) = (Key::new("k1"), Key::new("k2"));
        let first = KeyServer::start(ServerBehaviour::keys([stays.jwk()]));
        let second = KeyServer::start(ServerBehaviour::keys([leaves.jwk()]));
        let jwt =
            Jwt::builder().clock(clock()).issuer(ISSUER).audience(AUDIENCE).keys(remote(&first)).keys(remote(&second));
        let jwt = jwt.cache(cache).build().unwrap();
        let (kept, gone) = (stays.token("u-1"), leaves.signer.token("k2", &with("sub", json!("u-2"))));
        for _ in 0..2 {
            assert_eq!(jwt.verify(&kept).await.map(drop), Ok(()));
            assert_eq!(jwt.verify(&gone).await.map(drop), Ok(()));
        }
        second.set(ServerBehaviour::keys([Key::new("k3").jwk()]));
        later(CACHE_SECONDS + 1).await;
        assert_eq!(jwt.verify(&kept).await.map(drop), Ok(()));
        // It may be a new key of the first source, which was asked a moment ago; this is undecided until it may be
        // asked again.
        assert_eq!(jwt.verify(&gone).await.map(drop), Err(AuthError::Unavailable("jwks_cooldown")), "{cache:?}");
        later(COOLDOWN).await;
        assert_eq!(jwt.verify(&gone).await.map(drop), Err(AuthError::Invalid("token_kid")), "{cache:?}");
        assert_eq!(jwt.verify(&kept).await.map(drop), Ok(()));
    }
}
