//! How the application proves to the provider who it is.

use jsonwebtoken::Validation;
use palisade::jwt::SigningKey;
use palisade::oauth::ClientCredentials;

use super::refreshes::kept;
use super::*;

/// What the token endpoint was asked by this client.
async fn asked_by(client: OAuthClient) -> (Liar, palisade_tests::liar::Asked) {
    let liar = liar();
    liar.answer(
        "/token",
        Scripted::json(200, &json!({"access_token": "at-1", "token_type": "bearer", "expires_in": 300})),
    );
    let source = ClientCredentials::builder(&provider(&liar), client).build().unwrap();
    assert_eq!(source.token().await.unwrap().expose(), "at-1");
    let asked = liar.asked("/token").remove(0);
    (liar, asked)
}

#[actix_web::test]
async fn secrets_are_sent_in_one_place() {
    // A public client has no credentials, but it has sign-ins.
    let liar = liar();
    let public = SignIn::builder(&provider(&liar), OAuthClient::public(CLIENT), CALLBACK, KEY).build().unwrap();
    kept(&liar, &public, None).await;
    let asked = liar.asked("/token").remove(0);
    assert_eq!(asked.field("grant_type"), "authorization_code");
    assert_eq!(
        (asked.header("authorization"), &*asked.field("client_id"), &*asked.field("client_secret")),
        ("", CLIENT, "")
    );
    let (_, asked) = asked_by(OAuthClient::secret_post(CLIENT, SECRET)).await;
    assert_eq!(
        (asked.header("authorization"), &*asked.field("client_id"), &*asked.field("client_secret")),
        ("", CLIENT, SECRET)
    );
    let (_, asked) = asked_by(OAuthClient::secret_basic(CLIENT, SECRET)).await;
    assert!(asked.header("authorization").starts_with("Basic ") && !asked.body.contains("secret"));
}

/// RFC 7523 §3.
#[actix_web::test]
async fn assertion_names_its_receiver_and_lives_a_minute() {
    let pem = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let signing = SigningKey::pem(palisade::jwt::Algorithm::Es256, pem.serialize_pem()).unwrap().with_id("2026");
    let public = jsonwebtoken::DecodingKey::from_ec_pem(pem.public_key_pem().as_bytes()).unwrap();
    let mut ids = Vec::new();
    for for_endpoint in [false, true, false] {
        let client = if for_endpoint {
            OAuthClient::private_key_jwt_for_token_endpoint(CLIENT, signing.clone())
        } else {
            OAuthClient::private_key_jwt(CLIENT, signing.clone())
        };
        let (liar, asked) = asked_by(client).await;
        assert_eq!(asked.field("client_assertion_type"), "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
        assert_eq!((asked.header("authorization"), &*asked.field("client_id")), ("", CLIENT));
        let mut expected = Validation::new(Algorithm::ES256);
        let audience = if for_endpoint { liar.url("/token") } else { liar.origin().to_owned() };
        expected.set_audience(&[&audience]);
        expected.set_issuer(&[CLIENT]);
        let assertion = jsonwebtoken::decode::<Value>(&asked.field("client_assertion"), &public, &expected).unwrap();
        assert_eq!((assertion.header.kid.as_deref(), assertion.header.typ.as_deref()), (Some("2026"), Some("JWT")));
        let claims = assertion.claims;
        assert_eq!(claims["sub"], CLIENT);
        assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 60);
        ids.push(claims["jti"].as_str().unwrap().to_owned());
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3);
}
