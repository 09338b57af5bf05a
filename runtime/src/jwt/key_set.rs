//! The keys of one issuer, and how the header of a token selects one of them.
//!
//! Threat: a `kid` or `alg` that makes the verifier use a wrong key or try all keys (RFC 8725 §3.10), and a key document that
//! is rejected as a whole because one entry is unknown or malformed. Promise: a `kid` is only compared with key names. Together
//! with `alg`, it selects one key (RFC 7517 §4.5). Entries that cannot be used are left out. If one header would select two
//! different keys, both are left out.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::algorithm::{Algorithm, Family};
use super::backend;
use super::jwk::JwkEntry;
use super::key::VerifyingKey;
use crate::config_error::ConfigError;

/// More keys than any issuer has at once. The entries of a document after these are left out.
pub(super) const MOST_KEYS: usize = 64;
/// The largest document that is read from a file, in bytes.
const LARGEST_FILE: u64 = 1024 * 1024;

/// The verification keys of an issuer, with their names.
///
/// ```
/// use palisade::jwt::KeySet;
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
    /// Creates a set of these keys.
    ///
    /// # Errors
    ///
    /// If there is no key, if two different keys for one algorithm have the same name or both have none, or if there are
    /// secrets beside public keys.
    pub fn new(keys: impl IntoIterator<Item = VerifyingKey>) -> Result<Self, ConfigError> {
        let keys = merged(keys);
        if keys.is_empty() {
            return Err(ConfigError::new("jwt keys", "must contain at least one key"));
        }
        if mixes_secrets(&keys) {
            let problem = "must not mix secrets and public keys: every service with the secret could issue tokens for the public keys";
            return Err(ConfigError::new("jwt keys", problem));
        }
        if keys.iter().any(|(key, _)| conflicts(key, &keys)) {
            let problem =
                "must have different names for different keys of one algorithm; name each with `.with_id(..)`";
            return Err(ConfigError::new("jwt keys", problem));
        }
        Ok(Self { keys: keys.into_iter().map(|(key, _)| Arc::new(key)).collect(), skipped: 0 })
    }

    /// A JWK set (RFC 7517 §5), such as the document behind an issuer's `jwks_uri`.
    ///
    /// Keys that cannot be used are left out: those of an unknown kind, curve or algorithm, for encryption (`use`, `key_ops`,
    /// `alg`), too short, or malformed. So are secrets beside public keys. A key without `alg` is used for every algorithm of
    /// its kind.
    ///
    /// The `kid` and `alg` of a token together select a key (RFC 7517 §4.5), so keys for different algorithms may share a
    /// `kid`. A key that is listed twice is one key for the algorithms of both entries. Two different keys of one `kid` and one
    /// algorithm are both left out.
    ///
    /// # Errors
    ///
    /// If the document is not a JWK set, or contains no usable key. Otherwise, [`skipped`](Self::skipped) returns how many
    /// entries were left out.
    pub fn from_jwks(document: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        backend::self_test()?;
        Self::read(document.as_ref()).map_err(|problem| ConfigError::new("jwk set", problem))
    }

    /// Reads a file with a JWK set once: see [`from_jwks`](Self::from_jwks).
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is over 1 MiB, or contains no usable key.
    pub fn from_jwks_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let config_error = |problem: String| ConfigError::new("jwk set", format!("{}: {problem}", path.display()));
        let size = std::fs::metadata(path).map_err(|error| config_error(error.to_string()))?.len();
        if size > LARGEST_FILE {
            return Err(config_error("must be at most 1 MiB".to_owned()));
        }
        let document = std::fs::read(path).map_err(|error| config_error(error.to_string()))?;
        backend::self_test()?;
        Self::read(&document).map_err(|problem| config_error(problem.to_owned()))
    }

    /// The number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether the set has no keys. This is never the case, because no constructor allows it.
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
        struct KeySetDocument {
            keys: Vec<Value>,
        }

        let KeySetDocument { keys } = serde_json::from_slice(document)
            .map_err(|_| "must be a JWK set: `{\"keys\": [..]}`, even for a single key")?;
        let all = keys.len();
        let (mut usable, mut unusable) = (Vec::new(), Vec::new());
        for entry in keys.iter().take(MOST_KEYS).filter_map(JwkEntry::read) {
            match entry {
                JwkEntry::Usable(key) => usable.push(key),
                JwkEntry::Unusable { id: Some(id), algorithms } => unusable.push((id, algorithms)),
                JwkEntry::Unusable { id: None, .. } => {}
            }
        }
        let mut keys = merged(usable);
        if mixes_secrets(&keys) {
            keys.retain(|(key, _)| !is_secret(key));
        }
        // Both keys are left out even if one of them is unusable, because it is unknown which one the issuer meant.
        let ambiguous = |key: &VerifyingKey| {
            unusable.iter().any(|(id, algorithms)| key.matches(Some(id), algorithms)) || conflicts(key, &keys)
        };
        let ambiguous: Vec<bool> = keys.iter().map(|(key, _)| ambiguous(key)).collect();
        let mut set = Self { keys: Vec::new(), skipped: all };
        for ((key, entries), _) in keys.into_iter().zip(ambiguous).filter(|(_, ambiguous)| !ambiguous) {
            set.skipped = set.skipped.saturating_sub(entries);
            set.keys.push(Arc::new(key));
        }
        if set.keys.is_empty() {
            return Err(
                "must contain a usable key, but each is of an unknown kind or algorithm, for encryption, too short, malformed, or has the `kid` and the algorithm of another",
            );
        }
        Ok(set)
    }

    /// The keys of an issuer of our own, whose names are different.
    pub(super) fn of_issuer(keys: Vec<Arc<VerifyingKey>>) -> Self {
        Self { keys, skipped: 0 }
    }

    pub(super) fn keys(&self) -> &[Arc<VerifyingKey>] {
        &self.keys
    }

    /// Removes secrets, which a public document must not contain.
    #[cfg(feature = "jwks")]
    pub(super) fn public_only(mut self) -> Option<Self> {
        let before = self.keys.len();
        self.keys.retain(|key| !is_secret(key));
        self.skipped = self.skipped.saturating_add(before.saturating_sub(self.keys.len()));
        (!self.keys.is_empty()).then_some(self)
    }

    pub(super) fn has_key_named(&self, id: &str) -> bool {
        self.keys.iter().any(|key| key.id() == Some(id))
    }

    /// The key that a header selects.
    pub(super) fn choose(&self, algorithm: Algorithm, id: Option<&str>) -> KeyChoice<'_> {
        if let Some(id) = id {
            if let Some(key) = self.keys.iter().find(|key| key.matches(Some(id), &[algorithm])) {
                return KeyChoice::Key(key);
            }
            if self.has_key_named(id) {
                return KeyChoice::WrongAlgorithm;
            }
            // If keys have names and none has this name, the key is not in the set.
            if self.keys.iter().any(|key| key.id().is_some()) {
                return KeyChoice::Unknown;
            }
        }
        let mut fitting = self.keys.iter().filter(|key| key.algorithms().contains(&algorithm));
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => KeyChoice::Key(key),
            (None, _) => KeyChoice::WrongAlgorithm,
            (Some(_), Some(_)) => KeyChoice::Unknown,
        }
    }

    /// Returns the next set. Keys that are in both sets are shared with this one, and keys that are only in this one are
    /// retired.
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

/// The result of selecting a key by a header.
pub(super) enum KeyChoice<'k> {
    Key(&'k Arc<VerifyingKey>),
    /// No key of that name, or several without a name.
    Unknown,
    /// A key has this name, or the keys have no names, but no such key has this `alg`.
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

/// Merges entries of the same key and name into one key with the algorithms of all, and counts the entries of each key.
fn merged(keys: impl IntoIterator<Item = VerifyingKey>) -> Vec<(VerifyingKey, usize)> {
    let mut merged: Vec<(VerifyingKey, usize)> = Vec::new();
    for key in keys {
        let same = |(own, _): &&mut (VerifyingKey, usize)| own.id() == key.id() && own.has_material_of(&key);
        match merged.iter_mut().find(same) {
            Some((own, entries)) => {
                own.add_algorithms(key.algorithms());
                *entries = entries.saturating_add(1);
            }
            None => merged.push((key, 1)),
        }
    }
    merged
}

/// Whether the same header would also select another key. RFC 7517 §4.5: the name and the kind of key select it.
fn conflicts(key: &VerifyingKey, all: &[(VerifyingKey, usize)]) -> bool {
    all.iter().any(|(other, _)| !std::ptr::eq(key, other) && other.matches(key.id(), key.algorithms()))
}

fn mixes_secrets(keys: &[(VerifyingKey, usize)]) -> bool {
    keys.iter().any(|(key, _)| is_secret(key)) && !keys.iter().all(|(key, _)| is_secret(key))
}
