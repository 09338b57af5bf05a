//! Where sessions are kept.

use std::fmt;
use std::future::Future;
use std::time::SystemTime;

use super::device::Device;
use crate::unavailable::Unavailable;

/// What the client of a session holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionKind {
    /// A refresh token, of [`Sessions`](crate::session::Sessions).
    #[default]
    RefreshToken,
    /// A cookie, of `CookieSessions` (feature `cookies`).
    Cookie,
}

/// A session, as it is stored. It contains no usable credential. `Debug` does not show the digest and the claims.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionRecord {
    /// Its id, which access tokens carry as `sid`: 22 characters of base64url.
    pub id: String,
    /// The subject of the session.
    pub subject: String,
    /// What its client holds. A store that does not keep it keeps refresh tokens only.
    pub kind: SessionKind,
    /// The scopes that it began with. A refresh grants no others (RFC 6749 §6).
    pub scopes: Vec<String>,
    /// What a cookie grants, or what a session of refresh tokens keeps of its beginning (the actor, the key of the client, the login): the
    /// claims of a token, as a JSON object of at most 8 KiB. Empty for refresh tokens if there is nothing of this.
    ///
    /// Danger: with a store that does not keep it, a renewed access token is neither delegated nor bound to a key.
    pub claims: String,
    /// SHA-256 of the current refresh token, or of the current cookie.
    pub digest: [u8; 32],
    /// When the current refresh token expires, or when a cookie has not been used for too long.
    pub expires: SystemTime,
    /// When the session ends at the latest, even if it is used.
    pub ends: SystemTime,
    /// When it began. Stores need not keep what is smaller than a millisecond.
    pub created: SystemTime,
    /// When it was used last, as far as that was written. Stores need not keep what is smaller than a millisecond.
    pub last_used: SystemTime,
    /// Where it began.
    pub device: Device,
}

impl fmt::Debug for SessionRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionRecord")
            .field("id", &self.id)
            .field("subject", &self.subject)
            .field("kind", &self.kind)
            .field("expires", &self.expires)
            .field("ends", &self.ends)
            .finish_non_exhaustive()
    }
}

impl SessionRecord {
    /// Builds a record from the fields that a store has kept. `expires` must not be later than `ends`. The other fields can be set
    /// afterwards; until then the session is one of refresh tokens, and began in 1970 on an unknown device.
    #[must_use]
    pub fn restored(
        id: impl Into<String>,
        subject: impl Into<String>,
        scopes: Vec<String>,
        digest: [u8; 32],
        (expires, ends): (SystemTime, SystemTime),
    ) -> Self {
        Self {
            id: id.into(),
            subject: subject.into(),
            kind: SessionKind::default(),
            scopes,
            claims: String::new(),
            digest,
            expires,
            ends,
            created: SystemTime::UNIX_EPOCH,
            last_used: SystemTime::UNIX_EPOCH,
            device: Device::default(),
        }
    }

    /// Takes over what [`SessionStore::replace`] replaces.
    #[must_use]
    pub fn replaced_by(self, next: Self) -> Self {
        let Self { scopes, claims, digest, expires, last_used, .. } = next;
        Self { scopes, claims, digest, expires, last_used, ..self }
    }
}

/// Stores the sessions of [`Sessions`](crate::session::Sessions): [`MemorySessions`](crate::session::MemorySessions),
/// `SqlSessions` (features `sqlx-sqlite`, `sqlx-postgres`), `RedisSessions` (feature `redis`), or a store of the application:
///
/// ```
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
///     async fn replace(&self, _digest: &[u8; 32], _next: SessionRecord) -> Result<bool, Unavailable> {
///         // UPDATE sessions SET digest = ?3, scopes = .. WHERE id = ?1 AND digest = ?2; one row was changed?
///         Ok(false)
///     }
///     async fn list(&self, _subject: &str) -> Result<Vec<SessionRecord>, Unavailable> {
///         Ok(Vec::new()) // SELECT .. WHERE subject = ?1
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

    /// Replaces the session whose id is that of `next`, if it exists and `digest` is its current digest: its digest, its scopes, its
    /// claims, when it expires and when it was used last become those of `next`, and all else stays. Returns whether it did.
    ///
    /// Of any number of concurrent calls with one `digest` and another one in `next`, only **one** may return `true`: compare and
    /// change in one atomic step.
    fn replace(&self, digest: &[u8; 32], next: SessionRecord)
    -> impl Future<Output = Result<bool, Unavailable>> + Send;

    /// Returns the sessions of the subject, in any order. Expired ones may be among them. A store may return only the last 1,000.
    fn list(&self, subject: &str) -> impl Future<Output = Result<Vec<SessionRecord>, Unavailable>> + Send;

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

    async fn replace(&self, digest: &[u8; 32], next: SessionRecord) -> Result<bool, Unavailable> {
        (**self).replace(digest, next).await
    }

    async fn list(&self, subject: &str) -> Result<Vec<SessionRecord>, Unavailable> {
        (**self).list(subject).await
    }

    async fn remove(&self, id: &str) -> Result<(), Unavailable> {
        (**self).remove(id).await
    }

    async fn remove_all(&self, subject: &str) -> Result<(), Unavailable> {
        (**self).remove_all(subject).await
    }
}
