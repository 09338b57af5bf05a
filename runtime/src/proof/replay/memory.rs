//! The used proofs in the memory of one process.
//!
//! Threat: a client that sends many proofs fills the memory, or makes the server forget or reject those of others (CWE-770). Promise:
//! each key has its place, by the first four bytes of its thumbprint, in one of 64 parts, and takes there at most as much as it leaves. A
//! proof that is still valid is never forgotten: new ones of the key that has too many are rejected. Not promised: a client with tokens for
//! many keys of one part can fill that part.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock};
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
/// One of its 64 parts holds 14,336 proofs of about 30 bytes each: 30 MB if all are full. One key may have as many proofs in its part
/// as there are free places left, which is half of the part if it is alone. Beyond that its client gets 503 until its oldest proofs have
/// expired, and the clients of other keys do not. How many requests per second that are depends on how long a proof may be used: for the
/// [window](super::super::Dpop::window), and for at least 90 seconds if a nonce is required.
///
/// | a proof may be used for | requests per second of one key | that fill a part |
/// |---|---|---|
/// | 60 seconds | 109 | 217 |
/// | 90 seconds | 75 | 149 |
/// | 300 seconds | 23 | 47 |
///
/// Danger: keys are free, and the part of a key is known from its thumbprint. A client that gets tokens for some fifteen keys of one part,
/// and sends requests with valid proofs at the last rate, fills that part: the other clients of it, one of 64, get 503 as long as that
/// goes on. Keys whose thumbprints begin with the same four bytes share one count: somebody who searches for such a key, among four
/// billion, and gets a token for it, can use up the rate of another client. [Rate limits](macro@crate::rate_limit) by address are checked
/// before the proof, and hold both back; those by principal come too late. If an issuer gives tokens to strangers, keep such a limit, or use
/// a shared store.
///
/// Every [`Dpop`](super::super::Dpop) without a store and a clock of its own uses the same one, also if each worker builds its own
/// application.
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
    used: Mutex<UsedProofs>,
    sweep: Sweep,
}

#[derive(Default)]
struct UsedProofs {
    /// Until which second since 1970 each proof is kept.
    until: HashMap<[u8; 16], u64>,
    /// How many of them each key has, by its first bytes.
    of_clients: HashMap<[u8; 4], usize>,
}

impl UsedProofs {
    /// Whether this client may not have one more.
    fn is_full_for(&self, client: [u8; 4]) -> bool {
        let left = MOST_IN_PART.saturating_sub(self.until.len());
        self.of_clients.get(&client).copied().unwrap_or_default() >= left
    }

    fn insert(&mut self, id: [u8; 16], until: u64) {
        if self.until.insert(id, until).is_none() {
            let count = self.of_clients.entry(client_of(&id)).or_default();
            *count = count.saturating_add(1);
        }
    }

    fn remove_expired(&mut self, now: u64) {
        self.until.retain(|_, kept| now < *kept);
        self.of_clients.clear();
        for id in self.until.keys() {
            let count = self.of_clients.entry(client_of(id)).or_default();
            *count = count.saturating_add(1);
        }
    }
}

fn client_of(id: &[u8; 16]) -> [u8; 4] {
    let [first, second, third, fourth, ..] = *id;
    [first, second, third, fourth]
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

    /// The one store of this process, by the clock of the machine.
    pub(in super::super) fn of_this_process() -> Self {
        static SHARED: LazyLock<MemoryReplays> = LazyLock::new(MemoryReplays::new);
        SHARED.clone()
    }

    fn note(&self, id: [u8; 16], until: SystemTime) -> Result<bool, Unavailable> {
        let wall_time = self.0.clock.wall_time();
        let now = seconds(wall_time);
        // A part of a second counts as a whole one.
        let until = seconds(until).saturating_add(1);
        let [first, ..] = id;
        let part = self.0.parts.get(usize::from(first) % PARTS).ok_or(Unavailable)?;
        let mut used = part.used.lock();
        if used.until.get(&id).is_some_and(|kept| now < *kept) {
            return Ok(false);
        }
        let client = client_of(&id);
        if used.is_full_for(client) && part.sweep.is_due(wall_time) {
            used.remove_expired(now);
        }
        if used.is_full_for(client) {
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

    /// The client of the same part is one whose key begins with a byte that is 64 more.
    #[test]
    fn a_client_leaves_places_for_others_of_its_part() {
        let clock = ManualClock::new();
        let replays = MemoryReplays::with_clock(&clock);
        let until = clock.wall_time() + Duration::from_secs(60);
        let accepted = |client| (0..).take_while(|number| replays.note(id(client, *number), until) == Ok(true)).count();
        assert_eq!(accepted(1), MOST_IN_PART / 2);
        assert_eq!(replays.note(id(1, u64::MAX), until), Err(Unavailable));
        assert_eq!(replays.note(id(1, 0), until), Ok(false), "nothing is forgotten");
        assert_eq!(replays.note(id(2, 0), until), Ok(true), "a client of another part");
        assert_eq!(accepted(65), MOST_IN_PART / 4, "a client of the same part");
        assert_eq!(accepted(129), MOST_IN_PART / 8, "and one more");
        assert_eq!(replays.note(id(65, 0), until), Ok(false));
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

    /// How many proofs a second one key may use, and how many fill a part. Operators plan their limits by these numbers.
    #[test]
    fn documented_rates_are_those_of_the_memory() {
        use crate::proof::{AHEAD, nonce};
        let guide = include_str!("../../../docs/guide/bound_tokens.md");
        let source = include_str!("memory.rs");
        for window in [Duration::from_secs(60), nonce::LONGEST_USE, Duration::from_secs(300)] {
            let kept = usize::try_from((window + AHEAD).as_secs() + 1).unwrap();
            let rate = |places: usize| (places + kept / 2) / kept;
            let row = format!("| {} seconds | {} | {} |", window.as_secs(), rate(MOST_IN_PART / 2), rate(MOST_IN_PART));
            assert!(guide.contains(&row), "{row}");
            assert!(source.contains(&format!("/// {row}")), "{row}");
        }
    }
}
