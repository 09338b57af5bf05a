//! What the documents of a provider say.

use std::time::{Duration, Instant, SystemTime};

use jsonwebtoken::Algorithm;
use palisade::Jwt;
use palisade::oauth::{Provider, ProviderEndpoint};
use palisade::testing::ManualClock;
use palisade_tests::AUDIENCE;
use palisade_tests::liar::{Liar, Scripted};
use palisade_tests::log::Log;
use palisade_tests::tokens::{Signer, with};
use serde_json::{Value, json};

use crate::{OAUTH, OIDC, Setting};

#[actix_web::test]
async fn keys_are_those_of_the_metadata() {
    let setting = Setting::new();
    assert_eq!(setting.liar.connections(), 0, "nothing is fetched before the first token");
    assert_eq!(setting.verify().await.unwrap().issuer(), setting.liar.origin());
    assert_eq!((setting.liar.calls(OIDC), setting.liar.calls(OAUTH), setting.liar.calls("/jwks")), (1, 0, 1));
    setting.verify().await.unwrap();
    assert_eq!(setting.liar.calls(OIDC), 1);
}

#[actix_web::test]
async fn short_form_needs_an_audience_only() {
    let setting = Setting::new();
    let jwt = Jwt::discover(setting.liar.origin()).unwrap().audience(AUDIENCE).build().unwrap();
    jwt.verify(&setting.token_of(&setting.key, "k1")).await.unwrap();
    let elsewhere = jwt.verify(&setting.key.token("k1", &palisade_tests::tokens::valid_claims())).await;
    assert!(elsewhere.is_err(), "the token of another issuer");
}

/// OpenID Connect Discovery 1.0 §4 appends to the path of the issuer, RFC 8414 §3.1 inserts before it.
#[actix_web::test]
async fn document_of_rfc_8414_is_read_if_the_other_is_missing() {
    for (path, slash) in [("", ""), ("", "/"), ("/tenant/a", ""), ("/tenant/a", "/")] {
        let liar = Liar::start();
        let issuer = format!("{}{path}{slash}", liar.origin());
        let mut metadata = liar.metadata();
        metadata["issuer"] = json!(issuer);
        let (oidc, oauth) = (format!("{path}{OIDC}"), format!("{OAUTH}{path}"));
        liar.answer(&oauth, Scripted::json(200, &metadata));
        let provider = Provider::discover(&issuer).unwrap();
        let known = provider.metadata().await.unwrap();
        assert_eq!(known.endpoint(ProviderEndpoint::Token), Some(liar.url("/token").as_str()));
        assert_eq!((liar.calls(&oidc), liar.calls(&oauth)), (1, 1), "{issuer}");
    }
}

/// An answer other than 404 is no reason to look elsewhere.
#[actix_web::test]
async fn only_a_missing_document_is_looked_for_elsewhere() {
    for status in [400, 401, 403, 500, 503] {
        let setting = Setting::new();
        setting.liar.answer(OIDC, Scripted::text(status, ""));
        setting.assert_unavailable(&status.to_string()).await;
        assert_eq!(setting.liar.calls(OAUTH), 0, "{status}");
    }
}

#[actix_web::test]
async fn metadata_of_another_issuer_are_dropped() {
    let changes: [fn(&str) -> Value; 6] = [
        |own| json!(format!("{own}/")),
        |own| json!(own.to_uppercase()),
        |own| json!(format!("{own}/tenant")),
        |_| json!("https://attacker.example"),
        |_| Value::Null,
        |own| json!([own]),
    ];
    for change in changes {
        let setting = Setting::new();
        let (log, _guard) = Log::start();
        let mut metadata = setting.liar.metadata();
        metadata["issuer"] = change(setting.liar.origin());
        setting.liar.publish(&metadata);
        setting.assert_unavailable(&metadata["issuer"].to_string()).await;
        assert_eq!(setting.liar.calls("/jwks"), 0, "the keys of another issuer are not even fetched");
        let logged = log.take_all();
        assert!(logged.contains("the metadata of a provider could not be fetched"), "{logged}");
        assert!(!logged.contains("attacker"), "{logged}");
    }
}

#[actix_web::test]
async fn addresses_that_lead_elsewhere_are_not_called() {
    for bad in [
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "//other.example/jwks",
        "jwks",
        "",
        "http://u:p@localhost/",
    ] {
        let setting = Setting::new();
        let mut metadata = setting.liar.metadata();
        metadata["jwks_uri"] = json!(bad);
        setting.liar.publish(&metadata);
        setting.assert_unavailable(bad).await;
    }
    let setting = Setting::new();
    let mut metadata = setting.liar.metadata();
    metadata.as_object_mut().unwrap().remove("jwks_uri");
    setting.liar.publish(&metadata);
    setting.assert_unavailable("without keys").await;
}

#[actix_web::test]
async fn redirects_are_not_followed() {
    let other = Liar::provider(&[]);
    for path in [OIDC, "/jwks"] {
        let setting = Setting::new();
        setting.liar.answer(path, Scripted::redirect(&other.url(path)));
        setting.assert_unavailable(path).await;
        assert_eq!(other.connections(), 0, "{path}");
    }
}

#[actix_web::test]
async fn garbage_is_unavailable() {
    let garbage = [
        Scripted::text(200, "<html>"),
        Scripted::text(200, ""),
        Scripted::text(200, "{}"),
        Scripted::text(200, "{\"issuer\":"),
        Scripted::text(200, "[".repeat(100_000)),
        Scripted::text(204, ""),
        Scripted::cut_off(),
        Scripted::nothing(),
    ];
    for path in [OIDC, "/jwks"] {
        for answer in garbage.clone() {
            let setting = Setting::new();
            setting.liar.answer(path, answer.clone());
            setting.assert_unavailable(&format!("{path}: {answer:?}")).await;
        }
    }
    // Two readers of a repeated name could read two issuers.
    let setting = Setting::new();
    let own = setting.liar.metadata().to_string();
    let twice = own.replacen('{', "{\"issuer\":\"https://attacker.example\",", 1);
    setting.liar.answer(OIDC, Scripted::text(200, twice));
    setting.assert_unavailable("a repeated name").await;
}

#[actix_web::test]
async fn body_without_end_is_not_read() {
    for path in [OIDC, "/jwks"] {
        for answer in [Scripted::long(100 * 1024 * 1024), Scripted::endless()] {
            let setting = Setting::new();
            setting.liar.answer(path, answer.clone());
            let began = Instant::now();
            setting.assert_unavailable(path).await;
            assert!(began.elapsed() < Duration::from_secs(4), "{path}");
            // The buffers of the operating system hold more than what is read.
            assert!(setting.liar.sent() < 16 * 1024 * 1024, "{path}: {} bytes", setting.liar.sent());
        }
    }
}

/// The application allows 30 seconds for each call. Its keys come in time, so they are not thrown away and asked for again.
#[actix_web::test]
async fn slow_provider_within_its_limit_is_used() {
    let key = Signer::generate(Algorithm::ES256);
    let liar = Liar::provider(&[key.jwk("k1")]);
    let slow = || Scripted::json(200, &json!({"keys": [key.jwk("k1")]})).after(Duration::from_millis(700));
    // Two documents with metadata, and the keys.
    for (seconds, calls) in [(9, 1), (89, 1), (100, 2)] {
        liar.answer("/jwks", slow());
        let clock = ManualClock::starting_at(SystemTime::now());
        let provider = Provider::builder(liar.origin()).timeout(Duration::from_secs(30)).clock(&clock).build().unwrap();
        let jwt = Jwt::builder().issuer(liar.origin()).audience(AUDIENCE).keys(provider).clock(&clock).build().unwrap();
        let token = key.token("k1", &with("iss", json!(liar.origin())));
        let before = liar.calls("/jwks");
        tokio::select! {
            verdict = jwt.verify(&token) => panic!("it does not wait: {verdict:?}"),
            () = async { while liar.calls("/jwks") == before { palisade_tests::pause().await } } => {}
        }
        clock.advance(Duration::from_secs(seconds));
        clock.set_wall_time(SystemTime::now());
        assert!(jwt.verify(&token).await.is_ok(), "{seconds}");
        assert_eq!(liar.calls("/jwks") - before, calls, "after {seconds} seconds");
    }
}

#[actix_web::test]
async fn slow_provider_is_given_up() {
    let liar = Liar::start();
    for answer in [
        Scripted::json(200, &liar.metadata()).after(Duration::from_secs(2)),
        Scripted::text(404, "").after(Duration::from_millis(250)),
    ] {
        liar.answer(OIDC, answer.clone());
        liar.answer(OAUTH, Scripted::json(200, &liar.metadata()).after(Duration::from_secs(2)));
        let provider = Provider::builder(liar.origin()).timeout(Duration::from_millis(300)).build().unwrap();
        let began = Instant::now();
        assert!(provider.metadata().await.is_err(), "{answer:?}");
        assert!(began.elapsed() < Duration::from_millis(1500), "{:?}", began.elapsed());
    }
}
