//! One issuer with several audiences and several key sources, two verifiers of one issuer, and a revoked token that finds another
//! verifier (CWE-287, CWE-613).

use actix_web::{App, HttpRequest, test::init_service};
use jsonwebtoken::Algorithm as A;
use palisade::authn::{Attempt, AuthError};
use palisade::jwt::{Algorithm, VerifyingKey};
use palisade::revocation::{MemoryRevocations, RevocationStore};
use palisade::{Authenticator, Jwt, Palisade, Principal};
use palisade_tests::site::routes;
use palisade_tests::tokens::{Signer, rsa, sound, with};
use palisade_tests::{AUDIENCE, ISSUER, SECRET, call, get, jwt_of};
use serde_json::json;

use super::{configured, key_set, token, verdict, with_member};

#[test]
fn any_of_several_audiences_is_enough() {
    let jwt = configured().audience("api://orders").audience("orders").build().unwrap();
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
        let refused = verdict(&jwt, &token(&with("aud", aud.clone())));
        assert_eq!(refused, Err(AuthError::Invalid("token_foreign_audience")), "{aud}");
    }
    for (first, second) in [("", AUDIENCE), (AUDIENCE, " ")] {
        let key = VerifyingKey::hmac(Algorithm::Hs256, SECRET).unwrap();
        let blank = Jwt::builder().issuer(ISSUER).audience(first).audience(second).keys(key).build();
        assert!(blank.unwrap_err().to_string().starts_with("jwt audience: "));
    }
}

/// While an issuer goes from a shared secret to published keys, both are good.
#[test]
fn the_keys_of_every_source_count() {
    let (ec, other) = (Signer::generate(A::ES256), Signer::generate(A::ES256));
    let jwt = configured()
        .keys(key_set(&[rsa().jwk("a"), ec.jwk("b")]).unwrap())
        .keys(key_set(&[other.jwk("b")]).unwrap())
        .build()
        .unwrap();
    let secret = Signer::hmac(A::HS256, SECRET);
    for accepted in [
        token(&sound()),
        secret.token("a", &sound()),
        rsa().token("a", &sound()),
        ec.token("b", &sound()),
        // The same name in another source is another key.
        other.token("b", &sound()),
    ] {
        assert_eq!(verdict(&jwt, &accepted), Ok(()));
        assert_eq!(verdict(&jwt, &accepted), Ok(()), "when it is remembered");
    }
    let stranger = Signer::generate(A::ES256);
    for (refused, reason) in [
        (stranger.token("b", &sound()), "token_signature"),
        (ec.token("a", &sound()), "token_alg"),
        (stranger.token("c", &sound()), "token_kid"),
        (Signer::hmac(A::HS256, "another secret of 32 bytes or more").token("a", &sound()), "token_signature"),
        (Signer::hmac(A::HS256, &rsa().public().pem).token("a", &sound()), "token_signature"),
        (Signer::hmac(A::HS512, SECRET).token("a", &sound()), "token_alg"),
        // What is not about the keys is the same for all of them.
        (ec.token("b", &with("exp", json!(1))), "token_expired"),
        (other.token("b", &with("iss", json!("https://evil.example"))), "token_foreign_issuer"),
        (other.seal(r#"{"alg":"ES256","kid":"b","crit":["x"]}"#, sound().to_string()), "token_crit"),
        ("x".to_owned(), "token_malformed"),
    ] {
        assert_eq!(verdict(&jwt, &refused), Err(AuthError::Invalid(reason)), "{refused}");
    }
}

/// A secret is renewed without names too: the old one stays until its tokens are over.
#[test]
fn two_secrets_without_names_are_two_sources() {
    let key = |secret: &[u8]| VerifyingKey::hmac(Algorithm::Hs256, secret).unwrap();
    let (old, new) = ([1; 32], [2; 32]);
    let jwt = Jwt::builder().issuer(ISSUER).audience(AUDIENCE).keys(key(&new)).keys(key(&old)).build().unwrap();
    for secret in [old, new] {
        assert_eq!(verdict(&jwt, &Signer::hmac(A::HS256, secret).token("k", &sound())), Ok(()));
    }
    let refused = verdict(&jwt, &Signer::hmac(A::HS256, [3; 32]).token("k", &sound()));
    assert_eq!(refused, Err(AuthError::Invalid("token_signature")));
}

#[test]
fn two_verifiers_of_one_issuer_are_refused_with_the_cure() {
    let own = || configured().build().unwrap();
    let second = Jwt::hs256(ISSUER, "another-api", [7; 32]).unwrap();
    for (first, second) in [(own(), second), (own(), own())] {
        let mistake = Palisade::builder().authenticator(first).authenticator(second).build().unwrap_err().to_string();
        for part in [ISSUER, ".audience(..)", ".keys(..)"] {
            assert!(mistake.contains(part), "{part} is not in: {mistake}");
        }
    }
    let between = Palisade::builder().authenticator(own()).authenticator(jwt_of("https://other.example"));
    assert!(between.authenticator(own()).build().is_err());
    // Several issuers are several verifiers, and a scheme of one's own may vouch for the same issuer.
    let several = Palisade::builder().authenticator(own()).authenticator(jwt_of("https://other.example"));
    assert!(several.build().is_ok());
    assert!(Palisade::builder().authenticator(own()).authenticator(Anybody).build().is_ok());
}

/// Refuses whatever it is shown for this reason, and says that it was meant for somebody else.
struct Refuses(&'static str);

/// Takes whatever it is shown for good.
struct Anybody;

impl Authenticator for Refuses {
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

    fn challenge(&self, realm: &str, _: bool) -> String {
        format!("Bearer realm=\"{realm}\"")
    }
}

impl Authenticator for Anybody {
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

    fn challenge(&self, realm: &str, _: bool) -> String {
        format!("Bearer realm=\"{realm}\"")
    }
}

#[actix_web::test]
async fn a_revoked_token_is_never_passed_on() {
    let store = std::sync::Arc::new(MemoryRevocations::new());
    let jwt = configured().revocations(std::sync::Arc::clone(&store)).build().unwrap();
    let token = token(&with_member(sound(), "jti", "t-1"));
    let ask = || get("/me").insert_header(("authorization", format!("Bearer {token}")));
    let palisade = Palisade::builder().authenticator(jwt).authenticator(Anybody).build().unwrap();
    let app = init_service(App::new().service(routes()).wrap(palisade)).await;
    assert_eq!(call(&app, ask()).await.body, "u-1");
    let end = std::time::SystemTime::now() + std::time::Duration::from_secs(600);
    store.revoke(ISSUER, "t-1", end).await.unwrap();
    call(&app, ask()).await.assert_problem(401);

    // Also not by a verifier that disowns all that it refuses.
    for (reason, status) in [("token_revoked", 401), ("token_unknown", 200)] {
        let palisade = Palisade::builder().authenticator(Refuses(reason)).authenticator(Anybody).build().unwrap();
        let app = init_service(App::new().service(routes()).wrap(palisade)).await;
        assert_eq!(call(&app, ask()).await.status, status, "{reason}");
    }
}
