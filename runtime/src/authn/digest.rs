//! Digests of random secrets.

use aws_lc_rs::digest::{SHA256, digest};

/// SHA-256. The secrets have 256 random bits and cannot be guessed, so a slow hash would protect nothing.
pub(crate) type Digest = [u8; 32];

pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    let mut copy = Digest::default();
    // Both arrays have 32 bytes.
    copy.iter_mut().zip(digest(&SHA256, bytes).as_ref()).for_each(|(to, from)| *to = *from);
    copy
}
