//! One call at a time for all who need its answer, and those who wait for it.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use crate::clock::Tick;

/// A fetch that is running.
pub(crate) struct Fetch {
    pub(crate) number: u64,
    started: Tick,
    ended: watch::Receiver<Option<bool>>,
}

/// Tells the waiting requests how the fetch ended.
pub(crate) struct Completion {
    pub(crate) number: u64,
    ended: watch::Sender<Option<bool>>,
}

/// Waits for the end of a fetch.
pub(crate) struct Waiter(watch::Receiver<Option<bool>>);

impl Fetch {
    pub(crate) fn new(number: u64, started: Tick) -> (Self, Completion) {
        let (completion, ended) = watch::channel(None);
        (Self { number, started, ended }, Completion { number, ended: completion })
    }

    pub(crate) fn waiter(&self) -> Waiter {
        Waiter(self.ended.clone())
    }

    pub(crate) fn age(&self, now: Tick) -> Duration {
        now.since(self.started)
    }
}

impl Completion {
    pub(crate) fn finish(self, success: bool) {
        self.ended.send_replace(Some(success));
    }
}

impl Waiter {
    /// Returns whether the fetch returned new keys within this time.
    pub(crate) async fn wait(mut self, max_wait: Duration) -> bool {
        let ended = timeout(max_wait, self.0.wait_for(Option::is_some)).await;
        matches!(ended, Ok(Ok(success)) if *success == Some(true))
    }
}
