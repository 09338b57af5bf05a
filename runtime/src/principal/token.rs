//! The token that authenticated a principal.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::de::DeserializeOwned;

/// The content of the verified token that authenticated a [`Principal`](super::Principal). The encoded token is not kept.
#[derive(Clone)]
pub struct Token {
    pub(crate) id: Option<Box<str>>,
    pub(crate) session: Option<Box<str>>,
    pub(crate) issued: Duration,
    pub(crate) expires: Duration,
    /// The whole claims set, a JSON object.
    pub(crate) claims: Box<str>,
    pub(crate) last_check: LastCheck,
    /// The number of the protected resource that the token was last found to be for.
    #[cfg(feature = "oauth")]
    pub(crate) last_resource: LastCheck,
}

impl Token {
    /// The unique id of the token (`jti`, RFC 7519 §4.1.7).
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The session in which it was issued (`sid`), if the token carries it.
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// The ids by which it can be revoked: its own, and that of its session.
    pub fn revocable_ids(&self) -> impl Iterator<Item = &str> {
        self.id().into_iter().chain(self.session())
    }

    /// When it was issued (`iat`). If the token does not carry it, 1970, so that the token is treated as older than any other.
    #[must_use]
    pub fn issued(&self) -> SystemTime {
        UNIX_EPOCH.checked_add(self.issued).unwrap_or(UNIX_EPOCH)
    }

    /// When it expires (`exp`), without leeway.
    #[must_use]
    pub fn expires(&self) -> SystemTime {
        UNIX_EPOCH.checked_add(self.expires).unwrap_or(UNIX_EPOCH)
    }

    /// Whether `aud` names this identifier, which has this number in the process.
    #[cfg(feature = "oauth")]
    pub(crate) fn is_for(&self, identifier: &str, number: u64) -> bool {
        #[derive(serde::Deserialize)]
        struct AudienceOnly {
            aud: AudienceClaim,
        }
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum AudienceClaim {
            One(String),
            Several(Vec<String>),
        }
        if self.last_resource.was_in(number) {
            return true;
        }
        let is_for = match self.claims() {
            Ok(AudienceOnly { aud: AudienceClaim::One(name) }) => name == identifier,
            Ok(AudienceOnly { aud: AudienceClaim::Several(names) }) => names.iter().any(|name| name == identifier),
            Err(_) => false,
        };
        if is_for {
            self.last_resource.remember(number);
        }
        is_for
    }

    /// Deserializes the claims of the token, including the registered ones, into a type of the application.
    ///
    /// A handler takes them as [`Claims<T>`](crate::Claims).
    ///
    /// # Errors
    ///
    /// If the claims do not match `T`. The error may quote values of the token, so do not send it to a client.
    pub fn claims<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.claims)
    }
}

/// Omits the claims, because they may contain personal data that must not be logged.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("id", &self.id).field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// The state of a store of revocations in which the token was not revoked. A store that is still in this state need not look
/// again. A clone of the token remembers nothing.
///
/// States are numbers of the store's choice. Zero is none of them.
#[derive(Debug, Default)]
pub(crate) struct LastCheck(AtomicU64);

impl LastCheck {
    pub(crate) fn was_in(&self, state: u64) -> bool {
        self.0.load(Ordering::Relaxed) == state
    }

    pub(crate) fn remember(&self, state: u64) {
        self.0.store(state, Ordering::Relaxed);
    }
}

impl Clone for LastCheck {
    fn clone(&self) -> Self {
        Self::default()
    }
}
