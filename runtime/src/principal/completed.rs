//! The completed form of a principal, which is remembered for a short time.

use std::fmt;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::Principal;

/// What the application's function made of a principal. Clones of the principal share it. It is kept with the principal of a cached
/// token, so it is forgotten with that token, and no other token can get it.
#[derive(Default)]
pub(crate) struct CompletedPrincipal(Mutex<Option<Remembered>>);

struct Remembered {
    /// The function that was asked.
    source: usize,
    since: Instant,
    principal: Principal,
}

impl CompletedPrincipal {
    /// The result of this function, unless it is older than `longest`.
    pub(crate) fn by(&self, source: usize, longest: Duration) -> Option<Principal> {
        let known = self.0.lock();
        let known = known.as_ref().filter(|known| known.source == source && known.since.elapsed() < longest);
        known.map(|known| known.principal.clone())
    }

    pub(crate) fn remember(&self, source: usize, since: Instant, principal: Principal) {
        *self.0.lock() = Some(Remembered { source, since, principal });
    }
}

/// A principal that is about to change remembers nothing.
impl Clone for CompletedPrincipal {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl fmt::Debug for CompletedPrincipal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CompletedPrincipal")
    }
}
