//! Limits how often a full table is searched for expired entries.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Allows one search per second, regardless of how many writes find the table full.
#[derive(Debug, Default)]
pub(crate) struct Sweep(AtomicU64);

impl Sweep {
    /// Returns whether this write must do the search.
    pub(crate) fn is_due(&self, now: SystemTime) -> bool {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        self.0.swap(now, Ordering::Relaxed) != now
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn sweep_is_due_once_a_second() {
        let (sweep, now) = (Sweep::default(), UNIX_EPOCH + Duration::from_secs(7));
        assert!(sweep.is_due(now) && !sweep.is_due(now) && !sweep.is_due(now + Duration::from_millis(999)));
        assert!(sweep.is_due(now + Duration::from_secs(1)));
    }
}
