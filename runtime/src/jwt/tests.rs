//! Tests of the exact times at which tokens are valid, and of properties of all tokens.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;

use super::judgement::{VerificationFailure, choose_key};
use super::verifier_cache::VerifierCache;
use super::{Algorithm, AuthError, Grant, Jwt, KeySet, SigningKey, TokenIssuer, TokenType, VerifyingKey, header};
use crate::principal::Principal;

const NOW: u64 = 1_800_000_000;
const NANOSECOND: Duration = Duration::from_nanos(1);

fn jwt() -> Jwt {
    Jwt::hs256("https://issuer.example", "orders-api", [7; 32]).unwrap()
}

fn lenient(leeway: Duration) -> Jwt {
    let key = VerifyingKey::hmac(Algorithm::Hs256, [7; 32]).unwrap();
    Jwt::builder().issuer("https://issuer.example").audience("orders-api").keys(key).leeway(leeway).build().unwrap()
}

fn issuer() -> TokenIssuer {
    TokenIssuer::hs256("https://issuer.example", "orders-api", [7; 32]).unwrap()
}

impl Jwt {
    /// Verifies at this time since 1970, without the cache.
    fn verify_at(&self, token: &str, now: Duration) -> Result<Principal, AuthError> {
        let keys = self.0.sources[0].current(&self.0.clock).expect("the keys are available");
        self.verify_with(&keys, 0, token, now).map_err(AuthError::from)
    }
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn token() -> String {
    let grant = Grant::new("u-1", at(600)).roles(["user"]).scopes(["orders:read"]);
    issuer().issue_at(&grant, at(NOW)).unwrap()
}

fn forge(claims: &str) -> String {
    let mut token = format!("{}.{}", header::encoded(Algorithm::Hs256, None), URL_SAFE_NO_PAD.encode(claims));
    let signature = SigningKey::hmac(Algorithm::Hs256, [7; 32]).unwrap().signer().unwrap().sign(token.as_bytes());
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    token
}

fn token_with_dates(dates: &str) -> String {
    forge(&format!(r#"{{"iss":"https://issuer.example","aud":"orders-api","sub":"u-1",{dates}}}"#))
}

#[track_caller]
fn assert_verdict(jwt: &Jwt, token: &str, now: Duration, expected: Result<(), &'static str>) {
    assert_eq!(jwt.verify_at(token, now).map(drop), expected.map_err(AuthError::Invalid), "{token} at {now:?}");
}

#[test]
fn token_is_valid_until_expiry_plus_leeway() {
    let exp = NOW + 600;
    for (leeway, jwt) in [(30, jwt()), (0, lenient(Duration::ZERO)), (60, lenient(at(60)))] {
        let edge = at(exp + leeway);
        assert_verdict(&jwt, &token(), edge - NANOSECOND, Ok(()));
        assert_verdict(&jwt, &token(), edge, Err("token_expired"));
        assert_verdict(&jwt, &token(), edge + at(1), Err("token_expired"));
    }
}

#[test]
fn fractional_expiry_is_exact() {
    let token = token_with_dates(&format!(r#""iat":{NOW},"exp":{NOW}.5"#));
    let edge = at(NOW + 30) + Duration::from_millis(500);
    assert_verdict(&jwt(), &token, edge - NANOSECOND, Ok(()));
    assert_verdict(&jwt(), &token, edge, Err("token_expired"));
}

#[test]
fn token_is_valid_from_nbf_minus_leeway() {
    let token = token_with_dates(&format!(r#""iat":{NOW},"exp":{},"nbf":{}"#, NOW + 600, NOW + 100));
    assert_verdict(&jwt(), &token, at(NOW + 70) - NANOSECOND, Err("token_not_yet_valid"));
    assert_verdict(&jwt(), &token, at(NOW + 70), Ok(()));
}

#[test]
fn token_is_valid_from_iat_minus_leeway() {
    assert_verdict(&jwt(), &token(), at(NOW - 30) - NANOSECOND, Err("token_issued_in_future"));
    assert_verdict(&jwt(), &token(), at(NOW - 30), Ok(()));
}

#[test]
fn dates_after_the_year_9999_are_rejected() {
    assert_verdict(&jwt(), &token_with_dates(&format!(r#""iat":{NOW},"exp":253402300799"#)), at(NOW), Ok(()));
    assert_verdict(&jwt(), &token_with_dates(&format!(r#""iat":{NOW},"exp":253402300800"#)), at(NOW), Err("token_exp"));
    assert_verdict(&jwt(), &token_with_dates(&format!(r#""iat":{NOW},"exp":1e300"#)), at(NOW), Err("token_exp"));
}

#[test]
fn extreme_times_do_not_overflow() {
    for now in [Duration::ZERO, Duration::MAX] {
        assert!(jwt().verify_at(&token(), now).is_err());
    }
    assert!(issuer().issue_at(&Grant::new("u-1", at(1)), Duration::MAX).is_err());
}

#[test]
fn issued_header_is_accepted_when_parsed() {
    let usual = header::encoded(Algorithm::Hs256, None);
    let decoded = String::from_utf8(URL_SAFE_NO_PAD.decode(&usual).unwrap()).unwrap();
    assert_eq!(decoded, r#"{"alg":"HS256","typ":"at+jwt"}"#);
    let keys = KeySet::from(VerifyingKey::hmac(Algorithm::Hs256, [7; 32]).unwrap());
    // One additional space, so that the header is not recognized by its text.
    for header in [usual, URL_SAFE_NO_PAD.encode(decoded.replace(',', ", "))] {
        let chosen = VerifierCache::borrow(|verifiers| choose_key(&keys, &header, TokenType::AccessToken, verifiers));
        assert!(chosen.is_ok_and(|(_, algorithm)| algorithm == Algorithm::Hs256), "{header}");
    }
    let other = KeySet::from(VerifyingKey::hmac(Algorithm::Hs512, [7; 64]).unwrap());
    let header = header::encoded(Algorithm::Hs256, None);
    let rejected = VerifierCache::borrow(|verifiers| choose_key(&other, &header, TokenType::Jwt, verifiers));
    assert!(matches!(
        rejected,
        Err(VerificationFailure::NotTheKey { error: AuthError::Invalid("token_alg"), named: false })
    ));
}

#[test]
fn thread_prepares_keys_once_and_forgets_dropped_ones() {
    let prepared = || VerifierCache::borrow(|verifiers| verifiers.prepared());
    let (first, token) = (jwt(), token());
    for _ in 0..3 {
        assert_verdict(&first, &token, at(NOW), Ok(()));
    }
    assert_eq!(prepared(), 1);
    let second = jwt();
    assert_verdict(&second.clone(), &token, at(NOW), Ok(()));
    assert_verdict(&second, &token, at(NOW), Ok(()));
    assert_eq!(prepared(), 2);
    drop((first, second));
    assert_verdict(&jwt(), &token, at(NOW), Ok(()));
    assert_eq!(prepared(), 1);
}

#[test]
fn thread_cache_never_confuses_keys() {
    // A dropped key frees its address, and there are more keys than a thread caches.
    for round in 0..3_u8 {
        let all: Vec<Jwt> =
            (0..40_u8).map(|n| Jwt::hs256("https://issuer.example", "orders-api", [n + round; 32]).unwrap()).collect();
        let issuers =
            (0..40_u8).map(|n| TokenIssuer::hs256("https://issuer.example", "orders-api", [n + round; 32]).unwrap());
        let tokens: Vec<String> =
            issuers.map(|issuer| issuer.issue_at(&Grant::new("u-1", at(600)), at(NOW)).unwrap()).collect();
        for (own, jwt) in all.iter().enumerate() {
            for (of, token) in tokens.iter().enumerate() {
                let expected = if own == of { Ok(()) } else { Err("token_signature") };
                assert_verdict(jwt, token, at(NOW), expected);
            }
        }
    }
}

#[test]
fn token_verifies_on_every_thread() {
    let (jwt, token) = (jwt(), token());
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| (0..100).for_each(|_| assert_verdict(&jwt, &token, at(NOW), Ok(()))));
        }
    });
}

#[test]
fn every_flipped_bit_is_rejected() {
    let (jwt, token) = (jwt(), token());
    assert_verdict(&jwt, &token, at(NOW), Ok(()));
    for position in 0..token.len() {
        for bit in 0..8 {
            let mut bytes = token.clone().into_bytes();
            bytes[position] ^= 1 << bit;
            if let Ok(flipped) = String::from_utf8(bytes) {
                assert!(jwt.verify_at(&flipped, at(NOW)).is_err(), "byte {position}, bit {bit}: {flipped}");
            }
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(token in any::<String>()) {
        prop_assert!(jwt().verify_at(&token, at(NOW)).is_err());
    }

    #[test]
    fn token_like_text_never_panics(token in "[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,60}") {
        prop_assert!(jwt().verify_at(&token, at(NOW)).is_err());
    }

    #[test]
    fn arbitrary_signed_claims_never_panic(claims in any::<Vec<u8>>()) {
        let claims = String::from_utf8_lossy(&claims);
        prop_assert!(jwt().verify_at(&forge(&claims), at(NOW)).is_err());
    }

    #[test]
    fn arbitrary_signed_json_never_panics(
        names in prop::collection::vec("iss|aud|sub|exp|iat|nbf|roles|scope|jti|x", 0..12),
        values in prop::collection::vec("null|true|0|1800000000|-1|1e400|1\\.5|\"\"|\"u\"|\"orders-api\"|\"https://issuer\\.example\"|\\[\\]|\\[\"a\"\\]|\\{\\}|\\{\"a\":\\{\\}\\}|\\[", 12),
    ) {
        let members: Vec<String> = names.iter().zip(&values).map(|(name, value)| format!("\"{name}\":{value}")).collect();
        let token = forge(&format!("{{{}}}", members.join(",")));
        let mut distinct = names.clone();
        distinct.sort();
        distinct.dedup();
        let verdict = jwt().verify_at(&token, at(NOW));
        if distinct.len() < names.len() || names.len() < 5 {
            prop_assert!(verdict.is_err());
        }
    }

    #[test]
    fn verified_token_equals_its_grant(
        subject in "[^\\p{Cc}]{1,40}",
        roles in prop::collection::vec("[^\\p{Cc}]{1,12}", 0..5),
        scopes in prop::collection::vec("[!#-\\[\\]-~]{1,12}", 0..5),
        lifetime in 1..=86_400_u64,
    ) {
        let grant = Grant::new(subject.clone(), at(lifetime)).roles(roles.clone()).scopes(scopes.clone());
        let token = issuer().issue_at(&grant, at(NOW)).unwrap();
        let principal = jwt().verify_at(&token, at(NOW)).unwrap();
        prop_assert_eq!(principal.subject(), subject);
        prop_assert_eq!(principal.roles(), roles);
        prop_assert_eq!(principal.scopes(), scopes);
    }
}
