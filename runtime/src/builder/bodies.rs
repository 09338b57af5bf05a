//! Request bodies: how slowly clients may send them, and in which content codings.

use super::PalisadeBuilder;
use crate::body::BodyTimeouts;
use crate::input::InputLimits;

impl PalisadeBuilder {
    /// How long a client may take to send a body. Default: [`BodyTimeouts::new`].
    pub fn body_timeouts(mut self, timeouts: BodyTimeouts) -> Self {
        self.body_timeouts = timeouts;
        self
    }

    /// How deep, long and wide the input may be that the extractors of [`palisade::input`](crate::input) read. Default:
    /// [`InputLimits::new`].
    pub fn input_limits(mut self, limits: InputLimits) -> Self {
        self.input_limits = limits;
        self
    }

    /// Accepts compressed bodies (`Content-Encoding: br`, `deflate`, `gzip` or `zstd`) on every route, each of at most
    /// `max_bytes` when inflated. Default: compressed bodies are rejected with 415 and `Accept-Encoding: identity` (RFC 9110
    /// §15.5.16) before any of the body is read.
    ///
    /// A body is inflated in chunks of 16 KiB, so the limit of its extractor (`JsonConfig`, `FormConfig`, `PayloadConfig`)
    /// bounds how much of it is in memory; a larger body is rejected with 413. `max_bytes` also applies to a handler that reads
    /// the stream itself. `#[compressed_body("1MiB")]` sets the limit for one route.
    ///
    /// Danger: a few hundred bytes on the wire can cause the work of inflating `max_bytes` (CWE-409).
    #[cfg(feature = "compression")]
    pub fn compressed_bodies(mut self, max_bytes: u64) -> Self {
        self.compressed = Some(max_bytes);
        self
    }
}
