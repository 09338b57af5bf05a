//! The keys of one issuer, and which of them a token's header may choose.
//!
//! Threat: a `kid` or `alg` that talks the verifier into a key it should not use, or into trying all of them (RFC 8725 §3.10),
//! and a key document that takes the issuer down because one entry of it is new, odd or broken. Promise: a `kid` is compared
//! with names and is nothing else; one key is tried; entries that can't be used are left out, and two of one name are both.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use serde::Deserialize;
use serde_json::Value;

use super::algorithm::{Algorithm, Family};
use super::backend;
use super::key::VerifyingKey;
use crate::error::ConfigError;

/// More keys than any issuer has at once; what a document has beyond is left out.
const MOST_KEYS: usize = 64;
/// The largest document that is read from a file, in bytes.
const LARGEST_FILE: u64 = 1024 * 1024;

/// The verification keys of an issuer, each under its name.
///
/// ```
/// use palisade::KeySet;
///
/// # fn main() -> Result<(), palisade::ConfigError> {
/// let keys = KeySet::from_jwks(r#"{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","kid":"2026-11",
///     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#)?;
/// assert_eq!(keys.len(), 1);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct KeySet {
    keys: Vec<Arc<VerifyingKey>>,
    /// How many entries of the document were left out.
    skipped: usize,
}

impl KeySet {
    /// These keys.
    ///
    /// # Errors
    ///
    /// No key, two of one name, two without a name for one algorithm, or secrets beside public keys.
    pub fn new(keys: impl IntoIterator<Item = VerifyingKey>) -> Result<Self, ConfigError> {
        let set = Self { keys: keys.into_iter().map(Arc::new).collect(), skipped: 0 };
        if set.keys.is_empty() {
            return Err(ConfigError::new("jwt keys", "are none; give at least one"));
        }
        if set.mixes_secrets() {
            let problem = "are secrets beside public keys: whoever issues with one kind must not pass for the other";
            return Err(ConfigError::new("jwt keys", problem));
        }
        if set.keys.iter().any(|key| set.is_ambiguous(key)) {
            return Err(ConfigError::new("jwt keys", "are two of one name; give each its own with `.with_id(..)`"));
        }
        Ok(set)
    }

    /// A JWK set (RFC 7517 §5), such as the document behind an issuer's `jwks_uri`.
    ///
    /// Keys that can't be used here are left out: of an unknown kind, curve or algorithm, for encryption (`use`, `key_ops`),
    /// too short, malformed; so are both of two keys with one `kid`, and secrets beside public keys. A key without `alg` is good
    /// for every algorithm of its kind.
    ///
    /// # Errors
    ///
    /// No JWK set, or one without any key that can be used. How many were left out of one that has some is
    /// [`skipped`](Self::skipped).
    pub fn from_jwks(document: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        backend::self_test()?;
        Self::read(document.as_ref()).map_err(|problem| ConfigError::new("jwk set", problem))
    }

    /// A file with a JWK set: see [`from_jwks`](Self::from_jwks). It is read once.
    ///
    /// # Errors
    ///
    /// A file that can't be read, is over 1 MiB, or holds no key that can be used.
    pub fn from_jwks_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let refuse = |problem: String| ConfigError::new("jwk set", format!("{}: {problem}", path.display()));
        let size = std::fs::metadata(path).map_err(|error| refuse(error.to_string()))?.len();
        if size > LARGEST_FILE {
            return Err(refuse("is over 1 MiB".to_owned()));
        }
        let document = std::fs::read(path).map_err(|error| refuse(error.to_string()))?;
        backend::self_test()?;
        Self::read(&document).map_err(|problem| refuse(problem.to_owned()))
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none, which no constructor allows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many entries of the document could not be used.
    #[must_use]
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    pub(super) fn read(document: &[u8]) -> Result<Self, &'static str> {
        #[derive(Deserialize)]
        struct Document {
            keys: Vec<Value>,
        }

        let Document { keys } = serde_json::from_slice(document)
            .map_err(|_| "is no JWK set: write `{\"keys\": [..]}`, also around a single key")?;
        let all = keys.len();
        let keys: Vec<Value> = keys.into_iter().take(MOST_KEYS).collect();
        // Also where one of the two could not be used anyhow: which one the issuer meant is anybody's guess.
        let named_alike = |entry: &Value| {
            let name = signing_key_id(entry);
            name.is_some() && keys.iter().filter(|other| signing_key_id(other) == name).count() > 1
        };
        let usable = keys.iter().filter(|entry| !named_alike(entry)).cloned().filter_map(usable).map(Arc::new);
        let mut set = Self { keys: usable.collect(), skipped: 0 };
        if set.mixes_secrets() {
            set.keys.retain(|key| !is_secret(key));
        }
        let ambiguous: Vec<bool> = set.keys.iter().map(|key| set.is_ambiguous(key)).collect();
        let mut ambiguous = ambiguous.into_iter();
        set.keys.retain(|_| !ambiguous.next().unwrap_or_default());
        set.skipped = all.saturating_sub(set.keys.len());
        if set.keys.is_empty() {
            Err(
                "has no key that can be used here: each is of an unknown kind or algorithm, for encryption, too short, malformed, or has the `kid` of another",
            )
        } else {
            Ok(set)
        }
    }

    fn mixes_secrets(&self) -> bool {
        self.keys.iter().any(|key| is_secret(key)) && !self.keys.iter().all(|key| is_secret(key))
    }

    /// Whether another key would be chosen by the same header.
    fn is_ambiguous(&self, key: &Arc<VerifyingKey>) -> bool {
        self.keys.iter().any(|other| {
            !Arc::ptr_eq(key, other)
                && key.id() == other.id()
                && (key.id().is_some() || key.algorithms().iter().any(|own| other.algorithms().contains(own)))
        })
    }

    pub(super) fn keys(&self) -> &[Arc<VerifyingKey>] {
        &self.keys
    }

    /// Without secrets, which a public document must not hold.
    #[cfg(feature = "jwks")]
    pub(super) fn public_only(mut self) -> Option<Self> {
        let before = self.keys.len();
        self.keys.retain(|key| !is_secret(key));
        self.skipped = self.skipped.saturating_add(before.saturating_sub(self.keys.len()));
        (!self.keys.is_empty()).then_some(self)
    }

    /// The key that a header chooses.
    pub(super) fn choose(&self, algorithm: Algorithm, id: Option<&str>) -> Choice<'_> {
        if let Some(id) = id {
            match self.keys.iter().find(|key| key.id() == Some(id)) {
                Some(key) if key.algorithms().contains(&algorithm) => return Choice::Key(key),
                Some(_) => return Choice::WrongAlgorithm,
                // Where keys have names, a name that none of them has is of a key that is not here.
                None if self.keys.iter().any(|key| key.id().is_some()) => return Choice::Unknown,
                None => {}
            }
        }
        let mut fitting = self.keys.iter().filter(|key| key.algorithms().contains(&algorithm));
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Choice::Key(key),
            (None, _) => Choice::WrongAlgorithm,
            (Some(_), Some(_)) => Choice::Unknown,
        }
    }

    /// The keys of the other set, those that are the same as ours being ours; ours that are not among them are retired.
    #[cfg(feature = "jwks")]
    pub(super) fn succeeded_by(&self, next: Self) -> Self {
        let keys: Vec<_> = next
            .keys
            .into_iter()
            .map(|key| self.keys.iter().find(|own| own.is_same_as(&key)).map_or(key, Arc::clone))
            .collect();
        for key in &self.keys {
            if !keys.iter().any(|next| Arc::ptr_eq(key, next)) {
                key.retire();
            }
        }
        Self { keys, skipped: next.skipped }
    }
}

/// What a header chose.
pub(super) enum Choice<'k> {
    Key(&'k Arc<VerifyingKey>),
    /// No key of that name, or several without a name.
    Unknown,
    /// There is a key, but `alg` is none of its.
    WrongAlgorithm,
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySet").field("keys", &self.keys).field("skipped", &self.skipped).finish()
    }
}

impl From<VerifyingKey> for KeySet {
    fn from(key: VerifyingKey) -> Self {
        Self { keys: vec![Arc::new(key)], skipped: 0 }
    }
}

fn is_secret(key: &VerifyingKey) -> bool {
    key.algorithms().iter().any(|algorithm| algorithm.family() == Family::Hmac)
}

/// The name of an entry that is not for encryption.
fn signing_key_id(entry: &Value) -> Option<&str> {
    let purpose = entry.get("use").and_then(Value::as_str);
    entry.get("kid").and_then(Value::as_str).filter(|_| purpose != Some("enc"))
}

/// The key of one entry, if it is one that verifies signatures.
fn usable(entry: Value) -> Option<VerifyingKey> {
    let jwk: Jwk = serde_json::from_value(entry).ok()?;
    if jwk.common.public_key_use.as_ref().is_some_and(|purpose| *purpose != PublicKeyUse::Signature) {
        return None;
    }
    let operations = jwk.common.key_operations.as_ref();
    if operations.is_some_and(|operations| !operations.contains(&KeyOperations::Verify)) {
        return None;
    }
    let family = match &jwk.algorithm {
        AlgorithmParameters::OctetKey(_) => Family::Hmac,
        AlgorithmParameters::RSA(_) => Family::Rsa,
        AlgorithmParameters::EllipticCurve(parameters) => match parameters.curve {
            EllipticCurve::P256 => Family::P256,
            EllipticCurve::P384 => Family::P384,
            _ => return None,
        },
        AlgorithmParameters::OctetKeyPair(parameters) if parameters.curve == EllipticCurve::Ed25519 => Family::Ed25519,
        _ => return None,
    };
    let material = DecodingKey::from_jwk(&jwk).ok()?;
    let mut algorithms: Vec<Algorithm> =
        Algorithm::ALL.into_iter().filter(|algorithm| algorithm.family() == family).collect();
    match &jwk.common.key_algorithm {
        Some(named) => {
            let named = Algorithm::named(&named.to_string())?;
            algorithms.retain(|algorithm| *algorithm == named);
        }
        // RFC 7518 §3.2: only as far as the secret is long enough.
        None if family == Family::Hmac => {
            let length = material.try_get_as_bytes().ok()?.len();
            algorithms.retain(|algorithm| length >= algorithm.shortest_secret());
        }
        None => {}
    }
    let key = VerifyingKey::checked(algorithms, material).ok()?;
    Some(match jwk.common.key_id {
        Some(id) => key.with_id(id),
        None => key,
    })
}
