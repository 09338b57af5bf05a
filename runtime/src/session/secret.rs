//! Refresh tokens: their text for clients, and the hash that is stored.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::authn::digest::{Digest, sha256};

const PREFIX: &str = "rt_";
const HANDLE: usize = 16;
const SECRET: usize = 32;

/// `rt_`, then 48 random bytes in base64url: 16 that stay the same for the whole session, and 32 that are valid once.
pub(super) struct RefreshToken(Zeroizing<[u8; HANDLE + SECRET]>);

impl RefreshToken {
    /// `None` if the operating system returns no random bytes.
    pub(super) fn first() -> Option<Self> {
        let mut bytes = Zeroizing::new([0; HANDLE + SECRET]);
        getrandom::fill(bytes.as_mut()).ok()?;
        Some(Self(bytes))
    }

    /// The next refresh token of the same session.
    pub(super) fn next(&self) -> Option<Self> {
        let mut bytes = self.0.clone();
        getrandom::fill(bytes.get_mut(HANDLE..)?).ok()?;
        Some(Self(bytes))
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let encoded = text.strip_prefix(PREFIX)?;
        let mut bytes = Zeroizing::new([0; HANDLE + SECRET]);
        let written = URL_SAFE_NO_PAD.decode_slice(encoded, bytes.as_mut()).ok()?;
        (written == HANDLE + SECRET).then_some(Self(bytes))
    }

    pub(super) fn text(&self) -> Zeroizing<String> {
        // The capacity is reserved at once, so that growing leaves no copy of the token in memory.
        let mut text = Zeroizing::new(String::with_capacity(67));
        text.push_str(PREFIX);
        URL_SAFE_NO_PAD.encode_string(self.0.as_ref(), &mut text);
        text
    }

    /// The id of the session: 128 bits of the hash of the bytes that stay the same, in base64url. The store and the `sid`
    /// claim of access tokens contain this id and never the bytes, so a reader of either cannot make a refresh token of it.
    pub(super) fn session_id(&self) -> String {
        let digest = sha256(self.0.get(..HANDLE).unwrap_or_default());
        URL_SAFE_NO_PAD.encode(digest.get(..16).unwrap_or_default())
    }

    /// The hash of the whole token. The store keeps it to recognise the current token.
    pub(super) fn digest(&self) -> Digest {
        sha256(self.0.as_ref())
    }

    pub(super) fn is_of(&self, kept: &Digest) -> bool {
        verify_slices_are_equal(&self.digest(), kept).is_ok()
    }
}
