//! A verifier that knows only the issuer of the provider.

use palisade::Jwt;
use palisade::jwt::TokenType;
use palisade::oauth::{Provider, ProviderEndpoint};
use palisade_tests::provider::RealProvider;

use super::{JWT_RESOURCE, SERVICE, provider, setup};

fn jwt(issuer: &str) -> Jwt {
    let jwt = Jwt::discover(issuer).unwrap().audience(JWT_RESOURCE);
    jwt.token_type(TokenType::AccessToken).build().unwrap()
}

#[actix_web::test]
async fn issuer_is_all_that_a_verifier_needs() {
    // Its own one, because the calls of the other tests would be counted too.
    let Some(provider) = RealProvider::start(&setup()) else { return };
    let token = provider.client_token(SERVICE, JWT_RESOURCE, "orders:read").await;
    let jwt = jwt(provider.issuer());
    let before = provider.calls("GET /jwks");
    for _ in 0..3 {
        assert_eq!(jwt.verify(&token).await.unwrap().subject(), SERVICE.0);
    }
    assert_eq!(provider.calls("GET /jwks"), before + 1);
}

#[actix_web::test]
async fn provider_describes_itself() {
    let Some(provider) = provider() else { return };
    let metadata = Provider::discover(provider.issuer()).unwrap().metadata().await.unwrap();
    let token = format!("{}/token", provider.issuer());
    assert_eq!(metadata.endpoint(ProviderEndpoint::Token), Some(token.as_str()));
    assert!(metadata.endpoint(ProviderEndpoint::Authorization).is_some());
    assert_eq!(metadata.list("code_challenge_methods_supported"), Some(vec!["S256"]));
    assert!(metadata.says("authorization_response_iss_parameter_supported"));
}

/// The provider names itself without a slash at its end.
#[actix_web::test]
async fn issuer_with_another_spelling_is_another_issuer() {
    let Some(provider) = provider() else { return };
    let token = provider.client_token(SERVICE, JWT_RESOURCE, "orders:read").await;
    assert!(jwt(&format!("{}/", provider.issuer())).verify(&token).await.is_err());
    assert!(jwt(&provider.issuer().replace("127.0.0.1", "localhost")).verify(&token).await.is_err());
}

#[actix_web::test]
async fn provider_may_be_down_at_the_start_and_rotate_later() {
    let Some(provider) = RealProvider::start(&setup()) else { return };
    let old = provider.client_token(SERVICE, JWT_RESOURCE, "orders:read").await;
    let jwt = jwt(provider.issuer());
    provider.go_down();
    assert!(jwt.verify(&old).await.is_err());
    provider.come_back();
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    assert!(jwt.verify(&old).await.is_ok());
    provider.rotate_keys();
    let new = provider.client_token(SERVICE, JWT_RESOURCE, "orders:read").await;
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    assert!(jwt.verify(&new).await.is_ok() && jwt.verify(&old).await.is_ok());
}
