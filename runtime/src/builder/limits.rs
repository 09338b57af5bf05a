//! Limits that apply to all routes: the size of the head of a request.

use super::PalisadeBuilder;
use crate::config_error::Mistakes;

/// 16 KiB.
pub(super) const DEFAULT_HEAD: usize = 16_384;
/// A head of fewer bytes is that of an ordinary browser.
const SMALLEST_HEAD: usize = 1_024;
/// actix-web reads no longer head over HTTP/1.1.
const LARGEST_HEAD: usize = 131_072;

impl PalisadeBuilder {
    /// How many bytes the head of a request may have: its target (the host and the path with the query), and the names and values of
    /// all header fields. From 1,024 to 131,072 bytes. Default: 16 KiB (16,384 bytes).
    ///
    /// A larger head is rejected with 431 (RFC 6585 §5), over HTTP/1.1 and over HTTP/2. The server itself stops reading later: over
    /// HTTP/1.1 actix-web reads 128 KiB, and over HTTP/2 the library `h2` reads 16 MiB.
    ///
    /// Danger: the more a head may have, the more each connection can make the server hold and search (CWE-770).
    pub fn head_limit(mut self, max_bytes: usize) -> Self {
        self.head_limit = max_bytes;
        self
    }
}

pub(super) fn check_head(max_bytes: usize, mistakes: &mut Mistakes) {
    if !(SMALLEST_HEAD..=LARGEST_HEAD).contains(&max_bytes) {
        let problem = "must be from 1,024 to 131,072 bytes: a browser sends up to the one, and over HTTP/1.1 actix-web reads no \
                       more than the other";
        mistakes.report("head_limit", problem);
    }
}
