//! Access tokens of the provider, as RFC 9068 shapes them, and its keys. The tests also show that the provider of the tests works.

use palisade::Jwt;
use palisade::authn::AuthError;
use palisade::jwt::{RemoteKeySet, TokenType};
use palisade_tests::provider::{RealProvider, Visitor};

use super::{APP, CALLBACK, JWT_RESOURCE, OPAQUE_RESOURCE, SERVICE, provider, setup};

/// A verifier whose keys the provider publishes.
fn jwt(provider: &RealProvider) -> Jwt {
    let keys = RemoteKeySet::new(format!("{}/jwks", provider.issuer())).unwrap();
    let jwt = Jwt::builder().issuer(provider.issuer()).audience(JWT_RESOURCE).keys(keys);
    jwt.token_type(TokenType::AccessToken).build().unwrap()
}

#[actix_web::test]
async fn token_of_a_service_is_verified_with_the_keys_of_the_provider() {
    let Some(provider) = provider() else { return };
    let token = provider.client_token(SERVICE, JWT_RESOURCE, "orders:read").await;
    let principal = jwt(provider).verify(&token).await.unwrap();
    assert_eq!((principal.subject(), principal.issuer()), (SERVICE.0, provider.issuer()));
    assert!(principal.has_scope("orders:read") && !principal.has_scope("orders:write"));
}

#[actix_web::test]
async fn token_is_good_while_its_key_is_published() {
    let Some(provider) = RealProvider::start(&setup()) else { return };
    let jwt = jwt(&provider);
    let old = provider.client_token(SERVICE, JWT_RESOURCE, "orders:read").await;
    provider.rotate_keys();
    let new = provider.client_token(SERVICE, JWT_RESOURCE, "orders:read").await;
    for token in [&old, &new] {
        assert_eq!(jwt.verify(token).await.unwrap().subject(), SERVICE.0);
    }
    provider.withdraw_keys();
    let jwt = self::jwt(&provider);
    assert!(jwt.verify(&old).await.is_err());
    assert!(jwt.verify(&new).await.is_ok());
}

#[actix_web::test]
async fn person_signs_in_by_the_forms_of_the_provider() {
    let Some(provider) = provider() else { return };
    // RFC 7636, appendix B.
    let (verifier, challenge) =
        ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    let issuer = provider.issuer();
    let question = format!(
        "{issuer}/auth?client_id={}&response_type=code&scope=openid+orders:read&state=s&nonce=n&resource={JWT_RESOURCE}\
         &code_challenge={challenge}&code_challenge_method=S256&redirect_uri={CALLBACK}",
        APP.0
    );
    let back = Visitor::new(provider).visit(&question, "ada").await;
    assert!(back.as_str().starts_with(&format!("{CALLBACK}?code=")), "{back}");
    let value = |name| back.query_pairs().find(|(other, _)| other == name).unwrap().1.into_owned();
    assert_eq!((value("state").as_str(), value("iss").as_str()), ("s", issuer));
    let code = value("code");
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", verifier),
    ];
    let tokens = provider.tokens(APP, &form).await;
    assert!(tokens["id_token"].is_string(), "{tokens}");
    let principal = jwt(provider).verify(tokens["access_token"].as_str().unwrap()).await.unwrap();
    assert_eq!(principal.subject(), "ada");
    assert!(principal.has_role("admin") && principal.has_scope("orders:read"));
}

#[actix_web::test]
async fn opaque_token_is_known_only_to_its_provider() {
    let Some(provider) = provider() else { return };
    let token = provider.client_token(SERVICE, OPAQUE_RESOURCE, "orders:read").await;
    assert_eq!(token.split('.').count(), 1, "{token}");
    let answer = provider.post("/token/introspection", SERVICE, &[("token", &token)]).await;
    let answer: serde_json::Value = answer.json().await.unwrap();
    assert_eq!((&answer["active"], &answer["aud"]), (&true.into(), &OPAQUE_RESOURCE.into()));
    let before = provider.calls("POST /token/introspection");
    assert!(jwt(provider).verify(&token).await.is_err());
    assert_eq!(provider.calls("POST /token/introspection"), before);
}

#[actix_web::test]
async fn provider_can_be_down() {
    let Some(provider) = RealProvider::start(&setup()) else { return };
    let token = provider.client_token(SERVICE, JWT_RESOURCE, "orders:read").await;
    provider.go_down();
    assert_eq!(jwt(&provider).verify(&token).await.unwrap_err(), AuthError::Unavailable("jwks_unavailable"));
    provider.come_back();
    assert!(jwt(&provider).verify(&token).await.is_ok());
}
