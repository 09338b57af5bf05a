//! CWE-362: races between a key rotation and its detection: new names, keys without a name, sources and threads that
//! hang.

use std::time::{Duration, Instant};

use jsonwebtoken::Algorithm;
use palisade::jwt::KeySet;
use palisade::{Jwt, Palisade};
use palisade_tests::AUDIENCE;
use palisade_tests::tokens::{Signer, now, with};
use serde_json::json;

use crate::server::{KeyServer, ServerBehaviour};
use crate::{COOLDOWN, Key, advance, app, get_me, jwt, jwt_of, later, remote, settle, token_with_unknown_key};

/// A key without a name beside named keys must not hide that a name is new.
#[actix_web::test]
async fn new_key_name_is_fetched_beside_unnamed_key() {
    let (old, nameless, new) = (Key::new("k1"), Key::new("x"), Key::new("k2"));
    let mut bare = nameless.jwk();
    bare.as_object_mut().unwrap().remove("kid");
    let server = KeyServer::start(ServerBehaviour::keys([old.jwk(), bare.clone()]));
    let app = app!(jwt(&server));
    assert_eq!(get_me!(app, old.token("u-1")).status, 200);
    later(COOLDOWN).await;
    server.set(ServerBehaviour::keys([old.jwk(), bare, new.jwk()]));
    let response = get_me!(app, new.token("u-1"));
    assert_eq!(response.status, 200, "{} fetches", server.requests());
}

/// An issuer with one key and without names rotates it.
#[actix_web::test]
async fn rotating_an_unnamed_key_rejects_no_valid_token() {
    let (old, new) = (Key::new("x"), Key::new("y"));
    let bare = |key: &Key| {
        let mut jwk = key.jwk();
        jwk.as_object_mut().unwrap().remove("kid");
        jwk
    };
    let token = |key: &Key| {
        key.signer.seal(json!({"alg": "EdDSA", "typ": "JWT"}).to_string(), with("sub", json!("u")).to_string())
    };
    let server = KeyServer::start(ServerBehaviour::keys_for("max-age=86400", [bare(&old)]));
    let app = app!(jwt(&server));
    assert_eq!(get_me!(app, token(&old)).status, 200);
    server.set(ServerBehaviour::keys_for("max-age=86400", [bare(&new)]));
    later(3600).await;
    assert_eq!(get_me!(app, token(&new)).status, 200, "an hour later; {} fetches", server.requests());
}

/// An attacker who can guess the next `kid` (a date) uses it before it is published.
#[actix_web::test]
async fn early_use_of_next_kid_does_not_block_it() {
    let (old, new) = (Key::new("2026-11"), Key::new("2026-12"));
    let server = KeyServer::start(ServerBehaviour::keys([old.jwk()]));
    let app = app!(jwt(&server));
    assert_eq!(get_me!(app, old.token("u-1")).status, 200);
    later(COOLDOWN).await;
    assert_eq!(get_me!(app, token_with_unknown_key("2026-12")).status, 401);
    server.set(ServerBehaviour::keys([old.jwk(), new.jwk()]));
    later(COOLDOWN).await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(get_me!(app, new.token("u-1")).status.as_u16());
        later(COOLDOWN).await;
    }
    assert_eq!(
        statuses[0],
        200,
        "the cooldown has ended and the key is published: {statuses:?}, {} fetches",
        server.requests()
    );
}

/// Only the second verifier interprets the claims of the second issuer.
#[actix_web::test]
async fn unusual_claims_do_not_reach_the_wrong_verifier() {
    let theirs = Signer::generate(Algorithm::EdDSA);
    let keys = || KeySet::from_jwks(json!({"keys": [theirs.jwk("p1")]}).to_string()).unwrap();
    let second = || {
        Jwt::builder()
            .issuer("https://second.example")
            .audience(AUDIENCE)
            .keys(keys())
            .roles_at("realm_access.roles")
            .build()
            .unwrap()
    };
    let claims = json!({"iss": "https://second.example", "aud": AUDIENCE, "sub": "u-2", "iat": now(), "exp": now() + 600,
        "roles": "admin staff", "realm_access": {"roles": ["staff"]}});
    let token = theirs.token("p1", &claims);
    assert_eq!(second().verify(&token).await.map(drop), Ok(()), "the token is valid for its own verifier");

    // The first verifier has a fixed key.
    let both = Palisade::builder().authenticator(palisade_tests::jwt()).authenticator(second()).build().unwrap();
    let app =
        actix_web::test::init_service(actix_web::App::new().service(palisade_tests::site::routes()).wrap(both)).await;
    let behind_fixed = get_me!(app, &token).status.as_u16();
    // The first verifier has a remote source that is down.
    let mut server = KeyServer::start(ServerBehaviour::keys([Key::new("k1").jwk()]));
    let first = jwt_of(remote(&server));
    server.stop();
    let both = Palisade::builder().authenticator(first).authenticator(second()).build().unwrap();
    let app =
        actix_web::test::init_service(actix_web::App::new().service(palisade_tests::site::routes()).wrap(both)).await;
    let behind_down = get_me!(app, &token).status.as_u16();
    assert_eq!((behind_fixed, behind_down), (200, 200));
}

/// After an idle hour the source hangs: a valid token that is cached must not wait for it.
#[actix_web::test]
async fn hanging_source_does_not_delay_cached_tokens() {
    let key = Key::new("k1");
    let server = KeyServer::start(ServerBehaviour::keys_for("max-age=60", [key.jwk()]));
    let own = jwt(&server);
    let app = app!(own.clone());
    let cached = key.token("u-1");
    assert_eq!(get_me!(app, &cached).status, 200);
    server.set(ServerBehaviour::Hang);
    later(61).await;
    let begun = Instant::now();
    assert_eq!(get_me!(app, &cached).status, 200);
    let took = begun.elapsed();
    settle().await;
    assert!(took < Duration::from_secs(4), "it took {took:?}");
}

/// A worker that is stuck during a fetch must not block the others forever.
#[test]
fn fetch_on_a_stuck_worker_is_abandoned() {
    let key = Key::new("k1");
    let server =
        KeyServer::start(ServerBehaviour::keys_for("max-age=15", [key.jwk()]).after(Duration::from_millis(200)));
    let jwt = jwt_of(remote(&server).cooldown(Duration::from_secs(1)));
    let token = key.token("u-1");
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (stuck, healthy) = (runtime(), runtime());
    let verdict = stuck.block_on(async { tokio::time::timeout(Duration::from_millis(100), jwt.verify(&token)).await });
    assert!(verdict.is_err(), "the fetch finished too early");
    // `stuck` still exists but is not polled, as if its thread were busy.
    let verify_within = async |millis| tokio::time::timeout(Duration::from_millis(millis), jwt.verify(&token)).await;
    advance(7);
    assert!(healthy.block_on(verify_within(100)).is_err(), "the request waits for the fetch that is in progress");
    assert_eq!(server.requests(), 1);
    advance(1);
    assert_eq!(healthy.block_on(verify_within(10_000)).map(|verdict| verdict.map(drop)), Ok(Ok(())));
    assert_eq!(server.requests(), 2);
    drop(stuck);
}
