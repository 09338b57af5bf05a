//! Who waits for a charge in flight to be settled.
//!
//! Threat: a limit that is full of requests in flight refuses clients who did nothing wrong (CWE-645); requests that wait for it
//! without bound, or that all ask again at every change, are the next overload (CWE-400, CWE-770).
//! Promise: at most [`MOST`] requests wait in a store, and at most [`MOST_FOR_ONE`] for one client's limit. Those of one client wait
//! in a queue; only the first of them asks again, when a charge was settled. Waiting takes no thread. A request that is dropped
//! while it waits leaves its turn to the next.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedMutexGuard};

/// How many requests may wait in one store of one process.
const MOST: usize = 1024;

/// How many requests may wait for one limit of one client.
const MOST_FOR_ONE: usize = 64;

/// The queues of one store. A queue has a number that is made of a keyed hash; should two clients ever share one, each waits a
/// little longer, and nobody is decided about wrongly.
#[derive(Default)]
pub(super) struct Queues {
    /// Read wherever a charge is settled, so that nothing more is done while nobody waits.
    waiting: AtomicUsize,
    queues: Mutex<HashMap<u64, (usize, Arc<Turns>)>>,
}

#[derive(Default)]
struct Turns {
    first: Arc<tokio::sync::Mutex<()>>,
    settled: Notify,
}

impl Queues {
    /// A charge that is counted here is no longer in flight, or there is room for another reason.
    #[inline]
    pub(super) fn settled(&self, number: u64) {
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.wake(number);
        }
    }

    #[cold]
    fn wake(&self, number: u64) {
        let turns = self.queues.lock().get(&number).map(|(_, turns)| Arc::clone(turns));
        if let Some(turns) = turns {
            turns.settled.notify_one();
        }
    }
}

/// The queue of one client's limit.
#[derive(Clone)]
pub(crate) struct Queue {
    queues: Arc<Queues>,
    number: u64,
}

impl Queue {
    pub(super) fn new(queues: &Arc<Queues>, number: u64) -> Self {
        Self { queues: Arc::clone(queues), number }
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        self.number == other.number && Arc::ptr_eq(&self.queues, &other.queues)
    }

    /// `None` where too many wait already.
    pub(crate) fn join(&self) -> Option<Waiter> {
        let mut queues = self.queues.queues.lock();
        if self.queues.waiting.load(Ordering::SeqCst) >= MOST {
            return None;
        }
        let (waiting, turns) = queues.entry(self.number).or_default();
        if *waiting >= MOST_FOR_ONE {
            return None;
        }
        *waiting = waiting.saturating_add(1);
        self.queues.waiting.fetch_add(1, Ordering::SeqCst);
        Some(Waiter { queue: self.clone(), turns: Arc::clone(turns) })
    }
}

/// A request in a queue, until it is dropped.
pub(crate) struct Waiter {
    queue: Queue,
    turns: Arc<Turns>,
}

impl Waiter {
    /// Waits until nobody is before it. It is the first for as long as it keeps what this returns.
    pub(crate) async fn first(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.turns.first).lock_owned().await
    }

    /// Waits until a charge was settled since this was last called.
    pub(crate) async fn settled(&self) {
        self.turns.settled.notified().await;
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let Queue { queues, number } = &self.queue;
        let mut held = queues.queues.lock();
        queues.waiting.fetch_sub(1, Ordering::SeqCst);
        if let Entry::Occupied(mut queue) = held.entry(*number) {
            let (waiting, _) = queue.get_mut();
            *waiting = waiting.saturating_sub(1);
            if *waiting == 0 {
                queue.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn no_more_wait_than_may_and_a_queue_that_is_empty_takes_no_room() {
        let queues = Arc::new(Queues::default());
        let mut all = Vec::new();
        for number in 0..(MOST / MOST_FOR_ONE) as u64 {
            let queue = Queue::new(&queues, number);
            all.extend((0..MOST_FOR_ONE).map(|_| queue.join().expect("there is room")));
            assert!(queue.join().is_none(), "one client takes no more");
        }
        assert!(Queue::new(&queues, 99).join().is_none(), "the store is full");
        all.truncate(1);
        assert!(Queue::new(&queues, 99).join().is_some());
        all.clear();
        assert_eq!((queues.waiting.load(Ordering::SeqCst), queues.queues.lock().len()), (0, 0));
    }

    #[test]
    fn only_the_first_has_its_turn_and_what_was_settled_before_it_looks_is_not_lost() {
        let queues = Arc::new(Queues::default());
        let queue = Queue::new(&queues, 1);
        let (one, two) = (queue.join().unwrap(), queue.join().unwrap());
        let turn = one.first().now_or_never().expect("nobody is before it");
        assert!(two.first().now_or_never().is_none());
        assert!(one.settled().now_or_never().is_none());
        queues.settled(2);
        assert!(one.settled().now_or_never().is_none(), "that was another client's");
        queues.settled(1);
        assert!(one.settled().now_or_never().is_some());
        assert!(one.settled().now_or_never().is_none());
        drop((turn, one));
        assert!(two.first().now_or_never().is_some());
    }
}
