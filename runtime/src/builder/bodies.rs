//! Request bodies: how large they may be, how slowly clients may send them, in which content codings, and what else they may
//! contain.

use super::PalisadeBuilder;
use crate::body::BodyTimeouts;
use crate::config_error::Mistakes;
use crate::document::InputLimits;

/// 256 KiB.
pub(super) const DEFAULT_LIMIT: u64 = 262_144;

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

    /// How many bytes the body of a request may have, on every guarded route and whatever reads it: `Json`, `Form`, `Bytes`,
    /// `String`, `Payload`, multipart, a middleware of the route. Default: 256 KiB (262,144 bytes). Zero is a configuration error.
    ///
    /// A larger body is rejected with 413 (RFC 9110 §15.5.14), and the connection is closed. If its `Content-Length` shows the size,
    /// the response comes after the access rule and before any of the body is read. Otherwise the body ends with
    /// `PayloadError::Overflow` where it exceeds the limit: an argument that reads it is rejected, also an `Option<..>`, and a
    /// handler that reads the stream itself gets the error.
    ///
    /// `#[body_limit("1MiB")]` replaces the number for one route, up or down. The limits of actix-web's own extractors still apply
    /// beside it, and the smallest one decides: `JsonConfig` (2 MiB), `FormConfig` (16 KiB), `PayloadConfig` (256 KiB, for `Bytes`
    /// and `String`). A compressed body is measured as it is sent; `compressed_bodies` limits what it inflates to.
    ///
    /// Not limited are services without a policy ([`allow_unguarded`](Self::allow_unguarded)), and the data after an upgrade, such as
    /// the messages of a web socket.
    pub fn body_limit(mut self, max_bytes: u64) -> Self {
        self.body_limit = max_bytes;
        self
    }

    /// Rejects unknown fields of every input with 422, on all routes. Default: only where the type or `#[validate(strict)]` says
    /// so.
    ///
    /// Only the extractors of [`palisade::input`](crate::input) can do that, so a handler that takes a `Json`, `Form` or `Query` of
    /// actix-web is a configuration error. It needs [`routes`](Self::routes), so that the handlers are known.
    pub fn strict_input(mut self) -> Self {
        self.strict_input = true;
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

pub(super) fn check_limit(max_bytes: u64, mistakes: &mut Mistakes) {
    if max_bytes == 0 {
        mistakes.report("body_limit", "must be at least one byte: a limit of zero rejects every body");
    }
}
