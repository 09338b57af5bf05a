//! The lock that a shelf stands behind.
//!
//! Threat: an order of threads that no test happens to meet (CWE-362).
//! Promise: the store is written against this trait alone, so that a model checker can put its own lock in and run the
//! orders that there are.

use parking_lot::Mutex;

pub(super) trait Lock<T>: Send + Sync {
    fn new(inner: T) -> Self;

    fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R;
}

impl<T: Send> Lock<T> for Mutex<T> {
    fn new(inner: T) -> Self {
        Self::new(inner)
    }

    #[inline]
    fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        // Nothing that runs under the lock panics; were it to, a half made change is better than a rate limit that nobody
        // passes again: this lock knows no poison.
        work(&mut self.lock())
    }
}
