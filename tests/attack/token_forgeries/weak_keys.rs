//! Keys that no careful issuer uses are rejected before the server starts (CWE-326, ASVS V11.2.3, RFC 8725 §3.4,
//! §3.5).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::Algorithm::{ES256, ES384, EdDSA};
use palisade::jwt::{Algorithm, KeySet, VerifyingKey};
use palisade::{ConfigError, Jwt};
use palisade_tests::tokens::{Signer, encode, rsa};
use serde_json::{Value, json};

#[track_caller]
fn rejected<T>(name: &str, built: Result<T, ConfigError>) {
    let Err(mistake) = built else { panic!("{name} was accepted") };
    assert!(mistake.to_string().starts_with("jw"), "{name}: {mistake}");
}

fn set(key: Value) -> Result<KeySet, ConfigError> {
    KeySet::from_jwks(json!({ "keys": [key] }).to_string())
}

fn changed(mut key: Value, member: &str, value: impl Into<Value>) -> Value {
    key[member] = value.into();
    key
}

#[test]
fn short_secrets_are_rejected() {
    for length in [0, 1, 16, 31] {
        rejected("HS256", Jwt::hs256("https://issuer.example", "tests", vec![7; length]));
        rejected("HS256", VerifyingKey::hmac(Algorithm::Hs256, vec![7; length]));
        rejected("HS256 as JWK", set(json!({"kty": "oct", "alg": "HS256", "k": encode(vec![7; length])})));
        rejected("an open secret as JWK", set(json!({"kty": "oct", "k": encode(vec![7; length])})));
    }
    rejected("HS384", VerifyingKey::hmac(Algorithm::Hs384, [7; 47]));
    rejected("HS512", VerifyingKey::hmac(Algorithm::Hs512, [7; 63]));
    rejected("HS512 as JWK", set(json!({"kty": "oct", "alg": "HS512", "k": encode([7; 63])})));
    assert!(Jwt::hs256("https://issuer.example", "tests", [7; 32]).is_ok());
    assert!(set(json!({"kty": "oct", "k": encode([7; 32])})).is_ok());
}

#[test]
fn public_key_is_rejected_as_secret() {
    let ec = Signer::generate(ES256);
    rejected("ES256", VerifyingKey::hmac(Algorithm::Es256, &ec.public().pem));
    rejected("HS256", VerifyingKey::pem(Algorithm::Hs256, &ec.public().pem));
    let public = VerifyingKey::pem(Algorithm::Es256, &ec.public().pem).unwrap().with_id("public");
    let secret = VerifyingKey::hmac(Algorithm::Hs256, &ec.public().pem).unwrap().with_id("secret");
    rejected("a secret beside a public key", KeySet::new([public, secret]));
}

#[test]
fn weak_rsa_keys_are_rejected() {
    let valid_jwk = rsa().jwk("rsa");
    let modulus = |bytes: usize| {
        let mut modulus = vec![0xa5; bytes];
        modulus[bytes - 1] = 0xa7;
        encode(modulus)
    };
    assert!(set(valid_jwk.clone()).is_ok());
    for bytes in [64, 128, 192, 255] {
        rejected("a short modulus", set(changed(valid_jwk.clone(), "n", modulus(bytes))));
    }
    rejected(
        "a modulus of 2048 bits by zeros",
        set(changed(valid_jwk.clone(), "n", encode([vec![0; 128], vec![0xa7; 128]].concat()))),
    );
    rejected("a modulus that costs seconds", set(changed(valid_jwk.clone(), "n", modulus(2048))));
    for exponent in [&[0][..], &[1], &[0, 1], &[2], &[1, 0, 0], &[]] {
        rejected("an exponent that is even or 1", set(changed(valid_jwk.clone(), "e", encode(exponent))));
    }
    rejected("an exponent of 64 bits", set(changed(valid_jwk, "e", encode([0xff; 8]))));
    // PKCS#1 of a modulus of 1024 bits, encoded by hand.
    let n = [&[0x02, 0x81, 0x81, 0x00][..], &[0xa7; 128]].concat();
    let inside = [n.as_slice(), &[0x02, 0x03, 0x01, 0x00, 0x01]].concat();
    let der = [&[0x30, 0x81, u8::try_from(inside.len()).unwrap()][..], &inside].concat();
    let pem = format!("-----BEGIN RSA PUBLIC KEY-----\n{}\n-----END RSA PUBLIC KEY-----\n", STANDARD.encode(der));
    rejected("RSA 1024 as PEM", VerifyingKey::pem(Algorithm::Rs256, pem));
}

/// CVE-2020-0601 and invalid-curve attacks.
#[test]
fn points_off_their_curve_are_rejected() {
    for (algorithm, bytes) in [(ES256, 32), (ES384, 48)] {
        let valid_jwk = Signer::generate(algorithm).jwk("ec");
        assert!(set(valid_jwk.clone()).is_ok());
        let mut one = vec![0; bytes];
        one[bytes - 1] = 1;
        for (name, key) in [
            (
                "x and y swapped",
                changed(changed(valid_jwk.clone(), "x", valid_jwk["y"].clone()), "y", valid_jwk["x"].clone()),
            ),
            ("infinity", changed(changed(valid_jwk.clone(), "x", encode(vec![0; bytes])), "y", encode(vec![0; bytes]))),
            ("(1, 1)", changed(changed(valid_jwk.clone(), "x", encode(&one)), "y", encode(&one))),
            ("an x over the prime", changed(valid_jwk.clone(), "x", encode(vec![0xff; bytes]))),
            ("a short y", changed(valid_jwk.clone(), "y", encode(&one[1..]))),
            ("no y", changed(valid_jwk.clone(), "y", "")),
            ("secp256k1", changed(valid_jwk.clone(), "crv", "secp256k1")),
            (
                "a curve that is not the point's",
                changed(valid_jwk.clone(), "crv", if bytes == 32 { "P-384" } else { "P-256" }),
            ),
            (
                "an algorithm of another curve",
                changed(valid_jwk.clone(), "alg", if bytes == 32 { "ES384" } else { "ES256" }),
            ),
            ("an algorithm of another kind", changed(valid_jwk.clone(), "alg", "HS256")),
            ("encryption", changed(valid_jwk.clone(), "use", "enc")),
            ("signing alone", changed(valid_jwk.clone(), "key_ops", json!(["sign"]))),
        ] {
            rejected(name, set(key));
        }
    }
    let valid_jwk = Signer::generate(EdDSA).jwk("ed");
    assert!(set(valid_jwk.clone()).is_ok());
    rejected("31 bytes", set(changed(valid_jwk.clone(), "x", encode([1; 31]))));
    rejected("33 bytes", set(changed(valid_jwk.clone(), "x", encode([1; 33]))));
    rejected("X25519", set(changed(valid_jwk, "crv", "X25519")));
}

#[test]
fn keys_of_another_kind_are_rejected() {
    let (ec, ed) = (Signer::generate(ES256), Signer::generate(EdDSA));
    rejected("EC for RS256", VerifyingKey::pem(Algorithm::Rs256, &ec.public().pem));
    rejected("RSA for ES256", VerifyingKey::pem(Algorithm::Es256, &rsa().public().pem));
    rejected("EC for EdDSA", VerifyingKey::pem(Algorithm::EdDsa, &ec.public().pem));
    rejected("Ed25519 for ES256", VerifyingKey::pem(Algorithm::Es256, &ed.public().pem));
    rejected("P-256 for ES384", VerifyingKey::pem(Algorithm::Es384, &ec.public().pem));
    rejected("no PEM", VerifyingKey::pem(Algorithm::Es256, "MFkwEwYHKoZIzj0CAQ"));
}

#[test]
fn wrong_key_text_error_tells_what_it_is() {
    use palisade::jwt::{Algorithm, SigningKey, VerifyingKey};

    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let (private, public) = (pair.serialize_pem(), pair.public_key_pem());
    let certificate =
        rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&pair).unwrap().pem();
    let mistake_of = |verifying: bool, algorithm, text: &str| {
        let mistake = if verifying {
            VerifyingKey::pem(algorithm, text).map(drop).unwrap_err()
        } else {
            SigningKey::pem(algorithm, text).map(drop).unwrap_err()
        };
        let mistake = mistake.to_string();
        assert!(!mistake.contains(&private[40..60]), "{mistake}");
        mistake
    };
    assert!(mistake_of(true, Algorithm::EdDsa, &private).contains("-pubout"));
    assert!(mistake_of(false, Algorithm::EdDsa, &public).contains("public key"));
    for verifying in [true, false] {
        assert!(mistake_of(verifying, Algorithm::EdDsa, "/etc/key.pem").contains("not its path"));
        assert!(mistake_of(verifying, Algorithm::EdDsa, &certificate).contains("certificate"));
    }
    assert!(mistake_of(true, Algorithm::Rs256, &public).contains("RS256"));
    assert!(mistake_of(false, Algorithm::Es256, &private).contains("ES256"));
}
