//! One client in one bucket, condensed.
//!
//! Threat: addresses and names chosen to collide make every request walk one chain (CWE-407), or make one client pay for
//! another; names of any length take memory (CWE-770).
//! Promise: 128 bits of a hash keyed with a secret of this process: who doesn't know it can't find two that collide, or
//! that fall on one shelf.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::IpAddr;

use siphasher::sip128::{Hash128, Hasher128, SipHasher13};

use super::client::Client;

/// One client in one bucket, as [`MemoryStore::key`](crate::MemoryStore::key) condenses them. It tells nothing about the
/// client, and means nothing to a store that is not a clone of the one that made it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key {
    shelf: u32,
    print: Print,
}

/// What of a key is kept: together with the number of the shelf it is all of it that matters.
pub(super) type Print = [u32; 3];

impl Key {
    /// A number below `count`, all alike often.
    #[inline]
    pub(super) fn shelf(&self, count: u32) -> usize {
        // Below 2^32 whatever the factors are.
        (u64::from(self.shelf).wrapping_mul(u64::from(count)) >> 32) as usize
    }

    pub(super) fn print(&self) -> Print {
        self.print
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").finish_non_exhaustive()
    }
}

/// Makes keys. The secret is drawn by the standard library from the operating system.
pub(super) struct Keyed(SipHasher13);

impl Keyed {
    pub(super) fn new() -> Self {
        let secret = RandomState::new();
        Self(SipHasher13::new_with_keys(secret.hash_one(0), secret.hash_one(1)))
    }

    #[inline]
    pub(super) fn key(&self, bucket: u64, client: &Client<'_>) -> Key {
        let hash = match client {
            Client::Address(IpAddr::V4(address)) => {
                // What `feed` gives, in one piece: that is twice as fast.
                let ([a, b, c, d, e, f, g, h], [i, j, k, l]) = (bucket.to_ne_bytes(), address.octets());
                self.0.hash(&[a, b, c, d, e, f, g, h, 4, i, j, k, l])
            }
            _ => self.long(bucket, client),
        };
        Key { shelf: (hash.h1 >> 32) as u32, print: [hash.h1 as u32, (hash.h2 >> 32) as u32, hash.h2 as u32] }
    }

    fn long(&self, bucket: u64, client: &Client<'_>) -> Hash128 {
        let mut hasher = self.0;
        hasher.write(&bucket.to_ne_bytes());
        client.feed(|bytes| hasher.write(bytes));
        hasher.finish128()
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
    fn an_address_in_one_piece_is_what_its_parts_are() {
        let (keyed, address) = (Keyed::new(), Client::Address([192, 0, 2, 1].into()));
        let (key, hash) = (keyed.key(5, &address), keyed.long(5, &address));
        assert_eq!(key.print, [hash.h1 as u32, (hash.h2 >> 32) as u32, hash.h2 as u32]);
        assert_eq!(key.shelf, (hash.h1 >> 32) as u32);
    }

    #[test]
    fn shelves_and_fingerprints_are_independent_and_spread() {
        let keyed = Keyed::new();
        let keys: Vec<Key> = (0..10_000_u32).map(|n| keyed.key(1, &Client::Address(n.to_be_bytes().into()))).collect();
        for part in 0..3 {
            assert!(keys.iter().map(|key| key.print[part]).collect::<HashSet<_>>().len() > 9_990);
        }
        let mut filled = [0_u32; 10];
        keys.iter().for_each(|key| filled[key.shelf(10)] += 1);
        assert!(filled.iter().all(|count| (800..1200).contains(count)), "{filled:?}");
    }
}
