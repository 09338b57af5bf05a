//! Whose turn it is: work that is slow on purpose, a bounded number of it at once.
//!
//! Threat: many logins at once that take all memory (CWE-400), and clients that hang up to make room for more. Promise: the
//! turn goes along with the work and is over when the work is, whoever still waits for the outcome; nobody waits for ever.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::PasswordError;

#[derive(Clone, Debug)]
pub(super) struct Turns {
    free: Arc<Semaphore>,
    patience: Duration,
}

impl Turns {
    pub(super) fn new(at_once: usize, patience: Duration) -> Self {
        Self { free: Arc::new(Semaphore::new(at_once)), patience }
    }

    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    pub(super) fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let turn = timeout(self.patience, Arc::clone(&self.free).acquire_owned());
        let permit = turn.await.map_err(|_| PasswordError::Busy)?.map_err(|_| PasswordError::Failed)?;
        let span = tracing::Span::current();
        let job = spawn_blocking(move || {
            let _permit = permit;
            span.in_scope(work)
        });
        job.await.map_err(|_| PasswordError::Failed)
    }
}

#[cfg(test)]
impl Turns {
    /// All turns there are, held until it is dropped.
    pub(super) async fn take_all(&self) -> tokio::sync::OwnedSemaphorePermit {
        let free = self.free.available_permits();
        Arc::clone(&self.free).acquire_many_owned(free.try_into().unwrap()).await.unwrap()
    }
}
