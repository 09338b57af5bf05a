//! The hash of the numbers of shelves.
//!
//! Threat: a hash that is not keyed invites keys that collide.
//! Promise: none is needed here, because which client goes to which number is decided by a keyed hash. All numbers from
//! zero up are in use alike, so they only have to be spread over the bits that the map looks at.

use std::hash::Hasher;

#[derive(Default)]
pub(super) struct Spread(u64);

impl Hasher for Spread {
    fn write_u64(&mut self, number: u64) {
        // The fractional part of the golden ratio: neighbours end up far apart, in the high bits as in the low.
        self.0 = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(self.0.rotate_left(8) ^ u64::from(*byte));
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::{BuildHasher, BuildHasherDefault};

    use super::*;

    fn spread(number: u64) -> u64 {
        BuildHasherDefault::<Spread>::default().hash_one(number)
    }

    #[test]
    fn numbers_differ_in_the_high_bits_and_in_the_low() {
        let numbers = || (0..1 << 15).map(spread);
        assert_eq!(numbers().map(|hash| hash & 0x7FFF).collect::<HashSet<_>>().len(), 1 << 15);
        assert_eq!(numbers().map(|hash| hash >> 57).collect::<HashSet<_>>().len(), 128);
        for shards in [8_u32, 16, 256] {
            let mut filled = vec![0_u32; shards as usize];
            for hash in numbers() {
                filled[(hash << 7 >> (64 - shards.ilog2())) as usize] += 1;
            }
            let fair = (1 << 15) / shards;
            assert!(filled.iter().all(|count| (fair / 2..fair * 2).contains(count)), "{filled:?}");
        }
    }

    #[test]
    fn bytes_are_all_taken_in() {
        let hash = |bytes: &[u8]| {
            let mut state = Spread::default();
            state.write(bytes);
            state.finish()
        };
        assert_ne!(hash(b"ab"), hash(b"ba"));
        assert_ne!(hash(b"a"), hash(b"b"));
    }
}
