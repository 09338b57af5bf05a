//! Signing keys.
//!
//! Threat: a private key that leaks, or whose signatures cannot be verified (CWE-532, CWE-320). Promise: each key is bound to
//! one algorithm, is tested with its public half before the first token, and is zeroed when dropped.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::JwtSigner;
use jsonwebtoken::errors::Error;
use jsonwebtoken::jwk::EllipticCurve;
use jsonwebtoken::{DecodingKey, EncodingKey};

use super::algorithm::{Algorithm, Family};
use super::backend::{self, BACKEND};
use super::key::{Half, VerifyingKey, check_secret_length, unsuitable_pem};
use crate::config_error::ConfigError;

/// A key that signs tokens, for a [`TokenIssuer`](crate::jwt::TokenIssuer). `Debug` shows no secret.
#[derive(Clone)]
pub struct SigningKey(Arc<SigningParts>);

struct SigningParts {
    id: Option<String>,
    algorithm: Algorithm,
    material: EncodingKey,
}

impl SigningKey {
    /// A shared secret: see [`VerifyingKey::hmac`].
    ///
    /// # Errors
    ///
    /// If the secret is too short, or the algorithm does not use a secret.
    pub fn hmac(algorithm: Algorithm, secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let secret = secret.as_ref();
        if algorithm.family() != Family::Hmac {
            return Err(ConfigError::new(
                "jwt secret",
                format!("must be for an HMAC algorithm; {algorithm} needs a private key in PEM"),
            ));
        }
        check_secret_length(algorithm, secret)?;
        backend::self_test()?;
        let material =
            EncodingKey::from_secret(secret).map_err(|_| ConfigError::new("jwt secret", "must not be empty"))?;
        Self::tested(algorithm, material)
    }

    /// A private key in PEM: PKCS#8 (`PRIVATE KEY`), for RSA also PKCS#1 (`RSA PRIVATE KEY`).
    ///
    /// # Errors
    ///
    /// If the text is not a private key for the algorithm, or [`VerifyingKey`] would reject its public half.
    pub fn pem(algorithm: Algorithm, pem: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let pem = pem.as_ref();
        let material = match algorithm.family() {
            Family::Hmac => {
                return Err(ConfigError::new(
                    "jwt key",
                    format!("must be a secret for {algorithm}, not a private key"),
                ));
            }
            Family::Rsa => EncodingKey::from_rsa_pem(pem),
            Family::P256 | Family::P384 => EncodingKey::from_ec_pem(pem),
            Family::Ed25519 => EncodingKey::from_ed_pem(pem),
        };
        backend::self_test()?;
        Self::tested(algorithm, material.map_err(|_| unsuitable_pem(algorithm, pem, Half::Private))?)
    }

    /// The key's name, which tokens carry as `kid` (RFC 7515 §4.1.4). Default: none.
    #[must_use]
    pub fn with_id(self, id: impl Into<String>) -> Self {
        let SigningParts { algorithm, material, .. } = &*self.0;
        Self(Arc::new(SigningParts { id: Some(id.into()), algorithm: *algorithm, material: material.clone() }))
    }

    /// The algorithm of the key.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.0.algorithm
    }

    /// The key that verifies the signatures of this key, with the same name: its public half, or the same secret.
    ///
    /// # Errors
    ///
    /// If the crypto backend cannot derive it.
    pub fn verifying_key(&self) -> Result<VerifyingKey, ConfigError> {
        let key = VerifyingKey::checked(vec![self.0.algorithm], self.public_half()?)
            .map_err(|problem| ConfigError::new("jwt key", problem))?;
        Ok(match &self.0.id {
            Some(id) => key.with_id(id.as_str()),
            None => key,
        })
    }

    fn public_half(&self) -> Result<DecodingKey, ConfigError> {
        let SigningParts { algorithm, material, .. } = &*self.0;
        let (utils, secret) = (&BACKEND.key_utils, material.as_bytes());
        let text = |bytes: Vec<u8>| URL_SAFE_NO_PAD.encode(bytes);
        let derived = match algorithm.family() {
            Family::Hmac => DecodingKey::from_secret(secret),
            Family::Rsa => (utils.rsa_pub_components_from_private_key)(secret)
                .map(|(n, e)| DecodingKey::from_rsa_raw_components(&n, &e)),
            Family::P256 | Family::P384 => (utils.ec_pub_components_from_private_key)(secret, algorithm.backend())
                .and_then(|(_, x, y)| DecodingKey::from_ec_components(&text(x), &text(y))),
            Family::Ed25519 => (utils.ed_pub_components_from_private_key)(secret, &EllipticCurve::Ed25519)
                .map(|x| DecodingKey::from_ed_der(&x)),
        };
        derived.map_err(|_| ConfigError::new("jwt key", format!("must be a private key for {algorithm}")))
    }

    /// Signs a message and verifies it, so that a key of another kind is detected now and not at the first login.
    fn tested(algorithm: Algorithm, material: EncodingKey) -> Result<Self, ConfigError> {
        const MESSAGE: &[u8] = b"a first signature";
        let key = Self(Arc::new(SigningParts { id: None, algorithm, material }));
        let public = key.verifying_key()?;
        let signed = key.signer().ok().and_then(|signer| signer.try_sign(MESSAGE).ok());
        let verified = signed.is_some_and(|signature| {
            public.verifier(algorithm).is_ok_and(|verifier| verifier.verify(MESSAGE, &signature).is_ok())
        });
        if verified {
            Ok(key)
        } else {
            Err(ConfigError::new("jwt key", format!("must sign with {algorithm}, but is of another kind")))
        }
    }

    pub(super) fn id(&self) -> Option<&str> {
        self.0.id.as_deref()
    }

    pub(super) fn signer(&self) -> Result<Box<dyn JwtSigner>, Error> {
        (BACKEND.signer_factory)(&self.0.algorithm.backend(), &self.0.material)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("id", &self.0.id)
            .field("algorithm", &self.0.algorithm)
            .finish_non_exhaustive()
    }
}
