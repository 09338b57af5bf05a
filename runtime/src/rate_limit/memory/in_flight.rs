//! The units of one shard that are charged but not settled yet.
//!
//! Threat: a limit that is full of requests in flight is mistaken for one that is used up, and a client with the right
//! password is locked out for a quarter of an hour (CWE-645).
//! Promise: the count is exact, because it changes under the lock of the shard. It takes space only for clients that have
//! requests in flight, and none for limits that count every request.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::rate_limit::client_key::ClientKey;

/// An empty map with at least this capacity frees its memory.
const LARGE: usize = 256;

#[derive(Default)]
pub(super) struct InFlightUnits(HashMap<ClientKey, u32, BuildHasherDefault<IdentityHasher>>);

impl InFlightUnits {
    pub(super) fn of(&self, key: ClientKey) -> u32 {
        if self.0.is_empty() { 0 } else { self.0.get(&key).copied().unwrap_or(0) }
    }

    pub(super) fn add(&mut self, key: ClientKey, units: u32) {
        let held = self.0.entry(key).or_insert(0);
        *held = held.saturating_add(units);
    }

    pub(super) fn remove(&mut self, key: ClientKey, units: u32) {
        if let Some(held) = self.0.get_mut(&key) {
            *held = held.saturating_sub(units);
            if *held == 0 {
                self.0.remove(&key);
            }
        }
        if self.0.is_empty() && self.0.capacity() >= LARGE {
            self.0 = HashMap::default();
        }
    }
}

/// Uses a client key as its own hash, because it is the result of a keyed hash already.
#[derive(Default)]
struct IdentityHasher(u64);

impl Hasher for IdentityHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    #[inline]
    fn write_u64(&mut self, number: u64) {
        self.0 = self.0.rotate_left(32) ^ number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_without_units_in_flight_take_no_space() {
        let mut in_flight = InFlightUnits::default();
        let (one, other) = (ClientKey::of(1), ClientKey::of(2));
        in_flight.add(one, 3);
        in_flight.add(one, 2);
        in_flight.add(other, 1);
        in_flight.remove(one, 3);
        assert_eq!((in_flight.of(one), in_flight.of(other)), (2, 1));
        in_flight.remove(one, 9);
        in_flight.remove(one, 1);
        assert_eq!((in_flight.of(one), in_flight.of(other), in_flight.0.len()), (0, 1, 1));
        (3..2000).for_each(|number| in_flight.add(ClientKey::of(number), 1));
        (2..2000).for_each(|number| in_flight.remove(ClientKey::of(number), 1));
        assert_eq!((in_flight.0.len(), in_flight.0.capacity()), (0, 0));
    }
}
