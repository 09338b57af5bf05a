//! The used proofs in the memory of one process.
//!
//! Threat: a client that sends many proofs fills the memory, or makes the server forget those of others (CWE-770). Promise: each
//! client has its place in one of 64 parts by its key. A full part forgets nothing that is still valid: it rejects new proofs.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use super::ReplayStore;
use crate::authn::sweep::Sweep;
use crate::clock::Clock;
use crate::unavailable::Unavailable;

const PARTS: usize = 64;
/// What a table of 16,384 buckets holds before it grows.
const MOST_IN_PART: usize = 14_336;

/// The used proofs in the memory of this process: the default of [`Dpop`](super::super::Dpop). Clones share them.
///
/// One of its 64 parts holds 14,336 proofs, about 220 requests per second of one client, with 24 bytes each: 22 MB if all are full.
/// A client whose part is full gets 503 until the oldest of them have expired. Clients may share a part.
///
/// Danger: another process does not see the proofs, so a proof that is sent to each of several processes is accepted once by each.
#[derive(Clone)]
pub struct MemoryReplays(Arc<ReplayShards>);

struct ReplayShards {
    parts: [ReplayShard; PARTS],
    clock: Clock,
}

#[derive(Default)]
struct ReplayShard {
    /// Until which second since 1970 each proof is kept.
    used: Mutex<HashMap<[u8; 16], u64>>,
    sweep: Sweep,
}

impl MemoryReplays {
    /// Creates an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(Clock::system())
    }

    /// Creates an empty store with this clock.
    #[must_use]
    pub fn with_clock(clock: impl Into<Clock>) -> Self {
        Self(Arc::new(ReplayShards { parts: std::array::from_fn(|_| ReplayShard::default()), clock: clock.into() }))
    }

    fn note(&self, id: [u8; 16], until: SystemTime) -> Result<bool, Unavailable> {
        let wall_time = self.0.clock.wall_time();
        let now = seconds(wall_time);
        // A part of a second counts as a whole one.
        let until = seconds(until).saturating_add(1);
        let [first, ..] = id;
        let part = self.0.parts.get(usize::from(first) % PARTS).ok_or(Unavailable)?;
        let mut used = part.used.lock();
        if used.get(&id).is_some_and(|kept| now < *kept) {
            return Ok(false);
        }
        if used.len() >= MOST_IN_PART && part.sweep.is_due(wall_time) {
            used.retain(|_, kept| now < *kept);
        }
        if used.len() >= MOST_IN_PART {
            return Err(Unavailable);
        }
        used.insert(id, until);
        Ok(true)
    }
}

impl Default for MemoryReplays {
    fn default() -> Self {
        Self::new()
    }
}

impl ReplayStore for MemoryReplays {
    async fn first_use(&self, id: [u8; 16], until: SystemTime) -> Result<bool, Unavailable> {
        self.note(id, until)
    }
}

fn seconds(moment: SystemTime) -> u64 {
    moment.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}

impl fmt::Debug for MemoryReplays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryReplays").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::manual::ManualClock;

    fn id(client: u8, number: u64) -> [u8; 16] {
        let mut id = [0; 16];
        id[0] = client;
        id[8..].copy_from_slice(&number.to_be_bytes());
        id
    }

    #[test]
    fn a_proof_is_used_once_until_it_is_forgotten() {
        let clock = ManualClock::new();
        let replays = MemoryReplays::with_clock(&clock);
        let until = clock.wall_time() + Duration::from_millis(2500);
        assert_eq!(replays.note(id(1, 1), until), Ok(true));
        assert_eq!((replays.note(id(1, 1), until), replays.clone().note(id(1, 1), until)), (Ok(false), Ok(false)));
        assert_eq!((replays.note(id(1, 2), until), replays.note(id(2, 1), until)), (Ok(true), Ok(true)));
        clock.advance(Duration::from_millis(2499));
        assert_eq!(replays.note(id(1, 1), until), Ok(false), "in its last moment");
        clock.advance(Duration::from_secs(2));
        assert_eq!(replays.note(id(1, 1), clock.wall_time() + Duration::from_secs(9)), Ok(true));
    }

    #[test]
    fn a_client_fills_only_its_own_part() {
        let clock = ManualClock::new();
        let replays = MemoryReplays::with_clock(&clock);
        let until = clock.wall_time() + Duration::from_secs(60);
        for number in 0..MOST_IN_PART as u64 {
            assert_eq!(replays.note(id(1, number), until), Ok(true));
        }
        assert_eq!(replays.note(id(1, u64::MAX), until), Err(Unavailable));
        assert_eq!(replays.note(id(1, 0), until), Ok(false), "nothing is forgotten");
        assert_eq!(replays.note(id(2, 0), until), Ok(true), "another client");
        clock.advance(Duration::from_secs(62));
        let later = clock.wall_time() + Duration::from_secs(60);
        assert_eq!(replays.note(id(1, 0), later), Ok(true), "the expired ones make room");
    }

    #[test]
    fn of_many_threads_one_is_the_first() {
        let replays = MemoryReplays::new();
        let until = SystemTime::now() + Duration::from_secs(60);
        let first = |_| {
            std::thread::spawn({
                let replays = replays.clone();
                move || replays.note(id(7, 7), until).unwrap()
            })
        };
        let threads: Vec<_> = (0..16).map(first).collect();
        let firsts = threads.into_iter().filter(|_| true).map(|thread| thread.join().unwrap()).filter(|first| *first);
        assert_eq!(firsts.count(), 1);
    }
}
