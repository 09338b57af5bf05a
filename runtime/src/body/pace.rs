//! A body that arrives too slowly, or is too large.
//!
//! Threat: a client that sends a byte now and then and so holds a connection forever, or that sends without end (CWE-400,
//! CWE-770). Promise: the server waits no longer than [`BodyTimeouts`] allows, and passes on no chunk that exceeds the limit. The
//! clock is read only if the server had to wait. The first failure is recorded, so that no argument can hide it.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use actix_web::dev;
use actix_web::error::PayloadError;
use actix_web::rt::time::{Sleep, sleep};
use actix_web::web::{Bytes, BytesMut};
use futures_util::Stream;
use smallvec::SmallVec;

use super::BodyTimeouts;
use crate::denial::Denial;

/// Why a body ended before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyFailure {
    TooLarge,
    TooSlow,
    /// The connection was lost, or the bytes do not have the form that the headers announce.
    Broken,
}

impl BodyFailure {
    /// The failure that the error of a payload means.
    pub(crate) fn of(error: &PayloadError) -> Self {
        match error {
            PayloadError::Overflow => Self::TooLarge,
            PayloadError::Io(error) if error.kind() == io::ErrorKind::TimedOut => Self::TooSlow,
            _ => Self::Broken,
        }
    }

    /// The rejection of the request.
    pub(crate) const fn denial(self) -> Denial {
        match self {
            Self::TooLarge => Denial::body_too_large(),
            Self::TooSlow => Denial::body_too_slow(),
            Self::Broken => Denial::body_broken(),
        }
    }
}

/// Which bytes of a body can be inspected until the arguments are complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    Nothing,
    /// As they were sent.
    Sent,
    /// As they were inflated.
    Inflated,
}

/// Whether the arguments of the handler are still being read, and the bytes of the body so far.
#[derive(Clone)]
pub(crate) struct Reading(Rc<ReadingState>);

struct ReadingState {
    reads: Cell<bool>,
    failure: Cell<Option<BodyFailure>>,
    /// What is left of a body that its reader dropped.
    unread: Cell<Option<dev::Payload>>,
    keep: Keep,
    kept: RefCell<KeptBytes>,
}

/// The bytes of a body so far.
#[derive(Default)]
struct KeptBytes {
    chunks: SmallVec<[Bytes; 1]>,
    /// What follows them: small chunks. Each would otherwise be an entry, and keep the whole buffer in which it arrived.
    small: BytesMut,
}

/// A chunk of fewer bytes is copied, unless it is the first.
const SMALL: usize = 1024;
/// How many copied bytes are one chunk.
const COPIED: usize = 16 * 1024;

impl KeptBytes {
    fn add(&mut self, chunk: &Bytes) {
        if chunk.len() < SMALL && !self.chunks.is_empty() {
            self.small.extend_from_slice(chunk);
            if self.small.len() >= COPIED {
                self.join();
            }
        } else {
            self.join();
            self.chunks.push(chunk.clone());
        }
    }

    fn join(&mut self) {
        if !self.small.is_empty() {
            self.chunks.push(self.small.split().freeze());
        }
    }

    fn concat(&mut self) -> Vec<u8> {
        self.join();
        self.chunks.concat()
    }
}

impl Reading {
    pub(super) fn begin(keep: Keep) -> Self {
        let (reads, failure, unread) = (Cell::new(true), Cell::new(None), Cell::new(None));
        Self(Rc::new(ReadingState { reads, failure, unread, keep, kept: RefCell::default() }))
    }

    /// The body as it was sent, if it was kept.
    pub(crate) fn sent(&self) -> Option<Vec<u8>> {
        (self.0.keep != Keep::Nothing).then(|| self.0.kept.borrow_mut().concat())
    }

    /// Keeps a chunk, while the arguments are being read.
    fn keep(&self, chunk: &Bytes) {
        if self.0.reads.get() {
            self.0.kept.borrow_mut().add(chunk);
        }
    }

    /// Keeps an inflated chunk, if inflated chunks are to be kept.
    #[cfg(feature = "compression")]
    pub(super) fn keep_inflated(&self, chunk: &Bytes) {
        if self.0.keep == Keep::Inflated {
            self.keep(chunk);
        }
    }

    /// Why the body ended early, for the first reason.
    pub(crate) fn failure(&self) -> Option<BodyFailure> {
        self.0.failure.get()
    }

    pub(super) fn fail(&self, error: &PayloadError) {
        self.0.failure.set(self.failure().or_else(|| Some(BodyFailure::of(error))));
    }

    pub(super) fn take_unread(&self) -> Option<dev::Payload> {
        self.0.unread.take()
    }

    /// The arguments are complete. From now on only the handler reads the body, and no deadline applies.
    pub(crate) fn end(&self) {
        self.0.reads.set(false);
        if self.0.keep != Keep::Nothing {
            self.0.kept.take();
        }
    }
}

/// A payload that ends with an error if the client exceeds the timeouts or the size.
pub(super) struct PacedBody {
    payload: dev::Payload,
    timeouts: BodyTimeouts,
    max_bytes: u64,
    reading: Reading,
    /// Whether timeouts and size end with the arguments: the data after an upgrade is not a body, and both sides may be silent.
    is_upgrade: bool,
    received: u64,
    waited: Duration,
    wait: Option<ReadWait>,
}

/// A period in which the server waits for the client.
struct ReadWait {
    since: Instant,
    /// `None` if the wait has no bound.
    end: Option<Pin<Box<Sleep>>>,
}

impl PacedBody {
    pub(super) fn new(
        payload: dev::Payload,
        timeouts: BodyTimeouts,
        max_bytes: u64,
        reading: Reading,
        is_upgrade: bool,
    ) -> Self {
        Self { payload, timeouts, max_bytes, reading, is_upgrade, received: 0, waited: Duration::ZERO, wait: None }
    }

    /// Whether what is received now is not a body.
    fn is_upgraded(&self) -> bool {
        self.is_upgrade && !self.reading.0.reads.get()
    }

    /// Ends the body with this error. What is left of it is not read.
    fn fail(&mut self, error: PayloadError) -> Poll<Option<Result<Bytes, PayloadError>>> {
        self.reading.fail(&error);
        self.keep_unread();
        Poll::Ready(Some(Err(error)))
    }

    fn keep_unread(&mut self) {
        let unread = self.payload.take();
        if !matches!(unread, dev::Payload::None) {
            self.reading.0.unread.set(Some(unread));
        }
    }

    /// How much longer the client may take; `None` if there is no bound.
    fn time_left(&self) -> Option<Duration> {
        if self.is_upgraded() {
            return None;
        }
        let reads = self.reading.0.reads.get();
        let BodyTimeouts { deadline, grace, bytes_per_second } = self.timeouts;
        let earned = self.received.saturating_mul(1000).checked_div(u64::from(bytes_per_second)).unwrap_or(0);
        let by_rate = grace.saturating_add(Duration::from_millis(earned));
        let most = if reads { by_rate.min(deadline) } else { by_rate };
        Some(most.saturating_sub(self.waited))
    }
}

impl Drop for PacedBody {
    fn drop(&mut self) {
        self.keep_unread();
    }
}

impl Stream for PacedBody {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match Pin::new(&mut self.payload).poll_next(context) {
            Poll::Ready(item) => {
                if let Some(wait) = self.wait.take() {
                    self.waited = self.waited.saturating_add(wait.since.elapsed());
                }
                let chunk = match item {
                    None => {
                        self.payload = dev::Payload::None;
                        return Poll::Ready(None);
                    }
                    Some(Err(error)) => return self.fail(error),
                    Some(Ok(chunk)) => chunk,
                };
                self.received = self.received.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
                if self.received > self.max_bytes && !self.is_upgraded() {
                    return self.fail(PayloadError::Overflow);
                }
                if self.reading.0.keep == Keep::Sent {
                    self.reading.keep(&chunk);
                }
                Poll::Ready(Some(Ok(chunk)))
            }
            Poll::Pending => {
                let time_left = self.time_left();
                let wait = self.wait.get_or_insert_with(|| ReadWait {
                    since: Instant::now(),
                    end: time_left.map(|time_left| Box::pin(sleep(time_left))),
                });
                match wait.end.as_mut().map(|end| end.as_mut().poll(context)) {
                    None | Some(Poll::Pending) => Poll::Pending,
                    Some(Poll::Ready(())) => self.fail(PayloadError::Io(io::ErrorKind::TimedOut.into())),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_of_one_byte_are_kept_without_an_entry_for_each() {
        let body: Vec<u8> = (0..40_000_u32).flat_map(u32::to_le_bytes).collect();
        let mut kept = KeptBytes::default();
        body.chunks(1).take(100_000).for_each(|chunk| kept.add(&Bytes::copy_from_slice(chunk)));
        kept.add(&Bytes::copy_from_slice(body.get(100_000..).unwrap()));
        assert!(kept.chunks.len() < 10, "{} entries", kept.chunks.len());
        assert_eq!(kept.concat(), body);
    }
}
