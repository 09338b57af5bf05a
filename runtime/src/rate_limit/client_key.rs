//! One client in one bucket, condensed.
//!
//! Threat: addresses and names chosen to collide make every request walk one chain (CWE-407), or make one client pay for
//! another; names of any length take memory (CWE-770).
//! Promise: 128 bits of a hash keyed with a secret of this process: who doesn't know it can't find two that collide, or
//! that fall on one shelf.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::IpAddr;

use siphasher::sip128::{Hasher128, SipHasher13};

use super::client::Client;

/// One client in one bucket, as [`MemoryRateLimits::key`](crate::rate_limit::MemoryRateLimits::key) condenses them. It tells nothing about the
/// client, and means nothing to a store that is not a clone of the one that made it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    high: u64,
    low: u64,
}

/// What of a key is kept: together with the number of the shelf it is all of it that matters.
pub(super) type Print = [u32; 3];

impl Key {
    /// A number below `count`, all alike often.
    #[inline]
    pub(super) fn shelf(self, count: u32) -> usize {
        // Below 2^32 whatever the factors are.
        ((self.high >> 32).wrapping_mul(u64::from(count)) >> 32) as usize
    }

    #[inline]
    pub(super) fn print(self) -> Print {
        [self.high as u32, self.low as u32, (self.low >> 32) as u32]
    }

    /// A number that is as good as drawn at random for each key.
    #[inline]
    pub(super) fn number(self) -> u64 {
        self.low
    }

    /// Whether this is its fingerprint.
    #[inline]
    pub(super) fn left(self, print: &Print) -> bool {
        let [part, low, high] = *print;
        part == self.high as u32 && (u64::from(high) << 32 | u64::from(low)) == self.low
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").finish_non_exhaustive()
    }
}

/// Makes keys. The secret is drawn by the standard library from the operating system.
pub(super) struct Keyed {
    secret: (u64, u64),
}

impl Keyed {
    pub(super) fn new() -> Self {
        let random = RandomState::new();
        Self { secret: (random.hash_one(0), random.hash_one(1)) }
    }

    #[inline]
    pub(super) fn key(&self, bucket: u64, client: &Client<'_>) -> Key {
        match client {
            Client::Address(IpAddr::V4(address)) => {
                // What `feed` gives, in pieces whose lengths are known beforehand: that is twice as fast.
                let mut hasher = self.hasher(bucket);
                hasher.write_u8(4);
                hasher.write_u32(u32::from_ne_bytes(address.octets()));
                finish(&hasher)
            }
            _ => self.long(bucket, client),
        }
    }

    fn long(&self, bucket: u64, client: &Client<'_>) -> Key {
        let mut hasher = self.hasher(bucket);
        client.feed(|bytes| hasher.write(bytes));
        finish(&hasher)
    }

    /// Made anew each time: the compiler sees that nothing was written before, and leaves out what would ask for it.
    #[inline]
    fn hasher(&self, bucket: u64) -> SipHasher13 {
        let mut hasher = SipHasher13::new_with_keys(self.secret.0, self.secret.1);
        hasher.write_u64(bucket);
        hasher
    }
}

#[inline]
fn finish(hasher: &SipHasher13) -> Key {
    let hash = hasher.finish128();
    Key { high: hash.h1, low: hash.h2 }
}

#[cfg(test)]
impl Key {
    /// A key whose fingerprint is this number.
    pub(super) fn of(number: u32) -> Self {
        let number = u64::from(number);
        Self { high: number, low: number << 32 | number }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn keys_differ_by_bucket_client_and_secret() {
        let (one, other) = (Keyed::new(), Keyed::new());
        let client = |text| Client::Named { kind: Cow::Borrowed("kind"), text: Cow::Borrowed(text) };
        let key = one.key(1, &client("ann"));
        assert_eq!(key, one.key(1, &client("ann")));
        assert_ne!(key, one.key(2, &client("ann")));
        assert_ne!(key, one.key(1, &client("bob")));
        assert_ne!(key, other.key(1, &client("ann")));
    }

    #[test]
    fn an_address_in_pieces_of_known_length_is_what_it_feeds() {
        let keyed = Keyed::new();
        for number in [0, 1, 0xC000_0201, u32::MAX] {
            let address = Client::Address(number.to_be_bytes().into());
            assert_eq!(keyed.key(5, &address), keyed.long(5, &address));
        }
    }

    #[test]
    fn a_key_is_known_by_its_whole_fingerprint() {
        let keyed = Keyed::new();
        let key = keyed.key(1, &Client::Address([192, 0, 2, 1].into()));
        assert!(key.left(&key.print()));
        for part in 0..3 {
            for bit in 0..32 {
                let mut other = key.print();
                other[part] ^= 1 << bit;
                assert!(!key.left(&other));
            }
        }
    }

    #[test]
    fn shelves_and_fingerprints_are_independent_and_spread() {
        let keyed = Keyed::new();
        let keys: Vec<Key> = (0..10_000_u32).map(|n| keyed.key(1, &Client::Address(n.to_be_bytes().into()))).collect();
        for part in 0..3 {
            assert!(keys.iter().map(|key| key.print()[part]).collect::<HashSet<_>>().len() > 9_990);
        }
        let mut filled = [0_u32; 10];
        keys.iter().for_each(|key| filled[key.shelf(10)] += 1);
        assert!(filled.iter().all(|count| (800..1200).contains(count)), "{filled:?}");
    }
}
