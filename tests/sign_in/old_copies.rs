//! The provider changes its keys or algorithms, and this process still has copies of the former ones. That ends no renewal: a rejected ID token
//! counts only after the copies were renewed.

use palisade::oauth::{UpstreamError, UpstreamTokens};
use palisade_tests::log::Log;

use super::refreshes::{kept, refreshes, renewing};
use super::*;

fn claims(liar: &Liar) -> Value {
    let now = palisade_tests::tokens::now();
    json!({"iss": liar.origin(), "aud": CLIENT, "sub": "ada", "iat": now, "exp": now + 120})
}

/// Renews every `step` until the outcome is another one than an outage, at most for this long.
async fn outcome(
    sign_in: &SignIn,
    held: &UpstreamTokens,
    clock: &ManualClock,
    step: Duration,
    longest: Duration,
) -> Result<UpstreamTokens, UpstreamError> {
    let mut waited = Duration::ZERO;
    loop {
        let renewed = sign_in.refreshed(held).await;
        if renewed.as_ref().err() != Some(&UpstreamError::Unavailable) || waited >= longest {
            return renewed;
        }
        clock.advance(step);
        waited += step;
        actix_web::rt::time::sleep(Duration::from_millis(50)).await;
    }
}

#[actix_web::test]
async fn new_algorithm_of_the_provider_ends_no_renewal() {
    let (liar, clock) = (liar(), clock());
    let publish = |algorithm: &str| {
        let mut metadata = liar.metadata();
        metadata["id_token_signing_alg_values_supported"] = json!([algorithm]);
        liar.publish(&metadata);
    };
    publish("ES256");
    let sign_in = builder(&liar).clock(&clock).build().unwrap();
    let held = sign_in.open_tokens(&kept(&liar, &sign_in, Some("rt-1")).await).unwrap();
    clock.advance(Duration::from_secs(60));
    let next = Signer::generate(Algorithm::EdDSA);
    publish("EdDSA");
    liar.answer("/jwks", Scripted::json(200, &json!({"keys": [next.jwk("next")]})));
    let token = next.token("next", &claims(&liar));
    renewing(&liar, move |answer| answer["id_token"] = token.clone().into());
    let (log, _guard) = Log::start();
    let renewed = outcome(&sign_in, &held, &clock, Duration::from_secs(5), Duration::from_secs(200)).await;
    assert_eq!(renewed.unwrap().access_token().expose(), "at-2");
    assert_eq!((refreshes(&liar), log.take().len()), (vec!["rt-1".to_owned()], 0));
}

/// A key without a name is replaced while the keys cannot be fetched, for as long as that lasts.
#[actix_web::test]
async fn new_key_without_a_name_ends_no_renewal() {
    let (liar, clock) = (liar(), clock());
    let before = sign_in(&liar);
    let kept = kept(&liar, &before, Some("rt-1")).await;
    let restarted = builder(&liar).clock(&clock).build().unwrap();
    let held = restarted.open_tokens(&kept).unwrap();
    let unnamed = |signer: &Signer| {
        let mut key = signer.jwk("");
        key.as_object_mut().unwrap().remove("kid");
        json!({"keys": [key]})
    };
    let token =
        |signer: &Signer| signer.seal(json!({"alg": "ES256", "typ": "JWT"}).to_string(), claims(&liar).to_string());
    liar.answer("/jwks", Scripted::json(200, &unnamed(key())));
    let first = token(key());
    renewing(&liar, move |answer| answer["id_token"] = first.clone().into());
    let held = restarted.refreshed(&held).await.unwrap();
    clock.advance(Duration::from_secs(10));
    let next = Signer::generate(Algorithm::ES256);
    let second = token(&next);
    renewing(&liar, move |answer| {
        answer["id_token"] = second.clone().into();
        answer["refresh_token"] = "rt-3".into();
        answer["expires_in"] = 3_600.into();
    });
    liar.answer("/jwks", Scripted::text(503, ""));
    let (step, longest) = (Duration::from_secs(31), Duration::from_secs(1_200));
    let waiting = outcome(&restarted, &held, &clock, step, longest).await;
    assert_eq!(waiting.unwrap_err(), UpstreamError::Unavailable);
    liar.answer("/jwks", Scripted::json(200, &unnamed(&next)));
    let renewed = outcome(&restarted, &held, &clock, step, longest).await;
    assert_eq!(renewed.unwrap().access_token().expose(), "at-2");
    assert_eq!(refreshes(&liar), ["rt-1", "rt-2"]);
}

/// The provider withdrew the key before this process saw it, such as one that was stolen. The user must then sign in again.
#[actix_web::test]
async fn key_that_is_never_listed_ends_the_renewal() {
    let (liar, clock) = (liar(), clock());
    let sign_in = builder(&liar).clock(&clock).build().unwrap();
    let held = sign_in.open_tokens(&kept(&liar, &sign_in, Some("rt-1")).await).unwrap();
    clock.advance(Duration::from_secs(60));
    let token = key().token("withdrawn", &claims(&liar));
    renewing(&liar, move |answer| answer["id_token"] = token.clone().into());
    let (log, _guard) = Log::start();
    let begun = clock.wall_time();
    let ended = outcome(&sign_in, &held, &clock, Duration::from_secs(60), Duration::from_secs(3_600)).await;
    assert_eq!(ended.unwrap_err(), UpstreamError::Ended);
    let waited = clock.wall_time().duration_since(begun).unwrap();
    assert!((Duration::from_secs(600)..Duration::from_secs(800)).contains(&waited), "{waited:?}");
    log.assert_one(&["sign_in_rejected", "reason=\"token_kid\""]);
    assert_eq!(refreshes(&liar), ["rt-1"]);
}
