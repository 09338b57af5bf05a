//! Where records of keys are.
//!
//! Threat: a limit that two simultaneous requests both pass (CWE-367), and a key that somebody else removes by its id
//! (CWE-639). Promise: what has to be decided together with a write is decided by the store, in one step.

use std::future::Future;
use std::time::SystemTime;

use super::record::ApiKey;
use crate::unavailable::Unavailable;

/// Keeps the records of API keys: [`MemoryApiKeys`](crate::api_key::MemoryApiKeys), or a table of yours with one row for each.
///
/// No method sees a key, only [`ApiKey`] records. A request waits for `find`, so give it a time limit; and, once a minute for
/// each key, for `touch`, 100 milliseconds at most. Every error is [`Unavailable`]; its cause belongs into the application's own log.
///
/// ```
/// use std::time::SystemTime;
/// use palisade::api_key::{ApiKey, ApiKeyStore, InsertedApiKey, MemoryApiKeys};
/// use palisade::resource::Unavailable;
///
/// /// Writes a line for each change.
/// struct Logged(MemoryApiKeys);
///
/// impl ApiKeyStore for Logged {
///     async fn insert(&self, key: ApiKey, most: usize) -> Result<InsertedApiKey, Unavailable> {
///         eprintln!("{} gets key {}", key.owner(), key.id());
///         self.0.insert(key, most).await
///     }
///
///     async fn find(&self, id: &str) -> Result<Option<ApiKey>, Unavailable> {
///         self.0.find(id).await
///     }
///
///     async fn list(&self, owner: &str) -> Result<Vec<ApiKey>, Unavailable> {
///         self.0.list(owner).await
///     }
///
///     async fn remove(&self, owner: &str, id: &str) -> Result<bool, Unavailable> {
///         eprintln!("{owner} removes key {id}");
///         self.0.remove(owner, id).await
///     }
///
///     async fn touch(&self, id: &str, at: SystemTime) -> Result<(), Unavailable> {
///         self.0.touch(id, at).await
///     }
/// }
/// ```
pub trait ApiKeyStore: Send + Sync + 'static {
    /// Keeps a new record, unless its owner has `most` or more that are active at [`ApiKey::created`] of the new one. Counting
    /// and writing are one step, or two simultaneous calls pass the limit together. Expired records of the owner may be dropped.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the record was not kept, also if the id is taken.
    fn insert(&self, key: ApiKey, most: usize) -> impl Future<Output = Result<InsertedApiKey, Unavailable>> + Send;

    /// The record with this id, expired or not; `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if that can't be found out now; the answer to the request is 503.
    fn find(&self, id: &str) -> impl Future<Output = Result<Option<ApiKey>, Unavailable>> + Send;

    /// All records of the owner, expired ones too, in any order.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if that can't be found out now.
    fn list(&self, owner: &str) -> impl Future<Output = Result<Vec<ApiKey>, Unavailable>> + Send;

    /// Removes the record if it has this id *and* this owner, and says whether there was one. A key is refused from the moment
    /// on at which this returns: no cache may still find it.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if it may still be there.
    fn remove(&self, owner: &str, id: &str) -> impl Future<Output = Result<bool, Unavailable>> + Send;

    /// Notes a use; a record that is gone stays gone.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] becomes a warning in the log and refuses nobody.
    fn touch(&self, id: &str, at: SystemTime) -> impl Future<Output = Result<(), Unavailable>> + Send;
}

/// What became of a record that was to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InsertedApiKey {
    /// It is kept.
    Kept,
    /// Its owner has as many active keys as allowed.
    OwnerFull,
    /// The store has no room.
    StoreFull,
}

/// A store that the application holds on to.
impl<S: ApiKeyStore> ApiKeyStore for std::sync::Arc<S> {
    async fn insert(&self, key: ApiKey, most: usize) -> Result<InsertedApiKey, Unavailable> {
        (**self).insert(key, most).await
    }

    async fn find(&self, id: &str) -> Result<Option<ApiKey>, Unavailable> {
        (**self).find(id).await
    }

    async fn list(&self, owner: &str) -> Result<Vec<ApiKey>, Unavailable> {
        (**self).list(owner).await
    }

    async fn remove(&self, owner: &str, id: &str) -> Result<bool, Unavailable> {
        (**self).remove(owner, id).await
    }

    async fn touch(&self, id: &str, at: SystemTime) -> Result<(), Unavailable> {
        (**self).touch(id, at).await
    }
}
