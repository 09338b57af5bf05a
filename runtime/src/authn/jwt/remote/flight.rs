//! One fetch, and all who wait for it.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

/// Longer than the fetch's own limit; it ends the waiting if the fetching thread is stuck.
const LONGEST_WAIT: Duration = Duration::from_secs(8);

/// Under way.
pub(super) struct Flight(watch::Receiver<Option<bool>>);

/// Tells how it ended.
pub(super) struct Report(watch::Sender<Option<bool>>);

/// A place to wait.
pub(super) struct Landing(watch::Receiver<Option<bool>>);

impl Flight {
    pub(super) fn new() -> (Self, Report) {
        let (report, flight) = watch::channel(None);
        (Self(flight), Report(report))
    }

    pub(super) fn landing(&self) -> Landing {
        Landing(self.0.clone())
    }
}

impl Report {
    pub(super) fn landed(self, well: bool) {
        self.0.send_replace(Some(well));
    }
}

impl Landing {
    /// Whether new keys came.
    pub(super) async fn wait(mut self) -> bool {
        let landed = timeout(LONGEST_WAIT, self.0.wait_for(Option::is_some)).await;
        matches!(landed, Ok(Ok(well)) if *well == Some(true))
    }
}
