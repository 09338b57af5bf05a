//! Genuine signatures over claims that are missing, of a wrong type, repeated, for another recipient or for another
//! time (ASVS V9.2, RFC 8725 §2.4, §3.8, §3.9).

use std::time::{Duration, SystemTime};

use palisade::Jwt;
use palisade::testing::ManualClock;
use palisade_tests::site::Site;
use palisade_tests::tokens::{encode, now, valid_claims, with, without};
use palisade_tests::{AUDIENCE, ISSUER};
use serde_json::{Value, json};

use super::{Case, EC, Keys, assert_cases, behind, case};

/// The maximum length of a token.
const LIMIT: usize = 8192;

fn header() -> String {
    format!(r#"{{"alg":"ES256","typ":"JWT","kid":"{EC}"}}"#)
}

/// Each registered claim (RFC 7519 §4.1) and each claim of palisade, with each JSON type that is wrong for it.
pub(super) fn typed(keys: &Keys) -> Vec<Case> {
    let mut cases = Vec::new();
    let not_strings = [json!(null), json!(true), json!(7), json!({}), json!([7]), json!({"0": "x"}), json!([["x"]])];
    let not_dates =
        [json!(null), json!(true), json!("1900000000"), json!({}), json!([1_900_000_000]), json!(-1), json!(1e300)];
    for (claim, reason, values) in [
        ("iss", "token_iss", &not_strings),
        ("aud", "token_aud", &not_strings),
        ("sub", "token_sub", &not_strings),
        ("jti", "token_jti", &not_strings),
        ("sid", "token_sid", &not_strings),
        ("exp", "token_exp", &not_dates),
        ("iat", "token_iat", &not_dates),
        ("nbf", "token_nbf", &not_dates),
    ] {
        for value in values {
            let token = keys.ec.token(EC, &with(claim, value.clone()));
            let absent = value.is_null() && matches!(claim, "jti" | "sid");
            cases.push(case(format!("{claim} is {value}"), token, if absent { Ok(()) } else { Err(reason) }));
        }
    }
    // These authority claims are not configured, so a malformed one grants nothing and does not reject the token.
    for claim in ["scope", "roles", "permissions", "tenant"] {
        for value in &not_strings {
            let token = keys.ec.token(EC, &with(claim, value.clone()));
            cases.push(case(format!("{claim} is {value}"), token, Ok(())));
        }
    }
    let token_with = |claim: &str, of: Value| keys.ec.token(EC, &with(claim, of));
    cases.push(case("iss is an array", token_with("iss", json!([ISSUER])), Err("token_iss")));
    cases.push(case("sub is an array", token_with("sub", json!(["u-1"])), Err("token_sub")));
    cases.push(case("roles is a string", token_with("roles", json!("admin")), Ok(())));
    cases.push(case("no iat", keys.ec.token(EC, &without("iat")), Ok(())));
    cases.push(case("aud is an array with a number", token_with("aud", json!([AUDIENCE, 7])), Err("token_aud")));
    for (claim, reason) in [("iss", "token_iss"), ("aud", "token_aud"), ("sub", "token_sub"), ("exp", "token_exp")] {
        cases.push(case(format!("no {claim}"), keys.ec.token(EC, &without(claim)), Err(reason)));
    }
    cases
}

/// RFC 7519 §4 allows a parser to use the last of two equal names; a parser that uses the first reads another token.
pub(super) fn repeated(keys: &Keys) -> Vec<Case> {
    let spliced = |members: &str| {
        let claims = valid_claims().to_string().replacen('{', &format!("{{{members},"), 1);
        keys.ec.seal(header(), claims)
    };
    [
        ("iss", r#""iss":"https://evil.example""#),
        ("iss by an escape", r#""\u0069ss":"https://evil.example""#),
        ("iss by escapes alone", r#""\u0069\u0073\u0073":"https://issuer.example""#),
        ("aud", r#""aud":"other""#),
        ("sub", r#""sub":"admin""#),
        ("sub by an escape", r#""su\u0062":"admin""#),
        ("exp", r#""exp":9999999999"#),
        ("exp by an escape", r#""e\u0078p":9999999999"#),
        ("iat", r#""iat":0"#),
        ("a claim that nothing reads", r#""x":1,"x":1"#),
        ("a claim that nothing reads, by an escape", r#""x":1,"\u0078":2"#),
        ("a member far down", r#""x":[{"y":{"z":1,"z":2}}]"#),
    ]
    .into_iter()
    .map(|(name, members)| case(format!("claims repeat {name}"), spliced(members), Err("token_duplicate_member")))
    .collect()
}

pub(super) fn shaped(keys: &Keys) -> Vec<Case> {
    let sealed = |claims: &[u8]| keys.ec.seal(header(), claims);
    let text = valid_claims().to_string();
    let signed_with = |claim: &str, value: Value| keys.ec.token(EC, &with(claim, value));
    let mut cases = vec![
        case("claims not JSON", sealed(b"sub=u-1"), Err("token_claims")),
        case("claims without their last byte", sealed(&text.as_bytes()[..text.len() - 1]), Err("token_claims")),
        case("claims twice", sealed(format!("{text}{text}").as_bytes()), Err("token_claims")),
        case("claims with a byte order mark", sealed(format!("\u{feff}{text}").as_bytes()), Err("token_claims")),
        case(
            "claims in UTF-16",
            sealed(&text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>()),
            Err("token_claims"),
        ),
        case("claims with a broken letter", sealed(&broken(&text)), Err("token_claims")),
        case("claims with a NUL behind", sealed(format!("{text}\0").as_bytes()), Err("token_claims")),
        case("claims are an array", sealed(format!("[{text}]").as_bytes()), Err("token_claims")),
        case("claims a number", sealed(b"1"), Err("token_claims")),
        case("claims empty", sealed(b""), Err("token_claims")),
        case("claims an empty object", sealed(b"{}"), Err("token_iss")),
        case("claims nested deep", sealed(deep(&text).as_bytes()), Err("token_claims")),
        case("claims with space around", sealed(format!(" \n{text}\t ").as_bytes()), Ok(())),
        case("iss of a stranger", signed_with("iss", json!("https://evil.example")), Err("token_foreign_issuer")),
        case("iss with a slash", signed_with("iss", json!("https://issuer.example/")), Err("token_foreign_issuer")),
        case("iss with a space", signed_with("iss", json!("https://issuer.example ")), Err("token_foreign_issuer")),
        case("iss in capitals", signed_with("iss", json!("HTTPS://ISSUER.EXAMPLE")), Err("token_foreign_issuer")),
        case("aud of another API", signed_with("aud", json!("other")), Err("token_foreign_audience")),
        case("aud of others", signed_with("aud", json!(["other", "tests2", "test"])), Err("token_foreign_audience")),
        case("aud of nobody", signed_with("aud", json!([])), Err("token_foreign_audience")),
        case("aud of several", signed_with("aud", json!(["other", AUDIENCE])), Ok(())),
        case("sub empty", signed_with("sub", json!("")), Err("token_sub")),
        case("sub with a line break", signed_with("sub", json!("u-1\r\nset-cookie: x")), Err("token_sub")),
        case("exp long ago", signed_with("exp", json!(0)), Err("token_expired")),
        case("exp in milliseconds", signed_with("exp", json!(now() * 1000)), Err("token_exp")),
        case("iat in the future", signed_with("iat", json!(now() + 3600)), Err("token_issued_in_future")),
        case("nbf in the future", signed_with("nbf", json!(now() + 3600)), Err("token_not_yet_valid")),
    ];
    cases.push(case("as long as is looked at", of_length(keys, LIMIT), Ok(())));
    cases.push(case("one byte longer", of_length(keys, LIMIT + 1), Err("token_too_long")));
    cases
}

/// Inserts a byte that is invalid in UTF-8 into an ignored member.
fn broken(text: &str) -> Vec<u8> {
    [&text.as_bytes()[..text.len() - 1], b",\"x\":\"\xff\"}"].concat()
}

fn deep(text: &str) -> String {
    text.replacen('{', &format!("{{\"x\":{}{},", "[".repeat(1000), "]".repeat(1000)), 1)
}

/// A valid token of exactly this length.
fn of_length(keys: &Keys, length: usize) -> String {
    const SIGNATURE: usize = 86;
    for space in 0..4 {
        let header = format!("{}{}", header(), " ".repeat(space));
        let claims = with("x", json!("")).to_string();
        let rest = length - 2 - SIGNATURE - encode(&header).len();
        // No base64 text has a length of 4k + 1.
        let padding = (rest * 3 / 4).saturating_sub(claims.len());
        let claims = with("x", json!("x".repeat(padding))).to_string();
        let token = keys.ec.seal(&header, &claims);
        if token.len() == length {
            return token;
        }
    }
    panic!("no token has {length} bytes");
}

#[actix_web::test]
async fn claims_must_be_unique_and_of_their_type() {
    let keys = Keys::new();
    let site = Site::start(behind(keys.jwt()), "127.0.3.1");
    assert_cases(&site, &typed(&keys)).await;
    assert_cases(&site, &repeated(&keys)).await;
    assert_cases(&site, &shaped(&keys)).await;
    site.stop().await;
}

/// The leeway is 30 seconds, exact to the second on both sides of each date.
#[actix_web::test]
async fn dates_are_exact_to_the_second() {
    let keys = Keys::new();
    let site = Site::start(behind(keys.jwt()), "127.0.3.2");
    let mut failures = Vec::new();
    for (claim, offset, expected) in [
        ("exp", -29, None),
        ("exp", -30, Some("token_expired")),
        ("exp", -31, Some("token_expired")),
        ("iat", 30, None),
        ("iat", 31, Some("token_issued_in_future")),
        ("nbf", 30, None),
        ("nbf", 31, Some("token_not_yet_valid")),
    ] {
        // A case counts only if it was sent and judged within the same second of the clock.
        let (status, reasons) = loop {
            let second = now();
            let mut claims = with("iat", json!(second - 600));
            claims[claim] = json!(second.checked_add_signed(offset).unwrap());
            let status = site.status(&keys.ec.token(EC, &claims)).await;
            let reasons = site.reasons();
            if now() == second {
                break (status, reasons);
            }
        };
        if status != if expected.is_some() { 401 } else { 200 } || reasons.iter().map(String::as_str).ne(expected) {
            failures.push(format!("{claim} {offset:+}: {status} {reasons:?}, not {expected:?}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    site.stop().await;
}

/// This also applies to a token that was valid a moment ago and is cached.
#[actix_web::test]
async fn cached_token_is_rejected_after_expiry() {
    let keys = Keys::new();
    let clock = ManualClock::starting_at(SystemTime::now());
    let jwt = Jwt::builder().issuer(ISSUER).audience(AUDIENCE).keys(keys.public()).clock(&clock).build().unwrap();
    let site = Site::start(behind(jwt), "127.0.3.3");
    let mut claims = with("iat", json!(now() - 600));
    claims["exp"] = json!(now() - 15); // the leeway is 30 seconds
    let token = keys.ec.token(EC, &claims);
    assert_eq!(site.status(&token).await, 200);
    assert_eq!(site.status(&token).await, 200);
    clock.advance(Duration::from_secs(25)); // ten seconds past its end, because the clock was read before the claims
    assert_eq!(site.status(&token).await, 401);
    assert_eq!(site.reasons(), ["token_expired"]);
    site.stop().await;
}
