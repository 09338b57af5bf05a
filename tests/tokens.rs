//! Keys of each algorithm, and the valid and invalid tokens that a holder of such a key can make.

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use jsonwebtoken::{Algorithm, EncodingKey};
use rcgen::{KeyPair, RsaKeySize};
use serde_json::{Value, json};

use crate::{AUDIENCE, ISSUER};

/// A key that signs with one algorithm.
#[derive(Clone)]
pub struct Signer {
    algorithm: Algorithm,
    private: EncodingKey,
    public: Option<Public>,
}

/// The public half of a key, in the forms in which it may be published.
#[derive(Clone)]
pub struct Public {
    pub pem: String,
    /// The PKCS#1 structure of an RSA key, or the point of another key.
    pub raw: Vec<u8>,
}

impl Public {
    /// `SubjectPublicKeyInfo`.
    pub fn der(&self) -> Vec<u8> {
        let text: String = self.pem.lines().filter(|line| !line.starts_with('-')).collect();
        STANDARD.decode(text.trim()).unwrap()
    }
}

impl Signer {
    pub fn hmac(algorithm: Algorithm, secret: impl AsRef<[u8]>) -> Self {
        Self { algorithm, private: secret_key(secret.as_ref()), public: None }
    }

    /// Generates a new key.
    pub fn generate(algorithm: Algorithm) -> Self {
        let pair = match algorithm {
            Algorithm::ES256 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
            Algorithm::ES384 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384),
            Algorithm::EdDSA => KeyPair::generate_for(&rcgen::PKCS_ED25519),
            _ => KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048),
        };
        let pair = pair.unwrap();
        let pem = pair.serialize_pem();
        let private = match algorithm {
            Algorithm::ES256 | Algorithm::ES384 => EncodingKey::from_ec_pem(pem.as_bytes()),
            Algorithm::EdDSA => EncodingKey::from_ed_pem(pem.as_bytes()),
            _ => EncodingKey::from_rsa_pem(pem.as_bytes()),
        };
        let public = Public { pem: pair.public_key_pem(), raw: pair.public_key_raw().to_vec() };
        Self { algorithm, private: private.unwrap(), public: Some(public) }
    }

    /// The same key with another algorithm of its kind.
    pub fn with(&self, algorithm: Algorithm) -> Self {
        Self { algorithm, ..self.clone() }
    }

    pub fn public(&self) -> &Public {
        self.public.as_ref().expect("the key has a public half")
    }

    /// The public half as an issuer publishes it (RFC 7517).
    pub fn jwk(&self, id: &str) -> Value {
        let raw = &self.public().raw;
        let point = |curve: &str| {
            let (x, y) = raw[1..].split_at(raw.len() / 2);
            json!({"kty": "EC", "crv": curve, "x": encode(x), "y": encode(y)})
        };
        let mut jwk = match self.algorithm {
            Algorithm::ES256 => point("P-256"),
            Algorithm::ES384 => point("P-384"),
            Algorithm::EdDSA => json!({"kty": "OKP", "crv": "Ed25519", "x": encode(raw)}),
            _ => {
                let (n, e) = (DEFAULT_PROVIDER.key_utils.rsa_pub_components_from_public_key)(raw).unwrap();
                json!({"kty": "RSA", "n": encode(n), "e": encode(e)})
            }
        };
        jwk["kid"] = id.into();
        jwk["use"] = "sig".into();
        jwk["alg"] = format!("{:?}", self.algorithm).into();
        jwk
    }

    pub fn sign(&self, message: &str) -> Vec<u8> {
        let signer = (DEFAULT_PROVIDER.signer_factory)(&self.algorithm, &self.private).unwrap();
        signer.try_sign(message.as_bytes()).unwrap()
    }

    /// Arbitrary header and claims with a genuine signature.
    pub fn seal(&self, header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
        self.seal_encoded(&format!("{}.{}", encode(header), encode(claims)))
    }

    pub fn seal_encoded(&self, message: &str) -> String {
        format!("{message}.{}", encode(self.sign(message)))
    }

    /// A valid token with this `kid`.
    pub fn token(&self, id: &str, claims: &Value) -> String {
        self.seal(
            json!({"alg": format!("{:?}", self.algorithm), "typ": "JWT", "kid": id}).to_string(),
            claims.to_string(),
        )
    }
}

/// Also accepts an empty secret, which the backend rejects: HMAC pads secrets with zeros (RFC 2104 §2), so a single
/// zero byte is equivalent.
pub fn secret_key(secret: &[u8]) -> EncodingKey {
    EncodingKey::from_secret(if secret.is_empty() { &[0] } else { secret }).unwrap()
}

/// One RSA key for the whole test program, because generating one is slow.
pub fn rsa() -> &'static Signer {
    static KEY: OnceLock<Signer> = OnceLock::new();
    KEY.get_or_init(|| Signer::generate(Algorithm::RS256))
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub fn encode(part: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(part)
}

/// Claims that each verifier of the tests accepts for ten minutes.
pub fn valid_claims() -> Value {
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "u-1", "iat": now(), "exp": now() + 600})
}

/// The valid claims with this one added or replaced.
pub fn with(name: &str, value: Value) -> Value {
    let mut claims = valid_claims();
    claims[name] = value;
    claims
}

/// The valid claims without this one.
pub fn without(name: &str) -> Value {
    let mut claims = valid_claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}
