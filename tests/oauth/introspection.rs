//! Opaque tokens, about which the provider is asked.

use std::time::Duration;

use palisade::authn::AuthError;
use palisade::oauth::{Introspection, IntrospectionBuilder, OAuthClient, Provider};
use palisade::testing::ManualClock;
use palisade_tests::provider::{RealProvider, Visitor};

use super::{APP, CALLBACK, JWT_RESOURCE, OPAQUE_RESOURCE, SERVICE, provider, setup};

fn builder(provider: &RealProvider, client: OAuthClient) -> IntrospectionBuilder {
    let provider = Provider::discover(provider.issuer()).unwrap();
    Introspection::builder(&provider, client).client_subjects(|client| format!("client:{client}"))
}

fn tokens(provider: &RealProvider) -> Introspection {
    builder(provider, OAuthClient::secret_basic(SERVICE.0, SERVICE.1)).audience(OPAQUE_RESOURCE).build().unwrap()
}

#[actix_web::test]
async fn token_of_a_service_is_accepted() {
    let Some(provider) = provider() else { return };
    let token = provider.client_token(SERVICE, OPAQUE_RESOURCE, "orders:read").await;
    let principal = tokens(provider).verify(&token).await.unwrap();
    assert_eq!((principal.subject(), principal.issuer()), ("client:service", provider.issuer()));
    assert!(principal.has_scope("orders:read"));
}

#[actix_web::test]
async fn provider_is_not_asked_about_its_jwts() {
    let Some(provider) = RealProvider::start(&setup()) else { return };
    let token = provider.client_token(SERVICE, JWT_RESOURCE, "orders:read").await;
    let tokens = tokens(&provider);
    assert_eq!(tokens.verify(&token).await.unwrap_err(), AuthError::Invalid("token_not_opaque"));
    assert_eq!(provider.calls("POST /token/introspection"), 0);
}

#[actix_web::test]
async fn token_for_another_resource_is_rejected() {
    let Some(provider) = provider() else { return };
    let token = provider.client_token(SERVICE, OPAQUE_RESOURCE, "orders:read").await;
    let client = || OAuthClient::secret_basic(SERVICE.0, SERVICE.1);
    let elsewhere = builder(provider, client()).audience("https://another.example").build().unwrap();
    assert_eq!(elsewhere.verify(&token).await.unwrap_err(), AuthError::Invalid("token_foreign_audience"));
}

/// The provider calls a refresh token active, too.
#[actix_web::test]
async fn person_calls_with_an_access_token_until_it_is_revoked_and_never_with_a_refresh_token() {
    let Some(provider) = provider() else { return };
    // RFC 7636, appendix B.
    let (verifier, challenge) =
        ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    let question = format!(
        "{}/auth?client_id={}&response_type=code&scope=openid+offline_access+orders:read&state=s&nonce=n&prompt=consent\
         &resource={OPAQUE_RESOURCE}&code_challenge={challenge}&code_challenge_method=S256&redirect_uri={CALLBACK}",
        provider.issuer(),
        APP.0
    );
    let back = Visitor::new(provider).visit(&question, "ada").await;
    let code = back.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    let answer = provider
        .tokens(
            APP,
            &[
                ("grant_type", "authorization_code"),
                ("code", &code),
                ("redirect_uri", CALLBACK),
                ("code_verifier", verifier),
                ("resource", OPAQUE_RESOURCE),
            ],
        )
        .await;
    let (access, refresh) = (answer["access_token"].as_str().unwrap(), answer["refresh_token"].as_str().unwrap());
    let clock = ManualClock::starting_at(std::time::SystemTime::now());
    let tokens = builder(provider, OAuthClient::secret_basic(SERVICE.0, SERVICE.1)).audience(OPAQUE_RESOURCE);
    let tokens = tokens.cache(10, Duration::from_secs(5)).clock(&clock).build().unwrap();
    let principal = tokens.verify(access).await.unwrap();
    assert_eq!(principal.subject(), "ada");
    assert!(principal.has_role("admin") && principal.has_scope("orders:read"));
    assert_eq!(tokens.verify(refresh).await.unwrap_err(), AuthError::Invalid("token_type"));

    assert_eq!(provider.post("/token/revocation", APP, &[("token", access)]).await.status(), 200);
    assert!(tokens.verify(access).await.is_ok(), "it is remembered for five seconds");
    clock.advance(Duration::from_secs(5));
    assert_eq!(tokens.verify(access).await.unwrap_err(), AuthError::Invalid("token_inactive"));
}

#[actix_web::test]
async fn unknown_token_and_unknown_client() {
    let Some(provider) = provider() else { return };
    let unknown = tokens(provider).verify("no-token-of-this-provider").await.unwrap_err();
    assert_eq!(unknown, AuthError::Invalid("token_inactive"));
    let token = provider.client_token(SERVICE, OPAQUE_RESOURCE, "orders:read").await;
    let posted = builder(provider, OAuthClient::secret_post(SERVICE.0, SERVICE.1)).audience(OPAQUE_RESOURCE).build();
    assert!(posted.unwrap().verify(&token).await.is_ok());
    let refused = AuthError::Unavailable("introspection_refused");
    let wrong = builder(provider, OAuthClient::secret_basic(SERVICE.0, "wrong")).audience(OPAQUE_RESOURCE).build();
    assert_eq!(wrong.unwrap().verify(&token).await.unwrap_err(), refused);
}

#[actix_web::test]
async fn provider_may_be_down_and_comes_back() {
    let Some(provider) = RealProvider::start(&setup()) else { return };
    let token = provider.client_token(SERVICE, OPAQUE_RESOURCE, "orders:read").await;
    let tokens = tokens(&provider);
    provider.go_down();
    assert_eq!(tokens.verify(&token).await.unwrap_err(), AuthError::Unavailable("introspection_unavailable"));
    provider.come_back();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(tokens.verify(&token).await.unwrap().subject(), "client:service");
}
