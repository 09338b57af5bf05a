//! The charges of one shelf that are not settled yet.
//!
//! Threat: a limit that is full of requests in flight is taken for one that is used up, and a client with the right password is
//! told to come back in a quarter of an hour (CWE-645).
//! Promise: under the lock of the shelf, so that it is exact: as many units of a client as requests at work have charged. It takes
//! room for those alone, and none for limits whose charges always stay.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::key::Key;

/// From so many places on, room that nobody uses any more is given back.
const ROOMY: usize = 256;

#[derive(Default)]
pub(super) struct InFlight(HashMap<Key, u32, BuildHasherDefault<Keyed>>);

impl InFlight {
    pub(super) fn units(&self, key: Key) -> u32 {
        if self.0.is_empty() { 0 } else { self.0.get(&key).copied().unwrap_or(0) }
    }

    pub(super) fn add(&mut self, key: Key, units: u32) {
        let held = self.0.entry(key).or_insert(0);
        *held = held.saturating_add(units);
    }

    pub(super) fn remove(&mut self, key: Key, units: u32) {
        if let Some(held) = self.0.get_mut(&key) {
            *held = held.saturating_sub(units);
            if *held == 0 {
                self.0.remove(&key);
            }
        }
        if self.0.is_empty() && self.0.capacity() >= ROOMY {
            self.0 = HashMap::default();
        }
    }
}

/// A key is a keyed hash already.
#[derive(Default)]
struct Keyed(u64);

impl Hasher for Keyed {
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
    fn units_come_and_go_with_their_client_and_leave_no_room_behind() {
        let mut in_flight = InFlight::default();
        let (one, other) = (Key::of(1), Key::of(2));
        in_flight.add(one, 3);
        in_flight.add(one, 2);
        in_flight.add(other, 1);
        in_flight.remove(one, 3);
        assert_eq!((in_flight.units(one), in_flight.units(other)), (2, 1));
        in_flight.remove(one, 9);
        in_flight.remove(one, 1);
        assert_eq!((in_flight.units(one), in_flight.units(other), in_flight.0.len()), (0, 1, 1));
        (3..2000).for_each(|number| in_flight.add(Key::of(number), 1));
        (2..2000).for_each(|number| in_flight.remove(Key::of(number), 1));
        assert_eq!((in_flight.0.len(), in_flight.0.capacity()), (0, 0));
    }
}
