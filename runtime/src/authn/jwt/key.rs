//! Signing keys, each bound to its one algorithm.
//!
//! Threat: a key used with an algorithm it was not made for, a guessable one, one that leaks (CWE-326, CWE-327, CWE-532;
//! RFC 8725 §3.1, §3.5). Promise: the algorithm belongs to the key; an HMAC secret has at least the length of its hash
//! (RFC 7518 §3.2); keys are wiped when dropped and never shown. The crypto backend is named here, whatever else the
//! process has chosen or left unchosen, and proves itself on a published vector before the first key is accepted.

use std::fmt;

use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER as BACKEND;
use jsonwebtoken::crypto::{JwtSigner, JwtVerifier};
use jsonwebtoken::errors::Error;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};

use crate::error::ConfigError;

/// The length of a SHA-256 hash.
const SHORTEST_HS256_SECRET: usize = 32;

/// A key that signs and verifies with one algorithm. Both halves wipe themselves.
pub(super) struct Key {
    algorithm: Algorithm,
    name: &'static str,
    signing: EncodingKey,
    verifying: DecodingKey,
}

impl Key {
    pub(super) fn hs256(secret: &[u8]) -> Result<Self, ConfigError> {
        if secret.len() < SHORTEST_HS256_SECRET {
            return Err(ConfigError::new(
                "jwt secret",
                format!("has {} bytes; HS256 needs at least 32 random ones (`openssl rand -base64 48`)", secret.len()),
            ));
        }
        self_test()
            .map_err(|_| ConfigError::new("jwt crypto backend", "failed its self-test; this build can't sign"))?;
        Ok(Self::from_hmac_secret(secret))
    }

    fn from_hmac_secret(secret: &[u8]) -> Self {
        Self {
            algorithm: Algorithm::HS256,
            name: "HS256",
            signing: EncodingKey::from_secret(secret),
            verifying: DecodingKey::from_secret(secret),
        }
    }

    /// The only value of `alg` that this key accepts.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn signer(&self) -> Result<Box<dyn JwtSigner>, Error> {
        (BACKEND.signer_factory)(&self.algorithm, &self.signing)
    }

    /// Costs two hash blocks and some allocations, so it is kept on the [workbench](super::workbench).
    pub(super) fn verifier(&self) -> Result<Box<dyn JwtVerifier>, Error> {
        (BACKEND.verifier_factory)(&self.algorithm, &self.verifying)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("algorithm", &self.name).finish_non_exhaustive()
    }
}

struct Broken;

impl From<Error> for Broken {
    fn from(_: Error) -> Self {
        Self
    }
}

impl From<jsonwebtoken::signature::Error> for Broken {
    fn from(_: jsonwebtoken::signature::Error) -> Self {
        Self
    }
}

/// RFC 4231 §4.3, test case 2: the backend signs it as published, accepts it, and refuses it altered.
fn self_test() -> Result<(), Broken> {
    const SECRET: &[u8] = b"Jefe";
    const MESSAGE: &[u8] = b"what do ya want for nothing?";
    const PUBLISHED: [u8; 32] = [
        0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7, 0x5a, 0x00,
        0x3f, 0x08, 0x9d, 0x27, 0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43,
    ];
    let key = Key::from_hmac_secret(SECRET);
    let (signer, verifier) = (key.signer()?, key.verifier()?);
    let signature = signer.try_sign(MESSAGE)?;
    verifier.verify(MESSAGE, &signature)?;
    let accepts_another = verifier.verify(b"what do ya want for nothing!", &signature).is_ok();
    if signature != PUBLISHED || accepts_another { Err(Broken) } else { Ok(()) }
}
