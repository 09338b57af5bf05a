//! The names of keys.
//!
//! Threat: a third party that can read the Redis, or a dump of it, learns who calls and who is logged in (CWE-359). An
//! unkeyed hash of an IPv4 address or of a numbered account can be reversed by trying all inputs. A client chooses a name
//! that maps to the key of another client (CWE-639).
//! Promise: a name contains 128 bits of an HMAC instead of the client, subject, session or token that it is about. Without
//! the secret it only shows whether two keys are about the same client, subject, session or token. No two kinds of names
//! share a key.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const TAG_BYTES: usize = 16;

/// Makes names with the prefix and the secret of the application.
pub(super) struct KeyNames {
    prefix: String,
    hmac: hmac::Key,
}

/// The name of one key.
#[derive(Clone, Debug)]
pub(crate) struct KeyName {
    /// The whole name.
    pub(crate) key: String,
    /// The keyed hash in it. In a cluster it chooses the slot, so all keys with one tag are on one node.
    pub(crate) tag: String,
}

/// The kind of data that a tag is the hash of. The numbers below 16 are those of the clients of rate limits.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(crate) enum TagKind {
    /// The id of a session.
    Session = 16,
    /// The subject that owns sessions.
    SessionOwner = 17,
    /// An issuer, and the id of a token or session that is revoked.
    RevokedId = 18,
    /// An issuer and the subject whose tokens are revoked.
    RevokedSubject = 19,
    /// A proof of possession that was used.
    #[cfg(feature = "oauth")]
    Proof = 20,
}

impl KeyNames {
    pub(super) fn new(prefix: String, secret: &[u8]) -> Self {
        Self { prefix, hmac: hmac::Key::new(hmac::HMAC_SHA256, secret) }
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The keyed hash of the bytes that `feed` gives it, in 22 characters of base64url.
    pub(super) fn tag(&self, feed: impl FnOnce(&mut hmac::Context)) -> String {
        let mut context = hmac::Context::with_key(&self.hmac);
        feed(&mut context);
        let hash = context.sign();
        URL_SAFE_NO_PAD.encode(hash.as_ref().get(..TAG_BYTES).unwrap_or_default())
    }

    /// The keyed hash of some texts. Each is hashed with its length, so that no two lists of texts are the same bytes.
    pub(super) fn tag_of(&self, kind: TagKind, parts: &[&str]) -> String {
        self.tag(|context| {
            context.update(&[kind as u8]);
            for part in parts {
                context.update(&part.len().to_be_bytes());
                context.update(part.as_bytes());
            }
        })
    }

    /// `prefix:section:{tag}`. A cluster computes the slot of a key only from the text in braces.
    pub(super) fn name(&self, section: &str, tag: String) -> KeyName {
        KeyName { key: format!("{}:{section}:{{{tag}}}", self.prefix), tag }
    }

    /// `prefix:section:{tag}:number`, for several keys about the same client.
    pub(super) fn numbered_name(&self, section: &str, tag: String, number: u64) -> KeyName {
        KeyName { key: format!("{}:{section}:{{{tag}}}:{number:016x}", self.prefix), tag }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_depends_on_secret_kind_and_parts() {
        let (names, other) = (KeyNames::new("app".to_owned(), &[7; 32]), KeyNames::new("app".to_owned(), &[8; 32]));
        let tag = names.tag_of(TagKind::RevokedId, &["issuer", "ada"]);
        assert_eq!(tag, names.tag_of(TagKind::RevokedId, &["issuer", "ada"]));
        assert_eq!(tag.len(), 22, "128 bits");
        assert_eq!(names.name("revoked", tag.clone()).key, format!("app:revoked:{{{tag}}}"));
        for another in [
            other.tag_of(TagKind::RevokedId, &["issuer", "ada"]),
            names.tag_of(TagKind::RevokedSubject, &["issuer", "ada"]),
            names.tag_of(TagKind::RevokedId, &["issuera", "da"]),
            names.tag_of(TagKind::RevokedId, &["issuer", "ada", ""]),
        ] {
            assert_ne!(tag, another);
        }
    }
}
