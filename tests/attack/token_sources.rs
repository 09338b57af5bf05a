//! CWE-598, CWE-352, CWE-436, RFC 6750: a token from a place that was not configured, that another site can use, or that two
//! parsers read differently.

use std::time::Duration;

use actix_web::App;
use actix_web::http::header::AUTHORIZATION;
use actix_web::test::{TestRequest, init_service};
use palisade::jwt::{Algorithm, Grant, JwtBuilder, Set, VerifyingKey};
use palisade::{Authenticator as _, Jwt, Palisade, Principal, authenticated, get, require_scope};
use palisade_tests::{AUDIENCE, ISSUER, SECRET, call, get_request, issuer};

fn jwt() -> JwtBuilder<Set, Set, Set> {
    Jwt::builder().issuer(ISSUER).audience(AUDIENCE).keys(VerifyingKey::hmac(Algorithm::Hs256, SECRET).unwrap())
}

fn token() -> String {
    issuer().issue(&Grant::new("alice", Duration::from_secs(900))).unwrap()
}

fn palisade(jwt: Jwt) -> Palisade {
    Palisade::builder().authenticator(jwt).build().unwrap()
}

#[get("/me")]
#[authenticated]
async fn me(caller: Principal) -> String {
    format!("{} by {}", caller.subject(), caller.scheme())
}

#[get("/orders")]
#[require_scope("orders:read")]
async fn orders() -> &'static str {
    "none"
}

fn with(value: &str) -> TestRequest {
    get_request("/me").insert_header((AUTHORIZATION, value))
}

#[actix_web::test]
async fn another_scheme_replaces_bearer_everywhere() {
    let token = token();
    let palisade = palisade(jwt().scheme("Token").build().unwrap());
    let app = init_service(App::new().service(palisade::scope("").service(me).service(orders)).wrap(palisade)).await;
    for scheme in ["Token", "token", "TOKEN"] {
        let response = call(&app, with(&format!("{scheme} {token}"))).await;
        assert_eq!((response.status.as_u16(), response.body.as_str()), (200, "alice by Token"), "{scheme}");
    }
    for credential in [format!("Bearer {token}"), format!("Tokens {token}"), format!("Tok {token}"), token.clone()] {
        let response = call(&app, with(&credential)).await;
        response.assert_problem(401);
        assert_eq!(response.header("www-authenticate"), r#"Token realm="api""#, "{credential}");
    }
    for credential in ["Token", "Token x y", "token forged"] {
        let response = call(&app, with(credential)).await;
        response.assert_problem(401);
        assert_eq!(response.header("www-authenticate"), r#"Token realm="api", error="invalid_token""#, "{credential}");
    }
    let request = get_request("/orders").insert_header((AUTHORIZATION, format!("Token {token}")));
    let response = call(&app, request).await;
    response.assert_problem(403);
    let challenge = r#"Token realm="api", error="insufficient_scope", scope="orders:read""#;
    assert_eq!(response.header("www-authenticate"), challenge);
}

#[test]
fn scheme_is_a_token_of_http() {
    assert_eq!(jwt().build().unwrap().scheme(), "Bearer");
    for invalid in ["", "Token ", "To ken", "Token:", "Tök", "Token\r\n", "a,b", "\"Token\""] {
        let error = jwt().scheme(invalid).build().unwrap_err().to_string();
        assert!(error.contains("jwt scheme"), "{invalid:?}: {error}");
    }
}

/// RFC 9110 §11.1. If the schemes were different ones, the first verifier would have the last word.
#[actix_web::test]
async fn schemes_that_differ_in_case_are_one() {
    let token = token();
    let other = Jwt::builder()
        .issuer("https://other.example")
        .audience(AUDIENCE)
        .keys(VerifyingKey::hmac(Algorithm::Hs256, [9; 32]).unwrap())
        .scheme("bearer");
    let builder = Palisade::builder().authenticator(other.build().unwrap());
    let palisade = builder.authenticator(jwt().build().unwrap()).build().unwrap();
    let app = init_service(App::new().service(palisade::scope("").service(me)).wrap(palisade)).await;
    assert_eq!(call(&app, with(&format!("Bearer {token}"))).await.status, 200);
}
