//! The names of keys.
//!
//! Threat: who can read the Redis, or a dump of it, reads addresses and names of people (CWE-359); an unkeyed hash of an IPv4
//! address is undone by trying all of them. A client that chooses its name so that it falls on another's key (CWE-639).
//! Promise: a name holds 128 bits of an HMAC of the client. Who doesn't know the secret learns from it only that two
//! keys are of one client.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::super::client_key::Client;
use super::super::store::ChargeRequest as Ask;
use crate::config_error::ConfigError;

const SECRET_BYTES: usize = 32;
const TAG_BYTES: usize = 16;

pub(super) struct Names {
    prefix: String,
    key: hmac::Key,
}

/// A key, and its part that says on which node of a cluster it is.
#[derive(Clone, Debug)]
pub(super) struct Name {
    pub(super) key: String,
    pub(super) tag: String,
}

impl Names {
    pub(super) fn new(prefix: String, secret: &[u8]) -> Result<Self, ConfigError> {
        if prefix.is_empty() || prefix.contains(['{', '}']) {
            return Err(ConfigError::new(
                "redis prefix",
                "is empty or has a brace; name the application, so that no other uses its keys",
            ));
        }
        if secret.len() < SECRET_BYTES {
            return Err(ConfigError::new(
                "redis rate limit secret",
                "is shorter than 32 bytes; give random bytes, the same to all processes",
            ));
        }
        Ok(Self { prefix, key: hmac::Key::new(hmac::HMAC_SHA256, secret) })
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// All rate limits of one client are in one slot of a cluster: a slot is told by what stands in braces.
    pub(super) fn all(&self, asks: &[Ask<'_>]) -> Vec<Name> {
        let mut names: Vec<Name> = Vec::with_capacity(asks.len());
        let mut before: Option<(&Client<'_>, String)> = None;
        for ask in asks {
            let tag = match before.take() {
                Some((client, tag)) if *client == ask.client => tag,
                _ => self.tag(&ask.client),
            };
            names.push(Name { key: format!("{}:q:{{{tag}}}:{:016x}", self.prefix, ask.bucket), tag: tag.clone() });
            before = Some((&ask.client, tag));
        }
        names
    }

    fn tag(&self, client: &Client<'_>) -> String {
        let mut hash = hmac::Context::with_key(&self.key);
        client.feed(|bytes| hash.update(bytes));
        let hash = hash.sign();
        URL_SAFE_NO_PAD.encode(hash.as_ref().get(..TAG_BYTES).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::time::Duration;

    use super::super::super::limit::Limit;
    use super::*;

    fn ask(bucket: u64, text: &'static str) -> Ask<'static> {
        let client = Client::Named { kind: Cow::Borrowed("body.email"), text: Cow::Borrowed(text) };
        Ask {
            bucket,
            limit: Limit::new(5, Duration::from_secs(900)).unwrap(),
            cost: 1,
            client,
            binding: true,
            settles_later: false,
        }
    }

    #[test]
    fn a_client_has_one_tag_and_another_secret_makes_another() {
        let names = Names::new("app".to_owned(), &[7; 32]).unwrap();
        let asks = [ask(1, "ada"), ask(2, "ada"), ask(1, "bob"), ask(1, "ada")];
        let all = names.all(&asks);
        assert_eq!(all[0].tag, all[1].tag);
        assert_eq!(all[0].key, all[3].key);
        assert_ne!(all[0].tag, all[2].tag);
        assert_eq!(all[1].key, format!("app:q:{{{}}}:0000000000000002", all[0].tag));
        assert_eq!(all[0].tag.len(), 22, "128 bits");
        let other = Names::new("app".to_owned(), &[8; 32]).unwrap();
        assert_ne!(other.all(&asks)[0].tag, all[0].tag);
    }

    #[test]
    fn a_short_secret_and_a_prefix_that_would_choose_the_slot_are_refused() {
        assert!(Names::new("app".to_owned(), &[7; 31]).is_err());
        for prefix in ["", "a{b}", "{", "a}"] {
            assert!(Names::new(prefix.to_owned(), &[7; 32]).is_err(), "{prefix}");
        }
    }
}
