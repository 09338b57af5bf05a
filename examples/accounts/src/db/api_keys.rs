//! API keys in SQLite. Only their hashes are stored.
//!
//! The threats are a key with more rights than its owner has now (CWE-863: scopes that the owner's current role lacks are
//! removed when the key is read), and two concurrent requests that exceed the maximum number of keys (CWE-367: a single
//! statement counts and inserts).

use std::time::SystemTime;

use palisade::api_key::{ApiKey, ApiKeyStore, InsertedApiKey};
use palisade::resource::Unavailable;

use super::{
    Db,
    moment::{millis, moment},
    or_unavailable,
};
use crate::roles::Role;

const INSERT: &str = "INSERT INTO api_keys (id, owner, name, scopes, digest, created, expires)
    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7
    WHERE (SELECT count(*) FROM api_keys WHERE owner = ?2 AND (expires IS NULL OR expires > ?6)) < ?8";
const FIND: &str = "SELECT api_keys.id, owner, api_keys.name, scopes, digest, created, expires, last_used, role
    FROM api_keys JOIN users ON users.id = owner WHERE api_keys.id = ?1";
const LIST: &str = "SELECT api_keys.id, owner, api_keys.name, scopes, digest, created, expires, last_used, role
    FROM api_keys JOIN users ON users.id = owner WHERE owner = ?1 ORDER BY created, api_keys.id";
const REMOVE: &str = "DELETE FROM api_keys WHERE id = ?1 AND owner = ?2";
const TOUCH: &str = "UPDATE api_keys SET last_used = max(coalesce(last_used, 0), ?2) WHERE id = ?1";

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    owner: String,
    name: String,
    scopes: String,
    digest: Vec<u8>,
    created: i64,
    expires: Option<i64>,
    last_used: Option<i64>,
    role: Role,
}

impl Row {
    /// Returns `None` if the stored digest has the wrong length.
    fn key(self) -> Option<ApiKey> {
        let scopes = self.scopes.split_whitespace().filter(|scope| self.role.scopes().contains(scope));
        let key = ApiKey::from_row(self.id, self.owner, self.digest.try_into().ok()?, moment(self.created))
            .with_name(self.name)
            .with_scopes(scopes)
            .with_expires(self.expires.map(moment))
            .with_last_used(self.last_used.map(moment));
        Some(key)
    }
}

impl ApiKeyStore for Db {
    async fn insert(&self, key: ApiKey, most: usize) -> Result<InsertedApiKey, Unavailable> {
        let insert = sqlx::query(INSERT)
            .bind(key.id())
            .bind(key.owner())
            .bind(key.name())
            .bind(key.scopes().join(" "))
            .bind(&key.digest()[..])
            .bind(millis(key.created()))
            .bind(key.expires().map(millis))
            .bind(i64::try_from(most).unwrap_or(i64::MAX));
        let done = or_unavailable(insert.execute(&self.0).await)?;
        Ok(if done.rows_affected() == 1 { InsertedApiKey::Kept } else { InsertedApiKey::OwnerFull })
    }

    async fn find(&self, id: &str) -> Result<Option<ApiKey>, Unavailable> {
        let row: Option<Row> = or_unavailable(sqlx::query_as(FIND).bind(id).fetch_optional(&self.0).await)?;
        Ok(row.and_then(Row::key))
    }

    async fn list(&self, owner: &str) -> Result<Vec<ApiKey>, Unavailable> {
        let rows: Vec<Row> = or_unavailable(sqlx::query_as(LIST).bind(owner).fetch_all(&self.0).await)?;
        Ok(rows.into_iter().filter_map(Row::key).collect())
    }

    async fn remove(&self, owner: &str, id: &str) -> Result<bool, Unavailable> {
        let done = or_unavailable(sqlx::query(REMOVE).bind(id).bind(owner).execute(&self.0).await)?;
        Ok(done.rows_affected() == 1)
    }

    async fn touch(&self, id: &str, at: SystemTime) -> Result<(), Unavailable> {
        or_unavailable(sqlx::query(TOUCH).bind(id).bind(millis(at)).execute(&self.0).await).map(|_| ())
    }
}
