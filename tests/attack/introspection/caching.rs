//! How long an answer counts.

use palisade::authn::AuthError;
use palisade::revocation::{MemoryRevocations, RevocationStore as _};
use serde_json::json;
use std::time::Duration;

use crate::{Setting, app, get_me};

#[actix_web::test]
async fn answer_counts_for_the_configured_time() {
    let setting = Setting::new();
    let tokens = setting.builder().cache(10, Duration::from_secs(30)).build().unwrap();
    for (seconds, calls) in [(0, 1), (29, 1), (1, 2), (29, 2), (1, 3)] {
        setting.later(seconds);
        tokens.verify("opaque").await.unwrap();
        assert_eq!(setting.calls(), calls);
    }
    setting.says(&json!({"active": false}));
    setting.later(29);
    assert!(tokens.verify("opaque").await.is_ok(), "it was revoked, but is remembered");
    setting.later(1);
    assert_eq!(tokens.verify("opaque").await.unwrap_err(), AuthError::Invalid("token_inactive"));
}

#[actix_web::test]
async fn answer_never_counts_beyond_the_end_of_the_token() {
    let setting = Setting::new();
    let mut answer = setting.good();
    answer["exp"] = (setting.now() + 10).into();
    setting.says(&answer);
    let tokens = setting.builder().cache(10, Duration::from_secs(300)).build().unwrap();
    tokens.verify("opaque").await.unwrap();
    setting.later(9);
    tokens.verify("opaque").await.unwrap();
    assert_eq!(setting.calls(), 1);
    setting.later(1);
    setting.says(&json!({"active": false}));
    assert!(tokens.verify("opaque").await.is_err());
    assert_eq!(setting.calls(), 2);
}

#[actix_web::test]
async fn token_without_an_end_is_asked_about_again() {
    let setting = Setting::new();
    let mut answer = setting.good();
    answer.as_object_mut().unwrap().remove("exp");
    setting.says(&answer);
    let tokens = setting.tokens();
    let principal = tokens.verify("opaque").await.unwrap();
    let end = setting.clock.wall_time() + Duration::from_secs(60);
    assert_eq!(principal.token().unwrap().expires(), end);
    setting.later(60);
    tokens.verify("opaque").await.unwrap();
    assert_eq!(setting.calls(), 2);
}

#[actix_web::test]
async fn zero_seconds_ask_each_time() {
    let setting = Setting::new();
    let tokens = setting.builder().cache(10, Duration::ZERO).remember_inactive(Duration::ZERO).build().unwrap();
    for calls in 1..=3 {
        tokens.verify("opaque").await.unwrap();
        assert_eq!(setting.calls(), calls);
    }
    setting.says(&json!({"active": false}));
    for calls in 4..=6 {
        assert!(tokens.verify("opaque").await.is_err());
        assert_eq!(setting.calls(), calls);
    }
}

#[actix_web::test]
async fn rejected_token_is_remembered_for_a_short_time() {
    let setting = Setting::new();
    setting.says(&json!({"active": false}));
    let tokens = setting.tokens();
    for (seconds, calls) in [(0, 1), (9, 1), (1, 2)] {
        setting.later(seconds);
        assert!(tokens.verify("opaque").await.is_err());
        assert_eq!(setting.calls(), calls);
    }
    setting.says(&setting.good());
    setting.later(10);
    assert!(tokens.verify("opaque").await.is_ok());
}

/// A revocation of the application counts at once, whatever the provider said before.
#[actix_web::test]
async fn revocations_of_the_application_are_asked_each_time() {
    let setting = Setting::new();
    let mut answer = setting.good();
    answer["jti"] = "id-1".into();
    answer["iat"] = setting.now().into();
    setting.says(&answer);
    let revocations = std::sync::Arc::new(MemoryRevocations::with_clock(&setting.clock));
    let tokens = setting.builder().revocations(std::sync::Arc::clone(&revocations)).build().unwrap();
    assert!(tokens.verify("opaque").await.is_ok());
    let until = setting.clock.wall_time() + Duration::from_secs(600);
    revocations.revoke(setting.liar.origin(), "id-1", until).await.unwrap();
    assert_eq!(tokens.verify("opaque").await.unwrap_err(), AuthError::Invalid("token_revoked"));
    assert_eq!(setting.calls(), 1);
    // The same for requests: with a remembered answer, and with a new one.
    let app = app!(palisade::Palisade::builder().authenticator(tokens));
    assert_eq!(get_me!(app, "opaque").status, 401);
    assert_eq!(setting.calls(), 1);
    assert_eq!(get_me!(app, "another").status, 401);
    assert_eq!(setting.calls(), 2);
}

#[test]
fn settings_out_of_bounds_are_errors() {
    let setting = Setting::new();
    let mistakes = setting
        .builder()
        .cache(0, Duration::from_secs(301))
        .remember_inactive(Duration::from_secs(61))
        .at_once(65)
        .build()
        .unwrap_err();
    let settings: Vec<&str> = mistakes.mistakes().map(|mistake| mistake.setting()).collect();
    let expected =
        ["introspection cache", "introspection cache", "introspection remember_inactive", "introspection at_once"];
    assert_eq!(settings, expected);
}
