//! Tokens without `aud` or without `iat`: what may replace the claims, and what may not (RFC 7519 §4.1.3, §4.1.6, RFC
//! 8725 §3.9).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::FutureExt as _;
use palisade::Jwt;
use palisade::authn::AuthError;
use palisade::jwt::VerifyingKey;
use palisade::revocation::{MemoryRevocations, RevocationStore};
use palisade_tests::tokens::{now, valid_claims, with, without};
use palisade_tests::{AUDIENCE, ISSUER, SECRET};
use serde_json::{Value, json};

use super::{jwt_builder, token, verdict, verify, with_member, without_member};

const CLIENT: &str = "4fk2client";

/// The claims of an access token that names the client that requested it, and has no audience.
fn claims_with_client(client: impl Into<Value>) -> Value {
    with_member(without("aud"), "client_id", client)
}

fn jwt_with_client_audience(audiences: &[&str]) -> Jwt {
    let key = VerifyingKey::hmac(palisade::jwt::Algorithm::Hs256, SECRET).unwrap();
    let (first, more_audiences) = audiences.split_first().unwrap();
    let builder = Jwt::builder().issuer(ISSUER).keys(key).audience(*first).danger_audience_at("client_id");
    more_audiences.iter().fold(builder, |builder, audience| builder.audience(*audience)).build().unwrap()
}

#[test]
fn audience_can_come_from_another_claim() {
    let jwt = jwt_with_client_audience(&[CLIENT]);
    assert_eq!(verdict(&jwt, &token(&claims_with_client(CLIENT))), Ok(()));
    assert_eq!(verdict(&jwt, &token(&claims_with_client(json!(["other", CLIENT])))), Ok(()));
    for (client, reason) in [
        (json!("other"), "token_foreign_audience"),
        (json!(""), "token_foreign_audience"),
        (json!([]), "token_foreign_audience"),
        (json!(format!("{CLIENT} ")), "token_foreign_audience"),
        (json!(null), "token_aud"),
        (json!(7), "token_aud"),
        (json!({CLIENT: {}}), "token_aud"),
        (json!([CLIENT, 7]), "token_aud"),
    ] {
        assert_eq!(
            verdict(&jwt, &token(&claims_with_client(client.clone()))),
            Err(AuthError::Invalid(reason)),
            "{client}"
        );
    }
    assert_eq!(verdict(&jwt, &token(&without("aud"))), Err(AuthError::Invalid("token_aud")));
    // Another claim is used only if it is configured.
    let without_client_audience = jwt_builder().audience(CLIENT).build().unwrap();
    assert_eq!(
        verdict(&without_client_audience, &token(&claims_with_client(CLIENT))),
        Err(AuthError::Invalid("token_aud"))
    );
}

/// RFC 7519 §4.1.3: a token whose `aud` does not name this API is rejected, whatever else it contains.
#[test]
fn other_audience_claim_does_not_override_aud() {
    let jwt = jwt_with_client_audience(&[CLIENT, AUDIENCE]);
    let token_with_aud = |aud: Value| token(&with_member(claims_with_client(CLIENT), "aud", aud));
    assert_eq!(verdict(&jwt, &token_with_aud(json!(AUDIENCE))), Ok(()));
    assert_eq!(verdict(&jwt, &token_with_aud(json!(["other", CLIENT]))), Ok(()));
    assert_eq!(verdict(&jwt, &token_with_aud(json!("other"))), Err(AuthError::Invalid("token_foreign_audience")));
    assert_eq!(verdict(&jwt, &token_with_aud(json!([]))), Err(AuthError::Invalid("token_foreign_audience")));
    assert_eq!(verdict(&jwt, &token_with_aud(json!(null))), Err(AuthError::Invalid("token_aud")));
    // An ID token has the client as its `aud`, and no `client_id`.
    assert_eq!(verdict(&jwt, &token(&with("aud", json!(CLIENT)))), Err(AuthError::Invalid("token_aud")));
    let other = token(&with_member(with("aud", json!(AUDIENCE)), "client_id", "other"));
    assert_eq!(verdict(&jwt, &other), Err(AuthError::Invalid("token_foreign_audience")));
}

#[test]
fn audience_claim_path_can_be_nested() {
    let nested = with_member(without("aud"), "azp", json!({"id": AUDIENCE}));
    assert_eq!(verdict(&jwt_builder().danger_audience_at("azp.id").build().unwrap(), &token(&nested)), Ok(()));
    let mistake = jwt_builder().danger_audience_at("azp.").build().unwrap_err().to_string();
    assert!(mistake.starts_with("jwt claim path: "), "{mistake}");
}

#[test]
fn token_without_iat_is_accepted_without_revocations() {
    let jwt = jwt_builder().build().unwrap();
    let claims_without_iat = without("iat");
    for _ in 0..2 {
        let principal = verify(&jwt, &token(&claims_without_iat)).unwrap();
        assert_eq!(principal.token().unwrap().issued(), UNIX_EPOCH, "the token counts as the oldest possible");
    }
    // Its other dates are still checked, and so is an `iat` that is present.
    for (claims, reason) in [
        (with_member(claims_without_iat.clone(), "exp", now() - 31), "token_expired"),
        (with_member(claims_without_iat.clone(), "nbf", now() + 60), "token_not_yet_valid"),
        (without_member(claims_without_iat.clone(), "exp"), "token_exp"),
        (with("iat", json!(now() + 60)), "token_issued_in_future"),
        (with("iat", json!("1")), "token_iat"),
    ] {
        assert_eq!(verdict(&jwt, &token(&claims)), Err(AuthError::Invalid(reason)), "{claims}");
    }
}

#[test]
fn token_without_iat_is_rejected_with_revocations() {
    let store = std::sync::Arc::new(MemoryRevocations::new());
    let jwt = jwt_builder().revocations(std::sync::Arc::clone(&store)).build().unwrap();
    assert_eq!(verdict(&jwt, &token(&without("iat"))), Err(AuthError::Invalid("token_iat")));
    let dated = token(&with("iat", json!(now() - 60)));
    assert_eq!(verdict(&jwt, &dated), Ok(()));
    // The reason: `revoke_before` revokes all tokens of a subject that were issued before a time.
    let moment = SystemTime::now() - Duration::from_secs(30);
    store.revoke_before(ISSUER, "u-1", moment).now_or_never().unwrap().unwrap();
    assert_eq!(verdict(&jwt, &dated), Err(AuthError::Invalid("token_revoked")));
    assert_eq!(verdict(&jwt, &token(&valid_claims())), Ok(()));
}
