//! Where sessions are kept.

use std::fmt;
use std::future::Future;
use std::time::SystemTime;

use crate::unavailable::Unavailable;

/// A session, as it is stored. It contains no usable credential. `Debug` does not show the digest.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionRecord {
    /// Its id, which access tokens carry as `sid`: 22 characters of base64url.
    pub id: String,
    /// The subject of the session.
    pub subject: String,
    /// The scopes that it began with. A refresh grants no others (RFC 6749 §6).
    pub scopes: Vec<String>,
    /// SHA-256 of the current refresh token.
    pub digest: [u8; 32],
    /// When the current refresh token expires.
    pub expires: SystemTime,
    /// When the session ends at the latest, even if it is refreshed.
    pub ends: SystemTime,
}

impl fmt::Debug for SessionRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionRecord")
            .field("id", &self.id)
            .field("subject", &self.subject)
            .field("expires", &self.expires)
            .field("ends", &self.ends)
            .finish_non_exhaustive()
    }
}

impl SessionRecord {
    /// Builds a record from the fields that a store has kept. `expires` must not be later than `ends`.
    #[must_use]
    pub fn restored(
        id: impl Into<String>,
        subject: impl Into<String>,
        scopes: Vec<String>,
        digest: [u8; 32],
        (expires, ends): (SystemTime, SystemTime),
    ) -> Self {
        Self { id: id.into(), subject: subject.into(), scopes, digest, expires, ends }
    }
}

/// Stores the sessions of [`Sessions`](crate::session::Sessions): [`MemorySessions`](crate::session::MemorySessions),
/// `SqlSessions` (features `sqlx-sqlite`, `sqlx-postgres`), `RedisSessions` (feature `redis`), or a store of the application:
///
/// ```
/// use std::time::SystemTime;
/// use palisade::resource::Unavailable;
/// use palisade::session::{SessionRecord, SessionStore};
///
/// struct Table;
///
/// impl SessionStore for Table {
///     async fn insert(&self, _session: SessionRecord) -> Result<(), Unavailable> {
///         Ok(()) // INSERT INTO sessions ..
///     }
///     async fn find(&self, _id: &str) -> Result<Option<SessionRecord>, Unavailable> {
///         Ok(None) // SELECT .. WHERE id = ?1
///     }
///     async fn replace(&self, _id: &str, _digest: &[u8; 32], _next: &[u8; 32], _expires: SystemTime) -> Result<bool, Unavailable> {
///         Ok(false) // UPDATE sessions SET digest = ?3, expires = ?4 WHERE id = ?1 AND digest = ?2; one row was changed?
///     }
///     async fn remove(&self, _id: &str) -> Result<(), Unavailable> {
///         Ok(()) // DELETE FROM sessions WHERE id = ?1
///     }
///     async fn remove_all(&self, _subject: &str) -> Result<(), Unavailable> {
///         Ok(()) // DELETE FROM sessions WHERE subject = ?1
///     }
/// }
/// ```
///
/// # Errors
///
/// Each method returns [`Unavailable`] if the store does not respond. The response is then 503.
pub trait SessionStore: Send + Sync + 'static {
    /// Stores a new session. Its id is random, so no other session has it. The store may forget the session once it
    /// `expires`.
    fn insert(&self, session: SessionRecord) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// Returns the session with this id.
    fn find(&self, id: &str) -> impl Future<Output = Result<Option<SessionRecord>, Unavailable>> + Send;

    /// Replaces `digest` by `next`, and sets `expires`, if the session exists and `digest` is its current digest. Returns
    /// whether it did. Of any number of concurrent calls with one `digest`, only **one** may return `true`: compare and
    /// change in one atomic step.
    fn replace(
        &self,
        id: &str,
        digest: &[u8; 32],
        next: &[u8; 32],
        expires: SystemTime,
    ) -> impl Future<Output = Result<bool, Unavailable>> + Send;

    /// Deletes the session, if it exists.
    fn remove(&self, id: &str) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// Deletes every session of the subject.
    fn remove_all(&self, subject: &str) -> impl Future<Output = Result<(), Unavailable>> + Send;
}

/// A store that is shared, for example with the application.
impl<S: SessionStore> SessionStore for std::sync::Arc<S> {
    async fn insert(&self, session: SessionRecord) -> Result<(), Unavailable> {
        (**self).insert(session).await
    }

    async fn find(&self, id: &str) -> Result<Option<SessionRecord>, Unavailable> {
        (**self).find(id).await
    }

    async fn replace(
        &self,
        id: &str,
        digest: &[u8; 32],
        next: &[u8; 32],
        expires: SystemTime,
    ) -> Result<bool, Unavailable> {
        (**self).replace(id, digest, next, expires).await
    }

    async fn remove(&self, id: &str) -> Result<(), Unavailable> {
        (**self).remove(id).await
    }

    async fn remove_all(&self, subject: &str) -> Result<(), Unavailable> {
        (**self).remove_all(subject).await
    }
}
