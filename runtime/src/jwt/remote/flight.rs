//! One fetch, and all who wait for it.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout};

/// Under way.
pub(super) struct Flight {
    pub(super) number: u64,
    began: Instant,
    ended: watch::Receiver<Option<bool>>,
}

/// Tells how it ended.
pub(super) struct Report {
    pub(super) number: u64,
    ended: watch::Sender<Option<bool>>,
}

/// A place to wait.
pub(super) struct Landing(watch::Receiver<Option<bool>>);

impl Flight {
    pub(super) fn new(number: u64, began: Instant) -> (Self, Report) {
        let (report, ended) = watch::channel(None);
        (Self { number, began, ended }, Report { number, ended: report })
    }

    pub(super) fn landing(&self) -> Landing {
        Landing(self.ended.clone())
    }

    pub(super) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.began)
    }
}

impl Report {
    pub(super) fn landed(self, well: bool) {
        self.ended.send_replace(Some(well));
    }
}

impl Landing {
    /// Whether new keys came, within the patience.
    pub(super) async fn wait(mut self, patience: Duration) -> bool {
        let landed = timeout(patience, self.0.wait_for(Option::is_some)).await;
        matches!(landed, Ok(Ok(well)) if *well == Some(true))
    }
}
