//! API keys with the rights that their owners have now.
//!
//! The threat is a key with more rights than its owner (CWE-863): scopes that the owner's current role lacks are removed when the key is
//! read, and a key whose owner no longer exists is not found.

use std::time::SystemTime;

use palisade::api_key::{ApiKey, ApiKeyStore, InsertedApiKey, SqlApiKeys};
use palisade::resource::Unavailable;

use super::Db;

/// The keys of the accounts in the database.
#[derive(Clone)]
pub struct AccountKeys {
    keys: SqlApiKeys,
    db: Db,
}

impl AccountKeys {
    /// The keys in this database.
    pub fn new(db: &Db) -> Self {
        Self { keys: SqlApiKeys::new(&db.0), db: db.clone() }
    }
}

impl ApiKeyStore for AccountKeys {
    async fn insert(&self, key: ApiKey, most: usize) -> Result<InsertedApiKey, Unavailable> {
        self.keys.insert(key, most).await
    }

    async fn find(&self, id: &str) -> Result<Option<ApiKey>, Unavailable> {
        let Some(key) = self.keys.find(id).await? else { return Ok(None) };
        let role = self.db.role(key.owner()).await?;
        Ok(role.map(|role| key.retain_scopes(|scope| role.scopes().contains(&scope))))
    }

    async fn list(&self, owner: &str) -> Result<Vec<ApiKey>, Unavailable> {
        let Some(role) = self.db.role(owner).await? else { return Ok(Vec::new()) };
        let keys = self.keys.list(owner).await?;
        Ok(keys.into_iter().map(|key| key.retain_scopes(|scope| role.scopes().contains(&scope))).collect())
    }

    async fn remove(&self, owner: &str, id: &str) -> Result<bool, Unavailable> {
        self.keys.remove(owner, id).await
    }

    async fn touch(&self, id: &str, at: SystemTime) -> Result<(), Unavailable> {
        self.keys.touch(id, at).await
    }
}
