//! Refresh tokens: their text for clients, and the hash that is stored.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::authn::digest::{Digest, sha256};

const PREFIX: &str = "rt_";
/// The first bytes of a token. They stay the same for the whole session, so the id of the session is derived from them.
const SESSION_PART_BYTES: usize = 16;
/// The other bytes. They are valid once: each use of a token replaces them.
const SECRET_BYTES: usize = 32;
/// The characters of a token: 48 bytes are 64 characters.
const TEXT_LENGTH: usize = PREFIX.len() + 64;
/// How many bytes of a hash are the id of a session: 128 bits.
const SESSION_ID_BYTES: usize = 16;

/// `rt_`, then 48 random bytes in base64url: 16 that stay the same for the whole session, and 32 that are valid once.
pub(super) struct RefreshToken(Zeroizing<[u8; SESSION_PART_BYTES + SECRET_BYTES]>);

impl RefreshToken {
    /// Generates the first refresh token of a new session. `None` if the operating system returns no random bytes.
    pub(super) fn generate() -> Option<Self> {
        let mut bytes = Zeroizing::new([0; SESSION_PART_BYTES + SECRET_BYTES]);
        getrandom::fill(bytes.as_mut()).ok()?;
        Some(Self(bytes))
    }

    /// Generates the next refresh token of the same session. `None` if the operating system returns no random bytes.
    pub(super) fn rotate(&self) -> Option<Self> {
        let mut bytes = self.0.clone();
        getrandom::fill(bytes.get_mut(SESSION_PART_BYTES..)?).ok()?;
        Some(Self(bytes))
    }

    /// Reads the text of a client. `None` if it is not a refresh token.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let encoded = text.strip_prefix(PREFIX)?;
        let mut bytes = Zeroizing::new([0; SESSION_PART_BYTES + SECRET_BYTES]);
        let written = URL_SAFE_NO_PAD.decode_slice(encoded, bytes.as_mut()).ok()?;
        (written == SESSION_PART_BYTES + SECRET_BYTES).then_some(Self(bytes))
    }

    /// Returns the text for the client.
    pub(super) fn encode(&self) -> Zeroizing<String> {
        // The capacity is reserved at once, so that growing leaves no copy of the token in memory.
        let mut text = Zeroizing::new(String::with_capacity(TEXT_LENGTH));
        text.push_str(PREFIX);
        URL_SAFE_NO_PAD.encode_string(self.0.as_ref(), &mut text);
        text
    }

    /// The id of the session: 128 bits of the hash of the bytes that stay the same, in base64url. The store and the `sid`
    /// claim of access tokens contain this id and never the bytes, so a reader of either cannot make a refresh token of it.
    pub(super) fn session_id(&self) -> String {
        let digest = sha256(self.0.get(..SESSION_PART_BYTES).unwrap_or_default());
        URL_SAFE_NO_PAD.encode(digest.get(..SESSION_ID_BYTES).unwrap_or_default())
    }

    /// The hash of the whole token. The store keeps it to recognise the current token.
    pub(super) fn digest(&self) -> Digest {
        sha256(self.0.as_ref())
    }

    /// Whether this is the token of the stored hash. Compares in constant time.
    pub(super) fn matches_digest(&self, stored: &Digest) -> bool {
        verify_slices_are_equal(&self.digest(), stored).is_ok()
    }
}
