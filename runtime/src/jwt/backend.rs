//! The crypto backend. This module selects it explicitly, so that a process-wide default cannot change it.
//!
//! Threat: a missing or defective backend that fails only with the first token (CWE-248). Promise: the backend passes a
//! published test vector before the first key is accepted.

use std::sync::OnceLock;

pub(super) use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER as BACKEND;
use jsonwebtoken::errors::Error;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};

use crate::config_error::ConfigError;

/// Tests the backend once for each process.
pub(super) fn self_test() -> Result<(), ConfigError> {
    static WORKS: OnceLock<bool> = OnceLock::new();
    if *WORKS.get_or_init(|| published_vector().is_ok()) {
        Ok(())
    } else {
        Err(ConfigError::new(
            "jwt crypto backend",
            "must pass its self-test, but failed; this build cannot sign or verify tokens",
        ))
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

/// RFC 4231 §4.3, test case 2: the backend must create the published signature, accept it, and reject it for another message.
fn published_vector() -> Result<(), Broken> {
    const SECRET: &[u8] = b"Jefe";
    const MESSAGE: &[u8] = b"what do ya want for nothing?";
    const PUBLISHED: [u8; 32] = [
        0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7, 0x5a, 0x00,
        0x3f, 0x08, 0x9d, 0x27, 0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43,
    ];
    let signer = (BACKEND.signer_factory)(&Algorithm::HS256, &EncodingKey::from_secret(SECRET)?)?;
    let verifier = (BACKEND.verifier_factory)(&Algorithm::HS256, &DecodingKey::from_secret(SECRET)?)?;
    let signature = signer.try_sign(MESSAGE)?;
    verifier.verify(MESSAGE, &signature)?;
    let accepts_another = verifier.verify(b"what do ya want for nothing!", &signature).is_ok();
    if signature != PUBLISHED || accepts_another { Err(Broken) } else { Ok(()) }
}
