//! How long the documents of a provider are kept, and what is used while it is down.

use std::time::Duration;

use futures_util::future::join_all;
use jsonwebtoken::Algorithm;
use palisade::oauth::{Provider, ProviderEndpoint};
use palisade_tests::liar::Scripted;
use palisade_tests::tokens::Signer;
use serde_json::json;

use crate::{OIDC, Setting, eventually};

#[actix_web::test]
async fn many_callers_cause_one_fetch() {
    let setting = Setting::new();
    let slow = Scripted::json(200, &setting.liar.metadata()).after(Duration::from_millis(200));
    setting.liar.answer(OIDC, slow);
    let verdicts = join_all((0..200).map(|_| setting.verify())).await;
    assert!(verdicts.iter().all(Result::is_ok));
    assert_eq!((setting.liar.calls(OIDC), setting.liar.calls("/jwks")), (1, 1));
}

#[actix_web::test]
async fn metadata_are_renewed_by_cache_control() {
    for (cache_control, seconds) in
        [("max-age=1200", 1200), ("no-store", 300), ("max-age=1", 300), ("max-age=9999999", 86_400), ("public", 3600)]
    {
        let setting = Setting::new();
        let provider = Provider::builder(setting.liar.origin()).clock(&setting.clock).build().unwrap();
        let answer = Scripted::json(200, &setting.liar.metadata()).header("cache-control", cache_control);
        setting.liar.answer(OIDC, answer);
        provider.metadata().await.unwrap();
        setting.later(seconds * 8 / 10 - 1).await;
        provider.metadata().await.unwrap();
        setting.later(0).await;
        assert_eq!(setting.liar.calls(OIDC), 1, "{cache_control}: too early");
        setting.later(1).await;
        provider.metadata().await.unwrap();
        eventually(async || setting.liar.calls(OIDC) == 2).await;
    }
}

#[actix_web::test]
async fn moved_keys_are_found_and_old_ones_retired() {
    let setting = Setting::new();
    setting.verify().await.unwrap();
    let new = Signer::generate(Algorithm::ES256);
    setting.liar.answer("/moved", Scripted::json(200, &json!({ "keys": [new.jwk("k2")] })));
    setting.liar.answer("/jwks", Scripted::text(410, ""));
    let mut metadata = setting.liar.metadata();
    metadata["jwks_uri"] = json!(setting.liar.url("/moved"));
    setting.liar.publish(&metadata);
    let token = setting.token_of(&new, "k2");
    // The first fetch of the keys shows that they have moved; the next one looks where.
    for _ in 0..4 {
        setting.later(6).await;
        let _ = setting.jwt.verify(&token).await;
    }
    setting.jwt.verify(&token).await.unwrap();
    assert_eq!(setting.liar.calls("/moved"), 1);
    assert!(setting.verify().await.is_err(), "the old key has left the set");
}

#[actix_web::test]
async fn rotated_key_is_found() {
    let setting = Setting::new();
    setting.verify().await.unwrap();
    let new = Signer::generate(Algorithm::ES256);
    let both = json!({ "keys": [setting.key.jwk("k1"), new.jwk("k2")] });
    setting.liar.answer("/jwks", Scripted::json(200, &both));
    setting.later(6).await;
    setting.jwt.verify(&setting.token_of(&new, "k2")).await.unwrap();
    setting.verify().await.unwrap();
    assert_eq!(setting.liar.calls(OIDC), 1);
}

#[actix_web::test]
async fn outage_rejects_no_token_whose_key_is_known() {
    let setting = Setting::new();
    setting.verify().await.unwrap();
    setting.liar.go_down();
    let new = Signer::generate(Algorithm::ES256);
    for hour in 0..48 {
        setting.later(3600).await;
        setting.verify().await.unwrap_or_else(|error| panic!("hour {hour}: {error:?}"));
        let unknown = setting.jwt.verify(&setting.token_of(&new, "k2")).await.unwrap_err();
        assert!(matches!(unknown, palisade::authn::AuthError::Unavailable(_)), "hour {hour}: {unknown:?}");
    }
    setting.liar.answer("/jwks", Scripted::json(200, &json!({ "keys": [setting.key.jwk("k1"), new.jwk("k2")] })));
    setting.liar.come_back();
    setting.later(61).await;
    let token = setting.token_of(&new, "k2");
    eventually(async || setting.jwt.verify(&token).await.is_ok()).await;
}

#[actix_web::test]
async fn provider_that_is_down_at_the_start_is_found_later() {
    let setting = Setting::new();
    setting.liar.go_down();
    setting.assert_unavailable("down").await;
    setting.liar.come_back();
    setting.later(61).await;
    setting.verify().await.unwrap();
}

/// What is tried while the provider is down becomes less.
#[actix_web::test]
async fn provider_that_is_down_is_left_alone() {
    let setting = Setting::new();
    let provider = Provider::builder(setting.liar.origin()).clock(&setting.clock).build().unwrap();
    setting.liar.go_down();
    for _ in 0..600 {
        setting.clock.advance(Duration::from_secs(1));
        assert!(provider.metadata().await.is_err());
    }
    // 1 + 2 + 4 + 8 + 16 seconds, then one every 30 seconds.
    let connections = setting.liar.connections();
    assert!((20..=26).contains(&connections), "{connections}");
    setting.liar.come_back();
    setting.later(30).await;
    assert!(provider.metadata().await.is_ok());
}

#[actix_web::test]
async fn configured_endpoints_need_no_document() {
    let setting = Setting::new();
    let keys = setting.liar.url("/jwks");
    let provider = Provider::builder(setting.liar.origin()).endpoint(ProviderEndpoint::Keys, keys.as_str()).build();
    let provider = provider.unwrap();
    let jwt = palisade::Jwt::builder().issuer(provider.issuer()).audience(palisade_tests::AUDIENCE);
    let jwt = jwt.keys(provider.clone()).build().unwrap();
    jwt.verify(&setting.token_of(&setting.key, "k1")).await.unwrap();
    assert_eq!(setting.liar.calls(OIDC), 0);
    assert_eq!(provider.metadata().await.unwrap().endpoint(ProviderEndpoint::Keys), Some(keys.as_str()));
}

/// Each call may wait a second for its turn, and then take five. A fetch that is still under way is not begun again.
#[actix_web::test]
async fn fetch_that_waited_for_its_turns_is_not_taken_for_a_dead_one() {
    let slow = |answer: Scripted| answer.after(Duration::from_millis(400));
    let setting = Setting::new();
    let during = async |seconds| {
        tokio::time::sleep(Duration::from_millis(200)).await;
        setting.later(seconds).await;
    };
    setting.liar.answer(OIDC, slow(Scripted::json(200, &setting.liar.metadata())));
    let provider = Provider::builder(setting.liar.origin()).clock(&setting.clock).build().unwrap();
    let second = async {
        during(11).await;
        provider.metadata().await
    };
    let (first, second) = futures_util::future::join(provider.metadata(), second).await;
    assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
    assert_eq!(setting.liar.calls(OIDC), 1);

    setting.liar.publish(&setting.liar.metadata());
    setting.liar.answer("/jwks", slow(Scripted::json(200, &json!({"keys": [setting.key.jwk("k1")]}))));
    let second = async {
        during(17).await;
        setting.verify().await
    };
    let (first, second) = futures_util::future::join(setting.verify(), second).await;
    assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
    assert_eq!(setting.liar.calls("/jwks"), 1);
}
