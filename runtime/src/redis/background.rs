//! The thread that talks to Redis.
//!
//! Threat: a connection is driven by the runtime of the worker that made it. If that worker computes for a moment, no worker
//! reaches Redis (CWE-400).
//! Promise: one thread for the whole process sends and reads, and does nothing else.

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

/// Runs a task on that thread. Returns `None` if the system could not start the thread.
pub(crate) fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> Option<JoinHandle<T>> {
    BACKGROUND.as_ref().map(|background| background.spawn(task))
}
