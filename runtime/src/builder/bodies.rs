//! What clients may send: how slowly, and in which coding.

use super::PalisadeBuilder;
use crate::body::BodyTimeouts;

impl PalisadeBuilder {
    /// How long a client may take to send a body. Default: [`BodyTimeouts::new`].
    pub fn body_timeouts(mut self, timeouts: BodyTimeouts) -> Self {
        self.body_timeouts = timeouts;
        self
    }

    /// Takes compressed bodies (`Content-Encoding: br`, `deflate`, `gzip` or `zstd`) on every route, each of at most so many
    /// bytes when it is inflated. Default: none; a body in a content coding is refused with 415 and `Accept-Encoding:
    /// identity` (RFC 9110 §15.5.16) before anything of it is read.
    ///
    /// A body is inflated piece by piece, by 16 KiB, so the limit of whatever reads it (`JsonConfig`, `FormConfig`,
    /// `PayloadConfig`) bounds what is in memory; more is 413. `max_bytes` also holds for a handler that reads the stream by
    /// itself. A route says it for itself with `#[compressed_body("1MiB")]`.
    ///
    /// Danger: a few hundred bytes on the wire are `max_bytes` of work (CWE-409).
    #[cfg(feature = "compression")]
    pub fn compressed_bodies(mut self, max_bytes: u64) -> Self {
        self.compressed = Some(max_bytes);
        self
    }
}
