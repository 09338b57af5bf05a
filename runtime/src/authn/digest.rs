//! What is kept of a secret that nobody can guess.

use aws_lc_rs::digest::{SHA256, digest};

/// SHA-256: of 256 random bits there is nothing to guess that a slow hash would protect.
pub(crate) type Digest = [u8; 32];

pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    let mut copy = Digest::default();
    // Both are 32 bytes.
    copy.iter_mut().zip(digest(&SHA256, bytes).as_ref()).for_each(|(to, from)| *to = *from);
    copy
}
