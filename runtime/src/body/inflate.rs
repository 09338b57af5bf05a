//! A compressed body, inflated chunk by chunk.
//!
//! Threat: 400 bytes that inflate to half a gigabyte (CWE-409). Promise: the next chunk of 16 KiB is inflated only when it is
//! read, so a reader that stops at its limit causes no more work. No body inflates beyond the configured bound, and the memory
//! of a decoder is bounded too.

use std::io;

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::web::Bytes;
use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder};
use async_compression::zstd::DParameter;
use futures_util::{StreamExt as _, TryStreamExt as _, future};
use tokio::io::AsyncRead;
use tokio_util::io::{ReaderStream, StreamReader};

use super::{BodyFailure, Coding, Reading};

const CHUNK: usize = 16 * 1024;
/// RFC 9659 §3: a window is at most 8 MiB.
const ZSTD_WINDOW_LOG: u32 = 23;

/// The inflated payload, of at most `most` bytes. Unknown codings have already been rejected. A failure is recorded in `reading`.
pub(crate) fn inflated(payload: Payload, coding: Coding, most: u64, reading: Reading) -> Payload {
    let wire = StreamReader::new(payload.map_err(|error| match error {
        // Keep the timeout of a slow client distinguishable.
        PayloadError::Io(error) => error,
        error => io::Error::other(error),
    }));
    match coding {
        Coding::Brotli => bounded(BrotliDecoder::new(wire), most, reading),
        // RFC 9110 §8.4.1.2: the zlib format.
        Coding::Deflate => bounded(ZlibDecoder::new(wire), most, reading),
        Coding::Gzip => {
            let mut decoder = GzipDecoder::new(wire);
            // RFC 1952 §2.2. Otherwise the members after the first would be ignored here and read by other software (CWE-436).
            decoder.multiple_members(true);
            bounded(decoder, most, reading)
        }
        Coding::Zstd => {
            let mut decoder = ZstdDecoder::with_params(wire, &[DParameter::window_log_max(ZSTD_WINDOW_LOG)]);
            // RFC 8878 §3: several frames.
            decoder.multiple_members(true);
            bounded(decoder, most, reading)
        }
        Coding::Other | Coding::Unread => Payload::None,
    }
}

fn bounded(decoder: impl AsyncRead + 'static, most: u64, reading: Reading) -> Payload {
    let mut left = most;
    let wire = reading.clone();
    let mut inflate = move |piece: io::Result<Bytes>| {
        let piece = piece.map_err(|error| match (error.kind(), wire.failure()) {
            (io::ErrorKind::TimedOut, _) => PayloadError::Io(error),
            (_, Some(BodyFailure::TooLarge)) => PayloadError::Overflow,
            _ => PayloadError::EncodingCorrupted,
        })?;
        left =
            u64::try_from(piece.len()).ok().and_then(|taken| left.checked_sub(taken)).ok_or(PayloadError::Overflow)?;
        wire.keep_inflated(&piece);
        Ok(piece)
    };
    let pieces = ReaderStream::with_capacity(decoder, CHUNK)
        .map(move |piece| inflate(piece).inspect_err(|error| reading.fail(error)));
    // The stream ends after the first error.
    let mut broken = false;
    let pieces = pieces.take_while(move |piece| future::ready(!std::mem::replace(&mut broken, piece.is_err())));
    Payload::Stream { payload: Box::pin(pieces) }
}
