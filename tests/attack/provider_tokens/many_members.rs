//! Objects with many members (CWE-400, CWE-407, CWE-436): only the length of the token bounds them, and a repeated
//! name is found wherever it occurs.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use palisade::authn::AuthError;
use palisade_tests::SECRET;
use palisade_tests::tokens::{Signer, valid_claims};
use serde_json::{Map, Value, json};

use super::{jwt_builder, token, verdict, with_member};

fn judged(token: &str) -> Result<(), AuthError> {
    verdict(&jwt_builder().longest_token(65_536).build().unwrap(), token)
}

#[test]
fn token_with_many_clients_is_accepted() {
    for clients in [15, 16, 17, 64, 65, 200, 1000] {
        let access: Map<String, Value> =
            (0..clients).map(|n| (format!("client-{n}"), json!({"roles": ["user"]}))).collect();
        assert_eq!(
            judged(&token(&with_member(valid_claims(), "resource_access", access))),
            Ok(()),
            "{clients} clients"
        );
        let mut own = valid_claims();
        (0..clients).for_each(|n| own[format!("feature_{n}")] = json!(true));
        assert_eq!(judged(&token(&own)), Ok(()), "{clients} claims");
    }
}

#[test]
fn header_members_are_limited_by_token_length_only() {
    let others: String = (0..200).map(|n| format!(r#","x{n}":{n}"#)).collect();
    let signer = Signer::hmac(jsonwebtoken::Algorithm::HS256, SECRET);
    let header = format!(r#"{{"alg":"HS256"{others}}}"#);
    assert_eq!(judged(&signer.seal(header, valid_claims().to_string())), Ok(()));
    let twice = format!(r#"{{"alg":"HS256"{others},"x0":0}}"#);
    assert_eq!(
        judged(&signer.seal(twice, valid_claims().to_string())),
        Err(AuthError::Invalid("token_duplicate_member"))
    );
}

/// Claims with `members` extra members in one object. The name at index `repeated` occurs again at the end,
/// optionally with an escape.
fn many(members: usize, repeated: Option<usize>, escaped: bool, inside: bool) -> String {
    let mut text = String::new();
    (0..members).for_each(|n| write!(text, r#","x{n}":{n}"#).unwrap());
    if let Some(place) = repeated {
        write!(text, r#","{}{place}":0"#, if escaped { r"\u0078" } else { "x" }).unwrap();
    }
    let valid_claims = valid_claims().to_string();
    let claims = if inside {
        valid_claims.replacen('{', &format!(r#"{{"inside":{{{}}},"#, &text[1..]), 1)
    } else {
        format!("{}{text}}}", &valid_claims[..valid_claims.len() - 1])
    };
    Signer::hmac(jsonwebtoken::Algorithm::HS256, SECRET).seal(r#"{"alg":"HS256"}"#, claims)
}

#[test]
fn duplicate_name_is_found_among_many() {
    for inside in [false, true] {
        for members in [1, 16, 17, 18, 64, 65, 500] {
            assert_eq!(judged(&many(members, None, false, inside)), Ok(()), "{members}");
            for place in [0, members / 2, members - 1] {
                for escaped in [false, true] {
                    let rejected = judged(&many(members, Some(place), escaped, inside));
                    assert_eq!(rejected, Err(AuthError::Invalid("token_duplicate_member")), "{place} of {members}");
                }
            }
        }
    }
}

/// Eight times the members take about eight times as long, and up to thirty times on a busy machine. A quadratic
/// comparison would take over four hundred times as long.
#[test]
fn duplicate_name_check_is_linear() {
    let jwt = jwt_builder().longest_token(65_536).cache(palisade::jwt::TokenCache::Off).build().unwrap();
    let fastest = |token: &str| -> Duration {
        let once = || {
            let begun = Instant::now();
            assert_eq!(verdict(&jwt, token), Ok(()));
            begun.elapsed()
        };
        (0..30).map(|_| once()).min().unwrap()
    };
    let (few, most) = (many(460, None, false, true), many(3_680, None, false, true));
    assert!(few.len() > 6_000 && most.len() > 50_000, "{} and {}", few.len(), most.len());
    let (short, long) = (fastest(&few), fastest(&most));
    assert!(long < short * 100, "{short:?} for 460 members, {long:?} for 3680");
    assert!(long > short, "the longer token must take longer");
}
