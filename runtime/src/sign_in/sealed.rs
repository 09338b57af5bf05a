//! Values that only the application can read, although it keeps them somewhere else.
//!
//! Threat: a cookie of a sign-in that its user reads, changes, or moves to another sign-in (CWE-345, CWE-565). Promise: a value is encrypted
//! and authenticated (AES-256-GCM-SIV) with a key that is derived for this purpose, and is bound to a name: under another one it cannot
//! be read.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::config_error::ConfigError;

/// Each use of a key must have its own label.
const LABEL: &[u8] = b"palisade: sign-in, version 1";

/// The key that seals, and former ones that open.
pub(super) struct SealingKeys(Vec<RandomizedNonceKey>);

impl SealingKeys {
    /// The first key seals.
    pub(super) fn new(keys: &[Zeroizing<Vec<u8>>]) -> Result<Self, ConfigError> {
        let keys: Result<_, Unspecified> = keys.iter().map(|key| derived(key)).collect();
        keys.map(Self).map_err(|_| ConfigError::new("sign-in key", "cannot be used by the crypto backend"))
    }

    /// The sealed value as text: base64url of the nonce, the encrypted value and its tag.
    pub(super) fn seal(&self, name: &str, value: &[u8]) -> Option<String> {
        let key = self.0.first()?;
        let mut sealed = value.to_vec();
        let nonce = key.seal_in_place_append_tag(Aad::from(name.as_bytes()), &mut sealed).ok()?;
        Some(URL_SAFE_NO_PAD.encode([&nonce.as_ref()[..], &sealed].concat()))
    }

    /// The value, if it was sealed with one of the keys under the same name.
    pub(super) fn open(&self, name: &str, text: &str) -> Option<Zeroizing<Vec<u8>>> {
        let sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
        self.0.iter().find_map(|key| {
            let (nonce, value) = sealed.split_at_checked(NONCE_LEN)?;
            let mut value = Zeroizing::new(value.to_vec());
            let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
            let length = key.open_in_place(nonce, Aad::from(name.as_bytes()), &mut value).ok()?.len();
            value.truncate(length);
            Some(value)
        })
    }
}

fn derived(key: &[u8]) -> Result<RandomizedNonceKey, Unspecified> {
    let mut derived = Zeroizing::new([0; 32]);
    Salt::new(HKDF_SHA256, &[]).extract(key).expand(&[LABEL], HKDF_SHA256)?.fill(&mut derived[..])?;
    RandomizedNonceKey::new(&AES_256_GCM_SIV, &derived[..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(bytes: &[u8]) -> SealingKeys {
        SealingKeys::new(&bytes.iter().map(|byte| Zeroizing::new(vec![*byte; 32])).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn a_value_opens_only_under_its_name_and_with_its_key() {
        let sealed = keys(&[7]).seal("a", b"ada").unwrap();
        assert_eq!(keys(&[7]).open("a", &sealed).unwrap().as_slice(), b"ada");
        assert_ne!(sealed, keys(&[7]).seal("a", b"ada").unwrap(), "each has a nonce of its own");
        assert!(keys(&[7]).open("b", &sealed).is_none());
        assert!(keys(&[8]).open("a", &sealed).is_none());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert!(keys(&[7]).open("a", &String::from_utf8(changed).unwrap()).is_none(), "{at}");
            assert!(keys(&[7]).open("a", &sealed[..at]).is_none(), "{at}");
        }
    }

    #[test]
    fn a_former_key_opens_and_does_not_seal() {
        let sealed = keys(&[7]).seal("a", b"ada").unwrap();
        let changed = keys(&[8, 7]);
        assert_eq!(changed.open("a", &sealed).unwrap().as_slice(), b"ada");
        let renewed = changed.seal("a", b"ada").unwrap();
        assert!(keys(&[8]).open("a", &renewed).is_some());
        assert!(keys(&[7]).open("a", &renewed).is_none());
    }
}
