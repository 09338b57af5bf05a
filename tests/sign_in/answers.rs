//! Answers of a provider that were forged, replayed, or belong to another sign-in.

use palisade_tests::log::Log;

use super::*;

/// Presents an answer to a site whose browser has begun an honest sign-in, and expects the refusal with this reason.
async fn refused(path: impl Fn(&Liar, &Asked) -> String, status: u16, reason: &str) {
    let liar = liar();
    let app = site!(sign_in(&liar));
    let browser = Browser::default();
    let asked = browser.begins(&app, "/sign-in").await;
    issue(&liar, &asked.claims(&liar));
    let path = path(&liar, &asked);
    let (log, _guard) = Log::start();
    let response = browser.get(&app, &path).await;
    response.assert_problem(status);
    let lines = log.take_all();
    let events: Vec<_> = lines.lines().filter(|line| line.contains("palisade::audit")).collect();
    assert_eq!(events.len(), 1, "{path}: {events:?}");
    for part in ["event=\"sign_in_rejected\"", &format!("reason=\"{reason}\""), "client=203.0.113.7", liar.origin()] {
        assert!(events[0].contains(part), "{part} is not in {}", events[0]);
    }
    for secret in ["c0de", &asked.value("state"), &asked.value("nonce"), "at-1"] {
        assert!(!lines.contains(secret), "{secret} is in the log: {lines}");
    }
    assert_eq!(liar.calls("/token"), 0, "{path}");
    assert_eq!(browser.get(&app, "/me").await.status, 401);
}

#[actix_web::test]
async fn state_is_checked() {
    let other = "A".repeat(43);
    refused(|liar, asked| asked.answer_with(&[("code", "c0de"), ("iss", liar.origin())]), 400, "state_missing").await;
    refused(|_, asked| asked.answer_with(&[("code", "c0de"), ("state", "")]), 400, "state_malformed").await;
    refused(|_, asked| asked.answer_with(&[("code", "c0de"), ("state", "; path")]), 400, "state_malformed").await;
    let wrong =
        |liar: &Liar, asked: &Asked| asked.answer_with(&[("code", "c0de"), ("state", &other), ("iss", liar.origin())]);
    refused(wrong, 400, "flow_missing").await;
    refused(|liar, asked| format!("{}&state={}", asked.answer(liar), asked.value("state")), 400, "state_repeated")
        .await;
    refused(|liar, asked| format!("{}&code=other", asked.answer(liar)), 400, "code_repeated").await;
    refused(|liar, asked| format!("{}&iss=other", asked.answer(liar)), 400, "iss_repeated").await;
}

#[actix_web::test]
async fn answer_must_be_of_this_provider() {
    let no_issuer = |_: &Liar, asked: &Asked| asked.answer_with(&[("code", "c0de"), ("state", &asked.value("state"))]);
    refused(no_issuer, 400, "issuer_missing").await;
    for foreign in ["https://evil.example", "", "HTTP://127.0.0.1"] {
        let path = |_: &Liar, asked: &Asked| {
            asked.answer_with(&[("code", "c0de"), ("state", &asked.value("state")), ("iss", foreign)])
        };
        refused(path, 400, "issuer_mismatch").await;
    }
    let slash = |liar: &Liar, asked: &Asked| {
        asked.answer_with(&[
            ("code", "c0de"),
            ("state", &asked.value("state")),
            ("iss", &format!("{}/", liar.origin())),
        ])
    };
    refused(slash, 400, "issuer_mismatch").await;
    // Also an answer that is an error.
    let error = |_: &Liar, asked: &Asked| {
        asked.answer_with(&[
            ("error", "access_denied"),
            ("state", &asked.value("state")),
            ("iss", "https://evil.example"),
        ])
    };
    refused(error, 400, "issuer_mismatch").await;
}

#[actix_web::test]
async fn errors_of_the_provider_are_mapped() {
    for (code, status, reason) in [
        ("access_denied", 403, "access_denied"),
        ("login_required", 403, "login_required"),
        ("interaction_required", 403, "interaction_required"),
        ("invalid_scope", 400, "provider_error"),
        ("<script>", 400, "provider_error"),
    ] {
        let path = |liar: &Liar, asked: &Asked| {
            let fields = [
                ("error", code),
                ("error_description", "<b>hello</b>"),
                ("state", &asked.value("state")),
                ("iss", liar.origin()),
            ];
            asked.answer_with(&fields)
        };
        refused(path, status, reason).await;
    }
    let neither =
        |liar: &Liar, asked: &Asked| asked.answer_with(&[("state", &asked.value("state")), ("iss", liar.origin())]);
    refused(neither, 400, "code_missing").await;
}

/// Login CSRF: the victim's browser gets the answer of a sign-in that the attacker began.
#[actix_web::test]
async fn answer_of_another_browser_is_refused() {
    let liar = liar();
    let app = site!(sign_in(&liar));
    let (attacker, victim) = (Browser::default(), Browser::default());
    let asked = attacker.begins(&app, "/sign-in").await;
    issue(&liar, &asked.claims(&liar));
    victim.begins(&app, "/sign-in").await;
    let (log, _guard) = Log::start();
    victim.get(&app, &asked.answer(&liar)).await.assert_problem(400);
    log.assert_one(&["sign_in_rejected", "flow_missing"]);
    assert_eq!((victim.get(&app, "/me").await.status.as_u16(), liar.calls("/token")), (401, 0));
    assert_eq!(attacker.get(&app, &asked.answer(&liar)).await.status, 303, "it was an honest answer");
}

#[actix_web::test]
async fn answer_is_used_once() {
    let liar = liar();
    let app = site!(sign_in(&liar));
    let browser = Browser::default();
    let asked = browser.begins(&app, "/sign-in").await;
    issue(&liar, &asked.claims(&liar));
    let kept = browser.0.borrow().clone();
    assert_eq!(browser.get(&app, &asked.answer(&liar)).await.status, 303);
    let (log, _guard) = Log::start();
    browser.get(&app, &asked.answer(&liar)).await.assert_problem(400);
    log.assert_one(&["flow_missing"]);
    // With a kept copy of the cookie.
    let thief = Browser(RefCell::new(kept));
    thief.get(&app, &asked.answer(&liar)).await.assert_problem(400);
    log.assert_one(&["flow_used"]);
    assert!(thief.flow_cookies().is_empty());
    assert_eq!(liar.calls("/token"), 1);
}

#[actix_web::test]
async fn cookie_cannot_be_forged_moved_or_repeated() {
    let liar = liar();
    let app = site!(sign_in(&liar));
    let browser = Browser::default();
    let asked = browser.begins(&app, "/sign-in").await;
    let name = browser.flow_cookies().remove(0);
    browser.begins(&app, "/sign-in").await;
    issue(&liar, &asked.claims(&liar));
    let cookies = browser.0.borrow().clone();
    let foreign = cookies.iter().find(|(other, _)| **other != name).unwrap().1.clone();
    let value = cookies[&name].clone();
    let flipped = format!("{}{}", if value.starts_with('A') { 'B' } else { 'A' }, &value[1..]);
    let (log, _guard) = Log::start();
    for forged in ["x", "", &value[..40], &flipped, &foreign] {
        let one = request(Method::GET, &asked.answer(&liar)).insert_header(("cookie", format!("{name}={forged}")));
        call(&app, one).await.assert_problem(400);
        log.assert_one(&["flow_sealed"]);
    }
    let twice =
        request(Method::GET, &asked.answer(&liar)).insert_header(("cookie", format!("{name}={value}; {name}={value}")));
    call(&app, twice).await.assert_problem(400);
    log.assert_one(&["flow_sealed"]);
    assert_eq!(liar.calls("/token"), 0);
    assert_eq!(browser.get(&app, &asked.answer(&liar)).await.status, 303, "the cookie itself is good");
}

/// RFC 9700 §4.4: the browser brings the answer of one provider to the callback of another one.
#[actix_web::test]
async fn providers_cannot_be_mixed_up() {
    let (honest, evil) = (liar(), liar());
    let (at_honest, at_evil) = (site!(sign_in(&honest)), site!(sign_in(&evil)));
    let browser = Browser::default();
    let asked = browser.begins(&at_honest, "/sign-in").await;
    issue(&evil, &asked.claims(&evil));
    let (log, _guard) = Log::start();
    browser.get(&at_evil, &asked.answer(&evil)).await.assert_problem(400);
    log.assert_one(&["flow_sealed", evil.origin()]);
    assert_eq!((honest.calls("/token"), evil.calls("/token")), (0, 0), "no code went to the other provider");
}

/// Two sign-ins of one application at one provider: the cookie of the one is not that of the other.
#[actix_web::test]
async fn cookie_is_bound_to_the_client_and_the_redirect_uri() {
    let liar = liar();
    let with = |client: &str, uri: &str| {
        SignIn::builder(&provider(&liar), OAuthClient::secret_basic(client, SECRET), uri, KEY).build().unwrap()
    };
    let own = site!(with(CLIENT, CALLBACK));
    for (what, client, uri) in [
        ("another client", "other", CALLBACK),
        ("another redirect URI", CLIENT, "https://app.example/staff/sign-in/callback"),
    ] {
        let other = site!(with(client, uri));
        let browser = Browser::default();
        let asked = browser.begins(&own, "/sign-in").await;
        let mut claims = asked.claims(&liar);
        claims["aud"] = client.into();
        issue(&liar, &claims);
        let (log, _guard) = Log::start();
        let response = browser.get(&other, &asked.answer(&liar)).await;
        assert_eq!(response.status, 400, "{what}: {response:?}");
        log.assert_one(&["sign_in_rejected", "reason=\"flow_sealed\""]);
        assert_eq!(liar.calls("/token"), 0, "{what}");
        assert_eq!(browser.get(&other, "/me").await.status, 401, "{what}");
    }
}

#[actix_web::test]
async fn sign_in_expires() {
    let (liar, clock) = (liar(), clock());
    let app = site!(builder(&liar).clock(&clock).build().unwrap());
    let browser = Browser::default();
    let asked = browser.begins(&app, "/sign-in").await;
    issue(&liar, &asked.claims(&liar));
    clock.advance(Duration::from_secs(600));
    let (log, _guard) = Log::start();
    browser.get(&app, &asked.answer(&liar)).await.assert_problem(400);
    log.assert_one(&["flow_expired"]);
}

/// The route also answers `HEAD`, which a program may send for a link that it only looks at.
#[actix_web::test]
async fn head_completes_nothing() {
    let liar = liar();
    let app = site!(sign_in(&liar));
    let browser = Browser::default();
    let asked = browser.begins(&app, "/sign-in").await;
    issue(&liar, &asked.claims(&liar));
    let cookies: Vec<_> = browser.0.borrow().iter().map(|(name, value)| format!("{name}={value}")).collect();
    let head = request(Method::HEAD, &asked.answer(&liar)).insert_header(("cookie", cookies.join("; ")));
    assert_eq!(call(&app, head).await.status, 400);
    assert_eq!(browser.get(&app, &asked.answer(&liar)).await.status, 303);
}

/// RFC 6749 §3.1: a parameter without a value counts as omitted.
#[actix_web::test]
async fn parameter_without_a_value_is_missing() {
    let liar = liar();
    let app = site!(sign_in(&liar));
    for (fields, reason) in [
        ([("code", ""), ("error", "")].as_slice(), "code_missing"),
        (&[("code", ""), ("code", "c0de")], "code_repeated"),
        (&[("error", ""), ("error", "access_denied"), ("code", "c0de")], "error_repeated"),
        (&[("code", "c0de"), ("state", "")], "state_repeated"),
    ] {
        let browser = Browser::default();
        let asked = browser.begins(&app, "/sign-in").await;
        let state = asked.value("state");
        let fields: Vec<_> = fields.iter().copied().chain([("state", &*state), ("iss", liar.origin())]).collect();
        let (log, _guard) = Log::start();
        browser.get(&app, &asked.answer_with(&fields)).await.assert_problem(400);
        log.assert_one(&["sign_in_rejected", &format!("reason=\"{reason}\"")]);
    }
    assert_eq!(liar.calls("/token"), 0);
    let browser = Browser::default();
    // An error without a value is none.
    let asked = browser.begins(&app, "/sign-in").await;
    issue(&liar, &asked.claims(&liar));
    let fields = [("error", ""), ("code", "c0de"), ("state", &asked.value("state")), ("iss", liar.origin())];
    assert_eq!(browser.get(&app, &asked.answer_with(&fields)).await.status, 303);
}

/// What anybody can cause is no alarm for the operator.
#[actix_web::test]
async fn code_that_the_provider_cannot_read_is_a_rejected_sign_in() {
    for code in ["invalid_request", "invalid_grant"] {
        let liar = liar();
        let app = site!(sign_in(&liar));
        let browser = Browser::default();
        let asked = browser.begins(&app, "/sign-in").await;
        liar.answer("/token", Scripted::json(400, &json!({"error": code})));
        let (log, _guard) = Log::start();
        browser.get(&app, &asked.answer(&liar)).await.assert_problem(400);
        log.assert_one(&["sign_in_rejected", "reason=\"code_refused\""]);
    }
}
