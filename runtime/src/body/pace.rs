//! A body that arrives too slowly.
//!
//! Threat: a client that sends a byte now and then and so holds a connection forever (CWE-400). Promise: the server waits no
//! longer than [`BodyTimeouts`] allows. The clock is read only if the server had to wait.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use actix_web::dev;
use actix_web::error::PayloadError;
use actix_web::rt::time::{Sleep, sleep};
use actix_web::web::Bytes;
use futures_util::Stream;
use smallvec::SmallVec;

use super::BodyTimeouts;

/// Whether the arguments of the handler are still being read, and the bytes of the body so far.
#[derive(Clone, Debug)]
pub(crate) struct Reading(Rc<ReadingState>);

#[derive(Debug)]
struct ReadingState {
    reads: Cell<bool>,
    /// `None` if the bytes are not needed.
    sent: Option<RefCell<SmallVec<[Bytes; 1]>>>,
}

impl Reading {
    pub(super) fn begin(keep: bool) -> Self {
        Self(Rc::new(ReadingState { reads: Cell::new(true), sent: keep.then(RefCell::default) }))
    }

    /// The body as it was sent, if it was kept.
    pub(crate) fn sent(&self) -> Option<Vec<u8>> {
        self.0.sent.as_ref().map(|sent| sent.borrow().concat())
    }

    /// The arguments are complete. From now on only the handler reads the body, and no deadline applies.
    pub(crate) fn end(&self) {
        self.0.reads.set(false);
        if let Some(sent) = &self.0.sent {
            sent.borrow_mut().clear();
        }
    }
}

/// A payload that ends with an error if the client exceeds the timeouts.
pub(super) struct PacedBody {
    payload: dev::Payload,
    timeouts: BodyTimeouts,
    reading: Reading,
    /// Whether the timeouts end with the arguments: the data after an upgrade is not a body, and both sides may be silent.
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
    pub(super) fn new(payload: dev::Payload, timeouts: BodyTimeouts, reading: Reading, is_upgrade: bool) -> Self {
        Self { payload, timeouts, reading, is_upgrade, received: 0, waited: Duration::ZERO, wait: None }
    }

    /// How much longer the client may take; `None` if there is no bound.
    fn time_left(&self) -> Option<Duration> {
        let reads = self.reading.0.reads.get();
        if self.is_upgrade && !reads {
            return None;
        }
        let BodyTimeouts { deadline, grace, bytes_per_second } = self.timeouts;
        let earned = self.received.saturating_mul(1000).checked_div(u64::from(bytes_per_second)).unwrap_or(0);
        let by_rate = grace.saturating_add(Duration::from_millis(earned));
        let most = if reads { by_rate.min(deadline) } else { by_rate };
        Some(most.saturating_sub(self.waited))
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
                if let Some(Ok(chunk)) = &item {
                    if let (true, Some(sent)) = (self.reading.0.reads.get(), &self.reading.0.sent) {
                        sent.borrow_mut().push(chunk.clone());
                    }
                    self.received = self.received.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
                }
                Poll::Ready(item)
            }
            Poll::Pending => {
                let time_left = self.time_left();
                let wait = self.wait.get_or_insert_with(|| ReadWait {
                    since: Instant::now(),
                    end: time_left.map(|time_left| Box::pin(sleep(time_left))),
                });
                match wait.end.as_mut().map(|end| end.as_mut().poll(context)) {
                    None | Some(Poll::Pending) => Poll::Pending,
                    Some(Poll::Ready(())) => Poll::Ready(Some(Err(PayloadError::Io(io::ErrorKind::TimedOut.into())))),
                }
            }
        }
    }
}
