//! JWK sets in which several entries share one `kid` (RFC 7517 §4.5), numbers with leading zeros (RFC 7518 §6.3.1.1),
//! and the newer name of Ed25519 (RFC 9864).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm as A;
use palisade::Jwt;
use palisade::authn::AuthError;
use palisade::jwt::{Algorithm, KeySet, VerifyingKey};
use palisade_tests::tokens::{Signer, encode, rsa, valid_claims};
use palisade_tests::{AUDIENCE, ISSUER};
use serde_json::{Value, json};

use super::{key_set, verdict, with_member, without_member};

fn jwt(keys: KeySet) -> Jwt {
    Jwt::builder().issuer(ISSUER).audience(AUDIENCE).keys(keys).build().unwrap()
}

/// The number of keys, the number of skipped entries, and for each token whether it is accepted.
fn outcome(keys: &[Value], tokens: &[&str]) -> (usize, usize, Vec<bool>) {
    let keys = key_set(keys).unwrap();
    let (len, skipped) = (keys.len(), keys.skipped());
    let jwt = jwt(keys);
    (len, skipped, tokens.iter().map(|token| verdict(&jwt, token).is_ok()).collect())
}

fn for_encryption(key: Value, marked_by: &str) -> Value {
    let bare = without_member(without_member(key, "use"), "alg");
    match marked_by {
        "use" => with_member(bare, "use", "enc"),
        "alg" => with_member(bare, "alg", "RSA-OAEP"),
        "newer alg" => with_member(bare, "alg", "RSA-OAEP-512"),
        "key_ops" => with_member(bare, "key_ops", json!(["wrapKey"])),
        _ => unreachable!(),
    }
}

#[test]
fn duplicate_key_counts_once() {
    let (ec, ed) = (Signer::generate(A::ES256), Signer::generate(A::EdDSA));
    for key in [rsa(), &ec, &ed] {
        let token = key.token("k", &valid_claims());
        for keys in [vec![key.jwk("k"); 2], vec![key.jwk("k"); 5]] {
            assert_eq!(outcome(&keys, &[&token]), (1, 0, vec![true]));
        }
        let noted = with_member(with_member(key.jwk("k"), "x5t", "abc"), "issuer", ISSUER);
        assert_eq!(outcome(&[key.jwk("k"), noted], &[&token]), (1, 0, vec![true]));
        let nameless = without_member(key.jwk("k"), "kid");
        assert_eq!(outcome(&[nameless.clone(), nameless], &[&token]), (1, 0, vec![true]));
    }
    // A leading sign byte does not make it another key.
    let padded = padded(rsa().jwk("k"), "n");
    assert_eq!(outcome(&[rsa().jwk("k"), padded], &[&rsa().token("k", &valid_claims())]), (1, 0, vec![true]));
}

#[test]
fn keys_of_different_kinds_may_share_a_kid() {
    let [p256, p384, ed] = [A::ES256, A::ES384, A::EdDSA].map(Signer::generate);
    let all = [rsa(), &p256, &p384, &ed];
    let keys = all.map(|key| key.jwk("k"));
    let tokens = all.map(|key| key.token("k", &valid_claims()));
    let tokens = tokens.each_ref().map(String::as_str);
    assert_eq!(outcome(&keys, &tokens), (4, 0, vec![true; 4]));
    // Many issuers publish keys without `alg`.
    let open = keys.clone().map(|key| without_member(key, "alg"));
    assert_eq!(outcome(&open, &tokens), (4, 0, vec![true; 4]));
    // Each key is used only for its own algorithm.
    let jwt = jwt(key_set(&keys).unwrap());
    let other = Signer::generate(A::ES256);
    assert_eq!(verdict(&jwt, &other.token("k", &valid_claims())), Err(AuthError::Invalid("token_signature")));
    assert_eq!(verdict(&jwt, &rsa().with(A::PS256).token("k", &valid_claims())), Err(AuthError::Invalid("token_alg")));
    assert_eq!(verdict(&jwt, &rsa().token("l", &valid_claims())), Err(AuthError::Invalid("token_kid")));
}

#[test]
fn key_may_be_listed_once_per_algorithm() {
    let listed = |alg: &str| with_member(rsa().jwk("k"), "alg", alg);
    let tokens = [A::RS256, A::RS512, A::PS384].map(|alg| rsa().with(alg).token("k", &valid_claims()));
    let tokens = tokens.each_ref().map(String::as_str);
    assert_eq!(outcome(&[listed("RS256"), listed("RS512")], &tokens), (1, 0, vec![true, true, false]));
    assert_eq!(outcome(&[listed("PS384"), listed("RS256")], &tokens), (1, 0, vec![true, false, true]));
    // Without `alg` a key verifies all algorithms of its kind, whatever the other entry names.
    let open = without_member(rsa().jwk("k"), "alg");
    assert_eq!(outcome(&[listed("RS256"), open], &tokens), (1, 0, vec![true; 3]));
}

#[test]
fn encryption_key_does_not_occupy_the_kid() {
    let (other, token) = (Signer::generate(A::RS256), rsa().token("k", &valid_claims()));
    for marked_by in ["use", "alg", "newer alg", "key_ops"] {
        for key in [rsa(), &other] {
            let encrypts = for_encryption(key.jwk("k"), marked_by);
            for keys in [[rsa().jwk("k"), encrypts.clone()], [encrypts.clone(), rsa().jwk("k")]] {
                assert_eq!(outcome(&keys, &[&token]), (1, 1, vec![true]), "{marked_by}");
            }
            assert!(key_set(&[encrypts]).is_err(), "{marked_by}: alone it cannot verify anything");
        }
    }
    // A key of an unknown kind does not occupy the name either.
    let newer = json!({"kty": "AKP", "alg": "ML-DSA-65", "kid": "k", "pub": encode([1; 64])});
    assert_eq!(outcome(&[newer, rsa().jwk("k")], &[&token]), (1, 1, vec![true]));
}

#[test]
fn ambiguous_keys_are_both_skipped() {
    let (other, ec) = (Signer::generate(A::RS256), Signer::generate(A::ES256));
    let open = |key: &Signer| without_member(key.jwk("k"), "alg");
    let weak = json!({"kty": "RSA", "kid": "k", "alg": "RS256", "n": encode([0xa7; 128]), "e": "AQAB"});
    let twice_and_another = [rsa().jwk("k"), rsa().jwk("k"), other.jwk("k")];
    for keys in [
        &[rsa().jwk("k"), other.jwk("k")][..],
        &[open(rsa()), other.jwk("k")],
        &[open(rsa()), open(&other)],
        &[rsa().jwk("k"), weak],
        &twice_and_another,
    ] {
        assert!(key_set(keys).is_err(), "{keys:?}");
        // A key that shares only the name is kept.
        let tokens =
            [rsa().token("k", &valid_claims()), other.token("k", &valid_claims()), ec.token("k", &valid_claims())];
        let with_another_kind = [keys, &[ec.jwk("k")]].concat();
        let tokens = tokens.each_ref().map(String::as_str);
        assert_eq!(outcome(&with_another_kind, &tokens), (1, keys.len(), vec![false, false, true]));
    }
    // Different keys for different algorithms are distinguished.
    let keys = [rsa().jwk("k"), with_member(other.jwk("k"), "alg", "RS512")];
    let tokens = [
        rsa().token("k", &valid_claims()),
        other.with(A::RS512).token("k", &valid_claims()),
        other.token("k", &valid_claims()),
    ];
    assert_eq!(outcome(&keys, &tokens.each_ref().map(String::as_str)), (2, 0, vec![true, true, false]));
}

#[test]
fn individually_added_keys_follow_the_same_rules() {
    let ec = Signer::generate(A::ES256);
    let key = |algorithm, signer: &Signer| VerifyingKey::pem(algorithm, &signer.public().pem).unwrap().with_id("k");
    let both = KeySet::new([key(Algorithm::Rs256, rsa()), key(Algorithm::Es256, &ec)]).unwrap();
    let both = jwt(both);
    assert_eq!(verdict(&both, &rsa().token("k", &valid_claims())), Ok(()));
    assert_eq!(verdict(&both, &ec.token("k", &valid_claims())), Ok(()));
    let twice = KeySet::new([key(Algorithm::Es256, &ec), key(Algorithm::Es256, &ec)]).unwrap();
    assert_eq!(twice.len(), 1);
    let other = Signer::generate(A::ES256);
    let mistake = KeySet::new([key(Algorithm::Es256, &ec), key(Algorithm::Es256, &other)]).unwrap_err().to_string();
    assert!(mistake.contains(".with_id(..)"), "{mistake}");
}

/// The key with leading zero octets in one of its numbers.
fn padded(key: Value, member: &str) -> Value {
    let number = URL_SAFE_NO_PAD.decode(key[member].as_str().unwrap()).unwrap();
    with_member(key, member, encode([&[0][..], &number].concat()))
}

#[test]
fn leading_zeros_do_not_change_rsa_numbers() {
    let token = rsa().token("k", &valid_claims());
    let jwk = rsa().jwk("k");
    for key in [
        padded(jwk.clone(), "n"),
        padded(jwk.clone(), "e"),
        padded(padded(jwk.clone(), "n"), "e"),
        padded(padded(jwk.clone(), "n"), "n"),
    ] {
        assert_eq!(outcome(&[key], &[&token]), (1, 0, vec![true]));
    }
    // Its length is still the length of the number.
    let short = json!({"kty": "RSA", "kid": "k", "n": encode([vec![0; 200], vec![0xa7; 128]].concat()), "e": "AQAB"});
    assert!(key_set(&[short]).is_err());
}

/// RFC 7518 §6.2.1.2, §6.4.1, RFC 8037 §2: each octet of a coordinate or of a secret is significant.
#[test]
fn unusable_keys_are_skipped() {
    let [p256, p384, ed] = [A::ES256, A::ES384, A::EdDSA].map(Signer::generate);
    let usable = rsa().jwk("good");
    for (name, key) in [
        ("P-256 x", padded(p256.jwk("k"), "x")),
        ("P-256 y", padded(p256.jwk("k"), "y")),
        ("P-384 x", padded(p384.jwk("k"), "x")),
        ("Ed25519", padded(ed.jwk("k"), "x")),
        ("an even modulus", with_member(rsa().jwk("k"), "n", encode([0xa8; 256]))),
        ("a modulus of zeros", with_member(rsa().jwk("k"), "n", encode([0; 256]))),
        ("no modulus", without_member(rsa().jwk("k"), "n")),
        ("an exponent of zeros", with_member(rsa().jwk("k"), "e", encode([0, 0]))),
        ("an exponent in padded base64", with_member(rsa().jwk("k"), "e", "AQAB====")),
    ] {
        let keys = key_set(&[key.clone(), usable.clone()]).unwrap();
        assert_eq!((keys.len(), keys.skipped()), (1, 1), "{name}");
        assert!(key_set(&[key]).is_err(), "{name}");
    }
}

/// RFC 9864 §2.2: `Ed25519` is `EdDSA` with this curve.
#[test]
fn ed25519_is_accepted_by_both_names() {
    let key = Signer::generate(A::EdDSA);
    let headed = |alg: &str| key.seal(format!(r#"{{"alg":"{alg}","kid":"k"}}"#), valid_claims().to_string());
    for alg in [Some("Ed25519"), Some("EdDSA"), None] {
        let jwk = match alg {
            Some(alg) => with_member(key.jwk("k"), "alg", alg),
            None => without_member(key.jwk("k"), "alg"),
        };
        let jwt = jwt(key_set(&[jwk]).unwrap());
        for alg in ["Ed25519", "EdDSA"] {
            assert_eq!(verdict(&jwt, &headed(alg)), Ok(()), "{alg}");
        }
        for alg in ["ed25519", "ED25519", "Ed25519 ", "eddsa", "Ed448", "Ed25519ph", "ES256"] {
            assert_eq!(verdict(&jwt, &headed(alg)), Err(AuthError::Invalid("token_alg")), "{alg}");
        }
        let other = Signer::generate(A::EdDSA).seal(r#"{"alg":"Ed25519","kid":"k"}"#, valid_claims().to_string());
        assert_eq!(verdict(&jwt, &other), Err(AuthError::Invalid("token_signature")));
    }
    // Both names mean one algorithm: the same key twice is one key, and two different keys are ambiguous.
    let newer = |key: &Signer| with_member(key.jwk("k"), "alg", "Ed25519");
    assert_eq!(outcome(&[key.jwk("k"), newer(&key)], &[&headed("EdDSA"), &headed("Ed25519")]), (1, 0, vec![true; 2]));
    assert!(key_set(&[key.jwk("k"), newer(&Signer::generate(A::EdDSA))]).is_err());
    // Keys of other kinds cannot use this name.
    assert!(key_set(&[with_member(rsa().jwk("k"), "alg", "Ed25519")]).is_err());
    assert!(key_set(&[with_member(key.jwk("k"), "alg", "Ed448")]).is_err());
}
