//! CWE-347, CWE-287, ASVS V9.1.1 to V9.2.4, RFC 8725: a token that is signed, or looks signed, is accepted although
//! it must not be.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use futures_util::FutureExt as _;
use jsonwebtoken::Algorithm;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use palisade::Jwt;
use palisade::authn::AuthError;
use palisade_tests::tokens::secret_key;
use serde_json::{Value, json};

const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "orders-api";
const SECRET: [u8; 32] = *b"0123456789abcdef0123456789ABCDEF";
const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

fn jwt() -> Jwt {
    Jwt::hs256(ISSUER, AUDIENCE, SECRET).expect("the configuration is valid")
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970").as_secs()
}

fn encode(part: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(part)
}

fn sign_with(algorithm: Algorithm, secret: &[u8], message: &str) -> String {
    let key = secret_key(secret);
    let signer = (DEFAULT_PROVIDER.signer_factory)(&algorithm, &key).expect("an HMAC key");
    encode(signer.try_sign(message.as_bytes()).expect("HMAC signs anything"))
}

/// A token as sent by an attacker who can get anything signed.
fn forge(header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
    let message = format!("{}.{}", encode(header), encode(claims));
    let signature = sign_with(Algorithm::HS256, &SECRET, &message);
    format!("{message}.{signature}")
}

fn valid_claims() -> Value {
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "u-1", "iat": now(), "exp": now() + 600})
}

fn with(name: &str, value: Value) -> String {
    let mut claims = valid_claims();
    claims[name] = value;
    forge(HEADER, claims.to_string())
}

fn without(name: &str) -> String {
    let mut claims = valid_claims();
    claims.as_object_mut().expect("an object").remove(name);
    forge(HEADER, claims.to_string())
}

fn headed(header: &str) -> String {
    forge(header, valid_claims().to_string())
}

/// The valid claims, with raw JSON text inserted after the opening brace.
fn spliced(members: &str) -> String {
    forge(HEADER, valid_claims().to_string().replacen('{', &format!("{{{members},"), 1))
}

fn verdict(token: &str) -> Result<String, AuthError> {
    jwt()
        .verify(token)
        .now_or_never()
        .expect("the verifier needs no network")
        .map(|principal| principal.subject().to_owned())
}

#[track_caller]
fn assert_rejected(token: &str, reason: &'static str) {
    assert_eq!(verdict(token), Err(AuthError::Invalid(reason)), "{token}");
}

#[test]
fn token_without_aud_is_rejected() {
    assert_rejected(&without("aud"), "token_aud");
}

#[test]
fn token_with_numeric_aud_is_rejected() {
    assert_rejected(&with("aud", json!(123)), "token_aud");
}

#[test]
fn token_without_iss_is_rejected() {
    assert_rejected(&without("iss"), "token_iss");
}

#[test]
fn required_claims_must_have_their_type() {
    let malformed = [json!(null), json!(true), json!({}), json!([1]), json!([[AUDIENCE]]), json!({"0": AUDIENCE})];
    for (claim, reason) in [
        ("iss", "token_iss"),
        ("aud", "token_aud"),
        ("exp", "token_exp"),
        ("iat", "token_iat"),
        ("sub", "token_sub"),
        ("nbf", "token_nbf"),
    ] {
        for value in &malformed {
            assert_rejected(&with(claim, value.clone()), reason);
        }
        if !matches!(claim, "nbf" | "iat") {
            assert_rejected(&without(claim), reason);
        }
    }
    for (claim, reason) in [("jti", "token_jti"), ("sid", "token_sid")] {
        for value in malformed.iter().filter(|value| !value.is_null()) {
            assert_rejected(&with(claim, value.clone()), reason);
        }
    }
    // These claims are not configured: with a wrong type they grant nothing.
    for claim in ["roles", "permissions", "scope", "tenant"] {
        for value in &malformed {
            let token = with(claim, value.clone());
            let principal = jwt()
                .verify(&token)
                .now_or_never()
                .expect("the verifier needs no network")
                .expect("the token is valid");
            assert!(principal.roles().is_empty() && principal.scopes().is_empty(), "{claim} is {value}");
            assert!(principal.tenant().is_none() && !principal.has_permission(AUDIENCE), "{claim} is {value}");
        }
    }
    for date in ["exp", "iat", "nbf"] {
        let reason: &'static str = match date {
            "exp" => "token_exp",
            "iat" => "token_iat",
            _ => "token_nbf",
        };
        assert_rejected(&with(date, json!(now().to_string())), reason);
        assert_rejected(&with(date, json!(-1)), reason);
    }
    assert_rejected(&with("iss", json!([ISSUER])), "token_iss");
    assert_rejected(&with("sub", json!(1)), "token_sub");
}

#[test]
fn future_nbf_is_rejected() {
    assert_rejected(&with("nbf", json!(now() + 120)), "token_not_yet_valid");
}

#[test]
fn crit_header_is_rejected() {
    for crit in [r#"["exp"]"#, r#"["b64"]"#, "[]", "null", r#""exp""#] {
        assert_rejected(&headed(&format!(r#"{{"alg":"HS256","crit":{crit}}}"#)), "token_crit");
    }
}

#[test]
fn foreign_typ_is_rejected() {
    for typ in ["id+jwt", "JWE", "JOSE", "dpop+jwt", "", " JWT", "at+jwt ", "application/", "application"] {
        assert_rejected(&headed(&format!(r#"{{"alg":"HS256","typ":"{typ}"}}"#)), "token_typ");
    }
    for typ in ["null", "1", r#"["JWT"]"#] {
        assert_rejected(&headed(&format!(r#"{{"alg":"HS256","typ":{typ}}}"#)), "token_typ");
    }
}

/// Hand-made tokens, each with its verdict: `Ok`, or the reason in the audit log.
#[test]
fn every_listed_token_gets_its_verdict() {
    let claims = valid_claims().to_string();
    let valid_token = forge(HEADER, &claims);
    let (message, signature) = valid_token.rsplit_once('.').expect("three parts");
    let (header, payload) = message.split_once('.').expect("two parts");
    let foreign = |algorithm, secret: &[u8], alg: &str| {
        let message = format!("{}.{payload}", encode(format!(r#"{{"alg":"{alg}","typ":"JWT"}}"#)));
        format!("{message}.{}", sign_with(algorithm, secret, &message))
    };
    let resigned = |message: String| format!("{message}.{}", sign_with(Algorithm::HS256, &SECRET, &message));
    let unsigned = |alg: &str| format!("{}.{payload}.", encode(format!(r#"{{"alg":"{alg}"}}"#)));
    let flipped_last = |text: &str, to: char| format!("{}{to}", text.get(..text.len() - 1).expect("ASCII"));
    let in_list = with("aud", json!(["other-api", AUDIENCE]));
    let most = (0..60).map(|n| format!(r#""x{n}":0"#)).collect::<Vec<_>>().join(",");
    let more = (0..65).map(|n| format!(r#""x{n}":0"#)).collect::<Vec<_>>().join(",");

    #[rustfmt::skip]
    let table: Vec<(&str, String, Result<(), &'static str>)> = vec![
        // Valid tokens: they show that the rejections below have their own reason.
        ("valid", valid_token.clone(), Ok(())),
        ("typ absent", headed(r#"{"alg":"HS256"}"#), Ok(())),
        ("typ in lower case", headed(r#"{"alg":"HS256","typ":"jwt"}"#), Ok(())),
        ("typ as a media type", headed(r#"{"typ":"application/JWT","alg":"HS256"}"#), Ok(())),
        ("aud in a list", in_list, Ok(())),
        ("fractional dates", with("exp", json!(now() as f64 + 60.5)), Ok(())),
        ("ignored members", with("locale", json!({"a": [1, {"b": null}], "c": 1.5e3})), Ok(())),
        ("many members", spliced(&most), Ok(())),
        ("nbf now", with("nbf", json!(now())), Ok(())),
        ("no iat, without revocations", without("iat"), Ok(())),
        ("jti null", with("jti", json!(null)), Ok(())),
        ("sid null", with("sid", json!(null)), Ok(())),
        ("empty scope", with("scope", json!("")), Ok(())),
        ("scopes as an array", with("scope", json!(["orders:read", "orders:write"])), Ok(())),
        ("tenant", with("tenant", json!("acme")), Ok(())),
        ("key hints are not followed", headed(r#"{"alg":"HS256","kid":"../../dev/null","jku":"https://evil.example/jwks","x5u":"http://169.254.169.254/","jwk":{"kty":"oct","k":"AA"},"x5c":["AA"]}"#), Ok(())),
        ("escaped but equal", forge(r#"{"\u0061lg":"HS\u003256"}"#, &claims), Ok(())),
        // Algorithm: RFC 8725 §3.1, §3.2, ASVS V9.1.2.
        ("alg none", unsigned("none"), Err("token_alg")),
        ("alg None", unsigned("None"), Err("token_alg")),
        ("alg NONE", unsigned("NONE"), Err("token_alg")),
        ("alg nOnE, still signed", headed(r#"{"alg":"nOnE"}"#), Err("token_alg")),
        ("alg empty", headed(r#"{"alg":""}"#), Err("token_alg")),
        ("alg absent", headed(r#"{"typ":"JWT"}"#), Err("token_alg")),
        ("alg null", headed(r#"{"alg":null}"#), Err("token_alg")),
        ("alg a list", headed(r#"{"alg":["HS256"]}"#), Err("token_alg")),
        ("alg in lower case", headed(r#"{"alg":"hs256"}"#), Err("token_alg")),
        ("alg with a space", headed(r#"{"alg":"HS256 "}"#), Err("token_alg")),
        ("HS384 under our secret", foreign(Algorithm::HS384, &SECRET, "HS384"), Err("token_alg")),
        ("HS512 under our secret", foreign(Algorithm::HS512, &SECRET, "HS512"), Err("token_alg")),
        ("HS512 claimed to be HS256", foreign(Algorithm::HS512, &SECRET, "HS256"), Err("token_signature")),
        ("RS256 announced", headed(r#"{"alg":"RS256"}"#), Err("token_alg")),
        ("ES256 announced", headed(r#"{"alg":"ES256"}"#), Err("token_alg")),
        ("EdDSA announced", headed(r#"{"alg":"EdDSA"}"#), Err("token_alg")),
        // Signature: ASVS V9.1.1, RFC 8725 §3.3.
        ("signature absent", format!("{message}."), Err("token_signature")),
        ("signature of another secret", foreign(Algorithm::HS256, b"fedcba9876543210fedcba9876543210", "HS256"), Err("token_signature")),
        ("signature of the empty secret", foreign(Algorithm::HS256, b"", "HS256"), Err("token_signature")),
        ("signature cut short", format!("{message}.{}", signature.get(..40).expect("ASCII")), Err("token_signature")),
        ("signature lengthened", format!("{message}.{signature}AAAA"), Err("token_signature")),
        ("signature of zeros", format!("{message}.{}", encode([0; 32])), Err("token_signature")),
        ("signature in padded base64", format!("{message}.{signature}="), Err("token_signature")),
        ("signature in standard base64", format!("{message}.{}", STANDARD.encode([0xff; 32])), Err("token_signature")),
        ("signature with set trailing bits", format!("{message}.{}", flipped_last(signature, '_')), Err("token_signature")),
        ("claims of another token", format!("{header}.{}.{signature}", encode(valid_claims().to_string().replace("u-1", "u-2"))), Err("token_signature")),
        ("claims broken and unsigned", format!("{header}.{}.{signature}", encode("{")), Err("token_signature")),
        // Shape.
        ("empty", String::new(), Err("token_malformed")),
        ("one part", "abc".into(), Err("token_malformed")),
        ("two parts", message.into(), Err("token_malformed")),
        ("four parts", format!("{valid_token}.AAAA"), Err("token_malformed")),
        ("five parts, a JWE", format!("{valid_token}.AAAA.AAAA"), Err("token_malformed")),
        ("two dots only", "..".into(), Err("token_header")),
        ("JSON serialization", json!({"protected": header, "payload": payload, "signature": signature}).to_string(), Err("token_malformed")),
        ("oversize", format!("{valid_token}{}", "A".repeat(8192)), Err("token_too_long")),
        ("oversize but well signed", with("pad", json!("A".repeat(8192))), Err("token_too_long")),
        ("leading space", format!(" {valid_token}"), Err("token_header")),
        ("trailing newline", format!("{valid_token}\n"), Err("token_signature")),
        // Header.
        ("header in padded base64", resigned(format!("{}.{payload}", URL_SAFE.encode(r#"{"alg":"HS256","typ":"JWT" }"#))), Err("token_header")),
        ("header empty", resigned(format!(".{payload}")), Err("token_header")),
        ("header not UTF-8", forge(b"{\"alg\":\"HS256\",\"x\":\"\xff\"}", &claims), Err("token_header")),
        ("header in UTF-16", forge(HEADER.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>(), &claims), Err("token_header")),
        ("header with a byte order mark", headed("\u{feff}{\"alg\":\"HS256\"}"), Err("token_header")),
        ("header a list", headed(r#"["HS256"]"#), Err("token_header")),
        ("header with a tail", headed(r#"{"alg":"HS256"}{}"#), Err("token_header")),
        ("header repeats alg", headed(r#"{"alg":"HS256","alg":"HS256"}"#), Err("token_duplicate_member")),
        ("header repeats alg by an escape", headed(r#"{"alg":"HS256","\u0061lg":"none"}"#), Err("token_duplicate_member")),
        ("header repeats kid", headed(r#"{"kid":"a","alg":"HS256","kid":"b"}"#), Err("token_duplicate_member")),
        ("header repeats inside jwk", headed(r#"{"alg":"HS256","jwk":{"k":"a","k":"b"}}"#), Err("token_duplicate_member")),
        ("header with more members", headed(&format!(r#"{{"alg":"HS256",{more}}}"#)), Ok(())),
        ("header with more members, one twice", headed(&format!(r#"{{"alg":"HS256",{more},"x64":0}}"#)), Err("token_duplicate_member")),
        ("header nested too deep", headed(&format!(r#"{{"alg":"HS256","x":{}{}}}"#, "[".repeat(500), "]".repeat(500))), Err("token_header")),
        ("b64 false", headed(r#"{"alg":"HS256","b64":false}"#), Err("token_b64")),
        ("b64 true", headed(r#"{"alg":"HS256","b64":true}"#), Err("token_b64")),
        ("a token as typ", headed(&format!(r#"{{"alg":"HS256","typ":"{valid_token}"}}"#)), Err("token_typ")),
        // Claims.
        ("claims empty", resigned(format!("{header}.")), Err("token_claims")),
        ("claims a token", forge(HEADER, &valid_token), Err("token_claims")),
        ("claims are an array", forge(HEADER, format!("[{claims}]")), Err("token_claims")),
        ("claims not UTF-8", forge(HEADER, [&claims.as_bytes()[..claims.len() - 1], b",\"x\":\"\xff\"}"].concat()), Err("token_claims")),
        ("claims with a tail", forge(HEADER, format!("{claims} {{}}")), Err("token_claims")),
        ("claims with a comment", forge(HEADER, format!("{claims}// x")), Err("token_claims")),
        ("claims in padded base64", resigned(format!("{header}.{}==", payload.trim_end_matches('='))), Err("token_claims")),
        ("claims unpadded but not canonical", resigned(format!("{header}.{}B", encode("{}"))), Err("token_claims")),
        ("claims with more members", spliced(&more), Ok(())),
        ("claims with more members, one twice", spliced(&format!(r#"{more},"x64":0"#)), Err("token_duplicate_member")),
        ("claims repeat sub", spliced(r#""sub":"admin""#), Err("token_duplicate_member")),
        ("claims repeat exp by an escape", spliced(r#""\u0065xp":9999999999"#), Err("token_duplicate_member")),
        ("claims repeat a foreign name", spliced(r#""x":1,"x":1"#), Err("token_duplicate_member")),
        ("claims repeat inside a member", spliced(r#""realm_access":{"roles":[],"roles":["admin"]}"#), Err("token_duplicate_member")),
        ("iss of somebody else", with("iss", json!("https://evil.example")), Err("token_foreign_issuer")),
        ("iss with a slash more", with("iss", json!("https://issuer.example/")), Err("token_foreign_issuer")),
        ("iss in capitals", with("iss", json!("https://ISSUER.example")), Err("token_foreign_issuer")),
        ("iss empty", with("iss", json!("")), Err("token_foreign_issuer")),
        ("aud of somebody else", with("aud", json!("billing-api")), Err("token_foreign_audience")),
        ("aud by prefix", with("aud", json!("orders-api-2")), Err("token_foreign_audience")),
        ("aud is an empty array", with("aud", json!([])), Err("token_foreign_audience")),
        ("aud is an array of others", with("aud", json!(["a", "b"])), Err("token_foreign_audience")),
        ("aud is an array with a number", with("aud", json!([AUDIENCE, 1])), Err("token_aud")),
        ("expired", with("exp", json!(now() - 31)), Err("token_expired")),
        ("expired in 1970", with("exp", json!(0)), Err("token_expired")),
        ("exp in milliseconds", with("exp", json!((now() + 600) * 1000)), Err("token_exp")),
        ("exp infinite", spliced(r#""exp":1e999,"y":1"#), Err("token_exp")),
        ("exp huge", with("exp", json!(u64::MAX)), Err("token_exp")),
        ("exp is a string", with("exp", json!((now() + 600).to_string())), Err("token_exp")),
        ("iat in the future", with("iat", json!(now() + 60)), Err("token_issued_in_future")),
        ("nbf in the future", with("nbf", json!(now() + 60)), Err("token_not_yet_valid")),
        ("sub empty", with("sub", json!("")), Err("token_sub")),
        ("sub of 256 bytes", with("sub", json!("u".repeat(256))), Err("token_sub")),
        ("sub with a line break", with("sub", json!("u-1\r\nx: y")), Err("token_sub")),
        ("sub with NUL", with("sub", json!("u-1\0")), Err("token_sub")),
        ("sub with half a surrogate", spliced(r#""sub":"\ud800","y":1"#), Err("token_sub")),
        ("role empty", with("roles", json!([""])), Err("token_roles")),
        ("role with a line break", with("roles", json!(["user\nadmin"])), Err("token_roles")),
        ("scope array with a space", with("scope", json!(["read write"])), Err("token_scope")),
        ("tenant empty", with("tenant", json!("")), Err("token_tenant")),
        ("scope with a quote", with("scope", json!("read \"write")), Err("token_scope")),
        ("scope split by a tab", with("scope", json!("read\twrite")), Err("token_scope")),
    ];

    assert!(table.len() >= 40, "only {} tokens", table.len());
    let failures: Vec<String> = table
        .iter()
        .filter_map(|(name, token, expected)| {
            let verdict = verdict(token).map(drop);
            (verdict != expected.map_err(AuthError::Invalid)).then(|| format!("{name}: {verdict:?}, not {expected:?}"))
        })
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
