//! CWE-598, CWE-436, RFC 6750: a token that is accepted from a place where it leaks, or a credential that two parsers
//! read differently.

use std::time::Duration;

use actix_web::http::header::AUTHORIZATION;
use actix_web::test::TestRequest;
use palisade::authn::{Attempt, AuthError, ChallengeCause, ChallengeContext, Challenges};
use palisade::jwt::{Grant, TokenIssuer};
use palisade::{Authenticator, Jwt};

fn jwt() -> Jwt {
    Jwt::hs256("https://issuer.example", "orders-api", [7; 32]).expect("the configuration is valid")
}

fn challenge(context: &ChallengeContext<'_>) -> String {
    let mut challenges = Challenges::new();
    jwt().challenge(context, &mut challenges);
    challenges.iter().map(ToString::to_string).collect::<Vec<_>>().join(" + ")
}

fn token() -> String {
    let issuer =
        TokenIssuer::hs256("https://issuer.example", "orders-api", [7; 32]).expect("the configuration is valid");
    issuer.issue(&Grant::new("u-1", Duration::from_secs(600))).expect("a token")
}

fn attempt(values: &[&str]) -> &'static str {
    let mut request = TestRequest::default();
    for value in values {
        request = request.append_header((AUTHORIZATION, *value));
    }
    match jwt().authenticate(&request.to_http_request()) {
        Attempt::Absent => "absent",
        Attempt::Done(Ok(_)) => "accepted",
        Attempt::Done(Err(AuthError::Invalid(reason))) => reason,
        Attempt::Done(Err(_)) => "unavailable",
        Attempt::Pending(_) => "pending",
    }
}

#[test]
fn credentials_come_from_one_authorization_header() {
    let token = token();
    for (value, expected) in [
        (format!("Bearer {token}"), "accepted"),
        (format!("bearer {token}"), "accepted"),
        (format!("BEARER   {token}"), "accepted"),
        ("Bearer".into(), "bearer_malformed"),
        ("Bearer ".into(), "bearer_malformed"),
        (format!("Bearer\t{token}"), "bearer_malformed"),
        (format!("Bearer \t{token}"), "bearer_malformed"),
        (format!("Bearer={token}"), "bearer_malformed"),
        (format!("Bearer/{token}"), "bearer_malformed"),
        (format!("Bearer {token}, Bearer {token}"), "bearer_malformed"),
        (format!("Bearer {token} x"), "bearer_malformed"),
        (format!("Bearer \"{token}\""), "bearer_malformed"),
        ("Bearer =".into(), "bearer_malformed"),
        ("Bearer a=b".into(), "bearer_malformed"),
        ("Bearer é".into(), "bearer_malformed"),
        (format!("Bearer {token}=="), "token_signature"),
        ("Bearer abc".into(), "token_malformed"),
        (format!("BearerX {token}"), "absent"),
        (format!("Bearer-x {token}"), "absent"),
        ("Basic dTpw".into(), "absent"),
        (token.clone(), "absent"),
        (String::new(), "absent"),
    ] {
        assert_eq!(attempt(&[&value]), expected, "{value}");
    }
    assert_eq!(attempt(&[]), "absent");
    assert_eq!(attempt(&[&format!("Bearer {token}"), "Basic dTpw"]), "authorization_repeated");
    assert_eq!(attempt(&["Basic dTpw", &format!("Bearer {token}")]), "authorization_repeated");
}

#[test]
fn tokens_outside_the_header_are_ignored() {
    let token = token();
    let request = TestRequest::post()
        .uri(&format!("/?access_token={token}"))
        .insert_header(("cookie", format!("access_token={token}")))
        .insert_header(("x-authorization", format!("Bearer {token}")))
        .set_payload(format!("access_token={token}"))
        .to_http_request();
    assert!(matches!(jwt().authenticate(&request), Attempt::Absent));
}

#[test]
fn challenge_follows_rfc_6750() {
    let context = |cause| ChallengeContext::new("api", cause);
    let none = context(ChallengeCause::NoCredentials);
    assert_eq!(challenge(&none), r#"Bearer realm="api""#);
    assert_eq!(challenge(&context(ChallengeCause::Rejected)), r#"Bearer realm="api", error="invalid_token""#);
    let odd = ChallengeContext::new("a\"b\\c\r\nd", ChallengeCause::NoCredentials);
    assert_eq!(challenge(&odd), r#"Bearer realm="a\"b\\cd""#);
    let scopes = context(ChallengeCause::InsufficientScope).with_scopes(&["a", "b"]);
    assert_eq!(challenge(&scopes), r#"Bearer realm="api", error="insufficient_scope", scope="a b""#);
}

/// RFC 9470 §3, RFC 9728 §5.1, RFC 9449 §7.1.
#[test]
fn challenge_names_what_the_route_asks_for() {
    let context = |cause| ChallengeContext::new("api", cause);
    let insufficient =
        |acr_values, max_age| challenge(&context(ChallengeCause::InsufficientAuthentication { acr_values, max_age }));
    let start = r#"Bearer realm="api", error="insufficient_user_authentication""#;
    let five = Some(Duration::from_secs(300));
    assert_eq!(insufficient(&["phr", "phrh"], five), format!(r#"{start}, acr_values="phr phrh", max_age="300""#));
    assert_eq!(insufficient(&[], five), format!(r#"{start}, max_age="300""#));
    assert_eq!(insufficient(&["phr"], None), format!(r#"{start}, acr_values="phr""#));
    let url = "https://api.example/.well-known/oauth-protected-resource";
    let none = context(ChallengeCause::NoCredentials).with_resource_metadata(url).with_scopes(&["a"]);
    assert_eq!(challenge(&none), format!(r#"Bearer realm="api", scope="a", resource_metadata="{url}""#));
    assert_eq!(challenge(&context(ChallengeCause::ProofRequired)), r#"Bearer realm="api", error="invalid_token""#);
    // The error of a proof is in the challenge of its own scheme.
    for cause in [ChallengeCause::ProofRejected, ChallengeCause::NonceRequired] {
        assert_eq!(challenge(&context(cause)), r#"Bearer realm="api""#);
    }
}
