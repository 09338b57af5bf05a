//! One issuer with several audiences and key sources, two verifiers of one issuer, and a revoked token that reaches
//! another verifier (CWE-287, CWE-613).

use actix_web::{App, HttpRequest, test::init_service};
use jsonwebtoken::Algorithm as A;
use palisade::authn::{Attempt, AuthError, Challenge, ChallengeContext, Challenges};
use palisade::jwt::{Algorithm, VerifyingKey};
use palisade::revocation::{MemoryRevocations, RevocationStore};
use palisade::{Authenticator, Jwt, Palisade, Principal};
use palisade_tests::site::routes;
use palisade_tests::tokens::{Signer, rsa, valid_claims, with};
use palisade_tests::{AUDIENCE, ISSUER, SECRET, call, get_request, jwt_of};
use serde_json::json;

use super::{jwt_builder, key_set, token, verdict, with_member};

#[test]
fn any_configured_audience_is_accepted() {
    let jwt = jwt_builder().audience("api://orders").audience("orders").build().unwrap();
    for aud in [
        json!(AUDIENCE),
        json!("api://orders"),
        json!("orders"),
        json!(["other", "orders"]),
        json!([AUDIENCE, "orders"]),
    ] {
        assert_eq!(verdict(&jwt, &token(&with("aud", aud.clone()))), Ok(()), "{aud}");
    }
    for aud in [json!("other"), json!([]), json!(["api://order"]), json!("api://orders orders"), json!("ORDERS")] {
        let rejected = verdict(&jwt, &token(&with("aud", aud.clone())));
        assert_eq!(rejected, Err(AuthError::Invalid("token_foreign_audience")), "{aud}");
    }
    for (first, second) in [("", AUDIENCE), (AUDIENCE, " ")] {
        let key = VerifyingKey::hmac(Algorithm::Hs256, SECRET).unwrap();
        let blank = Jwt::builder().issuer(ISSUER).audience(first).audience(second).keys(key).build();
        assert!(blank.unwrap_err().to_string().starts_with("jwt audience: "));
    }
}

/// While an issuer moves from a shared secret to published keys, both are accepted.
#[test]
fn keys_of_every_source_are_used() {
    let (ec, other) = (Signer::generate(A::ES256), Signer::generate(A::ES256));
    let jwt = jwt_builder()
        .keys(key_set(&[rsa().jwk("a"), ec.jwk("b")]).unwrap())
        .keys(key_set(&[other.jwk("b")]).unwrap())
        .build()
        .unwrap();
    let secret = Signer::hmac(A::HS256, SECRET);
    for accepted in [
        token(&valid_claims()),
        secret.token("a", &valid_claims()),
        rsa().token("a", &valid_claims()),
        ec.token("b", &valid_claims()),
        // The same `kid` in another source is another key.
        other.token("b", &valid_claims()),
    ] {
        assert_eq!(verdict(&jwt, &accepted), Ok(()));
        assert_eq!(verdict(&jwt, &accepted), Ok(()), "also from the cache");
    }
    let stranger = Signer::generate(A::ES256);
    for (rejected, reason) in [
        (stranger.token("b", &valid_claims()), "token_signature"),
        (ec.token("a", &valid_claims()), "token_alg"),
        (stranger.token("c", &valid_claims()), "token_kid"),
        (Signer::hmac(A::HS256, "another secret of 32 bytes or more").token("a", &valid_claims()), "token_signature"),
        (Signer::hmac(A::HS256, &rsa().public().pem).token("a", &valid_claims()), "token_signature"),
        (Signer::hmac(A::HS512, SECRET).token("a", &valid_claims()), "token_alg"),
        // Checks that do not concern keys are the same for all sources.
        (ec.token("b", &with("exp", json!(1))), "token_expired"),
        (other.token("b", &with("iss", json!("https://evil.example"))), "token_foreign_issuer"),
        (other.seal(r#"{"alg":"ES256","kid":"b","crit":["x"]}"#, valid_claims().to_string()), "token_crit"),
        ("x".to_owned(), "token_malformed"),
    ] {
        assert_eq!(verdict(&jwt, &rejected), Err(AuthError::Invalid(reason)), "{rejected}");
    }
}

/// A secret without a name can be rotated too: the old one is kept until its tokens have expired.
#[test]
fn two_unnamed_secrets_are_both_accepted() {
    let key = |secret: &[u8]| VerifyingKey::hmac(Algorithm::Hs256, secret).unwrap();
    let (old, new) = ([1; 32], [2; 32]);
    let jwt = Jwt::builder().issuer(ISSUER).audience(AUDIENCE).keys(key(&new)).keys(key(&old)).build().unwrap();
    for secret in [old, new] {
        assert_eq!(verdict(&jwt, &Signer::hmac(A::HS256, secret).token("k", &valid_claims())), Ok(()));
    }
    let rejected = verdict(&jwt, &Signer::hmac(A::HS256, [3; 32]).token("k", &valid_claims()));
    assert_eq!(rejected, Err(AuthError::Invalid("token_signature")));
}

#[test]
fn two_verifiers_of_one_issuer_fail_the_build() {
    let own = || jwt_builder().build().unwrap();
    let second = Jwt::hs256(ISSUER, "another-api", [7; 32]).unwrap();
    for (first, second) in [(own(), second), (own(), own())] {
        let mistake = Palisade::builder().authenticator(first).authenticator(second).build().unwrap_err().to_string();
        for part in [ISSUER, ".audience(..)", ".keys(..)"] {
            assert!(mistake.contains(part), "{part} is not in: {mistake}");
        }
    }
    let between = Palisade::builder().authenticator(own()).authenticator(jwt_of("https://other.example"));
    assert!(between.authenticator(own()).build().is_err());
    // Several issuers have several verifiers, and a custom scheme may vouch for the same issuer.
    let several = Palisade::builder().authenticator(own()).authenticator(jwt_of("https://other.example"));
    assert!(several.build().is_ok());
    assert!(Palisade::builder().authenticator(own()).authenticator(AcceptsAll).build().is_ok());
}

/// Rejects each request with this reason, and claims that the credential was meant for another verifier.
struct Rejects(&'static str);

/// Accepts each request.
struct AcceptsAll;

impl Authenticator for Rejects {
    fn authenticate<'a>(&'a self, request: &'a HttpRequest) -> Attempt<'a> {
        match request.headers().get("authorization") {
            Some(_) => Attempt::Done(Err(AuthError::Invalid(self.0))),
            None => Attempt::Absent,
        }
    }

    fn scheme(&self) -> &'static str {
        "Bearer"
    }

    fn disowns(&self, _: &HttpRequest) -> bool {
        true
    }

    fn challenge(&self, context: &ChallengeContext<'_>, challenges: &mut Challenges) {
        challenges.add(Challenge::new("Bearer").with("realm", context.realm()));
    }
}

impl Authenticator for AcceptsAll {
    fn authenticate<'a>(&'a self, request: &'a HttpRequest) -> Attempt<'a> {
        match request.headers().get("authorization") {
            Some(_) => Attempt::Done(Ok(Principal::new("Bearer", ISSUER, "anybody"))),
            None => Attempt::Absent,
        }
    }

    fn scheme(&self) -> &'static str {
        "Bearer"
    }

    fn issuer(&self) -> Option<&str> {
        Some(ISSUER)
    }

    fn challenge(&self, context: &ChallengeContext<'_>, challenges: &mut Challenges) {
        challenges.add(Challenge::new("Bearer").with("realm", context.realm()));
    }
}

#[actix_web::test]
async fn revoked_token_is_not_passed_to_another_verifier() {
    let store = std::sync::Arc::new(MemoryRevocations::new());
    let jwt = jwt_builder().revocations(std::sync::Arc::clone(&store)).build().unwrap();
    let token = token(&with_member(valid_claims(), "jti", "t-1"));
    let ask = || get_request("/me").insert_header(("authorization", format!("Bearer {token}")));
    let palisade = Palisade::builder().authenticator(jwt).authenticator(AcceptsAll).build().unwrap();
    let app = init_service(App::new().service(routes()).wrap(palisade)).await;
    assert_eq!(call(&app, ask()).await.body, "u-1");
    let end = std::time::SystemTime::now() + std::time::Duration::from_secs(600);
    store.revoke(ISSUER, "t-1", end).await.unwrap();
    call(&app, ask()).await.assert_problem(401);

    // A verifier that disowns everything that it rejects does not pass it on either.
    for (reason, status) in [("token_revoked", 401), ("token_unknown", 200)] {
        let palisade = Palisade::builder().authenticator(Rejects(reason)).authenticator(AcceptsAll).build().unwrap();
        let app = init_service(App::new().service(routes()).wrap(palisade)).await;
        assert_eq!(call(&app, ask()).await.status, status, "{reason}");
    }
}
