//! Requests that wait for a charge in flight to be settled.
//!
//! Threat: a limit that is full of requests in flight rejects clients that did nothing wrong: twelve people of one office log
//! in at once with the right passwords, under a limit of five, and seven are rejected (CWE-645). Requests that wait without a bound, or that all
//! retry at every change, cause another overload (CWE-400, CWE-770).
//! Promise: a request waits for a bounded time, and is then decided about as if it had just arrived, so no promise of a limit
//! depends on the waiting. At most [`MAX_WAITING`] requests wait in a store, and at most [`MAX_FOR_ONE`] for one client's
//! limit. Only the first request of a queue retries: when a charge was settled in this process, and at growing intervals,
//! because another process may have settled one. Waiting blocks no thread. A request that is dropped while it waits passes
//! its turn on.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedMutexGuard};
use tokio::time::{Instant, sleep, timeout_at};

/// How many requests may wait in one store of one process.
const MAX_WAITING: usize = 1024;

/// How many requests may wait for one limit of one client.
const MAX_FOR_ONE: usize = 64;

/// The first request of a queue retries after this time, then after twice as long each time, up to the longest pause.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(400);

/// The first request never retries sooner than this, unless a charge was settled.
const SHORTEST_PAUSE: Duration = Duration::from_millis(5);

/// The queues of one store, each with a number that comes from a keyed hash. If two clients ever had the same number, each
/// would wait a little longer, and no decision would be wrong.
#[derive(Default)]
pub(super) struct Queues {
    /// How many requests wait in all queues. If it is zero, [`notify_settled`](Self::notify_settled) takes no lock.
    waiting: AtomicUsize,
    by_hash: Mutex<HashMap<u64, QueueState>>,
}

#[derive(Default)]
struct QueueState {
    waiting: usize,
    turns: Arc<Turns>,
}

#[derive(Default)]
struct Turns {
    /// Held by the first request.
    turn: Arc<tokio::sync::Mutex<()>>,
    settled: Notify,
}

impl Queues {
    /// Wakes the first request of the queue with this hash: a charge was settled, or the client was reset.
    #[inline]
    pub(super) fn notify_settled(&self, hash: u64) {
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.wake(hash);
        }
    }

    #[cold]
    fn wake(&self, hash: u64) {
        let turns = self.by_hash.lock().get(&hash).map(|queue| Arc::clone(&queue.turns));
        if let Some(turns) = turns {
            turns.settled.notify_one();
        }
    }
}

/// Names the queue of one client's limit.
#[derive(Clone)]
pub(crate) struct Queue {
    queues: Arc<Queues>,
    hash: u64,
}

impl Queue {
    pub(super) fn new(queues: &Arc<Queues>, hash: u64) -> Self {
        Self { queues: Arc::clone(queues), hash }
    }

    fn is_same_queue(&self, other: &Self) -> bool {
        self.hash == other.hash && Arc::ptr_eq(&self.queues, &other.queues)
    }

    /// `None` if too many requests wait already.
    fn join(&self) -> Option<QueuedRequest> {
        let mut by_hash = self.queues.by_hash.lock();
        if self.queues.waiting.load(Ordering::SeqCst) >= MAX_WAITING {
            return None;
        }
        let state = by_hash.entry(self.hash).or_default();
        if state.waiting >= MAX_FOR_ONE {
            return None;
        }
        state.waiting = state.waiting.saturating_add(1);
        self.queues.waiting.fetch_add(1, Ordering::SeqCst);
        Some(QueuedRequest { queue: self.clone(), turns: Arc::clone(&state.turns) })
    }
}

/// A request in a queue. Dropping it leaves the queue.
struct QueuedRequest {
    queue: Queue,
    turns: Arc<Turns>,
}

impl QueuedRequest {
    /// Waits until this request is the first. It stays the first for as long as the guard lives.
    async fn wait_for_turn(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.turns.turn).lock_owned().await
    }

    /// Waits until a charge was settled since the last call.
    async fn wait_until_settled(&self) {
        self.turns.settled.notified().await;
    }
}

impl Drop for QueuedRequest {
    fn drop(&mut self) {
        let Queue { queues, hash } = &self.queue;
        let mut by_hash = queues.by_hash.lock();
        queues.waiting.fetch_sub(1, Ordering::SeqCst);
        if let Entry::Occupied(mut state) = by_hash.entry(*hash) {
            state.get_mut().waiting = state.get().waiting.saturating_sub(1);
            if state.get().waiting == 0 {
                state.remove();
            }
        }
    }
}

/// A limit that is full, but not used up: it would have room if its charges in flight were refunded.
pub(crate) struct FullLimit {
    pub(crate) queue: Queue,
    /// How long until there is room even if nothing is refunded.
    pub(crate) has_room_in: Duration,
}

/// Calls `decide` again whenever the limit may have room, until it decides. Returns the last full limit if `until` has passed, or
/// at once if too many requests wait already. A call of `decide` is never cancelled.
pub(crate) async fn wait<T>(
    mut full: FullLimit,
    until: Instant,
    mut decide: impl AsyncFnMut() -> Result<T, FullLimit>,
) -> Result<T, FullLimit> {
    while Instant::now() < until {
        let Some(waiter) = full.queue.join() else { return Err(full) };
        let Ok(_turn) = timeout_at(until, waiter.wait_for_turn()).await else { return Err(full) };
        let mut pause = FIRST_PAUSE;
        loop {
            let before = full.queue.clone();
            match decide().await {
                Ok(decided) => return Ok(decided),
                Err(still_full) => full = still_full,
            }
            let now = Instant::now();
            if now >= until {
                return Err(full);
            }
            if !full.queue.is_same_queue(&before) {
                // Another limit is full now. The pause limits how often one request alternates between two full limits.
                sleep(SHORTEST_PAUSE).await;
                break;
            }
            let retry_at = now.checked_add(pause.min(full.has_room_in).max(SHORTEST_PAUSE)).unwrap_or(until);
            // It decides again in both cases: a charge was settled, or the time is over.
            let _ = timeout_at(retry_at.min(until), waiter.wait_until_settled()).await;
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }
    Err(full)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn queues_are_bounded_and_removed_when_empty() {
        let queues = Arc::new(Queues::default());
        let mut all = Vec::new();
        for number in 0..(MAX_WAITING / MAX_FOR_ONE) as u64 {
            let queue = Queue::new(&queues, number);
            all.extend((0..MAX_FOR_ONE).map(|_| queue.join().expect("there is room")));
            assert!(queue.join().is_none(), "the queue of one client is full");
        }
        assert!(Queue::new(&queues, 99).join().is_none(), "the store is full");
        all.truncate(1);
        assert!(Queue::new(&queues, 99).join().is_some());
        all.clear();
        assert_eq!((queues.waiting.load(Ordering::SeqCst), queues.by_hash.lock().len()), (0, 0));
    }

    #[test]
    fn only_the_first_waiter_is_woken() {
        let queues = Arc::new(Queues::default());
        let queue = Queue::new(&queues, 1);
        let (one, two) = (queue.join().unwrap(), queue.join().unwrap());
        let turn = one.wait_for_turn().now_or_never().expect("it is the first");
        assert!(two.wait_for_turn().now_or_never().is_none());
        assert!(one.wait_until_settled().now_or_never().is_none());
        queues.notify_settled(2);
        assert!(one.wait_until_settled().now_or_never().is_none(), "that was the queue of another client");
        queues.notify_settled(1);
        assert!(one.wait_until_settled().now_or_never().is_some());
        assert!(one.wait_until_settled().now_or_never().is_none());
        drop((turn, one));
        assert!(two.wait_for_turn().now_or_never().is_some());
    }
}
