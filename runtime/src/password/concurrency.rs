//! A bounded number of slow computations at once, on the blocking pool.
//!
//! Threat: many logins at once that take all memory (CWE-400), and clients that disconnect so that more work is started.
//! Promise: the permit belongs to the work and is released when the work ends, even if the client has disconnected. No request
//! waits for a permit forever.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::PasswordError;

#[derive(Clone, Debug)]
pub(super) struct ConcurrencyLimit {
    permits: Arc<Semaphore>,
    queue_timeout: Duration,
}

impl ConcurrencyLimit {
    pub(super) fn new(limit: usize, queue_timeout: Duration) -> Self {
        Self { permits: Arc::new(Semaphore::new(limit)), queue_timeout }
    }

    /// Runs the work when a permit is free. Returns [`PasswordError::Busy`] if no permit is free within the queue timeout.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let permit = timeout(self.queue_timeout, Arc::clone(&self.permits).acquire_owned());
        let permit = permit.await.map_err(|_| PasswordError::Busy)?.map_err(|_| PasswordError::Failed)?;
        let span = tracing::Span::current();
        let job = spawn_blocking(move || {
            let _permit = permit;
            span.in_scope(work)
        });
        job.await.map_err(|_| PasswordError::Failed)
    }
}

#[cfg(test)]
impl ConcurrencyLimit {
    /// The same permits with another queue timeout.
    pub(super) fn with_queue_timeout(self, queue_timeout: Duration) -> Self {
        Self { queue_timeout, ..self }
    }

    /// All free permits, held until the result is dropped.
    pub(super) async fn take_all(&self) -> tokio::sync::OwnedSemaphorePermit {
        let free = self.permits.available_permits();
        Arc::clone(&self.permits).acquire_many_owned(free.try_into().unwrap()).await.unwrap()
    }
}
