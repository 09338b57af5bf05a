//! API key records in the memory of this process.
//!
//! Threat: memory that grows with every new key (CWE-770). Promise: the number of keys is bounded, and no key is removed to make
//! room for a key of another owner.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use super::record::ApiKey;
use super::store::{ApiKeyStore, InsertedApiKey};
use crate::unavailable::Unavailable;

/// API keys in the memory of this process, the default [`ApiKeyStore`]. Clones share one state.
///
/// Danger: **all keys are lost at a restart, and each process has its own keys.** Use it for tests, and for applications that
/// create their keys at startup.
///
/// ```
/// use palisade::api_key::{ApiKeys, MemoryApiKeys};
///
/// let keys = ApiKeys::new("acme", "https://accounts.example", MemoryApiKeys::new())?;
/// # Ok::<(), palisade::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct MemoryApiKeys(Arc<KeyTables>);

#[derive(Debug)]
struct KeyTables {
    /// The records by id. Lock order: code that holds an entry of `owners` may lock an entry here, never the other way round.
    keys: DashMap<Box<str>, ApiKey>,
    /// The ids of each owner.
    owners: DashMap<Box<str>, Vec<Box<str>>>,
    kept: AtomicUsize,
    bound: usize,
}

impl MemoryApiKeys {
    /// Creates a store for at most 100,000 keys.
    #[must_use]
    pub fn new() -> Self {
        Self::bounded(100_000)
    }

    /// Creates a store for at most this many keys. A full store rejects new keys. Only expired keys of the same owner are
    /// removed to make room.
    #[must_use]
    pub fn bounded(keys: usize) -> Self {
        Self(Arc::new(KeyTables {
            keys: DashMap::new(),
            owners: DashMap::new(),
            kept: AtomicUsize::new(0),
            bound: keys,
        }))
    }
}

impl Default for MemoryApiKeys {
    fn default() -> Self {
        Self::new()
    }
}

impl KeyTables {
    fn insert(&self, key: ApiKey, most: usize) -> Result<InsertedApiKey, Unavailable> {
        let mut ids = self.owners.entry(key.owner().into()).or_default();
        ids.retain(|id| {
            let active = self.keys.get(id).is_some_and(|own| own.is_active(key.created()));
            if !active {
                self.forget(id);
            }
            active
        });
        let outcome = if ids.len() >= most {
            InsertedApiKey::OwnerFull
        } else if !self.reserve() {
            InsertedApiKey::StoreFull
        } else {
            ids.push(key.id().into());
            InsertedApiKey::Kept
        };
        let owner_has_none = ids.is_empty();
        if outcome == InsertedApiKey::Kept {
            match self.keys.entry(key.id().into()) {
                Entry::Vacant(slot) => drop(slot.insert(key)),
                Entry::Occupied(_) => {
                    ids.pop();
                    self.kept.fetch_sub(1, Ordering::Relaxed);
                    return Err(Unavailable);
                }
            }
        } else if owner_has_none {
            drop(ids);
            self.owners.remove_if(key.owner(), |_, ids| ids.is_empty());
        }
        Ok(outcome)
    }

    fn reserve(&self) -> bool {
        let more = |kept: usize| kept.checked_add(1).filter(|kept| *kept <= self.bound);
        self.kept.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    fn forget(&self, id: &str) -> bool {
        let existed = self.keys.remove(id).is_some();
        if existed {
            self.kept.fetch_sub(1, Ordering::Relaxed);
        }
        existed
    }

    fn remove(&self, owner: &str, id: &str) -> bool {
        let Some(mut ids) = self.owners.get_mut(owner) else {
            return false;
        };
        let Some(slot) = ids.iter().position(|own| **own == *id) else {
            return false;
        };
        ids.swap_remove(slot);
        let existed = self.forget(id);
        drop(ids);
        self.owners.remove_if(owner, |_, ids| ids.is_empty());
        existed
    }
}

impl ApiKeyStore for MemoryApiKeys {
    async fn insert(&self, key: ApiKey, most: usize) -> Result<InsertedApiKey, Unavailable> {
        self.0.insert(key, most)
    }

    async fn find(&self, id: &str) -> Result<Option<ApiKey>, Unavailable> {
        Ok(self.0.keys.get(id).map(|key| key.clone()))
    }

    async fn list(&self, owner: &str) -> Result<Vec<ApiKey>, Unavailable> {
        let Some(ids) = self.0.owners.get(owner) else {
            return Ok(Vec::new());
        };
        Ok(ids.iter().filter_map(|id| self.0.keys.get(id).map(|key| key.clone())).collect())
    }

    async fn remove(&self, owner: &str, id: &str) -> Result<bool, Unavailable> {
        Ok(self.0.remove(owner, id))
    }

    async fn touch(&self, id: &str, at: SystemTime) -> Result<(), Unavailable> {
        if let Some(mut key) = self.0.keys.get_mut(id) {
            let last = key.last_used().map_or(at, |last| last.max(at));
            *key = key.clone().with_last_used(Some(last));
        }
        Ok(())
    }
}
