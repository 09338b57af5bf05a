//! Keys that verify, each bound to its algorithms.
//!
//! Threat: a key used with an algorithm it was not made for, a guessable or malformed one, one that leaks (CWE-326, CWE-327,
//! CWE-532; RFC 8725 §3.1, §3.4, §3.5). Promise: the algorithms belong to the key; an HMAC secret has at least the length of
//! its hash (RFC 7518 §3.2), an RSA modulus 2048 to 8192 bits and a sound exponent, a point lies on its curve; keys are wiped
//! when dropped and never shown.

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

/// RFC 7518 §3.3; the upper bound keeps one verification from costing seconds.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// A key that verifies tokens.
///
/// `Debug` shows no key material, and the key is wiped when dropped.
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
    /// The encoded header of tokens that our own issuer signs with this key: spared the reading.
    usual_header: Option<String>,
    /// Left its set: what was verified with it does not count any more.
    retired: AtomicBool,
}

impl VerifyingKey {
    /// A shared secret for `Hs256`, `Hs384` or `Hs512`, of at least 32, 48 or 64 bytes out of a random number generator, never
    /// a password (RFC 8725 §3.5). It is copied; wiping the caller's own copy is up to the caller.
    ///
    /// # Errors
    ///
    /// A secret that is too short, or an algorithm that takes none.
    pub fn hmac(algorithm: Algorithm, secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let secret = secret.as_ref();
        if algorithm.family() != Family::Hmac {
            return Err(ConfigError::new("jwt secret", format!("is no key for {algorithm}: give a public key as PEM")));
        }
        strong_enough(algorithm, secret)?;
        backend::self_test()?;
        let material = DecodingKey::from_secret(secret).map_err(|_| ConfigError::new("jwt secret", "is empty"))?;
        Ok(Self::new(vec![algorithm], material))
    }

    /// A public key in PEM: `PUBLIC KEY` (RFC 5280), or `RSA PUBLIC KEY` (RFC 8017).
    ///
    /// # Errors
    ///
    /// What is no public key of the algorithm's kind, an RSA modulus under 2048 or over 8192 bits or a public exponent that is
    /// even or 1, a point that is not on its curve.
    pub fn pem(algorithm: Algorithm, pem: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let pem = pem.as_ref();
        let material = match algorithm.family() {
            Family::Hmac => {
                return Err(ConfigError::new("jwt key", format!("{algorithm} takes a secret, not a public key")));
            }
            Family::Rsa => DecodingKey::from_rsa_pem(pem),
            Family::P256 | Family::P384 => DecodingKey::from_ec_pem(pem),
            Family::Ed25519 => DecodingKey::from_ed_pem(pem),
        };
        let material = material.map_err(|_| unfit(algorithm, pem, Half::Public))?;
        if !labelled(pem, Half::Public) {
            return Err(unfit(algorithm, pem, Half::Public));
        }
        backend::self_test()?;
        Self::checked(vec![algorithm], material).map_err(|problem| ConfigError::new("jwt key", problem))
    }

    /// The key's name, which tokens carry as `kid`. Where no key of a set has a name, a token's `kid` means nothing.
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

    /// For material that is known to be sound.
    pub(super) fn new(algorithms: Vec<Algorithm>, material: DecodingKey) -> Self {
        let mut key = Self { id: None, algorithms, material, usual_header: None, retired: AtomicBool::new(false) };
        key.usual_header = key.usual();
        key
    }

    /// Refuses material that no sound issuer has.
    pub(super) fn checked(algorithms: Vec<Algorithm>, material: DecodingKey) -> Result<Self, &'static str> {
        let Some(family) = algorithms.first().map(|algorithm| algorithm.family()) else {
            return Err("has no algorithm");
        };
        match (family, material.kind()) {
            (Family::Hmac, DecodingKeyKind::SecretOrDer(secret)) => {
                if algorithms.iter().any(|algorithm| secret.len() < algorithm.shortest_secret()) {
                    return Err("is shorter than the hash of its algorithm");
                }
            }
            (Family::Rsa, DecodingKeyKind::SecretOrDer(der)) => {
                let components = (BACKEND.key_utils.rsa_pub_components_from_public_key)(der);
                let (n, e) = components.map_err(|_| "is no RSA public key")?;
                sound_rsa(&n, &e)?;
                ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der).map_err(|_| "is no RSA public key")?;
            }
            (Family::Rsa, DecodingKeyKind::RsaModulusExponent { n, e }) => {
                sound_rsa(n, e)?;
                // What the backend would refuse with every token, it refuses here.
                let components = RsaPublicKeyComponents { n, e };
                components.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).map_err(|_| "is no RSA public key")?;
            }
            (Family::P256, DecodingKeyKind::SecretOrDer(point)) => {
                ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).map_err(|_| "is no point on P-256")?;
            }
            (Family::P384, DecodingKeyKind::SecretOrDer(point)) => {
                ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point).map_err(|_| "is no point on P-384")?;
            }
            (Family::Ed25519, DecodingKeyKind::SecretOrDer(point)) => {
                ParsedPublicKey::new(&ED25519, point).map_err(|_| "is no Ed25519 key")?;
            }
            _ => return Err("is not of its algorithm's kind"),
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

    /// The algorithm, if this is the very header that our own issuer writes for this key.
    pub(super) fn by_usual_header(&self, header: &str) -> Option<Algorithm> {
        self.algorithms.first().copied().filter(|_| self.usual_header.as_deref() == Some(header))
    }

    /// Makes it good for these algorithms too.
    pub(super) fn add_algorithms(&mut self, algorithms: &[Algorithm]) {
        // In one order, whatever the order of the entries: so the same key is known again in the next document.
        let of_both = |algorithm: &Algorithm| self.algorithms.contains(algorithm) || algorithms.contains(algorithm);
        self.algorithms = Algorithm::ALL.into_iter().filter(of_both).collect();
        self.usual_header = self.usual();
    }

    /// Whether a header could mean this key by the name and one of the algorithms.
    pub(super) fn answers_to(&self, id: Option<&str>, algorithms: &[Algorithm]) -> bool {
        self.id() == id && self.algorithms.iter().any(|own| algorithms.contains(own))
    }

    /// The same key, under the same name and for the same algorithms.
    #[cfg(feature = "jwks")]
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        self.has_material_of(other) && self.id == other.id && self.algorithms == other.algorithms
    }

    /// The same key, whatever it is called and used for.
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

    #[cfg(feature = "jwks")]
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
    }

    pub(super) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Acquire)
    }

    /// Costs two hash blocks and some allocations, so it is kept on the [workbench](super::workbench).
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

pub(super) fn strong_enough(algorithm: Algorithm, secret: &[u8]) -> Result<(), ConfigError> {
    let least = algorithm.shortest_secret();
    if secret.len() >= least {
        return Ok(());
    }
    let problem = format!(
        "has {} bytes; {algorithm} needs at least {least} random ones (`openssl rand -base64 {}`)",
        secret.len(),
        least.saturating_add(least / 2)
    );
    Err(ConfigError::new("jwt secret", problem))
}

/// Which half of a key pair a PEM text has to hold.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    Public,
    Private,
}

/// Whether the first label of the text says that it is this half.
fn labelled(pem: &[u8], half: Half) -> bool {
    let word = match half {
        Half::Public => "PUBLIC KEY-----",
        Half::Private => "PRIVATE KEY-----",
    };
    label(pem).is_some_and(|label| label.ends_with(word))
}

/// The first line that begins something, such as `-----BEGIN PUBLIC KEY-----`.
fn label(pem: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(pem).ok()?;
    text.lines().map(str::trim_end).find(|line| line.starts_with("-----BEGIN "))
}

/// What a text holds instead of this half of a key, and how to get at it. Nothing of the text is in it but its label.
pub(super) fn unfit(algorithm: Algorithm, pem: &[u8], half: Half) -> ConfigError {
    let problem = match (label(pem), half) {
        (None, _) => "is no PEM text (`-----BEGIN ..`); of a file, give what is in it and not its path".to_owned(),
        (Some(_), Half::Public) if labelled(pem, Half::Private) => {
            "is a private key; give its public half (`openssl pkey -in key.pem -pubout`)".to_owned()
        }
        (Some(_), Half::Private) if labelled(pem, Half::Public) => {
            "is a public key; only the private half signs".to_owned()
        }
        (Some(label), _) if label.contains("CERTIFICATE") => {
            "is a certificate; give the key in it (`openssl x509 -in cert.pem -pubkey -noout`)".to_owned()
        }
        _ => format!("is no key for {algorithm}: it is of another kind, or broken"),
    };
    ConfigError::new("jwt key", problem)
}

fn sound_rsa(n: &[u8], e: &[u8]) -> Result<(), &'static str> {
    let bits = |number: &[u8]| {
        let mut digits = number.iter().skip_while(|byte| **byte == 0);
        let first = digits.next().map_or(0, |byte| 8_usize.saturating_sub(byte.leading_zeros() as usize));
        digits.count().saturating_mul(8).saturating_add(first)
    };
    if !RSA_BITS.contains(&bits(n)) {
        return Err("has an RSA modulus outside of 2048 to 8192 bits");
    }
    if roca::is_weak(n) {
        return Err("has an RSA modulus that can be factored (CVE-2017-15361)");
    }
    // RFC 8017 §3.1: the modulus is a product of odd primes; the exponent is odd and at least 3. Beyond 33 bits it only costs.
    let odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
    if !odd(n) {
        return Err("has an RSA modulus that is even");
    }
    if !odd(e) || !(2..=33).contains(&bits(e)) {
        return Err("has an RSA exponent that no sound key has");
    }
    Ok(())
}
