//! Headers that try to make a verifier use another algorithm, another key or another interpretation (RFC 8725 §2.1,
//! §2.8, §3.1, §3.10).

use std::io::ErrorKind;
use std::net::TcpListener;

use jsonwebtoken::Algorithm;
use palisade::Jwt;
use palisade::jwt::TokenType;
use palisade_tests::site::Site;
use palisade_tests::tokens::{Signer, encode, valid_claims};
use palisade_tests::{AUDIENCE, ISSUER};
use serde_json::json;

use super::{Case, EC, ED, Keys, RSA, assert_cases, behind, case, shared, unsigned};

pub(super) fn algorithms(keys: &Keys) -> Vec<Case> {
    let mut cases = Vec::new();
    for alg in [
        "none",
        "None",
        "NONE",
        "nOnE",
        "none ",
        "",
        "n\\u006fne",
        "null",
        "es256",
        "ES256 ",
        "ES256K",
        "ES512",
        "RSA-OAEP",
    ] {
        for kid in [EC, RSA] {
            let header = format!(r#"{{"alg":"{alg}","typ":"JWT","kid":"{kid}"}}"#);
            let message = unsigned(&header);
            cases.push(case(format!("alg {alg:?} unsigned, kid {kid}"), format!("{message}."), Err("token_alg")));
            cases.push(case(format!("alg {alg:?} signed, kid {kid}"), keys.seal(&header), Err("token_alg")));
        }
        let header = format!(r#"{{"alg":"{alg}"}}"#);
        cases.push(case(format!("alg {alg:?}, no kid"), format!("{}.", unsigned(&header)), Err("token_alg")));
    }
    for alg in ["null", "0", "true", "{}", r#"["ES256"]"#, r#"["none","ES256"]"#] {
        let header = format!(r#"{{"alg":{alg},"kid":"{EC}"}}"#);
        cases.push(case(format!("alg is {alg}"), keys.seal(&header), Err("token_alg")));
    }
    cases.push(case("alg absent", keys.seal(&format!(r#"{{"typ":"JWT","kid":"{EC}"}}"#)), Err("token_alg")));
    cases
}

/// CVE-2015-9235 and similar: a public key is used as a secret, or the algorithm of one key with another key.
pub(super) fn confusions(keys: &Keys) -> Vec<Case> {
    let mut cases = Vec::new();
    for (own, id, signer) in keys.each() {
        let public = signer.public();
        let trimmed = public.pem.trim_end();
        let secrets = [
            ("PEM", public.pem.clone().into_bytes()),
            ("PEM without the last newline", trimmed.as_bytes().to_vec()),
            ("PEM with a newline more", format!("{trimmed}\n\n").into_bytes()),
            ("PEM with CRLF", trimmed.replace('\n', "\r\n").into_bytes()),
            ("DER", public.der()),
            ("raw bytes", public.raw.clone()),
            ("JWK", signer.jwk(id).to_string().into_bytes()),
            ("nothing", Vec::new()),
        ];
        for (form, secret) in secrets {
            for (name, algorithm) in [("HS256", Algorithm::HS256), ("HS512", Algorithm::HS512)] {
                let forger = Signer::hmac(algorithm, &secret);
                let open = forger.seal(format!(r#"{{"alg":"{name}","kid":"{id}"}}"#), valid_claims().to_string());
                cases.push(case(format!("{name} with the {own} key as {form}"), open, Err("token_alg")));
            }
            let forged = Signer::hmac(Algorithm::HS256, &secret);
            let hidden = forged.seal(format!(r#"{{"alg":"{own}","kid":"{id}"}}"#), valid_claims().to_string());
            cases.push(case(
                format!("HMAC with the {own} key as {form}, claimed to be {own}"),
                hidden,
                Err("token_signature"),
            ));
        }
        let nameless =
            Signer::hmac(Algorithm::HS256, &public.pem).seal(r#"{"alg":"HS256"}"#, valid_claims().to_string());
        cases.push(case(format!("HS256 with the {own} key, no kid"), nameless, Err("token_alg")));
        for (other, foreign, _) in keys.each().into_iter().filter(|(other, ..)| *other != own) {
            let diverted = signer.token(foreign, &valid_claims());
            cases.push(case(format!("{own} under the kid of {other}"), diverted, Err("token_alg")));
            let claimed = signer.seal(format!(r#"{{"alg":"{other}","kid":"{foreign}"}}"#), valid_claims().to_string());
            cases.push(case(format!("{own} claimed to be {other}"), claimed, Err("token_signature")));
        }
    }
    for (name, algorithm) in [
        ("RS384", Algorithm::RS384),
        ("RS512", Algorithm::RS512),
        ("PS256", Algorithm::PS256),
        ("PS384", Algorithm::PS384),
        ("PS512", Algorithm::PS512),
    ] {
        let swapped = keys.rsa.with(algorithm);
        cases.push(case(format!("{name} under a key of RS256"), swapped.token(RSA, &valid_claims()), Err("token_alg")));
        let forged = swapped.seal(format!(r#"{{"alg":"RS256","kid":"{RSA}"}}"#), valid_claims().to_string());
        cases.push(case(format!("{name} claimed to be RS256"), forged, Err("token_signature")));
    }
    cases
}

/// A `kid` is compared with the key names and used for nothing else.
pub(super) fn key_names(keys: &Keys) -> Vec<Case> {
    let mut cases = Vec::new();
    let long = "k".repeat(10 * 1024);
    for (name, kid, reason) in [
        ("a path", r#""../../../../dev/null""#, "token_kid"),
        ("a path to a key", r#""/proc/self/environ""#, "token_kid"),
        ("a URL", r#""file:///etc/passwd""#, "token_kid"),
        ("SQL", r#""x' UNION SELECT 'AA'--""#, "token_kid"),
        ("a command", r#""ec-1|/usr/bin/id""#, "token_kid"),
        ("NUL", r#""\u0000""#, "token_kid"),
        ("a known name and NUL", r#""ec-1\u0000""#, "token_kid"),
        ("a known name and a space", r#""ec-1 ""#, "token_kid"),
        ("a known name in capitals", r#""EC-1""#, "token_kid"),
        ("half a surrogate", r#""\ud800""#, "token_kid"),
        ("unknown", r#""ec-2""#, "token_kid"),
        ("empty", r#""""#, "token_kid"),
        ("10 KiB", &format!("\"{long}\""), "token_too_long"),
        ("256 bytes", &format!("\"{}\"", &long[..256]), "token_kid"),
        ("a number", "1", "token_kid"),
        ("null", "null", "token_kid"),
        ("a list", r#"["ec-1"]"#, "token_kid"),
        ("an object", r#"{"ec-1":"ec-1"}"#, "token_kid"),
    ] {
        let header = format!(r#"{{"alg":"ES256","kid":{kid}}}"#);
        cases.push(case(format!("kid is {name}"), keys.seal(&header), Err(reason)));
        let forged = keys.attacker.seal(&header, valid_claims().to_string());
        cases.push(case(format!("kid is {name}, signed by a stranger"), forged, Err(reason)));
    }
    let escaped = keys.seal(r#"{"alg":"ES256","kid":"\u0065c-1"}"#);
    cases.push(case("kid is a known name, escaped", escaped, Ok(())));
    // RFC 7515 §4.1.4: `kid` is optional, and only one key fits the algorithm.
    cases.push(case("kid is absent", keys.seal(r#"{"alg":"ES256"}"#), Ok(())));
    let forged = |id: &str| keys.attacker.token(id, &valid_claims());
    cases.push(case("a stranger's key under its own kid", forged("attacker-1"), Err("token_kid")));
    cases.push(case("a stranger's key under our kid", forged(EC), Err("token_signature")));
    let nameless = keys.attacker.seal(r#"{"alg":"ES256"}"#, valid_claims().to_string());
    cases.push(case("a stranger's key without kid", nameless, Err("token_signature")));
    cases
}

/// CVE-2018-0114: the token contains its own key, or tells where to fetch it.
pub(super) fn key_references(keys: &Keys, address: &str) -> Vec<Case> {
    let own = keys.attacker.jwk("attacker-1");
    let der = palisade_tests::tokens::encode(keys.attacker.public().der());
    let mut cases = Vec::new();
    for (name, value) in [
        ("jku", json!(format!("{address}jku"))),
        ("x5u", json!(format!("{address}x5u"))),
        ("jwk", own.clone()),
        ("x5c", json!([der])),
        ("x5t", json!(encode([7; 20]))),
        ("x5t#S256", json!(encode([7; 32]))),
        ("iss", json!(address)),
        ("url", json!(address)),
        ("keys", json!([own])),
    ] {
        for (kid, reason) in
            [(Some(EC), "token_signature"), (Some("attacker-1"), "token_kid"), (None, "token_signature")]
        {
            let mut header = json!({"alg": "ES256", "typ": "JWT", name: value});
            if let Some(kid) = kid {
                header["kid"] = kid.into();
            }
            let token = keys.attacker.seal(header.to_string(), valid_claims().to_string());
            cases.push(case(format!("{name} of a stranger, kid {kid:?}"), token, Err(reason)));
        }
        let header = json!({"alg": "ES256", "kid": EC, name: value}).to_string();
        cases.push(case(format!("{name} of a stranger in a token of ours"), keys.seal(&header), Ok(())));
    }
    let kid = json!({"alg": "ES256", "kid": format!("{address}kid")}).to_string();
    cases.push(case(
        "kid is the address of a key",
        keys.attacker.seal(kid, valid_claims().to_string()),
        Err("token_kid"),
    ));
    cases
}

/// RFC 7515 §4.1.11, RFC 7797: the verifier supports no extension.
pub(super) fn extensions(keys: &Keys) -> Vec<Case> {
    let mut cases = Vec::new();
    let crits = [
        r#"["exp"]"#,
        "[]",
        r#"["b64"]"#,
        r#"["alg"]"#,
        r#"["\u0062\u0036\u0034"]"#,
        r#""b64""#,
        "null",
        "1",
        "{}",
        "[1]",
    ];
    for crit in crits {
        let first = keys.seal(&format!(r#"{{"crit":{crit},"alg":"ES256","kid":"{EC}"}}"#));
        cases.push(case(format!("crit {crit} first"), first, Err("token_crit")));
        let last = keys.seal(&format!(r#"{{"alg":"ES256","kid":"{EC}","crit":{crit}}}"#));
        cases.push(case(format!("crit {crit} last"), last, Err("token_crit")));
    }
    let escaped = keys.seal(&format!(r#"{{"alg":"ES256","kid":"{EC}","\u0063rit":["x"],"x":1}}"#));
    cases.push(case("crit by an escape", escaped, Err("token_crit")));
    for b64 in ["false", "true", "null", r#""false""#] {
        let token = keys.seal(&format!(r#"{{"alg":"ES256","kid":"{EC}","b64":{b64}}}"#));
        cases.push(case(format!("b64 {b64}"), token, Err("token_b64")));
    }
    // RFC 7797 §3: the payload is signed without encoding.
    let header = format!(r#"{{"alg":"ES256","kid":"{EC}","b64":false,"crit":["b64"]}}"#);
    let signature = encode(keys.ec.sign(&format!("{}.{}", encode(&header), valid_claims())));
    let detached = format!("{}.{}.{signature}", encode(&header), encode(valid_claims().to_string()));
    cases.push(case("b64 false and crit, unencoded payload signed", detached, Err("token_b64")));
    for (name, header) in [
        ("alg", format!(r#"{{"alg":"none","alg":"ES256","kid":"{EC}"}}"#)),
        ("alg by an escape", format!(r#"{{"alg":"ES256","\u0061lg":"none","kid":"{EC}"}}"#)),
        ("kid", format!(r#"{{"alg":"ES256","kid":"{RSA}","kid":"{EC}"}}"#)),
        ("typ", format!(r#"{{"alg":"ES256","typ":"id+jwt","kid":"{EC}","typ":"JWT"}}"#)),
        ("a foreign name", format!(r#"{{"alg":"ES256","kid":"{EC}","x":1,"\u0078":2}}"#)),
    ] {
        cases.push(case(format!("header repeats {name}"), keys.seal(&header), Err("token_duplicate_member")));
    }
    cases
}

/// RFC 8725 §3.11: a token of another type is rejected.
pub(super) fn types(keys: &Keys) -> Vec<Case> {
    let typed = |typ: &str| keys.seal(&format!(r#"{{"alg":"ES256","typ":{typ},"kid":"{EC}"}}"#));
    let mut cases = Vec::new();
    for typ in [
        "dpop+jwt",
        "logout+jwt",
        "id+jwt",
        "secevent+jwt",
        "JWE",
        "JOSE",
        "at+jwt2",
        "",
        "jwt;x",
        "application/",
        "text/JWT",
    ] {
        cases.push(case(format!("typ {typ:?}"), typed(&format!("\"{typ}\"")), Err("token_typ")));
    }
    for typ in ["null", "1", r#"["JWT"]"#, "{}"] {
        cases.push(case(format!("typ is {typ}"), typed(typ), Err("token_typ")));
    }
    for typ in ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt"] {
        cases.push(case(format!("typ {typ:?}"), typed(&format!("\"{typ}\"")), Ok(())));
    }
    cases.push(case("typ absent", keys.seal(&format!(r#"{{"alg":"ES256","kid":"{EC}"}}"#)), Ok(())));
    // RFC 7519 §5.2: the payload is another token, not claims.
    let inner = keys.ec.token(EC, &valid_claims());
    let nested = keys.ec.seal(format!(r#"{{"alg":"ES256","cty":"JWT","kid":"{EC}"}}"#), &inner);
    cases.push(case("nested, cty JWT", nested, Err("token_claims")));
    let quoted = keys.ec.seal(format!(r#"{{"alg":"ES256","cty":"JWT","kid":"{EC}"}}"#), json!(inner).to_string());
    cases.push(case("nested as a JSON string", quoted, Err("token_claims")));
    cases
}

#[actix_web::test]
async fn header_cannot_choose_algorithm_or_interpretation() {
    let keys = Keys::new();
    let site = Site::start(behind(keys.jwt()), "127.0.1.1");
    assert_cases(&site, &algorithms(&keys)).await;
    assert_cases(&site, &extensions(&keys)).await;
    assert_cases(&site, &types(&keys)).await;
    site.stop().await;
}

#[actix_web::test]
async fn public_key_is_never_used_as_secret() {
    let keys = Keys::new();
    let site = Site::start(behind(keys.jwt()), "127.0.1.2");
    assert_cases(&site, &confusions(&keys)).await;
    site.stop().await;
}

#[actix_web::test]
async fn kid_is_only_compared() {
    let keys = Keys::new();
    let site = Site::start(behind(keys.jwt()), "127.0.1.3");
    assert_cases(&site, &key_names(&keys)).await;
    site.stop().await;
}

#[actix_web::test]
async fn keys_and_urls_inside_the_token_are_ignored() {
    let keys = Keys::new();
    let site = Site::start(behind(keys.jwt()), "127.0.1.4");
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    assert_cases(&site, &key_references(&keys, &format!("http://{}/", listener.local_addr().unwrap()))).await;
    // A connection would be pending here, even if nothing was sent on it.
    assert_eq!(
        listener.accept().unwrap_err().kind(),
        ErrorKind::WouldBlock,
        "the verifier must not connect to the address in the token"
    );
    site.stop().await;
}

/// If the key is a secret, public-key algorithms are rejected.
#[actix_web::test]
async fn secret_is_used_only_with_its_algorithm() {
    let keys = Keys::new();
    let site = Site::start(behind(palisade_tests::jwt()), "127.0.1.5");
    let secret = shared();
    let mut cases = vec![case("HS256", secret.token("any", &valid_claims()), Ok(()))];
    for (own, id, signer) in keys.each() {
        cases.push(case(format!("{own} of another key"), signer.token(id, &valid_claims()), Err("token_alg")));
        let forged = signer.seal(r#"{"alg":"HS256"}"#, valid_claims().to_string());
        cases.push(case(format!("{own} claimed to be HS256"), forged, Err("token_signature")));
    }
    for (name, algorithm) in [("HS384", Algorithm::HS384), ("HS512", Algorithm::HS512)] {
        let other = secret.with(algorithm);
        cases.push(case(format!("{name} with our secret"), other.token("any", &valid_claims()), Err("token_alg")));
        let forged = other.seal(r#"{"alg":"HS256"}"#, valid_claims().to_string());
        cases.push(case(format!("{name} claimed to be HS256"), forged, Err("token_signature")));
    }
    for guess in [&b""[..], b"secret", b"\0", &[0; 32], &[b'0'; 32], b"your-256-bit-secret"] {
        let token = Signer::hmac(Algorithm::HS256, guess).token("any", &valid_claims());
        cases.push(case(format!("the secret {guess:?}"), token, Err("token_signature")));
    }
    assert_cases(&site, &cases).await;
    site.stop().await;
}

#[actix_web::test]
async fn strict_verifier_accepts_only_access_tokens() {
    let keys = Keys::new();
    let strict =
        Jwt::builder().issuer(ISSUER).audience(AUDIENCE).keys(keys.public()).token_type(TokenType::AccessToken);
    let site = Site::start(behind(strict.build().unwrap()), "127.0.1.6");
    let typed = |typ: &str| keys.ed.seal(format!(r#"{{"alg":"EdDSA",{typ}"kid":"{ED}"}}"#), valid_claims().to_string());
    let mut cases = vec![case("typ absent", typed(""), Err("token_typ"))];
    for typ in ["JWT", "jwt", "application/jwt", "id+jwt", "at+JWT ", "at", "jwt+at", "dpop+jwt", "logout+jwt"] {
        cases.push(case(typ, typed(&format!(r#""typ":"{typ}","#)), Err("token_typ")));
    }
    for typ in ["at+jwt", "At+JWT", "application/at+jwt"] {
        cases.push(case(typ, typed(&format!(r#""typ":"{typ}","#)), Ok(())));
    }
    assert_cases(&site, &cases).await;
    site.stop().await;
}
