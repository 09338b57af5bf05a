//! The responses of a key server (CWE-918, CWE-400): usable keys are taken, and everything else is ignored.

use std::time::{Duration, Instant};

use futures_util::future::join;
use jsonwebtoken::Algorithm;
use palisade_tests::call;
use palisade_tests::tokens::{Signer, encode, rsa, sound};
use serde_json::{Value, json};

use crate::server::{Conduct, KeyServer};
use crate::{COOLDOWN, Key, app, assert_refused, assert_unavailable, jwt, later, settle, show, showing};

fn with_use(mut jwk: Value, purpose: &str) -> Value {
    jwk["use"] = purpose.into();
    jwk
}

#[actix_web::test]
async fn unusable_keys_are_skipped_and_others_used() {
    let good = Key::new("good");
    let encrypting = Key::new("encrypting");
    let secret = [7; 32];
    let odd = vec![
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
        json!([good.jwk()]),
        with_use(encrypting.jwk(), "enc"),
    ];
    // Each odd key alone and all at once, before and after the good key.
    for odd in odd.iter().map(std::slice::from_ref).chain([odd.as_slice()]) {
        let both = [odd, &[good.jwk()], odd].concat();
        let server = KeyServer::start(Conduct::keys(both));
        let app = app!(jwt(&server));
        assert_eq!(show!(app, good.token("u-1")).status, 200, "{odd:?}");
        later(COOLDOWN).await;
        assert_refused(&show!(app, Signer::hmac(Algorithm::HS256, secret).token("secret", &sound())));
        later(COOLDOWN).await;
        assert_refused(&show!(app, encrypting.token("u-1")));
    }
}

/// A public document contains no secrets: anyone who read it could issue tokens.
#[actix_web::test]
async fn key_set_with_only_secrets_is_rejected() {
    let secret = [7; 32];
    let jwk = json!({"kty": "oct", "kid": "secret", "alg": "HS256", "use": "sig", "k": encode(secret)});
    let server = KeyServer::start(Conduct::keys([jwk]));
    let app = app!(jwt(&server));
    assert_unavailable(&show!(app, Signer::hmac(Algorithm::HS256, secret).token("secret", &sound())));
}

#[actix_web::test]
async fn redirect_is_not_followed() {
    let (own, foreign) = (Key::new("k1"), Key::new("k2"));
    let elsewhere = KeyServer::start(Conduct::keys([own.jwk(), foreign.jwk()]));
    let server = KeyServer::start(Conduct::Redirect(elsewhere.url()));
    let app = app!(jwt(&server));
    assert_unavailable(&show!(app, foreign.token("u-1")));
    assert_eq!((server.requests(), elsewhere.requests()), (1, 0));
    // A redirect is not followed either once keys are known.
    server.set(Conduct::keys([own.jwk()]));
    later(COOLDOWN).await;
    assert_eq!(show!(app, own.token("u-1")).status, 200);
    server.set(Conduct::Redirect(elsewhere.url()));
    later(601).await;
    assert_eq!(show!(app, own.token("u-1")).status, 200);
    assert_unavailable(&show!(app, foreign.token("u-1")));
    assert_eq!(elsewhere.requests(), 0);
}

/// The known keys stay, whatever the server sends instead of a document.
#[actix_web::test]
async fn invalid_key_document_changes_nothing() {
    let (own, foreign) = (Key::new("k1"), Key::new("k2"));
    let document = json!({"keys": [foreign.jwk()]}).to_string();
    let serve = |document: &str| Conduct::Serve { document: document.to_owned(), cache_control: "max-age=600" };
    for (name, conduct) in [
        ("oversize", Conduct::Oversize(document.clone())),
        ("truncated", Conduct::Truncated(document.clone())),
        ("empty", serve("")),
        ("HTML", serve("<html></html>")),
        ("a list", serve(&format!("[{}]", foreign.jwk()))),
        ("a key alone", serve(&foreign.jwk().to_string())),
        ("no keys", serve(r#"{"keys":[]}"#)),
        ("keys an object", serve(&format!(r#"{{"keys":{}}}"#, foreign.jwk()))),
        ("with a tail", serve(&format!("{document}x"))),
        ("cut off", serve(&document[..document.len() - 1])),
        ("secrets alone", Conduct::keys([json!({"kty": "oct", "kid": "k2", "alg": "HS256", "k": encode([7; 32])})])),
        ("201", Conduct::Status(201)),
        ("204", Conduct::Status(204)),
        ("304", Conduct::Status(304)),
        ("403", Conduct::Status(403)),
        ("404", Conduct::Status(404)),
        ("503", Conduct::Status(503)),
    ] {
        let server = KeyServer::start(conduct.clone());
        let app = app!(jwt(&server));
        assert_unavailable(&show!(app, foreign.token("u-1")));
        assert_eq!(server.requests(), 1, "{name}");

        server.set(Conduct::keys([own.jwk()]));
        later(COOLDOWN).await;
        assert_eq!(show!(app, own.token("u-1")).status, 200, "{name}");
        server.set(conduct);
        later(601).await;
        assert_eq!(show!(app, own.token("u-1")).status, 200, "{name}");
        assert_eq!(show!(app, own.token("u-2")).status, 200, "{name}");
        assert_unavailable(&show!(app, foreign.token("u-1")));
        assert!(server.requests() >= 3, "{name}");
    }
}

#[actix_web::test]
async fn unfinished_fetch_times_out_after_five_seconds() {
    let key = Key::new("k1");
    let (mute, slow) = (KeyServer::start(Conduct::Hang), KeyServer::start(Conduct::Drip));
    let (first, second) = (app!(jwt(&mute)), app!(jwt(&slow)));
    let begun = Instant::now();
    let (mute, slow) = join(call(&first, showing(key.token("u-1"))), call(&second, showing(key.token("u-1")))).await;
    let took = begun.elapsed();
    assert_unavailable(&mute);
    assert_unavailable(&slow);
    assert!((Duration::from_millis(4500)..Duration::from_millis(9000)).contains(&took), "{took:?}");
}

/// While the source hangs, the previous keys are used.
#[actix_web::test]
async fn hanging_source_rejects_no_valid_token() {
    let key = Key::new("k1");
    let server = KeyServer::start(Conduct::keys_for("max-age=100", [key.jwk()]));
    let app = app!(jwt(&server));
    assert_eq!(show!(app, key.token("u-1")).status, 200);
    server.set(Conduct::Hang);
    // Near the end of their cache time; not even the first request waits.
    later(85).await;
    let begun = Instant::now();
    for n in 0..20 {
        assert_eq!(show!(app, key.token(&format!("u-{n}"))).status, 200);
    }
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    settle().await;
    assert_eq!(server.requests(), 2);
}
