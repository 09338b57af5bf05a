//! A body that arrives too slowly.
//!
//! Threat: a client that sends a byte now and then and so holds a connection for ever (CWE-400). Promise: the server waits no
//! longer than [`BodyTimeouts`] allows. The clock is read only where there was something to wait for.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use actix_web::dev;
use actix_web::error::PayloadError;
use actix_web::rt::time::{Sleep, sleep, timeout};
use actix_web::web::Bytes;
use futures_util::Stream;

use super::BodyTimeouts;

/// What the future returns, or nothing where it takes longer. A future that is ready at once needs no timer.
pub(crate) async fn within<F: Future>(deadline: Option<Duration>, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let Some(deadline) = deadline else { return Some(future.await) };
    match poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await {
        Poll::Ready(output) => Some(output),
        // On the heap: the state of the timer would be in every request's, whether it waits or not.
        Poll::Pending => Box::pin(timeout(deadline, future)).await.ok(),
    }
}

/// A payload with a minimum rate.
pub(super) struct Paced {
    payload: dev::Payload,
    grace: Duration,
    bytes_per_second: u32,
    received: u64,
    waited: Duration,
    wait: Option<Wait>,
}

/// The server waits for the client.
struct Wait {
    since: Instant,
    end: Pin<Box<Sleep>>,
}

impl Paced {
    pub(super) fn new(payload: dev::Payload, timeouts: BodyTimeouts) -> Self {
        let BodyTimeouts { grace, bytes_per_second, .. } = timeouts;
        Self { payload, grace, bytes_per_second, received: 0, waited: Duration::ZERO, wait: None }
    }

    /// How much longer the client may take.
    fn patience(&self) -> Duration {
        let earned = self.received.saturating_mul(1000).checked_div(u64::from(self.bytes_per_second)).unwrap_or(0);
        self.grace.saturating_add(Duration::from_millis(earned)).saturating_sub(self.waited)
    }
}

impl Stream for Paced {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match Pin::new(&mut self.payload).poll_next(context) {
            Poll::Ready(item) => {
                if let Some(wait) = self.wait.take() {
                    self.waited = self.waited.saturating_add(wait.since.elapsed());
                }
                if let Some(Ok(chunk)) = &item {
                    self.received = self.received.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
                }
                Poll::Ready(item)
            }
            Poll::Pending => {
                let patience = self.patience();
                let wait =
                    self.wait.get_or_insert_with(|| Wait { since: Instant::now(), end: Box::pin(sleep(patience)) });
                match wait.end.as_mut().poll(context) {
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(()) => Poll::Ready(Some(Err(PayloadError::Io(io::ErrorKind::TimedOut.into())))),
                }
            }
        }
    }
}
