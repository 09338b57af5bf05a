//! The text of a key: `prefix_id_secret` and a checksum.
//!
//! Threat: a typing error, a cut-off copy or a guess at random costs a look into the store each (CWE-400), and a key that leaked
//! into a repository can't be told from other text. Promise: the prefix and the checksum make a key recognisable to
//! secret scanners, and what is not in the one shape is refused here, without asking anybody.

use std::fmt::Write as _;

use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::authn::digest::{Digest, sha256};
use crate::config_error::ConfigError;

const LONGEST_PREFIX: usize = 16;
/// Bytes of randomness; the text has two digits for each.
const ID: usize = 16;
const SECRET: usize = 32;
const CHECKSUM: usize = 4;

/// How the keys of one application look.
#[derive(Debug)]
pub(super) struct KeyFormat {
    /// With its underscore.
    lead: String,
}

/// A key as it came, in the right shape. Nothing is known of its truth.
pub(super) struct PresentedKey<'k> {
    pub(super) id: &'k str,
    pub(super) digest: Digest,
}

/// A key that was just made.
pub(super) struct Fresh {
    pub(super) id: String,
    pub(super) text: SecretString,
    pub(super) digest: Digest,
}

impl KeyFormat {
    pub(super) fn new(prefix: &str) -> Result<Self, ConfigError> {
        let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let sound = prefix.len() <= LONGEST_PREFIX
            && prefix.bytes().all(letters)
            && prefix.bytes().next().is_some_and(|first| first.is_ascii_lowercase());
        if !sound {
            return Err(ConfigError::new(
                "api key prefix",
                "is not a lowercase letter followed by up to 15 lowercase letters or digits; write one such as `acme`",
            ));
        }
        Ok(Self { lead: format!("{prefix}_") })
    }

    /// Whether a text says that it is one of these keys.
    pub(super) fn leads(&self, text: &[u8]) -> bool {
        text.starts_with(self.lead.as_bytes())
    }

    /// # Errors
    ///
    /// The word for the audit log.
    pub(super) fn read<'k>(&self, text: &'k [u8]) -> Result<PresentedKey<'k>, &'static str> {
        const MALFORMED: &str = "api_key_malformed";
        let text = std::str::from_utf8(text).map_err(|_| MALFORMED)?;
        let rest = text.strip_prefix(self.lead.as_str()).ok_or(MALFORMED)?;
        let (id, rest) = rest.split_once('_').ok_or(MALFORMED)?;
        // Byte lengths and digits first: from here on every index of the text is that of a letter.
        let sound = id.len() == 2 * ID && rest.len() == 2 * (SECRET + CHECKSUM) && is_hex(id) && is_hex(rest);
        let body = text.len().checked_sub(2 * CHECKSUM).filter(|_| sound);
        let (body, checksum) = body.and_then(|end| text.split_at_checked(end)).ok_or(MALFORMED)?;
        // Not a secret: whoever has the body can compute it.
        if u32::from_str_radix(checksum, 16) != Ok(crc32fast::hash(body.as_bytes())) {
            return Err("api_key_checksum");
        }
        // Over prefix, id and secret: a digest can't be moved to another record.
        Ok(PresentedKey { id, digest: sha256(body.as_bytes()) })
    }

    /// # Errors
    ///
    /// The machine has no randomness or no working crypto backend.
    pub(super) fn make(&self) -> Option<Fresh> {
        let mut id = [0; ID];
        let mut secret = Zeroizing::new([0; SECRET]);
        getrandom::fill(&mut id).ok()?;
        getrandom::fill(secret.as_mut()).ok()?;
        let id = id.iter().fold(String::with_capacity(2 * ID), hex);

        // Room for all of it from the start: a text that grows leaves copies behind that nobody wipes.
        let length = self.lead.len().saturating_add(2 * (ID + SECRET + CHECKSUM) + 1);
        let mut text = String::with_capacity(length);
        text.push_str(&self.lead);
        text.push_str(&id);
        text.push('_');
        text = secret.iter().fold(text, hex);
        let (checksum, digest) = (crc32fast::hash(text.as_bytes()), sha256(text.as_bytes()));
        text = checksum.to_be_bytes().iter().fold(text, hex);
        Some(Fresh { id, text: text.into(), digest })
    }
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn hex(mut text: String, byte: &u8) -> String {
    // Writing to a String can't fail.
    let _ = write!(text, "{byte:02x}");
    text
}
