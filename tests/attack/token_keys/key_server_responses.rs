//! The responses of a key server (CWE-918, CWE-400): usable keys are taken, and other responses change no known key.

use std::time::{Duration, Instant};

use futures_util::future::join;
use jsonwebtoken::Algorithm;
use palisade_tests::call;
use palisade_tests::tokens::{Signer, encode, rsa, valid_claims};
use serde_json::{Value, json};

use crate::server::{KeyServer, ServerBehaviour};
use crate::{
    CACHE_SECONDS, COOLDOWN, Key, app, assert_rejected, assert_unavailable, get_me, get_me_request, jwt, later, settle,
};

fn with_use(mut jwk: Value, purpose: &str) -> Value {
    jwk["use"] = purpose.into();
    jwk
}

#[actix_web::test]
async fn unusable_keys_are_skipped_and_others_used() {
    let usable = Key::new("usable");
    let encrypting = Key::new("encrypting");
    let secret = [7; 32];
    let unusable = vec![
        json!({"kty": "AKP", "alg": "ML-DSA-65", "kid": "pq", "pub": encode([1; 64])}),
        json!({"kty": "EC", "crv": "P-521", "kid": "p521", "alg": "ES512", "x": encode([1; 66]), "y": encode([2; 66])}),
        json!({"kty": "EC", "crv": "secp256k1", "kid": "k1", "alg": "ES256K", "x": encode([1; 32]), "y": encode([2; 32])}),
        json!({"kty": "OKP", "crv": "Ed448", "kid": "ed448", "alg": "EdDSA", "x": encode([1; 57])}),
        json!({"kty": "OKP", "crv": "X25519", "kid": "x25519", "x": encode([1; 32])}),
        json!({"kty": "RSA", "kid": "short", "alg": "RS256", "n": encode([0xa7; 128]), "e": "AQAB"}),
        json!({"kty": "RSA", "kid": "no-e", "alg": "RS256", "n": encode([0xa7; 256])}),
        json!({"kty": "RSA", "kid": "enc", "use": "enc", "alg": "RSA-OAEP", "n": rsa().jwk("x")["n"], "e": "AQAB"}),
        json!({"kty": "oct", "kid": "secret", "alg": "HS256", "k": encode(secret)}),
        json!({"kid": "no-kty"}),
        json!({"kty": 7}),
        json!({}),
        json!(null),
        json!(7),
        json!("a key"),
        json!([usable.jwk()]),
        with_use(encrypting.jwk(), "enc"),
    ];
    // Each unusable key alone and all at once, before and after the usable key.
    for unusable in unusable.iter().map(std::slice::from_ref).chain([unusable.as_slice()]) {
        let keys = [unusable, &[usable.jwk()], unusable].concat();
        let server = KeyServer::start(ServerBehaviour::keys(keys));
        let app = app!(jwt(&server));
        assert_eq!(get_me!(app, usable.token("u-1")).status, 200, "{unusable:?}");
        // Each unknown `kid` causes a fetch and starts the cooldown.
        later(COOLDOWN).await;
        assert_rejected(&get_me!(app, Signer::hmac(Algorithm::HS256, secret).token("secret", &valid_claims())));
        later(COOLDOWN).await;
        assert_rejected(&get_me!(app, encrypting.token("u-1")));
    }
}

/// A secret in a published key set must not be used: anyone who reads the set could issue tokens.
#[actix_web::test]
async fn key_set_with_only_secrets_is_rejected() {
    let secret = [7; 32];
    let jwk = json!({"kty": "oct", "kid": "secret", "alg": "HS256", "use": "sig", "k": encode(secret)});
    let server = KeyServer::start(ServerBehaviour::keys([jwk]));
    let app = app!(jwt(&server));
    assert_unavailable(&get_me!(app, Signer::hmac(Algorithm::HS256, secret).token("secret", &valid_claims())));
}

#[actix_web::test]
async fn redirect_is_not_followed() {
    let (own, foreign) = (Key::new("k1"), Key::new("k2"));
    let elsewhere = KeyServer::start(ServerBehaviour::keys([own.jwk(), foreign.jwk()]));
    let server = KeyServer::start(ServerBehaviour::Redirect(elsewhere.url()));
    let app = app!(jwt(&server));
    assert_unavailable(&get_me!(app, foreign.token("u-1")));
    assert_eq!((server.requests(), elsewhere.requests()), (1, 0));
    // A redirect is not followed either once keys are known.
    server.set(ServerBehaviour::keys([own.jwk()]));
    later(COOLDOWN).await;
    assert_eq!(get_me!(app, own.token("u-1")).status, 200);
    server.set(ServerBehaviour::Redirect(elsewhere.url()));
    later(CACHE_SECONDS + 1).await;
    assert_eq!(get_me!(app, own.token("u-1")).status, 200);
    assert_unavailable(&get_me!(app, foreign.token("u-1")));
    assert_eq!(elsewhere.requests(), 0);
}

/// The known keys stay, whatever the server sends instead of a key set.
#[actix_web::test]
async fn invalid_response_keeps_the_known_keys() {
    let (own, foreign) = (Key::new("k1"), Key::new("k2"));
    let document = json!({"keys": [foreign.jwk()]}).to_string();
    let serve = |document: &str| ServerBehaviour::Serve { document: document.to_owned(), cache_control: "max-age=600" };
    for (name, behaviour) in [
        ("more bytes than a client should read", ServerBehaviour::Oversize(document.clone())),
        ("shorter than its Content-Length", ServerBehaviour::Truncated(document.clone())),
        ("empty", serve("")),
        ("HTML", serve("<html></html>")),
        ("an array instead of the object", serve(&format!("[{}]", foreign.jwk()))),
        ("one key without a set", serve(&foreign.jwk().to_string())),
        ("no keys", serve(r#"{"keys":[]}"#)),
        ("keys is an object", serve(&format!(r#"{{"keys":{}}}"#, foreign.jwk()))),
        ("followed by `x`", serve(&format!("{document}x"))),
        ("JSON without its last byte", serve(&document[..document.len() - 1])),
        (
            "only secrets",
            ServerBehaviour::keys([json!({"kty": "oct", "kid": "k2", "alg": "HS256", "k": encode([7; 32])})]),
        ),
        ("201", ServerBehaviour::Status(201)),
        ("204", ServerBehaviour::Status(204)),
        ("304", ServerBehaviour::Status(304)),
        ("403", ServerBehaviour::Status(403)),
        ("404", ServerBehaviour::Status(404)),
        ("503", ServerBehaviour::Status(503)),
    ] {
        let server = KeyServer::start(behaviour.clone());
        let app = app!(jwt(&server));
        assert_unavailable(&get_me!(app, foreign.token("u-1")));
        assert_eq!(server.requests(), 1, "{name}");

        server.set(ServerBehaviour::keys([own.jwk()]));
        later(COOLDOWN).await;
        assert_eq!(get_me!(app, own.token("u-1")).status, 200, "{name}");
        server.set(behaviour);
        later(CACHE_SECONDS + 1).await;
        assert_eq!(get_me!(app, own.token("u-1")).status, 200, "{name}");
        assert_eq!(get_me!(app, own.token("u-2")).status, 200, "{name}");
        assert_unavailable(&get_me!(app, foreign.token("u-1")));
        assert!(server.requests() >= 3, "{name}");
    }
}

#[actix_web::test]
async fn unfinished_fetch_times_out_after_five_seconds() {
    let key = Key::new("k1");
    let (mute, slow) = (KeyServer::start(ServerBehaviour::Hang), KeyServer::start(ServerBehaviour::Drip));
    let (first, second) = (app!(jwt(&mute)), app!(jwt(&slow)));
    let begun = Instant::now();
    let (mute, slow) =
        join(call(&first, get_me_request(key.token("u-1"))), call(&second, get_me_request(key.token("u-1")))).await;
    let took = begun.elapsed();
    assert_unavailable(&mute);
    assert_unavailable(&slow);
    assert!((Duration::from_millis(4500)..Duration::from_millis(9000)).contains(&took), "{took:?}");
}

/// While the key server hangs, the previous keys are used.
#[actix_web::test]
async fn valid_tokens_pass_while_the_key_server_hangs() {
    let key = Key::new("k1");
    let server = KeyServer::start(ServerBehaviour::keys_for("max-age=100", [key.jwk()]));
    let app = app!(jwt(&server));
    assert_eq!(get_me!(app, key.token("u-1")).status, 200);
    server.set(ServerBehaviour::Hang);
    // The keys expire in 15 s, so they are fetched in the background and no request waits.
    later(85).await;
    let begun = Instant::now();
    for n in 0..20 {
        assert_eq!(get_me!(app, key.token(&format!("u-{n}"))).status, 200);
    }
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    settle().await;
    assert_eq!(server.requests(), 2);
}
