//! CWE-400: tokens with invented key names. They must cause few requests to the issuer, and must not affect valid
//! callers.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt as _};
use jsonwebtoken::Algorithm;
use palisade::authn::AuthError;
use palisade_tests::call;
use palisade_tests::site::Site;
use palisade_tests::tokens::{Signer, encode, valid_claims, with};
use serde_json::json;

use crate::server::{KeyServer, ServerBehaviour};
use crate::{
    COOLDOWN, Key, advance, app, assert_rejected, behind, get_me, get_me_request, jwt, jwt_of, later, remote,
    token_with_unknown_key,
};

#[actix_web::test]
async fn invented_key_names_cause_at_most_five_fetches() {
    const FLOOD: usize = 10_000;
    const AT_ONCE: usize = 64;
    let key = Key::new("k1");
    let server = KeyServer::start(ServerBehaviour::keys([key.jwk()]));
    let app = app!(jwt(&server));
    assert_eq!(get_me!(app, key.token("first")).status, 200);
    later(COOLDOWN).await;

    let attacker = Signer::generate(Algorithm::EdDSA);
    let forged = |n: usize| attacker.token(&format!("{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)), &valid_claims());
    let cached = key.token("cached");
    let begun = Instant::now();
    let responses = stream::iter(0..FLOOD)
        .map(|n| {
            // Callers with cached tokens and with new tokens come in between.
            let (valid, token) = match n % 50 {
                0 => (true, cached.clone()),
                1 => (true, key.token(&format!("u-{n}"))),
                _ => (false, forged(n)),
            };
            let app = &app;
            async move { (valid, call(app, get_me_request(token)).await) }
        })
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<_>>()
        .await;
    let took = begun.elapsed();

    let mut statuses: BTreeMap<(bool, u16), usize> = BTreeMap::new();
    for (valid, response) in &responses {
        *statuses.entry((*valid, response.status.as_u16())).or_default() += 1;
        assert!(response.status != 503 || !response.header("retry-after").is_empty(), "{response:?}");
    }
    let only = |valid: bool, allowed: &[u16]| {
        statuses.keys().filter(|(own, _)| *own == valid).all(|(_, status)| allowed.contains(status))
    };
    assert!(only(true, &[200]), "valid tokens were rejected: {statuses:?}");
    assert!(only(false, &[401, 503]), "{statuses:?}");
    assert_eq!(statuses.get(&(true, 200)), Some(&(FLOOD / 50 * 2)), "{statuses:?}");
    let fetches = server.requests() - 1;
    assert!((1..=5).contains(&fetches), "{fetches} fetches in {took:?}");
}

#[actix_web::test]
async fn unknown_key_name_is_fetched_once_per_cooldown() {
    let key = Key::new("k1");
    let server = KeyServer::start(ServerBehaviour::keys([key.jwk()]));
    let app = app!(jwt(&server));
    assert_eq!(get_me!(app, key.token("u-1")).status, 200);
    later(COOLDOWN).await;
    assert_rejected(&get_me!(app, token_with_unknown_key("nobody")));
    assert_eq!(server.requests(), 2);
    for _ in 0..3 {
        assert_rejected(&get_me!(app, token_with_unknown_key("nobody")));
    }
    assert_eq!(server.requests(), 2, "the same name must not cause another fetch");
    // The name is forgotten after the cooldown, because the key may have been published since.
    later(COOLDOWN).await;
    assert_rejected(&get_me!(app, token_with_unknown_key("nobody")));
    assert_eq!(server.requests(), 3);
}

#[actix_web::test]
async fn fetches_are_separated_by_the_cooldown() {
    let key = Key::new("k1");
    let server = KeyServer::start(ServerBehaviour::keys([key.jwk()]));
    let app = app!(jwt(&server));
    assert_eq!(get_me!(app, key.token("u-1")).status, 200);
    for round in 1..=5 {
        later(COOLDOWN).await;
        for name in 0..20 {
            let response = get_me!(app, token_with_unknown_key(&format!("{round}-{name}")));
            assert!(response.status == 401 || response.status == 503, "{response:?}");
        }
        assert_eq!(server.requests(), 1 + round);
    }
}

/// The token is from another issuer, so this issuer is not asked about it.
#[actix_web::test]
async fn token_of_another_issuer_causes_no_fetch() {
    let key = Key::new("k1");
    let server = KeyServer::start(ServerBehaviour::keys([key.jwk()]));
    let app = app!(jwt(&server));
    assert_eq!(get_me!(app, key.token("u-1")).status, 200);
    later(COOLDOWN).await;
    for n in 0..20 {
        let stranger = Signer::generate(Algorithm::EdDSA);
        let token = stranger.token(&format!("x-{n}"), &with("iss", json!("https://evil.example")));
        assert_rejected(&get_me!(app, token));
    }
    assert_eq!(server.requests(), 1);
}

#[actix_web::test]
async fn malformed_token_causes_no_fetch() {
    let key = Key::new("k1");
    let server = KeyServer::start(ServerBehaviour::keys([key.jwk()]));
    let app = app!(jwt(&server));
    assert_eq!(get_me!(app, key.token("u-1")).status, 200);
    later(COOLDOWN).await;
    let claims = valid_claims().to_string();
    let headed = |header: &str| format!("{}.{}.{}", encode(header), encode(&claims), encode([0; 64]));
    for token in [
        headed(r#"{"alg":"none","kid":"x"}"#),
        headed(r#"{"alg":"EdDSA","kid":"x","crit":["b64"]}"#),
        headed(r#"{"alg":"EdDSA","kid":"x","typ":"id+jwt"}"#),
        headed(r#"{"alg":"EdDSA","kid":"x","kid":"y"}"#),
        headed(&json!({"alg": "EdDSA", "kid": "x".repeat(300)}).to_string()),
        headed(r#"{"alg":"EdDSA","kid":1}"#),
        headed(r#"{"alg":"EdDSA","kid":"k1"}"#),
        headed(r#"{"alg":"ES256","kid":"k1"}"#),
        "a.b.c".to_owned(),
        "x".to_owned(),
    ] {
        assert_rejected(&get_me!(app, token));
    }
    assert_eq!(server.requests(), 1);
}

#[actix_web::test]
async fn first_callers_share_one_fetch() {
    let key = Key::new("k1");
    let server = KeyServer::start(ServerBehaviour::keys([key.jwk()]).after(Duration::from_millis(300)));
    let app = app!(jwt(&server));
    let first =
        stream::iter(0..64).map(|n| call(&app, get_me_request(key.token(&format!("u-{n}"))))).buffer_unordered(64);
    let statuses: Vec<u16> = first.map(|response| response.status.as_u16()).collect().await;
    assert_eq!(statuses, [200; 64]);
    assert_eq!(server.requests(), 1);
}

/// The caller that caused the fetch may hang up; the others still get its result.
#[actix_web::test]
async fn caller_that_hangs_up_does_not_end_fetch() {
    let key = Key::new("k1");
    let server = KeyServer::start(ServerBehaviour::keys([key.jwk()]).after(Duration::from_millis(300)));
    let app = app!(jwt(&server));
    let gone = call(&app, get_me_request(key.token("u-1")));
    assert!(tokio::time::timeout(Duration::from_millis(50), gone).await.is_err());
    assert_eq!(get_me!(app, key.token("u-2")).status, 200);
    assert_eq!(server.requests(), 1);
}

/// Over real HTTP: the first worker that needs the keys fetches them for all.
#[actix_web::test]
async fn workers_share_one_fetch() {
    let key = Key::new("k1");
    let server = KeyServer::start(ServerBehaviour::keys([key.jwk()]).after(Duration::from_millis(300)));
    let site = Site::start_with_workers(4, behind(jwt(&server)), "127.0.6.1");
    let tokens: Vec<String> = (0..64).map(|n| key.token(&format!("u-{n}"))).collect();
    let first = stream::iter(&tokens).map(|token| site.status(token)).buffer_unordered(64);
    assert_eq!(first.collect::<Vec<_>>().await, [200; 64]);
    assert_eq!(server.requests(), 1);
    site.stop().await;
}

/// A fetch runs on the worker that started it; if that worker ends, the others notice and start a new fetch.
#[test]
fn fetch_restarts_if_its_worker_ends() {
    let key = Key::new("k1");
    let server = KeyServer::start(ServerBehaviour::keys([key.jwk()]).after(Duration::from_millis(500)));
    let jwt = jwt_of(remote(&server).cooldown(Duration::from_secs(1)));
    let token = key.token("u-1");
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (ending, staying) = (runtime(), runtime());
    let verdict = ending.block_on(async { tokio::time::timeout(Duration::from_millis(100), jwt.verify(&token)).await });
    assert!(verdict.is_err(), "the fetch finished too early");
    drop(ending);
    let verify = || staying.block_on(jwt.verify(&token)).map(drop);
    assert!(matches!(verify(), Err(AuthError::Unavailable(_))));
    advance(1);
    assert_eq!(verify(), Ok(()));
    assert_eq!(server.requests(), 2);
}
