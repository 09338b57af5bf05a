//! The store of API key records.
//!
//! Threat: two simultaneous requests that together exceed a limit (CWE-367), and a key that another user removes by its id
//! (CWE-639). Promise: the store checks and writes in one step.

use std::future::Future;
use std::time::SystemTime;

use super::record::ApiKey;
use crate::unavailable::Unavailable;

/// Keeps the records of API keys: [`MemoryApiKeys`](crate::api_key::MemoryApiKeys), `SqlApiKeys` (features `sqlx-sqlite`,
/// `sqlx-postgres`), or a store of the application.
///
/// No method receives a key, only its [`ApiKey`] record. A request waits for `find`, so `find` needs a timeout. Once a minute
/// for each key, a request also waits for `touch`, for at most 100 milliseconds. The only error is [`Unavailable`], so log its
/// cause in the store.
///
/// ```
/// use std::time::SystemTime;
/// use palisade::api_key::{ApiKey, ApiKeyStore, InsertedApiKey, MemoryApiKeys};
/// use palisade::resource::Unavailable;
///
/// /// Prints a line for each change.
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
    /// Stores a new record, unless its owner has `most` or more keys that are active at [`ApiKey::created`] of the new one. The
    /// store must count and write in one step; otherwise two simultaneous calls can exceed the limit. It may drop expired
    /// records of the owner.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the record was not stored, even if the reason is that a record with the same id exists.
    fn insert(&self, key: ApiKey, most: usize) -> impl Future<Output = Result<InsertedApiKey, Unavailable>> + Send;

    /// Returns the record with this id, even if it has expired. `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is unavailable. The response is 503.
    fn find(&self, id: &str) -> impl Future<Output = Result<Option<ApiKey>, Unavailable>> + Send;

    /// Returns all records of the owner in any order, even the expired ones.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is unavailable.
    fn list(&self, owner: &str) -> impl Future<Output = Result<Vec<ApiKey>, Unavailable>> + Send;

    /// Removes the record with this id *and* this owner. Returns whether it existed. After this method returns, the key must be
    /// rejected, even if the store has a cache.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the record may still exist.
    fn remove(&self, owner: &str, id: &str) -> impl Future<Output = Result<bool, Unavailable>> + Send;

    /// Records the time of a use. It must not recreate a removed record.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] is logged as a warning. The request continues.
    fn touch(&self, id: &str, at: SystemTime) -> impl Future<Output = Result<(), Unavailable>> + Send;
}

/// The result of [`ApiKeyStore::insert`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InsertedApiKey {
    /// The record is stored.
    Kept,
    /// The owner has the maximum number of active keys.
    OwnerFull,
    /// The store is full.
    StoreFull,
}

/// A store that is shared with the application.
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
