//! The thread that talks to Redis.
//!
//! Threat: if a worker's runtime polled the connection, a worker busy with a computation would cut off all others (CWE-400).
//! Promise: one thread per process does all Redis I/O and runs no handlers.

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
