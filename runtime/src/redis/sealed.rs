//! Values that only the application can read.
//!
//! Threat: a third party that can read the Redis learns whose sessions exist (CWE-359). A third party that can write it gives
//! a session to another subject (CWE-345).
//! Promise: a value is encrypted and authenticated with a key that is derived from the secret, and is bound to the name of
//! its key: if it is copied to another key, it cannot be decrypted.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};

/// Each use of the secret must have its own label.
const LABEL: &[u8] = b"palisade: values in Redis, version 1";

/// Seals and opens values.
pub(super) struct Sealer(RandomizedNonceKey);

impl Sealer {
    pub(super) fn new(secret: &[u8]) -> Result<Self, Unspecified> {
        let mut key = zeroize::Zeroizing::new([0; 32]);
        Salt::new(HKDF_SHA256, &[]).extract(secret).expand(&[LABEL], HKDF_SHA256)?.fill(&mut key[..])?;
        RandomizedNonceKey::new(&AES_256_GCM_SIV, &key[..]).map(Self)
    }

    /// The nonce, the encrypted value and its tag.
    pub(super) fn seal(&self, name: &str, mut value: Vec<u8>) -> Result<Vec<u8>, Unspecified> {
        let nonce = self.0.seal_in_place_append_tag(Aad::from(name.as_bytes()), &mut value)?;
        Ok([&nonce.as_ref()[..], &value].concat())
    }

    /// The value, if it was sealed with the same secret under the same name.
    pub(super) fn open(&self, name: &str, mut sealed: Vec<u8>) -> Option<Vec<u8>> {
        let (nonce, value) = sealed.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        self.0.open_in_place(nonce, Aad::from(name.as_bytes()), value).ok().map(|value| value.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_opens_only_under_its_name_and_secret() {
        let (sealer, other) = (Sealer::new(&[7; 32]).unwrap(), Sealer::new(&[8; 32]).unwrap());
        let sealed = sealer.seal("a", b"ada".to_vec()).unwrap();
        assert_eq!(sealer.open("a", sealed.clone()).unwrap(), b"ada");
        assert!(!sealed.windows(3).any(|part| part == b"ada"));
        assert_ne!(sealed, sealer.seal("a", b"ada".to_vec()).unwrap(), "each has a nonce of its own");
        assert_eq!(sealer.open("b", sealed.clone()), None);
        assert_eq!(other.open("a", sealed.clone()), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(sealer.open("a", changed), None, "{at}");
        }
        assert_eq!(sealer.open("a", sealed[..NONCE_LEN - 1].to_vec()), None);
    }
}
