//! An honest sign-in, from the link to the session.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

use super::*;

#[actix_web::test]
async fn sign_in_begins_a_session() {
    let liar = liar();
    let app = site!(sign_in(&liar));
    let browser = Browser::default();
    let asked = browser.begins(&app, "/sign-in?return_to=/reports?page=2").await;
    assert!(asked.0.as_str().starts_with(&liar.url("/authorization?")), "{}", asked.0);
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", CLIENT),
        ("redirect_uri", CALLBACK),
        ("scope", "openid"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(asked.value(name), value);
    }
    let mut random: Vec<_> = ["state", "nonce", "code_challenge"].map(|name| asked.value(name)).to_vec();
    assert!(random.iter().all(|value| value.len() == 43), "{random:?}");
    random.dedup();
    assert_eq!(random.len(), 3);

    issue(&liar, &asked.claims(&liar));
    let done = browser.get(&app, &asked.answer(&liar)).await;
    assert_eq!((done.status.as_u16(), done.header("location")), (303, "/reports?page=2"), "{done:?}");
    assert!(browser.flow_cookies().is_empty());
    assert_eq!(browser.get(&app, "/me").await.body, r#"account of ada ["user"]"#);

    let [exchange] = &liar.asked("/token")[..] else { panic!("one exchange") };
    assert_eq!(exchange.field("grant_type"), "authorization_code");
    assert_eq!((exchange.field("code").as_str(), exchange.field("redirect_uri").as_str()), ("c0de", CALLBACK));
    let verifier = exchange.field("code_verifier");
    assert_eq!(URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes())), asked.value("code_challenge"));
    let encoded = "app:the+secret+of+the+client%3A+%2B+and+%25";
    assert_eq!(exchange.header("authorization"), format!("Basic {}", STANDARD.encode(encoded)));
    assert_eq!((exchange.field("client_id"), exchange.field("client_secret")), (String::new(), String::new()));
}

#[actix_web::test]
async fn each_sign_in_begins_another_session() {
    let liar = liar();
    let app = site!(sign_in(&liar));
    let browser = Browser::default();
    let mut former = Vec::new();
    for _ in 0..2 {
        let asked = browser.begins(&app, "/sign-in").await;
        issue(&liar, &asked.claims(&liar));
        assert_eq!(browser.get(&app, &asked.answer(&liar)).await.header("location"), "/");
        former.push(browser.0.borrow()["__Host-session"].clone());
    }
    assert_ne!(former[0], former[1]);
    browser.0.borrow_mut().insert("__Host-session".to_owned(), former[0].clone());
    assert_eq!(browser.get(&app, "/me").await.status, 401, "the former session has ended");
}

/// CWE-330: what is known from another sign-in, or from the address of this one, protects nothing.
#[actix_web::test]
async fn each_sign_in_has_values_of_its_own() {
    let liar = liar();
    let app = site!(sign_in(&liar));
    let mut values = Vec::new();
    for _ in 0..3 {
        let browser = Browser::default();
        let asked = browser.begins(&app, "/sign-in").await;
        issue(&liar, &asked.claims(&liar));
        assert_eq!(browser.get(&app, &asked.answer(&liar)).await.status, 303);
        let verifier = liar.asked("/token").last().unwrap().field("code_verifier");
        values.extend([asked.value("state"), asked.value("nonce"), asked.value("code_challenge"), verifier]);
    }
    assert!(values.iter().all(|value| value.len() == 43), "{values:?}");
    values.sort();
    values.dedup();
    assert_eq!(values.len(), 12, "{values:?}");
}

#[actix_web::test]
async fn two_tabs_do_not_disturb_each_other() {
    let liar = liar();
    let app = site!(sign_in(&liar));
    let browser = Browser::default();
    let (first, second) = (browser.begins(&app, "/sign-in?return_to=/a").await, browser.begins(&app, "/sign-in").await);
    for (asked, page) in [(second, "/"), (first, "/a")] {
        issue(&liar, &asked.claims(&liar));
        assert_eq!(browser.get(&app, &asked.answer(&liar)).await.header("location"), page);
    }
}

#[actix_web::test]
async fn browser_keeps_four_sign_ins() {
    let liar = liar();
    let app = site!(sign_in(&liar));
    let browser = Browser::default();
    for number in 1..=10 {
        browser.begins(&app, "/sign-in").await;
        assert_eq!(browser.flow_cookies().len(), number.min(4));
    }
}

#[actix_web::test]
async fn pushed_request_leaves_only_a_reference_in_the_browser() {
    let liar = liar();
    let mut metadata = liar.metadata();
    metadata["pushed_authorization_request_endpoint"] = liar.url("/par").into();
    metadata["require_pushed_authorization_requests"] = true.into();
    liar.publish(&metadata);
    liar.answer(
        "/par",
        Scripted::json(201, &json!({"request_uri": "urn:ietf:params:oauth:request_uri:6esc", "expires_in": 60})),
    );
    let app = site!(sign_in(&liar));
    let browser = Browser::default();
    let asked = browser.begins(&app, "/sign-in").await;
    let query: Vec<_> = asked.0.query_pairs().into_owned().collect();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(query, [pair("client_id", CLIENT), pair("request_uri", "urn:ietf:params:oauth:request_uri:6esc")]);
    let [pushed] = &liar.asked("/par")[..] else { panic!("one request") };
    assert!(pushed.header("authorization").starts_with("Basic "));
    let fields: BTreeMap<_, _> = pushed.form().into_iter().collect();
    assert_eq!((&*fields["client_id"], &*fields["code_challenge_method"]), (CLIENT, "S256"));
    assert_eq!(fields.len(), pushed.form().len(), "no field is there twice");

    let now = palisade_tests::tokens::now();
    issue(
        &liar,
        &json!({"iss": liar.origin(), "aud": CLIENT, "sub": "ada", "nonce": fields["nonce"], "iat": now, "exp": now + 300}),
    );
    let answer = asked.answer_with(&[("code", "c0de"), ("state", &fields["state"]), ("iss", liar.origin())]);
    assert_eq!(browser.get(&app, &answer).await.status, 303);
}

#[actix_web::test]
async fn former_key_opens_a_sign_in_that_was_begun_before_the_change() {
    let liar = liar();
    let (before, after) =
        (sign_in(&liar), SignIn::builder(&provider(&liar), OAuthClient::public(CLIENT), CALLBACK, [8; 32]));
    let app = site!(before);
    let browser = Browser::default();
    let asked = browser.begins(&app, "/sign-in").await;
    let changed = site!(after.former_key(KEY).build().unwrap());
    issue(&liar, &asked.claims(&liar));
    assert_eq!(browser.get(&changed, &asked.answer(&liar)).await.status, 303);
    assert_eq!(liar.asked("/token")[0].field("client_id"), CLIENT);
    assert_eq!(liar.asked("/token")[0].header("authorization"), "");
}
