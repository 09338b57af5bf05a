//! Whom a rate limit counts, before a store condenses it.
//!
//! Threat: two callers whose names run together into one key (CWE-1389), and a store that can be read by others and holds
//! addresses and names of people (CWE-359).
//! Promise: no two clients feed a hash the same bytes; only what a keyed hash makes of them is kept.

use std::borrow::Cow;
use std::net::IpAddr;

/// Whom a rate limit counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Client<'a> {
    /// A network address. It is compared as it is: what shall count as one client (an IPv4 address and its IPv6 form,
    /// all of a /64) must have been made one before.
    Address(IpAddr),
    /// A verified identity.
    Principal {
        /// Who vouches for it.
        issuer: Cow<'a, str>,
        /// Whom that issuer calls so.
        subject: Cow<'a, str>,
    },
    /// Whatever else tells callers apart, such as an API key or a field of the input: what kind of thing it is, and its text.
    Named {
        /// The kind, such as `body.email`.
        kind: Cow<'a, str>,
        /// The text.
        text: Cow<'a, str>,
    },
}

impl Client<'_> {
    /// Gives a hash all that tells this client from others: what kind it is, and every part with its length.
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

#[cfg(test)]
mod tests {
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
}
