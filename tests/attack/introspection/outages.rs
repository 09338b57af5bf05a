//! A provider that is slow, down, or does not know this API: 503, and nothing is accepted that was not before.

use std::time::{Duration, Instant};

use palisade::authn::AuthError;
use palisade_tests::liar::Scripted;
use palisade_tests::log::Log;
use serde_json::json;

use crate::{PATH, Setting, app, get_me};

#[actix_web::test]
async fn provider_that_does_not_answer_is_an_outage_and_it_recovers() {
    let outages = [
        Scripted::nothing(),
        Scripted::cut_off(),
        Scripted::text(500, "{\"active\": true}"),
        Scripted::text(503, ""),
        Scripted::text(429, ""),
        Scripted::redirect("http://127.0.0.1:1/"),
        Scripted::long(100 * 1024 * 1024),
        Scripted::endless(),
        Scripted::json(200, &json!({"active": true})).after(Duration::from_secs(3)),
    ];
    for outage in outages {
        let setting = Setting::new();
        let app = app!(setting.palisade());
        assert_eq!(get_me!(app, "known").status, 200);
        setting.liar.answer(PATH, outage.clone());
        let (log, _guard) = Log::start();
        let (began, sent) = (Instant::now(), setting.liar.sent());
        let response = get_me!(app, "unknown");
        assert!(began.elapsed() < Duration::from_secs(2), "{outage:?}: {:?}", began.elapsed());
        response.assert_problem(503);
        assert!(!response.header("retry-after").is_empty(), "{outage:?}");
        log.assert_one(&["reason=\"introspection_"]);
        // Some megabytes are on their way when the connection is closed.
        assert!(setting.liar.sent() - sent < 20 * 1024 * 1024, "{outage:?}: {}", setting.liar.sent() - sent);
        assert_eq!(get_me!(app, "known").status, 200, "what is remembered goes on");
        setting.says(&setting.good());
        setting.later(2);
        assert_eq!(get_me!(app, "unknown").status, 200, "it recovers: {outage:?}");
    }
}

#[actix_web::test]
async fn provider_that_is_down_is_asked_less_and_less() {
    let setting = Setting::new();
    let tokens = setting.tokens();
    tokens.verify("known").await.unwrap();
    setting.liar.go_down();
    let before = setting.liar.connections();
    for number in 0..100 {
        let verdict = tokens.verify(&format!("unknown-{number}")).await;
        assert_eq!(verdict.unwrap_err(), AuthError::Unavailable("introspection_unavailable"));
    }
    // A client may try a connection that was kept, and then another one.
    assert!(setting.liar.connections() - before <= 2, "{}", setting.liar.connections() - before);
    setting.later(60);
    assert!(tokens.verify("known").await.is_err(), "its time is over, and an outage does not extend it");
    setting.liar.come_back();
    setting.later(2);
    assert!(tokens.verify("known").await.is_ok());
}

/// The id or the secret of this API is wrong: an error of the setup, which the log explains once a minute.
#[actix_web::test]
async fn refused_client_is_an_outage_that_the_log_explains() {
    let setting = Setting::new();
    let refusal = Scripted::json(401, &json!({"error": "invalid_client", "error_description": "secret-token s3cret"}));
    setting.liar.answer(PATH, refusal);
    let app = app!(setting.palisade());
    let (log, _guard) = Log::start();
    for _ in 0..5 {
        setting.later(2);
        get_me!(app, "secret-token").assert_problem(503);
        setting.later(2);
    }
    let lines = log.take_all();
    assert_eq!(lines.matches("event=\"misconfigured\"").count(), 1, "{lines}");
    assert!(
        lines.contains("invalid_client") && !lines.contains("s3cret") && !lines.contains("secret-token"),
        "{lines}"
    );
    setting.says(&setting.good());
    setting.later(60);
    assert_eq!(get_me!(app, "secret-token").status, 200);
}

#[actix_web::test]
async fn provider_without_introspection_is_an_error_of_the_setup() {
    let setting = Setting::new();
    let mut metadata = setting.liar.metadata();
    metadata.as_object_mut().unwrap().remove("introspection_endpoint");
    setting.liar.publish(&metadata);
    let app = app!(setting.palisade());
    let (log, _guard) = Log::start();
    get_me!(app, "opaque").assert_problem(503);
    let lines = log.take_all();
    assert!(lines.contains("event=\"misconfigured\"") && lines.contains("introspection_endpoint"), "{lines}");
    assert_eq!(setting.calls(), 0);
}

/// Metadata that lead elsewhere are those of no provider, and no secret is sent there.
#[actix_web::test]
async fn secret_is_not_sent_to_an_address_without_tls() {
    let setting = Setting::new();
    let mut metadata = setting.liar.metadata();
    metadata["introspection_endpoint"] = json!("http://192.0.2.1/introspection");
    setting.liar.publish(&metadata);
    let verdict = setting.tokens().verify("opaque").await;
    assert_eq!(verdict.unwrap_err(), AuthError::Unavailable("introspection_unavailable"));
}

/// The document of the provider is down, and the rest of it is not: its last addresses are used, also in the pauses between two tries.
#[actix_web::test]
async fn metadata_survive_an_outage_of_their_document() {
    let setting = Setting::new();
    let tokens = setting.tokens();
    tokens.verify("first").await.unwrap();
    setting.liar.answer("/.well-known/openid-configuration", Scripted::text(503, ""));
    for hour in 0..48 {
        setting.later(3600);
        setting.says(&setting.good());
        for number in 0..3 {
            let verdict = tokens.verify(&format!("{hour}-{number}")).await;
            assert!(verdict.is_ok(), "{hour} {number}: {verdict:?}");
        }
    }
}
