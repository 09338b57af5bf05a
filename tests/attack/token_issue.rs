//! CWE-326, CWE-613, CWE-532, ASVS V9.2.4: a weak key, a token that grants more than intended or never expires, a
//! secret in a log.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::FutureExt as _;
use palisade::Jwt;
use palisade::jwt::{Algorithm, Grant, IssueError, TokenIssuer, VerifyingKey};
use serde_json::{Value, json};

const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "orders-api";
const SECRET: [u8; 32] = *b"0123456789abcdef0123456789ABCDEF";

fn jwt() -> Jwt {
    Jwt::hs256(ISSUER, AUDIENCE, SECRET).expect("the configuration is valid")
}

fn issuer() -> TokenIssuer {
    TokenIssuer::hs256(ISSUER, AUDIENCE, SECRET).expect("the configuration is valid")
}

#[test]
fn short_secret_fails_the_build() {
    for length in [0, 1, 16, 31] {
        let mistake = Jwt::hs256(ISSUER, AUDIENCE, vec![b'Q'; length]).expect_err("a weak key");
        assert!(mistake.to_string().starts_with("jwt secret: "), "{mistake}");
        assert!(!mistake.to_string().contains('Q'), "{mistake}");
    }
    Jwt::hs256(ISSUER, AUDIENCE, [b'Q'; 32]).expect("32 bytes are enough");
}

#[test]
fn empty_issuer_or_audience_fails_the_build() {
    for blank in ["", " ", "\n"] {
        let mistake = Jwt::hs256(blank, AUDIENCE, SECRET).expect_err("an empty issuer is rejected");
        assert!(mistake.to_string().starts_with("jwt issuer: "), "{mistake}");
        let mistake = Jwt::hs256(ISSUER, blank, SECRET).expect_err("an empty audience is rejected");
        assert!(mistake.to_string().starts_with("jwt audience: "), "{mistake}");
    }
}

#[test]
fn leeway_over_a_minute_fails_the_build() {
    let with = |leeway| {
        let key = VerifyingKey::hmac(Algorithm::Hs256, SECRET).expect("the key is valid");
        Jwt::builder().issuer(ISSUER).audience(AUDIENCE).keys(key).leeway(leeway).build()
    };
    with(Duration::from_secs(60)).expect("one minute is the maximum");
    let mistake = with(Duration::from_millis(60_001)).expect_err("too long");
    assert!(mistake.to_string().starts_with("jwt leeway: "), "{mistake}");
}

#[test]
fn issued_token_carries_its_grant() {
    let grant =
        Grant::new("u-1", Duration::from_secs(600)).roles(["admin", "user"]).scopes(["orders:read", "orders:write"]);
    let token = issuer().issue(&grant).expect("a token");

    let principal = jwt().verify(&token).now_or_never().expect("the verifier needs no network").expect("our own token");
    assert_eq!(principal.subject(), "u-1");
    assert_eq!(principal.issuer(), ISSUER);
    assert_eq!(principal.scheme(), "Bearer");
    assert_eq!(principal.roles(), ["admin", "user"]);
    assert_eq!(principal.scopes(), ["orders:read", "orders:write"]);

    let parts: Vec<&str> = token.split('.').collect();
    let read = |part: &str| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
    };
    assert_eq!(read(parts[0]), json!({"alg": "HS256", "typ": "at+jwt"}));
    let claims = read(parts[1]);
    assert_eq!(claims["aud"], AUDIENCE);
    assert_eq!(claims["scope"], "orders:read orders:write");
    assert_eq!(claims["exp"].as_f64(), claims["iat"].as_f64().map(|iat| iat.floor() + 600.0));
    assert_eq!(URL_SAFE_NO_PAD.decode(claims["jti"].as_str().expect("text")).expect("base64url").len(), 16);
    assert_ne!(token, issuer().issue(&grant).expect("another token"), "jti differs");
}

#[test]
fn tokens_that_verify_rejects_are_not_issued() {
    let minute = Duration::from_secs(60);
    for (grant, mistake) in [
        (Grant::new("", minute), IssueError::Subject),
        (Grant::new("a\nb", minute), IssueError::Subject),
        (Grant::new("u".repeat(256), minute), IssueError::Subject),
        (Grant::new("u", minute).roles(["a", ""]), IssueError::Role),
        (Grant::new("u", minute).scopes(["read write"]), IssueError::Scope),
        (Grant::new("u", minute).scopes([""]), IssueError::Scope),
        (Grant::new("u", Duration::ZERO), IssueError::Lifetime),
        (Grant::new("u", Duration::from_millis(999)), IssueError::Lifetime),
        (Grant::new("u", Duration::MAX), IssueError::Lifetime),
        (Grant::new("u", Duration::from_secs(253_402_300_799)), IssueError::Lifetime),
        (Grant::new("u", minute).roles((0..1000).map(|n| format!("role-{n}"))), IssueError::TooLong),
    ] {
        assert_eq!(issuer().issue(&grant), Err(mistake), "{grant:?}");
    }
}

#[test]
fn debug_shows_no_secret() {
    let shown = format!("{:?}", Jwt::hs256(ISSUER, AUDIENCE, [b'Q'; 40]).expect("the configuration is valid"));
    assert!(shown.contains(ISSUER) && !shown.contains("QQQQ") && !shown.contains("81, 81"), "{shown}");
}
