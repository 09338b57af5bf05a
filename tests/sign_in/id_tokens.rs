//! ID tokens that are forged, foreign, replayed or substituted, and codes that the provider refuses.

use palisade_tests::log::Log;
use palisade_tests::tokens::{now, rsa};
use sha2::{Digest as _, Sha256};

use super::*;

/// Lets the provider answer the exchange of the code, and expects the refusal with this reason.
async fn refused(answer: impl Fn(&Liar, &Asked) -> Scripted, status: u16, reason: &str) {
    let liar = liar();
    let app = site!(sign_in(&liar));
    let browser = Browser::default();
    let asked = browser.begins(&app, "/sign-in").await;
    liar.answer("/token", answer(&liar, &asked));
    let (log, _guard) = Log::start();
    browser.get(&app, &asked.answer(&liar)).await.assert_problem(status);
    let lines = log.take_all();
    let events: Vec<_> = lines.lines().filter(|line| line.contains("palisade::audit")).collect();
    assert_eq!(events.len(), 1, "{reason}: {lines}");
    match reason.split_once(": ") {
        // The provider does not accept the client, so only an operator can change it.
        Some((event, code)) => {
            assert!(
                events[0].contains(event) && events[0].contains(&format!("code=\"{code}\"")),
                "{reason}: {}",
                events[0]
            );
        }
        None => {
            assert!(events[0].contains("sign_in_rejected"), "{reason}: {}", events[0]);
            assert!(events[0].contains(&format!("reason=\"{reason}\"")), "{reason}: {}", events[0]);
        }
    }
    for secret in ["c0de", &asked.value("state"), &asked.value("nonce"), "at-1", SECRET] {
        assert!(!lines.contains(secret), "{secret} is in the log: {lines}");
    }
    assert_eq!(browser.get(&app, "/me").await.status, 401);
}

fn with(liar: &Liar, asked: &Asked, name: &str, value: Value) -> Scripted {
    let mut claims = asked.claims(liar);
    claims[name] = value;
    Scripted::json(200, &token_answer(&key().token("k", &claims)))
}

#[actix_web::test]
async fn claims_are_checked() {
    let cases: [(&str, Value, &str); 14] = [
        ("iss", json!("https://evil.example"), "token_foreign_issuer"),
        ("aud", json!("another-client"), "token_foreign_audience"),
        ("aud", json!(["another-client"]), "token_foreign_audience"),
        ("exp", json!(now() - 60), "token_expired"),
        ("iat", json!(now() - 400), "id_token_issued"),
        ("iat", json!(now() + 90), "token_issued_in_future"),
        ("sub", json!(""), "token_sub"),
        ("nonce", json!("A".repeat(43)), "id_token_nonce"),
        ("nonce", json!(null), "id_token_nonce"),
        ("nonce", json!(7), "id_token_claims"),
        ("azp", json!("another-client"), "id_token_azp"),
        ("aud", json!([CLIENT, "another-client"]), "id_token_azp"),
        ("at_hash", json!("AAAAAAAAAAAAAAAAAAAAAA"), "id_token_at_hash"),
        ("at_hash", json!(""), "id_token_at_hash"),
    ];
    for (name, value, reason) in cases {
        refused(|liar, asked| with(liar, asked, name, value.clone()), 400, reason).await;
    }
}

#[actix_web::test]
async fn honest_claims_are_accepted() {
    let hash = palisade_tests::tokens::encode(&Sha256::digest("at-1")[..16]);
    for (name, value) in [
        ("at_hash", json!(hash)),
        ("azp", json!(CLIENT)),
        ("amr", json!([{"method": "password"}])),
        ("acr", json!(1)),
        ("aud", json!([CLIENT])),
    ] {
        let liar = liar();
        let app = site!(sign_in(&liar));
        let browser = Browser::default();
        let asked = browser.begins(&app, "/sign-in").await;
        liar.answer("/token", with(&liar, &asked, name, value.clone()));
        assert_eq!(browser.get(&app, &asked.answer(&liar)).await.status, 303, "{name}: {value}");
    }
}

#[actix_web::test]
async fn signature_and_type_are_checked() {
    let sealed = |signer: &Signer, header: Value, liar: &Liar, asked: &Asked| {
        Scripted::json(200, &token_answer(&signer.seal(header.to_string(), asked.claims(liar).to_string())))
    };
    let other = Signer::generate(Algorithm::ES256);
    refused(
        |liar, asked| sealed(&other, json!({"alg": "ES256", "typ": "JWT", "kid": "k"}), liar, asked),
        400,
        "token_signature",
    )
    .await;
    // In the very order in which palisade's own `TokenIssuer` writes its header.
    let access = |liar: &Liar, asked: &Asked| {
        let token = key().seal(r#"{"alg":"ES256","typ":"at+jwt","kid":"k"}"#, asked.claims(liar).to_string());
        Scripted::json(200, &token_answer(&token))
    };
    refused(access, 400, "token_typ").await;
    let access = json!({"alg": "ES256", "typ": "at+jwt", "kid": "k"});
    refused(|liar, asked| sealed(key(), access.clone(), liar, asked), 400, "token_typ").await;
    let logout = json!({"alg": "ES256", "typ": "logout+jwt", "kid": "k"});
    refused(|liar, asked| sealed(key(), logout.clone(), liar, asked), 400, "token_typ").await;
    // The secret of the client, which is what `HS256` would mean in an ID token, is no key here.
    let hmac = Signer::hmac(Algorithm::HS256, SECRET);
    refused(
        |liar, asked| sealed(&hmac, json!({"alg": "HS256", "typ": "JWT", "kid": "k"}), liar, asked),
        400,
        "token_alg",
    )
    .await;
    refused(
        |liar, asked| sealed(rsa(), json!({"alg": "RS256", "typ": "JWT", "kid": "k"}), liar, asked),
        400,
        "token_alg",
    )
    .await;
    let none = |liar: &Liar, asked: &Asked| {
        let parts =
            [json!({"alg": "none"}).to_string(), asked.claims(liar).to_string()].map(palisade_tests::tokens::encode);
        Scripted::json(200, &token_answer(&format!("{}.{}.", parts[0], parts[1])))
    };
    refused(none, 400, "token_alg").await;
    refused(|_, _| Scripted::json(200, &token_answer("garbage")), 400, "token_malformed").await;
}

#[actix_web::test]
async fn exchange_must_be_answered_by_the_standard() {
    let missing = json!({"access_token": "at-1", "token_type": "Bearer"});
    refused(|_, _| Scripted::json(200, &missing), 400, "id_token_missing").await;
    for garbage in [
        json!({"access_token": "at-1", "token_type": "DPoP", "id_token": "x"}),
        json!({"access_token": "", "token_type": "Bearer", "id_token": "x"}),
        json!({"access_token": "a b", "token_type": "Bearer", "id_token": "x"}),
        json!({"access_token": 7, "token_type": "Bearer", "id_token": "x"}),
        json!({"access_token": "at-1", "token_type": "Bearer", "expires_in": "soon", "id_token": "x"}),
        json!(["at-1", "Bearer", 300, null, "x", null, null]),
        json!({}),
        json!(null),
    ] {
        refused(|_, _| Scripted::json(200, &garbage), 503, "provider_garbage").await;
    }
    let twice = r#"{"access_token":"at-1","token_type":"Bearer","id_token":"x","id_token":"y"}"#;
    refused(|_, _| Scripted::text(200, twice), 503, "provider_garbage").await;
    refused(|_, _| Scripted::text(200, "<html>"), 503, "provider_garbage").await;
    refused(|_, _| Scripted::redirect("https://evil.example"), 503, "provider_garbage").await;
    // A wrong or missing verifier, an injected code, a code that was used before.
    refused(|_, _| Scripted::json(400, &json!({"error": "invalid_grant"})), 400, "code_refused").await;
    refused(|_, _| Scripted::json(401, &json!({"error": "invalid_client"})), 503, "provider_refused: invalid_client")
        .await;
    refused(|_, _| Scripted::json(503, &json!({"error": "invalid_grant"})), 503, "provider_unavailable").await;
}

#[get("/recent")]
#[public]
async fn recent(request: HttpRequest, sign_in: Data<SignIn>) -> Result<HttpResponse, Problem> {
    let demands = palisade::oauth::SignInDemands::new().max_age(Duration::from_secs(60));
    Ok(sign_in.begin_with(&request, &ReturnPath::default(), &demands).await?)
}

#[get("/again")]
#[public]
async fn again(request: HttpRequest, sign_in: Data<SignIn>) -> Result<HttpResponse, Problem> {
    let demands = palisade::oauth::SignInDemands::new().prompt("consent login");
    Ok(sign_in.begin_with(&request, &ReturnPath::default(), &demands).await?)
}

#[actix_web::test]
async fn age_of_the_authentication_is_checked_if_it_was_demanded() {
    let liar = liar();
    let sessions = sessions();
    let palisade = palisade::Palisade::builder().authenticator(sessions.clone()).build().unwrap();
    let routes = palisade::scope("").service(recent).service(again).service(callback);
    let app = actix_web::App::new().app_data(Data::new(sign_in(&liar))).app_data(Data::new(sessions));
    let app = actix_web::test::init_service(app.service(routes).wrap(palisade)).await;
    for (auth_time, status) in [
        (json!(now() - 30), 303),
        (json!(now() - 120), 400),
        (json!(now() + 3_600), 400),
        (json!(null), 400),
        (json!("now"), 400),
    ] {
        let browser = Browser::default();
        let asked = browser.begins(&app, "/recent").await;
        liar.answer("/token", with(&liar, &asked, "auth_time", auth_time.clone()));
        assert_eq!(browser.get(&app, &asked.answer(&liar)).await.status.as_u16(), status, "{auth_time}");
    }
    // CWE-306: `prompt=login` can be deleted from the address, and then the provider answers from its own session.
    for (auth_time, status) in
        [(json!(now()), 303), (json!(now() - 45), 400), (json!(now() + 3_600), 400), (json!(null), 400)]
    {
        let browser = Browser::default();
        let asked = browser.begins(&app, "/again").await;
        assert_eq!((&*asked.value("prompt"), &*asked.value("max_age")), ("consent login", "600"));
        liar.answer("/token", with(&liar, &asked, "auth_time", auth_time.clone()));
        let (log, _guard) = Log::start();
        assert_eq!(browser.get(&app, &asked.answer(&liar)).await.status.as_u16(), status, "{auth_time}");
        assert_eq!(log.take_all().contains("id_token_auth_time"), status == 400, "{auth_time}");
    }
}

#[get("/info")]
#[public]
async fn info(request: HttpRequest, sign_in: Data<SignIn>) -> Result<String, Problem> {
    #[derive(serde::Deserialize)]
    struct Info {
        email: String,
    }
    let who = sign_in.complete(&request).await?;
    let name: Value = who.claims().unwrap();
    let shown = format!("{who:?} {:?}", who.tokens());
    assert!(!shown.contains("at-1") && !shown.contains("Ada"), "{shown}");
    Ok(format!("{} {}", name["name"], who.user_info::<Info>().await?.email))
}

#[actix_web::test]
async fn user_information_is_that_of_the_same_user() {
    let liar = liar();
    let palisade = palisade::Palisade::builder().build().unwrap();
    let routes = palisade::scope("").service(begin).service(info);
    let app = actix_web::App::new().app_data(Data::new(sign_in(&liar)));
    let app = actix_web::test::init_service(app.service(routes).wrap(palisade)).await;
    for (answer, status) in [
        (Scripted::json(200, &json!({"sub": "ada", "email": "ada@example.org"})), 200),
        (Scripted::json(200, &json!({"sub": "bob", "email": "bob@example.org"})), 400),
        (Scripted::json(200, &json!({"email": "ada@example.org"})), 503),
        (Scripted::text(200, r#"{"sub": "ada", "email": "a@b.c"}"#), 503),
        (Scripted::json(401, &json!({})), 503),
        (Scripted::json(500, &json!({"sub": "ada", "email": "ada@example.org"})), 503),
        (Scripted::long(100_000_000), 503),
    ] {
        liar.answer("/userinfo", answer);
        let browser = Browser::default();
        let asked = browser.begins(&app, "/sign-in").await;
        issue(&liar, &asked.claims(&liar));
        let path = asked.answer(&liar).replace("/sign-in/callback", "/info");
        let (log, _guard) = Log::start();
        let response = browser.get(&app, &path).await;
        assert_eq!(response.status.as_u16(), status, "{response:?}");
        match status {
            400 => log.assert_one(&["sign_in_rejected", "user_info_subject", liar.origin(), "client=203.0.113.7"]),
            503 => log.assert_one(&["failed"]),
            _ => assert_eq!(log.take(), [""; 0]),
        }
        assert_eq!(liar.asked("/userinfo").last().unwrap().header("authorization"), "Bearer at-1");
    }
}

/// The provider, or who can change its answers, presents the ID token of the sign-in before.
#[actix_web::test]
async fn id_token_of_an_earlier_sign_in_is_refused() {
    let liar = liar();
    let app = site!(sign_in(&liar));
    let browser = Browser::default();
    let earlier = browser.begins(&app, "/sign-in").await;
    issue(&liar, &earlier.claims(&liar));
    assert_eq!(browser.get(&app, &earlier.answer(&liar)).await.status, 303);
    let later = browser.begins(&app, "/sign-in").await;
    let (log, _guard) = Log::start();
    browser.get(&app, &later.answer(&liar)).await.assert_problem(400);
    log.assert_one(&["sign_in_rejected", "reason=\"id_token_nonce\"", liar.origin()]);
}

/// So that an application can tell a provider that never has user information from one that does not respond.
#[actix_web::test]
async fn provider_without_user_information_has_a_reason_of_its_own() {
    let liar = liar();
    let mut metadata = liar.metadata();
    metadata.as_object_mut().unwrap().remove("userinfo_endpoint");
    liar.publish(&metadata);
    let palisade = palisade::Palisade::builder().build().unwrap();
    let routes = palisade::scope("").service(begin).service(info);
    let app = actix_web::App::new().app_data(Data::new(sign_in(&liar)));
    let app = actix_web::test::init_service(app.service(routes).wrap(palisade)).await;
    let browser = Browser::default();
    let asked = browser.begins(&app, "/sign-in").await;
    issue(&liar, &asked.claims(&liar));
    let (log, _guard) = Log::start();
    let response = browser.get(&app, &asked.answer(&liar).replace("/sign-in/callback", "/info")).await;
    response.assert_problem(503);
    log.assert_one(&["failed", "user_info_missing"]);
}

/// What a provider writes into an ID token beside the checked claims is never a 500, and never a session that cannot be used.
#[actix_web::test]
async fn odd_claims_end_in_a_session_or_in_a_refusal() {
    let liar = liar();
    let app = site!(sign_in(&liar));
    let long = "x".repeat(9_000);
    let mut wrong = Vec::new();
    for (name, value) in [
        ("sid", json!(7)),
        ("sid", json!("")),
        ("sid", json!("a\u{0}b")),
        ("sid", json!(long)),
        ("sid", json!(["a"])),
        ("acr", json!("")),
        ("acr", json!("a\u{0}b")),
        ("acr", json!("a \"b")),
        ("acr", json!(long)),
        ("amr", json!(vec!["x"; 2_000])),
        ("amr", json!(["", "a\u{0}b"])),
        ("amr", json!("pwd")),
        ("auth_time", json!(0)),
        ("auth_time", json!(-1)),
        ("auth_time", json!(1.5)),
        ("auth_time", json!(1e18)),
        ("auth_time", json!(u64::MAX)),
        ("auth_time", json!(1e300)),
        ("auth_time", json!(now() + 86_400)),
        ("jti", json!(7)),
        ("jti", json!("")),
        ("jti", json!(long)),
        ("sub", json!("x".repeat(256))),
        ("sub", json!("a\u{0}b")),
        ("act", json!({"sub": "mallory"})),
        ("act", json!(7)),
        ("cnf", json!({"jkt": "AAAA"})),
        ("cnf", json!({"jkt": palisade_tests::tokens::encode([7; 32])})),
        ("cnf", json!(7)),
        ("roles", json!(7)),
        ("scope", json!(7)),
        ("exp", json!(u64::MAX)),
        ("exp", json!(1e300)),
        ("iat", json!(-1)),
        ("nbf", json!(now() + 3_600)),
        ("upstream", json!({"iss": "https://evil.example", "sub": "x"})),
        ("aud", json!([CLIENT, CLIENT])),
        ("aud", json!([])),
        ("aud", json!({"a": CLIENT})),
        ("at_hash", json!(7)),
        ("azp", json!(7)),
        ("azp", json!(null)),
    ] {
        let browser = Browser::default();
        let asked = browser.begins(&app, "/sign-in").await;
        liar.answer("/token", with(&liar, &asked, name, value.clone()));
        let status = browser.get(&app, &asked.answer(&liar)).await.status.as_u16();
        let page = browser.get(&app, "/me").await;
        let shown: String = value.to_string().chars().take(60).collect();
        let is_fine = matches!((status, page.status.as_u16()), (303, 200) | (400 | 503, 401));
        if !is_fine || page.body.contains("admin") {
            wrong.push(format!("{name} {shown}: {status} {}", page.status));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
