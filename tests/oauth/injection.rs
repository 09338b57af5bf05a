//! CWE-345, RFC 9700 §4.5 and §4.8: a code that belongs to another sign-in. The provider is strict, so these tests show that the
//! application sends the verifier of the one sign-in that this browser began.

use palisade_tests::log::Log;
use palisade_tests::provider::{RealProvider, Visitor};
use palisade_tests::sign_in_browser::Browser;
use serde_json::{Value, json};
use url::Url;

use super::application::{Site, path_of};
use super::{APP, CALLBACK, provider, setup};

/// The value of a parameter of the answer.
fn value(back: &Url, name: &str) -> String {
    back.query_pairs().find(|(own, _)| own == name).unwrap_or_else(|| panic!("{back}")).1.into_owned()
}

/// Begins a sign-in in the browser of bob, whom an attacker wants to sign in as ada: the own code of the attacker, with bob's `state`.
async fn brings(site: &Site, provider: &RealProvider, code: &str) {
    let (app, victim) = (site.app().await, Browser::default());
    let begun = victim.begins(&app, "/sign-in").await;
    let mut answer = Visitor::new(provider).visit(begun.0.as_str(), "bob").await;
    let own = value(&answer, "code");
    assert_ne!(own, code);
    let fields = [("code", code), ("state", &value(&answer, "state")), ("iss", &value(&answer, "iss"))];
    answer.query_pairs_mut().clear().extend_pairs(fields);
    let (log, _guard) = Log::start();
    victim.get(&app, &path_of(&answer)).await.assert_problem(400);
    log.assert_one(&["sign_in_rejected", "reason=\"code_refused\"", provider.issuer()]);
    assert_eq!(site.status(&victim).await, 401);
}

/// The attacker stopped at the redirect of an own sign-in, and kept its code.
#[actix_web::test]
async fn code_of_an_attacker_is_refused_in_the_browser_of_a_victim() {
    let Some(provider) = provider() else { return };
    let site = Site::with_secret(provider);
    let begun = Browser::default().begins(&site.app().await, "/sign-in").await;
    let stopped = Visitor::new(provider).visit(begun.0.as_str(), "ada").await;
    brings(&site, provider, &value(&stopped, "code")).await;
}

/// The attacker removed the code challenge from the request, which a provider allows that does not demand one.
#[actix_web::test]
async fn code_without_a_challenge_is_refused_in_the_browser_of_a_victim() {
    let mut setup = setup();
    setup["pkce"] = false.into();
    let Some(provider) = RealProvider::start(&setup) else { return };
    let request = format!(
        "{}/auth?client_id={}&response_type=code&scope=openid&state=s&nonce=n&redirect_uri={CALLBACK}",
        provider.issuer(),
        APP.0
    );
    let code = value(&Visitor::new(&provider).visit(&request, "ada").await, "code");
    brings(&Site::with_secret(&provider), &provider, &code).await;
}

/// RFC 6749 §3.1: a parameter without a value counts as omitted. A visitor can remove it, so it is no alarm about the registration of the client.
#[actix_web::test]
async fn code_without_a_value_or_meaning_is_a_rejected_sign_in() {
    let Some(provider) = provider() else { return };
    let site = Site::with_secret(provider);
    let app = site.app().await;
    for (code, reason) in [("", "code_missing"), (" ", "code_refused"), ("made-up", "code_refused")] {
        let browser = Browser::default();
        let begun = browser.begins(&app, "/sign-in").await;
        let mut answer = Visitor::new(provider).visit(begun.0.as_str(), "bob").await;
        let fields = [("code", code.to_owned()), ("state", value(&answer, "state")), ("iss", value(&answer, "iss"))];
        answer.query_pairs_mut().clear().extend_pairs(fields);
        let (log, _guard) = Log::start();
        browser.get(&app, &path_of(&answer)).await.assert_problem(400);
        log.assert_one(&["sign_in_rejected", &format!("reason=\"{reason}\"")]);
    }
}

/// What the provider of these tests refuses: without a challenge nobody is signed in, and a code is worth nothing without its verifier.
#[actix_web::test]
async fn provider_demands_the_challenge_and_the_verifier() {
    let Some(provider) = provider() else { return };
    let request = |challenge: &str| {
        format!(
            "{}/auth?client_id={}&response_type=code&scope=openid&state=s&nonce=n&redirect_uri={CALLBACK}{challenge}",
            provider.issuer(),
            APP.0
        )
    };
    let refused = Visitor::new(provider).visit(&request(""), "ada").await;
    assert_eq!(value(&refused, "error"), "invalid_request");
    // RFC 7636, appendix B.
    let (verifier, challenge) =
        ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    let wrong = verifier.to_lowercase();
    for (sent, status) in [(None, 400), (Some(wrong.as_str()), 400), (Some(verifier), 200)] {
        let page = request(&format!("&code_challenge={challenge}&code_challenge_method=S256"));
        let code = value(&Visitor::new(provider).visit(&page, "ada").await, "code");
        let mut form = vec![("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", CALLBACK)];
        form.extend(sent.map(|verifier| ("code_verifier", verifier)));
        let answer = provider.post("/token", APP, &form).await;
        assert_eq!(answer.status(), status, "{sent:?}");
        if status == 400 {
            assert_eq!(answer.json::<Value>().await.unwrap()["error"], json!("invalid_grant"));
        }
    }
}
