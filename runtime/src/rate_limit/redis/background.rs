//! The thread that talks to Redis.
//!
//! Threat: the connection is driven by the worker that made it, and whatever keeps that one busy for a moment keeps all workers
//! from Redis (CWE-400).
//! Promise: what is sent and read is sent and read by a thread that does nothing else, one for the whole process.

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

/// `None` where the system has no thread left.
pub(super) fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> Option<JoinHandle<T>> {
    BACKGROUND.as_ref().map(|background| background.spawn(task))
}
