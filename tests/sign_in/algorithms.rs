//! Which algorithms an ID token may have: those of the keys (RFC 8725 §3.1), and of these the ones that the metadata name.

use palisade_tests::log::Log;

use super::*;

/// What becomes of an ID token that is signed with ES256, if the metadata have this list.
async fn signed_in(list: Option<Value>) -> (u16, String) {
    let liar = liar();
    let mut metadata = liar.metadata();
    let members = metadata.as_object_mut().unwrap();
    members.remove("id_token_signing_alg_values_supported");
    members.extend(list.map(|list| ("id_token_signing_alg_values_supported".to_owned(), list)));
    liar.publish(&metadata);
    let app = site!(sign_in(&liar));
    let browser = Browser::default();
    let asked = browser.begins(&app, "/sign-in").await;
    let token = token_answer(&key().token("k", &asked.claims(&liar)));
    liar.answer("/token", Scripted::json(200, &token));
    let (log, _guard) = Log::start();
    let status = browser.get(&app, &asked.answer(&liar)).await.status.as_u16();
    (status, log.take_all())
}

#[actix_web::test]
async fn metadata_narrow_the_algorithms_of_the_keys() {
    for list in [None, Some(json!(["ES256"])), Some(json!(["RS256", 7, "ES256"]))] {
        assert_eq!(signed_in(list.clone()).await.0, 303, "{list:?}");
    }
    for list in [json!(["RS256"]), json!(["es256"]), json!(["none"]), json!([]), json!("ES256"), json!({"ES256": true})]
    {
        let (status, lines) = signed_in(Some(list.clone())).await;
        assert_eq!(status, 400, "{list}");
        assert!(lines.contains("sign_in_rejected") && lines.contains("reason=\"token_alg\""), "{list}: {lines}");
    }
}

/// The list of the metadata makes no key of another kind usable, and no secret of the client a key.
#[actix_web::test]
async fn metadata_never_widen_the_algorithms_of_the_keys() {
    let hmac = Signer::hmac(Algorithm::HS256, SECRET);
    for (header, signer) in [
        (json!({"alg": "HS256", "typ": "JWT", "kid": "k"}), &hmac),
        (json!({"alg": "RS256", "typ": "JWT", "kid": "k"}), palisade_tests::tokens::rsa()),
    ] {
        let liar = liar();
        let mut metadata = liar.metadata();
        metadata["id_token_signing_alg_values_supported"] = json!(["none", "HS256", "RS256"]);
        liar.publish(&metadata);
        let app = site!(sign_in(&liar));
        let browser = Browser::default();
        let asked = browser.begins(&app, "/sign-in").await;
        let token = signer.seal(header.to_string(), asked.claims(&liar).to_string());
        liar.answer("/token", Scripted::json(200, &token_answer(&token)));
        browser.get(&app, &asked.answer(&liar)).await.assert_problem(400);
    }
}

/// RFC 9864 §2.2: two names of one algorithm.
#[actix_web::test]
async fn both_names_of_ed25519_are_one() {
    let ed = Signer::generate(Algorithm::EdDSA);
    for name in ["EdDSA", "Ed25519"] {
        for listed in ["EdDSA", "Ed25519"] {
            let liar = Liar::provider(&[ed.jwk("k")]);
            let mut metadata = liar.metadata();
            metadata["id_token_signing_alg_values_supported"] = json!([listed]);
            liar.publish(&metadata);
            let app = site!(sign_in(&liar));
            let browser = Browser::default();
            let asked = browser.begins(&app, "/sign-in").await;
            let header = json!({"alg": name, "typ": "JWT", "kid": "k"});
            let token = ed.seal(header.to_string(), asked.claims(&liar).to_string());
            liar.answer("/token", Scripted::json(200, &token_answer(&token)));
            assert_eq!(browser.get(&app, &asked.answer(&liar)).await.status, 303, "{name} of {listed}");
        }
    }
}
