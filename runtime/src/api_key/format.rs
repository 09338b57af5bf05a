//! The text of an API key: `prefix_id_secret` and a checksum.
//!
//! Threat: each mistyped, truncated or guessed key costs a query to the store (CWE-400), and secret scanners cannot recognise a
//! leaked key. Promise: the prefix and the checksum make a key recognisable, and a malformed key is rejected without a query.

use std::fmt::Write as _;

use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::authn::digest::{Digest, sha256};
use crate::config_error::ConfigError;

const LONGEST_PREFIX: usize = 16;
// The text has two digits for each of these bytes. Id and secret are random.
const ID_BYTES: usize = 16;
const SECRET_BYTES: usize = 32;
const CHECKSUM_BYTES: usize = 4;

/// The format of the keys of one application.
#[derive(Debug)]
pub(super) struct KeyFormat {
    /// The prefix and its underscore.
    prefix: String,
}

/// A well-formed key from a request. It is not verified yet.
pub(super) struct PresentedKey<'k> {
    pub(super) id: &'k str,
    pub(super) digest: Digest,
}

/// A new key.
pub(super) struct GeneratedKey {
    pub(super) id: String,
    pub(super) text: SecretString,
    pub(super) digest: Digest,
}

impl KeyFormat {
    pub(super) fn new(prefix: &str) -> Result<Self, ConfigError> {
        let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let well_formed = prefix.len() <= LONGEST_PREFIX
            && prefix.bytes().all(is_allowed)
            && prefix.bytes().next().is_some_and(|first| first.is_ascii_lowercase());
        if !well_formed {
            return Err(ConfigError::new(
                "api key prefix",
                "must be a lowercase letter and up to 15 lowercase letters or digits, such as `acme`",
            ));
        }
        Ok(Self { prefix: format!("{prefix}_") })
    }

    /// Returns whether the text has the prefix of these keys.
    pub(super) fn has_prefix(&self, text: &[u8]) -> bool {
        text.starts_with(self.prefix.as_bytes())
    }

    /// Reads a key from a request. It is not verified yet.
    ///
    /// # Errors
    ///
    /// The reason for the audit log.
    pub(super) fn read<'k>(&self, text: &'k [u8]) -> Result<PresentedKey<'k>, &'static str> {
        const MALFORMED: &str = "api_key_malformed";
        let text = std::str::from_utf8(text).map_err(|_| MALFORMED)?;
        let rest = text.strip_prefix(self.prefix.as_str()).ok_or(MALFORMED)?;
        let (id, rest) = rest.split_once('_').ok_or(MALFORMED)?;
        // The lengths and digits are checked first, so that each later index is at a character boundary.
        let well_formed =
            id.len() == 2 * ID_BYTES && rest.len() == 2 * (SECRET_BYTES + CHECKSUM_BYTES) && is_hex(id) && is_hex(rest);
        let body = text.len().checked_sub(2 * CHECKSUM_BYTES).filter(|_| well_formed);
        let (body, checksum) = body.and_then(|end| text.split_at_checked(end)).ok_or(MALFORMED)?;
        // The checksum is not secret: it can be computed from the rest of the key.
        if u32::from_str_radix(checksum, 16) != Ok(crc32fast::hash(body.as_bytes())) {
            return Err("api_key_checksum");
        }
        // The digest covers prefix, id and secret, so that it cannot be moved to another record.
        Ok(PresentedKey { id, digest: sha256(body.as_bytes()) })
    }

    /// Generates a key. `None` if the machine has no random numbers.
    pub(super) fn generate(&self) -> Option<GeneratedKey> {
        let mut id = [0; ID_BYTES];
        let mut secret = Zeroizing::new([0; SECRET_BYTES]);
        getrandom::fill(&mut id).ok()?;
        getrandom::fill(secret.as_mut()).ok()?;
        let id = id.iter().fold(String::with_capacity(2 * ID_BYTES), push_hex);

        // The buffer has its full size from the start, because a buffer that grows leaves copies that are not zeroed.
        let length = self.prefix.len().saturating_add(2 * (ID_BYTES + SECRET_BYTES + CHECKSUM_BYTES) + 1);
        let mut text = String::with_capacity(length);
        text.push_str(&self.prefix);
        text.push_str(&id);
        text.push('_');
        text = secret.iter().fold(text, push_hex);
        let (checksum, digest) = (crc32fast::hash(text.as_bytes()), sha256(text.as_bytes()));
        text = checksum.to_be_bytes().iter().fold(text, push_hex);
        Some(GeneratedKey { id, text: text.into(), digest })
    }
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Appends the byte as two hex digits.
fn push_hex(mut text: String, byte: &u8) -> String {
    // Writing to a `String` cannot fail.
    let _ = write!(text, "{byte:02x}");
    text
}
