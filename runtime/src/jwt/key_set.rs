//! The keys of one issuer, and which of them a token's header may choose.
//!
//! Threat: a `kid` or `alg` that talks the verifier into a key it should not use, or into trying all of them (RFC 8725 §3.10),
//! and a key document that takes the issuer down because one entry of it is new, odd or broken. Promise: a `kid` is compared
//! with names and is nothing else; it chooses one key together with `alg` (RFC 7517 §4.5); entries that can't be used are left
//! out, and so are both of two different keys that one header would choose.

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

/// More keys than any issuer has at once; what a document has beyond is left out.
const MOST_KEYS: usize = 64;
/// The largest document that is read from a file, in bytes.
const LARGEST_FILE: u64 = 1024 * 1024;

/// The verification keys of an issuer, each under its name.
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
    /// These keys.
    ///
    /// # Errors
    ///
    /// No key, two different keys of one name (or without one) for one algorithm, or secrets beside public keys.
    pub fn new(keys: impl IntoIterator<Item = VerifyingKey>) -> Result<Self, ConfigError> {
        let keys = merged(keys);
        if keys.is_empty() {
            return Err(ConfigError::new("jwt keys", "are none; give at least one"));
        }
        if mixes_secrets(&keys) {
            let problem = "are secrets beside public keys: whoever issues with one kind must not pass for the other";
            return Err(ConfigError::new("jwt keys", problem));
        }
        if keys.iter().any(|(key, _)| has_a_rival(key, &keys)) {
            let problem =
                "are two different ones of one name and algorithm; give each its own name with `.with_id(..)`";
            return Err(ConfigError::new("jwt keys", problem));
        }
        Ok(Self { keys: keys.into_iter().map(|(key, _)| Arc::new(key)).collect(), skipped: 0 })
    }

    /// A JWK set (RFC 7517 §5), such as the document behind an issuer's `jwks_uri`.
    ///
    /// Keys that can't be used here are left out: of an unknown kind, curve or algorithm, for encryption (`use`, `key_ops`,
    /// `alg`), too short, malformed; so are secrets beside public keys. A key without `alg` is good for every algorithm of its
    /// kind.
    ///
    /// A token's `kid` and `alg` together choose a key (RFC 7517 §4.5), so keys for different algorithms may share a `kid`. A key
    /// that is listed twice is one key, good for the algorithms of both entries. Two different keys of one `kid` and one
    /// algorithm are both left out.
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
        // Also where one of the two could not be used anyhow: which one the issuer meant is anybody's guess.
        let unclear = |key: &VerifyingKey| {
            unusable.iter().any(|(id, algorithms)| key.answers_to(Some(id), algorithms)) || has_a_rival(key, &keys)
        };
        let unclear: Vec<bool> = keys.iter().map(|(key, _)| unclear(key)).collect();
        let mut set = Self { keys: Vec::new(), skipped: all };
        for ((key, entries), _) in keys.into_iter().zip(unclear).filter(|(_, unclear)| !unclear) {
            set.skipped = set.skipped.saturating_sub(entries);
            set.keys.push(Arc::new(key));
        }
        if set.keys.is_empty() {
            return Err(
                "has no key that can be used here: each is of an unknown kind or algorithm, for encryption, too short, malformed, or has the `kid` and the algorithm of another",
            );
        }
        Ok(set)
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

    pub(super) fn has_key_named(&self, id: &str) -> bool {
        self.keys.iter().any(|key| key.id() == Some(id))
    }

    /// The key that a header chooses.
    pub(super) fn choose(&self, algorithm: Algorithm, id: Option<&str>) -> KeyChoice<'_> {
        if let Some(id) = id {
            if let Some(key) = self.keys.iter().find(|key| key.answers_to(Some(id), &[algorithm])) {
                return KeyChoice::Key(key);
            }
            if self.has_key_named(id) {
                return KeyChoice::WrongAlgorithm;
            }
            // Where keys have names, a name that none of them has is of a key that is not here.
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
pub(super) enum KeyChoice<'k> {
    Key(&'k Arc<VerifyingKey>),
    /// No key of that name, or several without a name.
    Unknown,
    /// There is a key of that name, or keys without names, but `alg` is none of theirs.
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

/// The keys, each once, and how many there were of each: the same key under the same name is one, for the algorithms of all.
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

/// Whether another key would be chosen by the same header. RFC 7517 §4.5: it is the name and the kind of key that choose.
fn has_a_rival(key: &VerifyingKey, all: &[(VerifyingKey, usize)]) -> bool {
    all.iter().any(|(other, _)| !std::ptr::eq(key, other) && other.answers_to(key.id(), key.algorithms()))
}

fn mixes_secrets(keys: &[(VerifyingKey, usize)]) -> bool {
    keys.iter().any(|(key, _)| is_secret(key)) && !keys.iter().all(|(key, _)| is_secret(key))
}
