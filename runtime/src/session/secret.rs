//! Refresh tokens and cookies: their text for clients, and the hash that is stored.
//!
//! Threat: a stolen store from which a credential can be computed (CWE-256), and a credential of one kind that is accepted as one of the
//! other kind (CWE-436). Promise: of a credential only a hash is stored, and the hashes of the two kinds differ.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::authn::digest::{Digest, sha256};

/// What kind of credential a secret is.
pub(super) struct SecretKind {
    /// What its text begins with, so that scanners recognise a leaked one.
    prefix: &'static str,
    /// What is hashed before the secret.
    label: &'static [u8],
}

pub(super) const REFRESH_TOKEN: &SecretKind = &SecretKind { prefix: "rt_", label: b"" };
#[cfg(feature = "cookies")]
pub(super) const COOKIE: &SecretKind = &SecretKind { prefix: "sc_", label: b"palisade: session cookie, version 1" };

/// The first bytes of a token. They stay the same for the whole session, so the id of the session is derived from them.
const SESSION_PART_BYTES: usize = 16;
/// The other bytes. They are valid once: each use of a token replaces them.
const SECRET_BYTES: usize = 32;
/// The characters of a token after its prefix: 48 bytes are 64 characters.
const TEXT_LENGTH: usize = 64;
/// How many bytes of a hash are the id of a session: 128 bits.
const SESSION_ID_BYTES: usize = 16;

/// A prefix, then 48 random bytes in base64url: 16 that stay the same for the whole session, and 32 that are valid until they are
/// replaced.
pub(super) struct SessionSecret {
    kind: &'static SecretKind,
    bytes: Zeroizing<[u8; SESSION_PART_BYTES + SECRET_BYTES]>,
}

impl SessionSecret {
    /// Generates the first secret of a new session. `None` if the operating system returns no random bytes.
    pub(super) fn generate(kind: &'static SecretKind) -> Option<Self> {
        let mut bytes = Zeroizing::new([0; SESSION_PART_BYTES + SECRET_BYTES]);
        getrandom::fill(bytes.as_mut()).ok()?;
        Some(Self { kind, bytes })
    }

    /// Generates the next secret of the same session. `None` if the operating system returns no random bytes.
    pub(super) fn rotate(&self) -> Option<Self> {
        let mut bytes = self.bytes.clone();
        getrandom::fill(bytes.get_mut(SESSION_PART_BYTES..)?).ok()?;
        Some(Self { kind: self.kind, bytes })
    }

    /// Reads the text of a client. `None` if it is not a secret of this kind.
    pub(super) fn parse(kind: &'static SecretKind, text: &str) -> Option<Self> {
        let encoded = text.strip_prefix(kind.prefix).filter(|encoded| encoded.len() == TEXT_LENGTH)?;
        let mut bytes = Zeroizing::new([0; SESSION_PART_BYTES + SECRET_BYTES]);
        let written = URL_SAFE_NO_PAD.decode_slice(encoded, bytes.as_mut()).ok()?;
        (written == SESSION_PART_BYTES + SECRET_BYTES).then_some(Self { kind, bytes })
    }

    /// Returns the text for the client.
    pub(super) fn encode(&self) -> Zeroizing<String> {
        // The capacity is reserved at once, so that growing leaves no copy of the secret in memory.
        let mut text = Zeroizing::new(String::with_capacity(self.kind.prefix.len().saturating_add(TEXT_LENGTH)));
        text.push_str(self.kind.prefix);
        URL_SAFE_NO_PAD.encode_string(self.bytes.as_ref(), &mut text);
        text
    }

    /// The id of the session: 128 bits of the hash of the bytes that stay the same, in base64url. The store and the `sid`
    /// claim of access tokens contain this id and never the bytes, so a reader of either cannot make a credential of it.
    pub(super) fn session_id(&self) -> String {
        let digest = self.hash(self.bytes.get(..SESSION_PART_BYTES).unwrap_or_default());
        URL_SAFE_NO_PAD.encode(digest.get(..SESSION_ID_BYTES).unwrap_or_default())
    }

    /// The hash of the whole secret. The store keeps it to recognise the current one.
    pub(super) fn digest(&self) -> Digest {
        self.hash(self.bytes.as_ref())
    }

    /// Whether this is the secret of the stored hash. Compares in constant time.
    pub(super) fn matches_digest(&self, stored: &Digest) -> bool {
        verify_slices_are_equal(&self.digest(), stored).is_ok()
    }

    fn hash(&self, bytes: &[u8]) -> Digest {
        sha256(&Zeroizing::new([self.kind.label, bytes].concat()))
    }
}
