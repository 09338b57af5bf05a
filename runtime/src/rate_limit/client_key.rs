//! The client that a rate limit counts, and the key under which a store keeps it.
//!
//! Threat: two clients whose names produce the same key (CWE-1389); addresses and names that were chosen to collide, so that
//! each lookup becomes slow (CWE-407) or one client is charged for another; a memory dump that shows addresses and names of
//! people (CWE-359).
//! Promise: no two clients feed the same bytes to the hash. A store keeps only 128 bits of a hash whose secret is drawn for
//! each process. Clients that collide, or that share a shard, cannot be found without the secret.

use std::borrow::Cow;
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::IpAddr;

use siphasher::sip128::{Hash128, Hasher128, SipHasher13};

/// The client that a rate limit counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Client<'a> {
    /// A network address. It is compared as it is: addresses that must count as one client (an IPv4 address and its IPv6
    /// form, or all addresses of a /64) must have been made equal before.
    Address(IpAddr),
    /// A verified identity.
    Principal {
        /// The issuer that verified it.
        issuer: Cow<'a, str>,
        /// The name of the client at that issuer.
        subject: Cow<'a, str>,
    },
    /// Anything else that distinguishes clients, such as an API key or a field of the input.
    Named {
        /// What the text is, such as `body.email`.
        kind: Cow<'a, str>,
        /// The text.
        text: Cow<'a, str>,
    },
}

impl Client<'_> {
    /// Whether the caller chose the name: it is neither an address nor a principal nor an API key.
    #[inline]
    pub(super) fn is_chosen_by_caller(&self) -> bool {
        matches!(self, Self::Named { kind, .. } if kind != "api_key")
    }

    /// Passes everything that identifies this client to `hash`: its kind, and each part after its length.
    pub(super) fn feed(&self, mut hash: impl FnMut(&[u8])) {
        let (kind, parts) = match self {
            Self::Address(IpAddr::V4(address)) => {
                hash(&[4]);
                return hash(&address.octets());
            }
            Self::Address(IpAddr::V6(address)) => {
                hash(&[6]);
                return hash(&address.octets());
            }
            Self::Principal { issuer, subject } => (1, [issuer, subject]),
            Self::Named { kind, text } => (2, [kind, text]),
        };
        hash(&[kind]);
        for part in parts {
            hash(&part.len().to_be_bytes());
            hash(part.as_bytes());
        }
    }
}

/// One client in one bucket, as a keyed hash. It reveals nothing about the client, and cannot be used in a store with another
/// secret.
///
/// The upper 32 bits of `high` choose the shard. The other 96 bits are the fingerprint, which distinguishes clients within a
/// shard. Two 64-bit words stay in registers from the hash to the comparison.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientKey {
    high: u64,
    low: u64,
}

/// The part of a key that a table keeps. Together with the number of the shard it identifies the client.
pub(super) type Fingerprint = [u32; 3];

impl ClientKey {
    /// The number of its shard: less than `shards`, each with the same probability.
    #[inline]
    pub(super) fn shard(self, shards: u32) -> usize {
        // The product of two 32-bit numbers cannot overflow.
        ((self.high >> 32).wrapping_mul(u64::from(shards)) >> 32) as usize
    }

    #[inline]
    pub(super) fn fingerprint(self) -> Fingerprint {
        [self.high as u32, self.low as u32, (self.low >> 32) as u32]
    }

    /// Whether the key has this fingerprint.
    #[inline]
    pub(super) fn has(self, fingerprint: &Fingerprint) -> bool {
        let [first, low, high] = *fingerprint;
        first == self.high as u32 && (u64::from(high) << 32 | u64::from(low)) == self.low
    }

    /// 64 pseudorandom bits, of which the upper half chooses the shard.
    #[inline]
    pub(super) fn high(self) -> u64 {
        self.high
    }

    /// 64 other pseudorandom bits.
    #[inline]
    pub(super) fn low(self) -> u64 {
        self.low
    }
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientKey").finish_non_exhaustive()
    }
}

/// Makes client keys. The standard library draws the secret from the operating system.
pub(super) struct KeyHasher {
    secret: (u64, u64),
}

impl KeyHasher {
    pub(super) fn new() -> Self {
        let random = RandomState::new();
        Self { secret: (random.hash_one(0), random.hash_one(1)) }
    }

    #[inline(always)]
    pub(super) fn key(&self, bucket: u64, client: &Client<'_>) -> ClientKey {
        let hash = match client {
            Client::Address(IpAddr::V4(address)) => {
                // The bytes of `Client::feed` in pieces whose lengths are constant, which is twice as fast. A separate hasher
                // is faster too: the compiler knows that nothing was written to it before.
                let mut hasher = SipHasher13::new_with_keys(self.secret.0, self.secret.1);
                hasher.write_u64(bucket);
                hasher.write_u8(4);
                hasher.write_u32(u32::from_ne_bytes(address.octets()));
                hasher.finish128()
            }
            _ => self.hash_of_parts(bucket, client),
        };
        ClientKey { high: hash.h1, low: hash.h2 }
    }

    fn hash_of_parts(&self, bucket: u64, client: &Client<'_>) -> Hash128 {
        let mut hasher = SipHasher13::new_with_keys(self.secret.0, self.secret.1);
        hasher.write_u64(bucket);
        client.feed(|bytes| hasher.write(bytes));
        hasher.finish128()
    }
}

#[cfg(test)]
impl ClientKey {
    /// A key whose fingerprint is made of this number.
    pub(super) fn of(number: u32) -> Self {
        let number = u64::from(number);
        Self { high: number, low: number << 32 | number }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn fed(client: &Client<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        client.feed(|part| bytes.extend(part));
        bytes
    }

    #[test]
    fn no_two_clients_feed_the_same_bytes() {
        let principal =
            |issuer, subject| Client::Principal { issuer: Cow::Borrowed(issuer), subject: Cow::Borrowed(subject) };
        let named = |kind, text| Client::Named { kind: Cow::Borrowed(kind), text: Cow::Borrowed(text) };
        let mut all = vec![Client::Address([1, 2, 3, 4].into()), Client::Address([0_u16; 8].into())];
        for (one, other) in
            [("a", "bc"), ("ab", "c"), ("", "abc"), ("abc", ""), ("a\0", "bc"), ("a", "\0bc"), ("ab", "C")]
        {
            all.extend([principal(one, other), named(one, other)]);
        }
        for (at, one) in all.iter().enumerate() {
            assert!(all.iter().skip(at + 1).all(|other| fed(one) != fed(other)), "{one:?}");
        }
    }

    #[test]
    fn keys_differ_by_bucket_client_and_secret() {
        let (one, other) = (KeyHasher::new(), KeyHasher::new());
        let client = |text| Client::Named { kind: Cow::Borrowed("kind"), text: Cow::Borrowed(text) };
        let key = one.key(1, &client("ann"));
        assert_eq!(key, one.key(1, &client("ann")));
        assert_ne!(key, one.key(2, &client("ann")));
        assert_ne!(key, one.key(1, &client("bob")));
        assert_ne!(key, other.key(1, &client("ann")));
    }

    #[test]
    fn address_fast_path_hashes_the_same_bytes() {
        let hasher = KeyHasher::new();
        for number in [0, 1, 0xC000_0201, u32::MAX] {
            let address = Client::Address(number.to_be_bytes().into());
            let slow = hasher.hash_of_parts(5, &address);
            let key = hasher.key(5, &address);
            assert_eq!((key.high, key.low), (slow.h1, slow.h2));
        }
    }

    #[test]
    fn a_key_is_compared_by_its_whole_fingerprint() {
        let key = KeyHasher::new().key(1, &Client::Address([192, 0, 2, 1].into()));
        assert!(key.has(&key.fingerprint()));
        for part in 0..3 {
            for bit in 0..32 {
                let mut other = key.fingerprint();
                other[part] ^= 1 << bit;
                assert!(!key.has(&other));
            }
        }
    }

    #[test]
    fn shards_and_fingerprints_are_independent_and_spread() {
        let hasher = KeyHasher::new();
        let address = |number: u32| Client::Address(number.to_be_bytes().into());
        let keys: Vec<ClientKey> = (0..10_000).map(|number| hasher.key(1, &address(number))).collect();
        for part in 0..3 {
            assert!(keys.iter().map(|key| key.fingerprint()[part]).collect::<HashSet<_>>().len() > 9_990);
        }
        let mut filled = [0_u32; 10];
        keys.iter().for_each(|key| filled[key.shard(10)] += 1);
        assert!(filled.iter().all(|count| (800..1200).contains(count)), "{filled:?}");
    }
}
