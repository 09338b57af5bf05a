//! Makes keys for the examples. A real application creates them once, with `openssl genpkey -algorithm ed25519`.

use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use palisade::ConfigError;
use palisade::jwt::{Algorithm, SigningKey};

/// A new key with a random name.
pub fn new_key() -> Result<SigningKey, ConfigError> {
    let no_random = |_| ConfigError::new("new key", "the machine has no random numbers");
    let random = aws_lc_rs::rand::SystemRandom::new();
    let document = Ed25519KeyPair::generate_pkcs8v1(&random).map_err(no_random)?;
    let pem =
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(document.as_ref()));
    let mut name = [0; 16];
    aws_lc_rs::rand::fill(&mut name).map_err(no_random)?;
    Ok(SigningKey::pem(Algorithm::EdDsa, pem)?.with_id(URL_SAFE_NO_PAD.encode(name)))
}
