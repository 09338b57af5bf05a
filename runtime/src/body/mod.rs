//! The body of a request, before it is read.
//!
//! Threat: a body that is small on the wire and huge in memory (CWE-409), and one that never ends (CWE-400, CWE-770).
//! Promise: no body may have more bytes than the route or the application allows. A body in a content coding is rejected with 415 unless the route or the application accepts such bodies. It is then
//! inflated chunk by chunk, so that the limit of its extractor bounds how much of it is in memory. The server does not wait for
//! a client that sends too slowly.

mod coding;
#[cfg(feature = "compression")]
mod inflate;
mod pace;
mod unread;

use std::time::Duration;

use actix_web::dev::{Payload, RequestHead};
use actix_web::http::Method;
use actix_web::http::header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING, UPGRADE};

pub(crate) use self::coding::{ACCEPTED, Coding, IDENTITY};
#[cfg(feature = "compression")]
pub(crate) use self::inflate::inflated;
pub(crate) use self::pace::{BodyFailure, Keep, Reading};
use crate::config_error::Mistakes;

/// How long a client may take to send a body.
///
/// Both bounds count the time during which the server waits for the client. The time that a handler takes is not counted.
///
/// - **A deadline** for the arguments of a handler: 30 seconds. If they are not complete by then, the response is 408 (RFC 9110
///   §15.5.9) and the connection is closed.
/// - **A minimum rate** for every body, also for one that a handler reads itself: the first 5 seconds are free, then each 1,024
///   received bytes allow one more second. A handler that reads the stream gets an error; for arguments, the response is 408.
///
/// A value out of bounds is a configuration error.
///
/// Danger: the longer the times, the fewer clients can hold all connections (CWE-400). The server has its own settings for the
/// head of a request and for an idle connection: `HttpServer::client_request_timeout` and `keep_alive`.
///
/// ```
/// use std::time::Duration;
/// use palisade::{BodyTimeouts, Palisade};
///
/// let patient = BodyTimeouts::new().deadline(Duration::from_secs(120)).min_rate(256);
/// Palisade::builder().body_timeouts(patient).build()?;
/// # Ok::<(), palisade::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct BodyTimeouts {
    deadline: Duration,
    grace: Duration,
    bytes_per_second: u32,
}

const LONGEST: Duration = Duration::from_secs(86_400);

impl BodyTimeouts {
    /// A deadline of 30 seconds, and 1,024 bytes each second after a grace of 5 seconds.
    pub const fn new() -> Self {
        Self { deadline: Duration::from_secs(30), grace: Duration::from_secs(5), bytes_per_second: 1024 }
    }

    /// How long all arguments of a handler may take together: more than zero, at most a day. Default: 30 seconds.
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// How many bytes must arrive for each second of waiting: at least 1. Default: 1,024.
    pub const fn min_rate(mut self, bytes_per_second: u32) -> Self {
        self.bytes_per_second = bytes_per_second;
        self
    }

    /// How long a client may take before the minimum rate applies: at most a day. Default: 5 seconds.
    pub const fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Reports values out of bounds.
    pub(crate) fn check(self, mistakes: &mut Mistakes) {
        if self.deadline.is_zero() || self.deadline > LONGEST {
            mistakes.report("body_timeouts", "must have a deadline of more than zero and at most a day");
        }
        if self.bytes_per_second == 0 {
            mistakes.report("body_timeouts", "must have a minimum rate of at least one byte each second");
        }
        if self.grace > LONGEST {
            mistakes.report("body_timeouts", "must have a grace of at most a day");
        }
    }
}

impl Default for BodyTimeouts {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether the `Content-Length` is more than this. A body without one, or with one that is no number, is measured while it is read.
pub(crate) fn announces_more_than(max_bytes: u64, headers: &HeaderMap) -> bool {
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    length.is_some_and(|length| length > max_bytes)
}

/// Returns the payload, which ends with an error if the client is too slow or sends more than `max_bytes`, and the handle that tells
/// it when the arguments are complete. `keep` tells which bytes can be inspected until then.
pub(crate) fn paced(
    payload: Payload,
    head: &RequestHead,
    timeouts: BodyTimeouts,
    max_bytes: u64,
    keep: Keep,
) -> (Payload, Reading) {
    let reading = Reading::begin(keep);
    let paced = pace::PacedBody::new(payload, timeouts, max_bytes, reading.clone(), is_upgrade(head));
    (Payload::Stream { payload: Box::pin(paced) }, reading)
}

/// actix-web treats every request with this header as an upgrade, even a `POST`; a handshake is a `GET` (RFC 6455 §4.1). A chunked
/// body stays a body.
fn is_upgrade(head: &RequestHead) -> bool {
    let asks = head.method == Method::GET && head.headers.contains_key(UPGRADE);
    head.method == Method::CONNECT || (asks && !head.headers.contains_key(TRANSFER_ENCODING))
}
