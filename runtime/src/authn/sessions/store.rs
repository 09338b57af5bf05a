//! Where sessions are kept.

use std::future::Future;
use std::time::SystemTime;

use crate::policy::Unavailable;

/// A session, as it is kept. It has nothing that a client could use.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionRecord {
    /// Its name, which access tokens carry as `sid`: 22 characters of base64url.
    pub id: String,
    /// Whose it is.
    pub subject: String,
    /// The scopes that it began with: a refresh gives no other (RFC 6749 §6).
    pub scopes: Vec<String>,
    /// SHA-256 of the current refresh token.
    pub secret: [u8; 32],
    /// When the current refresh token is over.
    pub expires: SystemTime,
    /// When the session is over, however often it is refreshed.
    pub ends: SystemTime,
}

impl SessionRecord {
    /// A record out of what a store kept of one.
    #[must_use]
    pub fn restored(
        id: impl Into<String>,
        subject: impl Into<String>,
        scopes: Vec<String>,
        secret: [u8; 32],
        (expires, ends): (SystemTime, SystemTime),
    ) -> Self {
        Self { id: id.into(), subject: subject.into(), scopes, secret, expires, ends }
    }
}

/// Keeps [`Sessions`](crate::Sessions): [`MemorySessions`](crate::MemorySessions) does, and a table of the application can.
///
/// ```
/// use std::time::SystemTime;
/// use palisade::{SessionRecord, SessionStore, Unavailable};
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
///     async fn replace(&self, _id: &str, _secret: &[u8; 32], _next: &[u8; 32], _expires: SystemTime) -> Result<bool, Unavailable> {
///         Ok(false) // UPDATE sessions SET secret = ?3, expires = ?4 WHERE id = ?1 AND secret = ?2; one row was changed?
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
/// Each gives [`Unavailable`] if the store does not answer; the caller gets 503.
pub trait SessionStore: Send + Sync + 'static {
    /// Keeps a new session; its id is random, so there is none of that id. It may be forgotten once it `expires`.
    fn insert(&self, session: SessionRecord) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// The session of this id.
    fn find(&self, id: &str) -> impl Future<Output = Result<Option<SessionRecord>, Unavailable>> + Send;

    /// Puts `next` in the place of `secret`, and says whether it did: only if the session is there and `secret` is its current
    /// one. Of any number of calls with one `secret`, **one** may be told `true`: compare and change in one step.
    fn replace(
        &self,
        id: &str,
        secret: &[u8; 32],
        next: &[u8; 32],
        expires: SystemTime,
    ) -> impl Future<Output = Result<bool, Unavailable>> + Send;

    /// Forgets the session, if it is there.
    fn remove(&self, id: &str) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// Forgets every session of the subject.
    fn remove_all(&self, subject: &str) -> impl Future<Output = Result<(), Unavailable>> + Send;
}
