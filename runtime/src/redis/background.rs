//! The Redis thread: it runs what no request waits for, or what must not depend on the worker of a request.
//!
//! Threat: a worker that is busy with a computation, or that ends, delays a revocation or loses a refund (CWE-400).
//! Promise: one thread of the process runs no handlers. Only decisions about rate limits do not pass through it.

use std::future::pending;
use std::sync::LazyLock;

use tokio::runtime::{Builder, Handle};
use tokio::task::JoinHandle;

static BACKGROUND: LazyLock<Option<Handle>> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_all().build().ok()?;
    let handle = runtime.handle().clone();
    let thread = std::thread::Builder::new().name("palisade-redis".to_owned());
    thread.spawn(move || runtime.block_on(pending::<()>())).ok()?;
    Some(handle)
});

/// Runs a task on the Redis thread. Returns `None` if the system could not start the thread.
pub(crate) fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> Option<JoinHandle<T>> {
    BACKGROUND.as_ref().map(|background| background.spawn(task))
}
