//! Verifying keys, each bound to its algorithms.
//!
//! Threat: a key used with an algorithm that it was not made for, a guessable or malformed key, and a key that leaks (CWE-326,
//! CWE-327, CWE-532; RFC 8725 §3.1, §3.4, §3.5). Promise: each key has fixed algorithms. An HMAC secret is at least as long as
//! its hash (RFC 7518 §3.2), an RSA key has a modulus of 2048 to 8192 bits and a valid exponent, and a point lies on its curve.
//! Keys are zeroed when dropped and never shown.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents,
};
use jsonwebtoken::crypto::JwtVerifier;
use jsonwebtoken::errors::Error;
use jsonwebtoken::{DecodingKey, DecodingKeyKind};

use super::algorithm::{Algorithm, Family};
use super::backend::{self, BACKEND};
use super::{header, roca};
use crate::config_error::ConfigError;

/// RFC 7518 §3.3; the upper bound prevents a verification that takes seconds.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// A key that verifies tokens.
///
/// `Debug` shows no key material, and the key is zeroed when dropped.
///
/// ```
/// use palisade::jwt::{Algorithm, VerifyingKey};
///
/// # fn main() -> Result<(), palisade::ConfigError> {
/// # let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n";
/// let key = VerifyingKey::pem(Algorithm::EdDsa, pem)?.with_id("2026-11");
/// # let _ = key;
/// # Ok(()) }
/// ```
pub struct VerifyingKey {
    id: Option<Box<str>>,
    algorithms: Vec<Algorithm>,
    material: DecodingKey,
    /// The encoded header of tokens that a `TokenIssuer` signs with this key. A token with this header need not be parsed.
    usual_header: Option<String>,
    /// Whether the key was removed from its set. Cached results of a retired key are invalid.
    retired: AtomicBool,
}

impl VerifyingKey {
    /// A shared secret for `Hs256`, `Hs384` or `Hs512`, of at least 32, 48 or 64 bytes from a random number generator, never a
    /// password (RFC 8725 §3.5). It is copied; zeroing the original is up to the caller.
    ///
    /// # Errors
    ///
    /// If the secret is too short, or the algorithm does not use a secret.
    pub fn hmac(algorithm: Algorithm, secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let secret = secret.as_ref();
        if algorithm.family() != Family::Hmac {
            return Err(ConfigError::new(
                "jwt secret",
                format!("must be for an HMAC algorithm; {algorithm} needs a public key in PEM"),
            ));
        }
        check_secret_length(algorithm, secret)?;
        backend::self_test()?;
        let material =
            DecodingKey::from_secret(secret).map_err(|_| ConfigError::new("jwt secret", "must not be empty"))?;
        Ok(Self::new(vec![algorithm], material))
    }

    /// A public key in PEM: `PUBLIC KEY` (RFC 5280), or `RSA PUBLIC KEY` (RFC 8017).
    ///
    /// # Errors
    ///
    /// If the text is not a public key for the algorithm, the RSA modulus is under 2048 or over 8192 bits, the public exponent
    /// is even or 1, or the point is not on its curve.
    pub fn pem(algorithm: Algorithm, pem: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let pem = pem.as_ref();
        let material = match algorithm.family() {
            Family::Hmac => {
                return Err(ConfigError::new("jwt key", format!("must be a secret for {algorithm}, not a public key")));
            }
            Family::Rsa => DecodingKey::from_rsa_pem(pem),
            Family::P256 | Family::P384 => DecodingKey::from_ec_pem(pem),
            Family::Ed25519 => DecodingKey::from_ed_pem(pem),
        };
        let material = material.map_err(|_| unsuitable_pem(algorithm, pem, Half::Public))?;
        if !has_label(pem, Half::Public) {
            return Err(unsuitable_pem(algorithm, pem, Half::Public));
        }
        backend::self_test()?;
        Self::checked(vec![algorithm], material).map_err(|problem| ConfigError::new("jwt key", problem))
    }

    /// The key's name, which tokens carry as `kid`. If no key of a set has a name, the `kid` of a token is ignored.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into().into_boxed_str());
        self.usual_header = self.usual();
        self
    }

    /// The name of the key.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Creates a key from material that has been checked.
    pub(super) fn new(algorithms: Vec<Algorithm>, material: DecodingKey) -> Self {
        let mut key = Self { id: None, algorithms, material, usual_header: None, retired: AtomicBool::new(false) };
        key.usual_header = key.usual();
        key
    }

    /// Creates a key if its material is valid and strong enough for its algorithms.
    pub(super) fn checked(algorithms: Vec<Algorithm>, material: DecodingKey) -> Result<Self, &'static str> {
        let Some(family) = algorithms.first().map(|algorithm| algorithm.family()) else {
            return Err("must have an algorithm");
        };
        match (family, material.kind()) {
            (Family::Hmac, DecodingKeyKind::SecretOrDer(secret)) => {
                if algorithms.iter().any(|algorithm| secret.len() < algorithm.shortest_secret()) {
                    return Err("must be at least as long as the hash of its algorithm");
                }
            }
            (Family::Rsa, DecodingKeyKind::SecretOrDer(der)) => {
                let components = (BACKEND.key_utils.rsa_pub_components_from_public_key)(der);
                let (n, e) = components.map_err(|_| "must be an RSA public key")?;
                check_rsa(&n, &e)?;
                ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der).map_err(|_| "must be an RSA public key")?;
            }
            (Family::Rsa, DecodingKeyKind::RsaModulusExponent { n, e }) => {
                check_rsa(n, e)?;
                // The backend would reject such a key with every token, so it is checked here.
                let components = RsaPublicKeyComponents { n, e };
                components
                    .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
                    .map_err(|_| "must be an RSA public key")?;
            }
            (Family::P256, DecodingKeyKind::SecretOrDer(point)) => {
                ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).map_err(|_| "must be a point on P-256")?;
            }
            (Family::P384, DecodingKeyKind::SecretOrDer(point)) => {
                ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point).map_err(|_| "must be a point on P-384")?;
            }
            (Family::Ed25519, DecodingKeyKind::SecretOrDer(point)) => {
                ParsedPublicKey::new(&ED25519, point).map_err(|_| "must be an Ed25519 key")?;
            }
            _ => return Err("must be of the kind that its algorithm needs"),
        }
        Ok(Self::new(algorithms, material))
    }

    fn usual(&self) -> Option<String> {
        match self.algorithms.as_slice() {
            [only] => Some(header::encoded(*only, self.id())),
            _ => None,
        }
    }

    pub(super) fn algorithms(&self) -> &[Algorithm] {
        &self.algorithms
    }

    /// The algorithm, if this is exactly the header that a `TokenIssuer` writes for this key.
    pub(super) fn by_usual_header(&self, header: &str) -> Option<Algorithm> {
        self.algorithms.first().copied().filter(|_| self.usual_header.as_deref() == Some(header))
    }

    /// Adds these algorithms.
    pub(super) fn add_algorithms(&mut self, algorithms: &[Algorithm]) {
        // The order is fixed, so that the same key is recognized in the next document.
        let of_both = |algorithm: &Algorithm| self.algorithms.contains(algorithm) || algorithms.contains(algorithm);
        self.algorithms = Algorithm::ALL.into_iter().filter(of_both).collect();
        self.usual_header = self.usual();
    }

    /// Whether a header with this name and one of these algorithms selects this key.
    pub(super) fn matches(&self, id: Option<&str>, algorithms: &[Algorithm]) -> bool {
        self.id() == id && self.algorithms.iter().any(|own| algorithms.contains(own))
    }

    /// Whether both are the same key with the same name and algorithms.
    #[cfg(feature = "jwks")]
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        self.has_material_of(other) && self.id == other.id && self.algorithms == other.algorithms
    }

    /// Whether both have the same key material, independently of names and algorithms.
    pub(super) fn has_material_of(&self, other: &Self) -> bool {
        match (self.material.kind(), other.material.kind()) {
            (DecodingKeyKind::SecretOrDer(own), DecodingKeyKind::SecretOrDer(other)) => {
                aws_lc_rs::constant_time::verify_slices_are_equal(own, other).is_ok()
            }
            (
                DecodingKeyKind::RsaModulusExponent { n, e },
                DecodingKeyKind::RsaModulusExponent { n: other_n, e: other_e },
            ) => n == other_n && e == other_e,
            _ => false,
        }
    }

    pub(super) fn material(&self) -> &DecodingKey {
        &self.material
    }

    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
    }

    pub(super) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Acquire)
    }

    /// Prepares a verifier. This costs two hash blocks and some allocations, so the [cache](super::verifier_cache) keeps it.
    pub(super) fn verifier(&self, algorithm: Algorithm) -> Result<Box<dyn JwtVerifier>, Error> {
        (BACKEND.verifier_factory)(&algorithm.backend(), &self.material)
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("id", &self.id)
            .field("algorithms", &self.algorithms)
            .finish_non_exhaustive()
    }
}

pub(super) fn check_secret_length(algorithm: Algorithm, secret: &[u8]) -> Result<(), ConfigError> {
    let least = algorithm.shortest_secret();
    if secret.len() >= least {
        return Ok(());
    }
    let problem = format!(
        "must have at least {least} random bytes for {algorithm}, but has {} (`openssl rand -base64 {}`)",
        secret.len(),
        least.saturating_add(least / 2)
    );
    Err(ConfigError::new("jwt secret", problem))
}

/// Which half of a key pair a PEM text must contain.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    Public,
    Private,
}

/// Whether the first label of the text names this half.
fn has_label(pem: &[u8], half: Half) -> bool {
    let keyword = match half {
        Half::Public => "PUBLIC KEY-----",
        Half::Private => "PRIVATE KEY-----",
    };
    label(pem).is_some_and(|label| label.ends_with(keyword))
}

/// The first `BEGIN` line, such as `-----BEGIN PUBLIC KEY-----`.
fn label(pem: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(pem).ok()?;
    text.lines().map(str::trim_end).find(|line| line.starts_with("-----BEGIN "))
}

/// The error for a text that is not this half of a key, with how to obtain it. It contains no part of the text.
pub(super) fn unsuitable_pem(algorithm: Algorithm, pem: &[u8], half: Half) -> ConfigError {
    let problem = match (label(pem), half) {
        (None, _) => "must be PEM text (`-----BEGIN ..`); pass the content of a file, not its path".to_owned(),
        (Some(_), Half::Public) if has_label(pem, Half::Private) => {
            "must be a public key, but is a private key; extract its public half (`openssl pkey -in key.pem -pubout`)"
                .to_owned()
        }
        (Some(_), Half::Private) if has_label(pem, Half::Public) => {
            "must be a private key, but is a public key".to_owned()
        }
        (Some(label), _) if label.contains("CERTIFICATE") => {
            "must be a key, but is a certificate; extract its key (`openssl x509 -in cert.pem -pubkey -noout`)"
                .to_owned()
        }
        _ => format!("must be a key for {algorithm}, but is of another kind or malformed"),
    };
    ConfigError::new("jwt key", problem)
}

fn check_rsa(n: &[u8], e: &[u8]) -> Result<(), &'static str> {
    let bits = |number: &[u8]| {
        let mut digits = number.iter().skip_while(|byte| **byte == 0);
        let first = digits.next().map_or(0, |byte| 8_usize.saturating_sub(byte.leading_zeros() as usize));
        digits.count().saturating_mul(8).saturating_add(first)
    };
    if !RSA_BITS.contains(&bits(n)) {
        return Err("must have an RSA modulus of 2048 to 8192 bits");
    }
    if roca::is_weak(n) {
        return Err("must not have an RSA modulus that can be factored (CVE-2017-15361)");
    }
    // RFC 8017 §3.1: the modulus is a product of odd primes; the exponent is odd and at least 3. More than 33 bits only add
    // cost.
    let odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
    if !odd(n) {
        return Err("must have an odd RSA modulus");
    }
    if !odd(e) || !(2..=33).contains(&bits(e)) {
        return Err("must have an odd RSA exponent of 2 to 33 bits");
    }
    Ok(())
}
