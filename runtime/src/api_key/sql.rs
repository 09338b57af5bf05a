//! API key records in a database, for several processes, which outlive a restart.
//!
//! Threat: two simultaneous requests that together exceed the maximum of an owner (CWE-367), and a key that works after it was removed
//! (CWE-613). Promise: the keys of an owner are counted and written in one transaction under a lock. What a method has confirmed is
//! committed. A row has the digest of the key, and nothing from which the key can be computed.

use std::time::{Duration, SystemTime};

use palisade_grammar::network::Network;
use sqlx::Connection as _;

use super::record::ApiKey;
use super::store::{ApiKeyStore, InsertedApiKey};
use crate::sql_store::text::{restored, stored};
use crate::sql_store::time::{millis, moment};
use crate::sql_store::{SqlConnection, SqlPool, SqlStore, corrupt, list_from_json, list_to_json, on_database};
use crate::unavailable::Unavailable;

const REMOVE_EXPIRED: &str = "DELETE FROM palisade_api_keys WHERE owner = $1 AND expires <= $2";
/// After [`REMOVE_EXPIRED`], all keys of the owner are active.
const INSERT: &str = "INSERT INTO palisade_api_keys
    (id, owner, name, scopes, roles, tenant, digest, created, expires, last_used, networks)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11
    WHERE (SELECT count(*) FROM palisade_api_keys WHERE owner = $2) < $12";
const FIND: &str = "SELECT id, owner, name, scopes, roles, tenant, digest, created, expires, last_used, networks
    FROM palisade_api_keys WHERE id = $1";
const LIST: &str = "SELECT id, owner, name, scopes, roles, tenant, digest, created, expires, last_used, networks
    FROM palisade_api_keys WHERE owner = $1";
const REMOVE: &str = "DELETE FROM palisade_api_keys WHERE id = $1 AND owner = $2";
const REMOVE_ALL: &str = "DELETE FROM palisade_api_keys WHERE owner = $1";
const TOUCH: &str =
    "UPDATE palisade_api_keys SET last_used = $2 WHERE id = $1 AND (last_used IS NULL OR last_used < $2)";

/// (Features `sqlx-sqlite`, `sqlx-postgres`.) API keys in a database, shared by every process that uses it. They outlive a restart.
/// Clones share everything. [`sql_store`](crate::sql_store) creates the table.
///
/// A new key also removes the expired keys of its owner. Otherwise a key is removed by its owner, or with
/// [`remove_all_in`](Self::remove_all_in). The number of keys is limited for each owner only.
///
/// A key has the rights that it was created with. To take away those that its owner has lost, and all if the owner is gone, put a store
/// around this one:
///
/// ```
/// use std::time::SystemTime;
///
/// use palisade::api_key::{ApiKey, ApiKeyStore, ApiKeys, InsertedApiKey, SqlApiKeys};
/// use palisade::resource::Unavailable;
/// use sqlx::SqlitePool;
///
/// struct KeysOfUsers {
///     keys: SqlApiKeys,
///     pool: SqlitePool,
/// }
///
/// impl KeysOfUsers {
///     /// The key with the scopes that its owner has now. `None` if the owner is gone.
///     async fn narrowed(&self, key: ApiKey) -> Result<Option<ApiKey>, Unavailable> {
///         let role = sqlx::query_scalar("SELECT role FROM users WHERE id = $1").bind(key.owner());
///         let role: Option<String> = role.fetch_optional(&self.pool).await.map_err(|error| {
///             tracing::error!(%error, "the owner of a key was not found out");
///             Unavailable
///         })?;
///         Ok(role.map(|role| key.retain_scopes(|scope| role == "editor" || scope.ends_with(":read"))))
///     }
/// }
///
/// impl ApiKeyStore for KeysOfUsers {
///     async fn insert(&self, key: ApiKey, most: usize) -> Result<InsertedApiKey, Unavailable> {
///         self.keys.insert(key, most).await
///     }
///
///     async fn find(&self, id: &str) -> Result<Option<ApiKey>, Unavailable> {
///         match self.keys.find(id).await? {
///             Some(key) => self.narrowed(key).await,
///             None => Ok(None),
///         }
///     }
///
///     async fn list(&self, owner: &str) -> Result<Vec<ApiKey>, Unavailable> {
///         let mut keys = Vec::new();
///         for key in self.keys.list(owner).await? {
///             keys.extend(self.narrowed(key).await?);
///         }
///         Ok(keys)
///     }
///
///     async fn remove(&self, owner: &str, id: &str) -> Result<bool, Unavailable> {
///         self.keys.remove(owner, id).await
///     }
///
///     async fn touch(&self, id: &str, at: SystemTime) -> Result<(), Unavailable> {
///         self.keys.touch(id, at).await
///     }
/// }
/// # #[actix_web::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let pool = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await?;
/// # palisade::sql_store::migrate(&pool).await?;
/// # sqlx::query("CREATE TABLE users (id TEXT, role TEXT)").execute(&pool).await?;
/// # sqlx::query("INSERT INTO users VALUES ('u-1', 'reader')").execute(&pool).await?;
/// # let store = KeysOfUsers { keys: SqlApiKeys::new(&pool), pool: pool.clone() };
/// # let keys = ApiKeys::new("acme", "https://accounts.example", store)?;
/// # let wanted = |owner| palisade::api_key::NewApiKey::new(owner).scopes(["orders:read", "orders:write"]);
/// # keys.create(wanted("u-1")).await?;
/// # keys.create(wanted("u-2")).await?;
/// # assert_eq!(keys.list("u-1").await?[0].scopes(), ["orders:read"]);
/// # assert!(keys.list("u-2").await?.is_empty());
/// # Ok(()) }
/// ```
///
/// Danger: with `synchronous = NORMAL` of SQLite, or `synchronous_commit = off` of PostgreSQL, a loss of power may undo what
/// happened just before it: a removed key may be back.
#[derive(Clone, Debug)]
pub struct SqlApiKeys {
    store: SqlStore,
}

impl SqlApiKeys {
    /// Keys in this database: a `SqlitePool`, a `PgPool` or a [`SqlPool`].
    #[must_use]
    pub fn new(pool: impl Into<SqlPool>) -> Self {
        Self { store: SqlStore::new(pool.into()) }
    }

    /// How long an operation may take. Default: 5 seconds. It affects this value and the clones that are made of it afterwards.
    ///
    /// Danger: with a very short one, operations fail whenever the database is busy. With zero, all do.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.store.set_timeout(timeout);
        self
    }

    /// Deletes every key of the owner in a transaction of the application, such as the one that deletes the account.
    /// See [`sql_store`](crate::sql_store) for a whole example, and for keys that are created at the same time.
    ///
    /// # Errors
    ///
    /// The error of the statement. The transaction must then be rolled back.
    pub async fn remove_all_in<'c>(connection: impl Into<SqlConnection<'c>>, owner: &str) -> Result<(), sqlx::Error> {
        let owner = stored(owner);
        on_database!(connection.into(), c => sqlx::query(REMOVE_ALL).bind(owner).execute(c).await.map(drop))
    }
}

impl ApiKeyStore for SqlApiKeys {
    async fn insert(&self, key: ApiKey, most: usize) -> Result<InsertedApiKey, Unavailable> {
        let arguments = (key, i64::try_from(most).unwrap_or(i64::MAX));
        let kept = self.store.run(arguments, |connection, (key, most)| Box::pin(insert(connection, key, *most)));
        Ok(if kept.await? { InsertedApiKey::Kept } else { InsertedApiKey::OwnerFull })
    }

    async fn find(&self, id: &str) -> Result<Option<ApiKey>, Unavailable> {
        let id = stored(id).into_owned();
        let row = self.store.run(id, |connection, id| Box::pin(find(connection, id))).await?;
        row.map(key_of_row).transpose()
    }

    async fn list(&self, owner: &str) -> Result<Vec<ApiKey>, Unavailable> {
        let owner = stored(owner).into_owned();
        let rows = self.store.run(owner, |connection, owner| Box::pin(list(connection, owner))).await?;
        rows.into_iter().map(key_of_row).collect()
    }

    async fn remove(&self, owner: &str, id: &str) -> Result<bool, Unavailable> {
        let arguments = (stored(id).into_owned(), stored(owner).into_owned());
        self.store.run(arguments, |connection, (id, owner)| Box::pin(remove(connection, id, owner))).await
    }

    async fn touch(&self, id: &str, at: SystemTime) -> Result<(), Unavailable> {
        let arguments = (stored(id).into_owned(), millis(at));
        self.store.run(arguments, |connection, (id, at)| Box::pin(touch(connection, id, *at))).await
    }
}

/// The columns of [`FIND`] and [`LIST`].
type ApiKeyRow =
    (String, String, String, String, String, Option<String>, Vec<u8>, i64, Option<i64>, Option<i64>, Option<String>);

/// A row that cannot be read must not look like no row.
fn key_of_row(row: ApiKeyRow) -> Result<ApiKey, Unavailable> {
    let (id, owner, name, scopes, roles, tenant, digest, created, expires, last_used, networks) = row;
    let optional = |millis: Option<i64>| {
        Some(match millis {
            Some(millis) => Some(moment(millis)?),
            None => None,
        })
    };
    let read = || {
        let key = ApiKey::from_row(restored(id), restored(owner), digest.try_into().ok()?, moment(created)?)
            .with_name(restored(name))
            .with_scopes(list_from_json(&scopes)?)
            .with_roles(list_from_json(&roles)?)
            .with_tenant(tenant.map(restored))
            .with_expires(optional(expires)?)
            .with_last_used(optional(last_used)?)
            .with_networks(networks_from_json(networks.as_deref())?);
        Some(key)
    };
    read().ok_or_else(|| corrupt("palisade_api_keys"))
}

/// `None` if the list cannot be read: a key must not lose its networks.
fn networks_from_json(list: Option<&str>) -> Option<Vec<Network>> {
    let Some(list) = list else { return Some(Vec::new()) };
    let networks: Vec<Network> =
        list_from_json(list)?.iter().map(|text| Network::parse(text).ok()).collect::<Option<_>>()?;
    (!networks.is_empty()).then_some(networks)
}

fn networks_to_json(networks: &[Network]) -> Option<String> {
    let texts: Vec<String> = networks.iter().map(Network::to_string).collect();
    (!texts.is_empty()).then(|| list_to_json(&texts))
}

/// Removes the expired keys of the owner, and inserts the key, unless its owner has `most` active ones.
async fn insert(connection: SqlConnection<'_>, key: &ApiKey, most: i64) -> Result<bool, sqlx::Error> {
    match connection {
        #[cfg(feature = "sqlx-sqlite")]
        SqlConnection::Sqlite(connection) => {
            // From here on, this is the only writer.
            let mut change = connection.begin_with("BEGIN IMMEDIATE").await?;
            let kept = insert_alone((&mut *change).into(), key, most).await?;
            change.commit().await?;
            Ok(kept)
        }
        #[cfg(feature = "sqlx-postgres")]
        SqlConnection::Postgres(connection) => {
            // Each statement sees what was committed before it began. So one that begins under the lock sees all keys of the owner.
            let mut change = connection.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED").await?;
            let lock = "SELECT pg_advisory_xact_lock($1)";
            sqlx::query(lock).bind(lock_of(key.owner())).execute(&mut *change).await?;
            let kept = insert_alone((&mut *change).into(), key, most).await?;
            change.commit().await?;
            Ok(kept)
        }
    }
}

/// The lock of an owner: a number of 64 bits. Owners who share it by chance wait for each other.
#[cfg(feature = "sqlx-postgres")]
fn lock_of(owner: &str) -> i64 {
    let hash = crate::authn::digest::sha256(format!("palisade_api_keys {owner}").as_bytes());
    hash.first_chunk().map_or(0, |bytes| i64::from_be_bytes(*bytes))
}

/// [`insert`], while no other transaction inserts a key of the owner.
async fn insert_alone(connection: SqlConnection<'_>, key: &ApiKey, most: i64) -> Result<bool, sqlx::Error> {
    let (owner, created) = (stored(key.owner()), millis(key.created()));
    on_database!(connection, c => {
        sqlx::query(REMOVE_EXPIRED).bind(&*owner).bind(created).execute(&mut *c).await?;
        let insert = sqlx::query(INSERT)
            .bind(stored(key.id()))
            .bind(&*owner)
            .bind(stored(key.name()))
            .bind(list_to_json(key.scopes()))
            .bind(list_to_json(key.roles()))
            .bind(key.tenant().map(stored))
            .bind(&key.digest()[..])
            .bind(created)
            .bind(key.expires().map(millis))
            .bind(key.last_used().map(millis))
            .bind(networks_to_json(key.networks()))
            .bind(most);
        insert.execute(&mut *c).await.map(|done| done.rows_affected() == 1)
    })
}

async fn find(connection: SqlConnection<'_>, id: &str) -> Result<Option<ApiKeyRow>, sqlx::Error> {
    on_database!(connection, c => sqlx::query_as(FIND).bind(id).fetch_optional(c).await)
}

async fn list(connection: SqlConnection<'_>, owner: &str) -> Result<Vec<ApiKeyRow>, sqlx::Error> {
    on_database!(connection, c => sqlx::query_as(LIST).bind(owner).fetch_all(c).await)
}

async fn remove(connection: SqlConnection<'_>, id: &str, owner: &str) -> Result<bool, sqlx::Error> {
    on_database!(connection, c => {
        sqlx::query(REMOVE).bind(id).bind(owner).execute(c).await.map(|done| done.rows_affected() == 1)
    })
}

async fn touch(connection: SqlConnection<'_>, id: &str, at: i64) -> Result<(), sqlx::Error> {
    on_database!(connection, c => sqlx::query(TOUCH).bind(id).bind(at).execute(c).await.map(drop))
}
