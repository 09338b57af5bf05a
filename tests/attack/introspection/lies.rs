//! What the provider says is believed only as far as it is complete, of the expected types, and about a token for this API.

use palisade::authn::AuthError;
use palisade_tests::liar::Scripted;
use palisade_tests::log::Log;
use palisade_tests::{AUDIENCE, call, get_request};
use serde_json::{Value, json};

use crate::{CLIENT, CLIENT_SECRET, PATH, Setting, app, get_me};

/// The answer without this member.
fn without(mut answer: Value, name: &str) -> Value {
    answer.as_object_mut().unwrap().remove(name).unwrap();
    answer
}

/// The answer with this member added or replaced.
fn with(mut answer: Value, name: &str, value: impl Into<Value>) -> Value {
    answer[name] = value.into();
    answer
}

#[actix_web::test]
async fn good_answer_says_who_calls() {
    let setting = Setting::new();
    let app = app!(setting.palisade());
    let response = get_me!(app, "opaque");
    assert_eq!((response.status.as_u16(), response.body.as_str()), (200, "u-1"));
    let [asked] = &setting.liar.asked(PATH)[..] else { panic!("one call") };
    assert_eq!((asked.method.as_str(), asked.query.as_str()), ("POST", ""));
    assert_eq!((asked.field("token").as_str(), asked.field("token_type_hint").as_str()), ("opaque", "access_token"));
    let expected = "Basic b3JkZXJzLWFwaTpzM2NyZXQrb2YrdGhlK2NsaWVudA==";
    assert_eq!(asked.header("authorization"), expected, "`{CLIENT}:{CLIENT_SECRET}`, encoded as in a form");
    assert!(!asked.body.contains("s3cret"));

    let principal = setting.tokens().verify("opaque").await.unwrap();
    assert!(principal.has_scope("orders:read"));
    assert_eq!((principal.issuer(), principal.scheme()), (setting.liar.origin(), "Bearer"));
    assert_eq!(principal.token().unwrap().claims::<Value>().unwrap()["client_id"], "app");
}

#[actix_web::test]
async fn lies_are_rejected_with_a_reason() {
    let setting = Setting::new();
    let (good, now) = (setting.good(), setting.now());
    let lies = [
        (json!({"active": false}), "token_inactive"),
        (with(good.clone(), "active", false), "token_inactive"),
        (with(good.clone(), "iss", "https://evil.example"), "token_foreign_issuer"),
        (with(good.clone(), "iss", format!("{}/", setting.liar.origin())), "token_foreign_issuer"),
        (with(good.clone(), "iss", Value::Null), "token_iss"),
        (with(good.clone(), "aud", "another-api"), "token_foreign_audience"),
        (with(good.clone(), "aud", json!([])), "token_foreign_audience"),
        (with(good.clone(), "aud", json!({AUDIENCE: true})), "token_aud"),
        (without(good.clone(), "aud"), "token_aud"),
        (with(good.clone(), "exp", now - 31), "token_expired"),
        (with(good.clone(), "exp", (now + 600).to_string()), "token_exp"),
        (with(good.clone(), "exp", (now + 600) * 1_000_000), "token_exp"),
        (with(good.clone(), "exp", -1), "token_exp"),
        (with(good.clone(), "nbf", now + 200), "token_not_yet_valid"),
        (with(good.clone(), "nbf", "now"), "token_nbf"),
        (with(good.clone(), "iat", now + 200), "token_issued_in_future"),
        (with(good.clone(), "sub", 7), "token_sub"),
        (with(good.clone(), "sub", ""), "token_sub"),
        (with(good.clone(), "sub", "a\u{0}b"), "token_sub"),
        (without(good.clone(), "sub"), "token_sub"),
        (with(good.clone(), "scope", "orders:read \"admin\""), "token_scope"),
        // A refresh token at `oidc-provider`, and at others.
        (without(good.clone(), "token_type"), "token_type"),
        (with(good.clone(), "token_type", "refresh_token"), "token_type"),
        (with(good.clone(), "token_type", "N_A"), "token_type"),
        (with(good.clone(), "token_type", Value::Null), "token_type"),
        (with(good.clone(), "token_type", json!(["Bearer"])), "token_type"),
        // Nothing binds it.
        (with(good.clone(), "token_type", "DPoP"), "token_not_bound"),
    ];
    let app = app!(setting.palisade());
    let (log, _guard) = Log::start();
    for (number, (lie, reason)) in lies.iter().enumerate() {
        setting.says(lie);
        // Beyond the budget of the address.
        setting.later(1);
        let response = get_me!(app, format!("secret-token-{number}"));
        response.assert_problem(401);
        assert_eq!(response.header("www-authenticate"), r#"Bearer realm="api", error="invalid_token""#, "{lie}");
        let lines = log.take_all();
        let audit: Vec<&str> = lines.lines().filter(|line| line.contains("palisade::audit")).collect();
        assert_eq!(audit.len(), 1, "{lie}: {audit:?}");
        assert!(audit[0].contains(&format!("reason=\"{reason}\"")), "{lie}: {audit:?}");
        assert!(!lines.contains("secret-token") && !lines.contains("s3cret"), "{lines}");
    }
    assert_eq!(setting.calls(), lies.len());
}

/// What is no answer is no decision either.
#[actix_web::test]
async fn garbage_is_an_outage() {
    let garbage = [
        "",
        "null",
        "true",
        "[]",
        "{}",
        r#"{"active": "true"}"#,
        r#"{"active": 1}"#,
        r#"{"active": null}"#,
        r#"{"Active": true}"#,
        r#"{"active": true, "active": false}"#,
        r#"{"active": false} {"active": true}"#,
        "<html>",
        "eyJhbGciOiJFUzI1NiJ9.e30.c2ln",
    ];
    for garbage in garbage {
        let setting = Setting::new();
        let app = app!(setting.palisade());
        setting.liar.answer(PATH, Scripted::text(200, garbage).header("content-type", "application/json"));
        let (log, _guard) = Log::start();
        let response = get_me!(app, "secret-token");
        response.assert_problem(503);
        assert!(!response.header("retry-after").is_empty(), "{garbage}");
        log.assert_one(&["reason=\"introspection_answer\""]);
        setting.says(&setting.good());
        setting.later(1);
        assert_eq!(get_me!(app, "secret-token").status, 200, "it recovers");
    }
}

/// RFC 9700 §4.15: the id of a client is not that of a person.
#[actix_web::test]
async fn client_is_not_a_person_unless_the_application_says_how() {
    let setting = Setting::new();
    let of_client = with(without(setting.good(), "sub"), "client_id", "ada");
    setting.says(&of_client);
    assert_eq!(setting.tokens().verify("opaque").await.unwrap_err(), AuthError::Invalid("token_sub"));
    let tokens = setting.builder().client_subjects(|client| format!("client:{client}")).build().unwrap();
    assert_eq!(tokens.verify("opaque").await.unwrap().subject(), "client:ada");
    setting.says(&with(of_client.clone(), "client_id", 7));
    assert_eq!(tokens.verify("other").await.unwrap_err(), AuthError::Invalid("token_sub"));
    setting.says(&with(of_client, "sub", Value::Null));
    assert_eq!(tokens.verify("third").await.unwrap_err(), AuthError::Invalid("token_sub"));
}

#[actix_web::test]
async fn dangers_are_chosen() {
    let setting = Setting::new();
    setting.says(&without(setting.good(), "token_type"));
    assert!(setting.builder().danger_without_token_type().build().unwrap().verify("a").await.is_ok());
    setting.says(&with(setting.good(), "token_type", "refresh_token"));
    assert!(setting.builder().danger_without_token_type().build().unwrap().verify("a").await.is_err());

    let provider = palisade::oauth::Provider::discover(setting.liar.origin()).unwrap();
    let builder = || {
        let client = palisade::oauth::OAuthClient::secret_basic(CLIENT, CLIENT_SECRET);
        palisade::oauth::Introspection::builder(&provider, client).clock(&setting.clock)
    };
    for answer in [without(setting.good(), "aud"), with(setting.good(), "aud", "another-api")] {
        setting.says(&answer);
        let any = builder().danger_any_audience().build().unwrap();
        assert_eq!(any.verify("a").await.unwrap().subject(), "u-1");
    }
    let mistake = builder().build().unwrap_err().to_string();
    assert!(mistake.starts_with("introspection audience: must be set"), "{mistake}");
    let mistake = builder().audience("a").danger_any_audience().build().unwrap_err().to_string();
    assert!(mistake.starts_with("introspection audience: must not be set"), "{mistake}");
}

/// What has another form is rejected without a call, or is left to another authenticator.
#[actix_web::test]
async fn provider_is_not_asked_about_what_it_cannot_know() {
    let setting = Setting::new();
    let app = app!(setting.palisade());
    let jwt = palisade_tests::tokens::Signer::generate(jsonwebtoken::Algorithm::ES256)
        .token("k", &palisade_tests::tokens::valid_claims());
    for (token, reason) in [
        (jwt.as_str(), "token_not_opaque"),
        ("eyJhbGciOiJub25lIn0.e30.", "token_not_opaque"),
        (&"a".repeat(8 * 1024 + 1), "token_too_long"),
        ("two words", "bearer_malformed"),
        ("quote\"", "bearer_malformed"),
        ("ünïcode", "bearer_malformed"),
    ] {
        let (log, _guard) = Log::start();
        get_me!(app, token).assert_problem(401);
        log.assert_one(&[&format!("reason=\"{reason}\"")]);
    }
    call(&app, get_request("/me")).await.assert_problem(401);
    assert_eq!(setting.calls(), 0);
    // Dots alone make no JWT.
    assert_eq!(get_me!(app, "one.two.three").status, 200);
}

/// Both kinds of token of one provider, in either order.
#[actix_web::test]
async fn opaque_tokens_and_jwts_are_accepted_beside_each_other() {
    let setting = Setting::new();
    let jwt = || palisade_tests::jwt();
    let jwt_token = palisade_tests::bearer("u-2", &[]);
    let jwt_token = jwt_token.trim_start_matches("Bearer ");
    let before = palisade::Palisade::builder().authenticator(jwt()).authenticator(setting.tokens());
    let after = palisade::Palisade::builder().authenticator(setting.tokens()).authenticator(jwt());
    for builder in [before, after] {
        let app = app!(builder.resource_owner_issuer(palisade_tests::ISSUER));
        assert_eq!(get_me!(app, "opaque").body, "u-1");
        assert_eq!(get_me!(app, jwt_token).body, "u-2");
        setting.says(&json!({"active": false}));
        let (log, _guard) = Log::start();
        get_me!(app, "another").assert_problem(401);
        log.assert_one(&["reason=\"token_inactive\""]);
        let forged = format!("{jwt_token}x");
        get_me!(app, &forged).assert_problem(401);
        log.assert_one(&["reason=\"token_"]);
        setting.says(&setting.good());
    }
}

/// An opaque token may have dots, and the keys of JWTs are not needed for it.
#[actix_web::test]
async fn opaque_tokens_with_dots_are_left_to_introspection() {
    let setting = Setting::new();
    let down = palisade_tests::liar::Liar::start();
    down.go_down();
    let without_keys = || palisade::Jwt::discover(down.origin()).unwrap().audience(palisade_tests::AUDIENCE);
    let builders = [
        palisade::Palisade::builder().authenticator(palisade_tests::jwt()).authenticator(setting.tokens()),
        palisade::Palisade::builder().authenticator(setting.tokens()).authenticator(palisade_tests::jwt()),
        palisade::Palisade::builder().authenticator(without_keys().build().unwrap()).authenticator(setting.tokens()),
        palisade::Palisade::builder().authenticator(setting.tokens()).authenticator(without_keys().build().unwrap()),
    ];
    for (number, builder) in builders.into_iter().enumerate() {
        let app = app!(builder.resource_owner_issuer(setting.liar.origin()));
        for token in ["opaque", "a.b.c", "abc.def.ghi", "..", "b3BhcXVl.e30.c2ln"] {
            assert_eq!(get_me!(app, token).body, "u-1", "{number}: {token}");
        }
    }
    assert_eq!(down.connections(), 0, "no key is fetched for a text that is no JWT");
}

/// Each provider would learn the tokens of the others.
#[actix_web::test]
async fn token_is_sent_to_one_provider_only() {
    let (first, second) = (Setting::new(), Setting::new());
    first.says(&json!({"active": false}));
    let builder = first.palisade().authenticator(second.tokens());
    let app = app!(builder.resource_owner_issuer(first.liar.origin()));
    get_me!(app, "opaque").assert_problem(401);
    first.liar.go_down();
    get_me!(app, "another").assert_problem(503);
    assert_eq!((first.calls(), second.calls(), second.liar.connections()), (1, 0, 0));
}

/// What a token is bound to is honoured as for a JWT (RFC 9449 §6.2).
#[actix_web::test]
async fn binding_is_honoured() {
    let setting = Setting::new();
    let app = app!(setting.palisade().dpop(palisade::oauth::Dpop::new("https://api.example").unwrap()));
    let by =
        |scheme: &str, token: &str| get_request("/me").insert_header(("authorization", format!("{scheme} {token}")));
    let reason = async |request, reason: &str| {
        let (log, _guard) = Log::start();
        call(&app, request).await.assert_problem(401);
        log.assert_one(&[&format!("reason=\"{reason}\"")]);
    };
    // Known and unknown.
    for _ in 0..2 {
        reason(by("DPoP", "unbound"), "token_not_bound").await;
    }
    let bound = with(setting.good(), "cnf", json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}));
    for answer in [bound.clone(), with(bound.clone(), "token_type", "DPoP")] {
        setting.later(60);
        setting.says(&answer);
        reason(by("DPoP", "bound"), "dpop_missing").await;
        let (log, _guard) = Log::start();
        call(&app, by("Bearer", "bound")).await.assert_problem(401);
        log.assert_one(&["reason=\""]);
        assert_eq!(setting.tokens().verify("bound").await.unwrap_err(), AuthError::Invalid("token_bound"));
    }
    setting.says(&with(setting.good(), "cnf", json!({"kid": "a way that nobody here can check"})));
    reason(by("Bearer", "other"), "token_cnf_unsupported").await;
    setting.says(&setting.good());
    let required = setting.builder().require_proof().build().unwrap();
    assert_eq!(required.verify("unbound").await.unwrap_err(), AuthError::Invalid("token_not_bound"));
    setting.says(&with(setting.good(), "act", json!({"sub": "assistant"})));
    let delegated = setting.tokens().verify("delegated").await.unwrap();
    assert_eq!(delegated.actor().map(palisade::principal::Actor::subject), Some("assistant"));
}
