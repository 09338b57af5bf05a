//! The tables of the stores.
//!
//! Threat: two processes that start at the same time both create the tables, and one of them fails; or a table of the application is
//! taken for one of palisade. Promise: all migrations are one transaction under a lock. The names of all tables begin with `palisade_`
//! or `_palisade_`.

use std::borrow::Cow;

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};

use super::pool::SqlPool;

/// What has been run. `sqlx::migrate!` of the application has a table of its own, `_sqlx_migrations`.
const TABLE: &str = "_palisade_migrations";

/// A migration in the dialect of one database.
type MigrationText = (i64, &'static str, &'static str);

#[cfg(feature = "sqlx-sqlite")]
const SQLITE: &[MigrationText] = &[
    (1, "stores", include_str!("../../migrations/sqlite/0001_stores.sql")),
    (2, "api key networks", include_str!("../../migrations/sqlite/0002_api_key_networks.sql")),
    (3, "session list", include_str!("../../migrations/sqlite/0003_session_list.sql")),
];
#[cfg(feature = "sqlx-postgres")]
const POSTGRES: &[MigrationText] = &[
    (1, "stores", include_str!("../../migrations/postgres/0001_stores.sql")),
    (2, "api key networks", include_str!("../../migrations/postgres/0002_api_key_networks.sql")),
    (3, "session list", include_str!("../../migrations/postgres/0003_session_list.sql")),
];

/// The lock that migrations hold: any number that no other program locks.
#[cfg(feature = "sqlx-postgres")]
const LOCK: i64 = i64::from_be_bytes(*b"palisade");

/// Creates the tables of the stores, or changes them for this version of palisade. Call it at each start, before the first request:
/// it does nothing if there is nothing to do, and processes may do it at the same time.
///
/// All tables and indexes have names that begin with `palisade_`, and what has been run is in the table `_palisade_migrations`.
/// So it does not interfere with `sqlx::migrate!` of the application. In PostgreSQL, the tables are in the first schema of the
/// `search_path`.
///
/// It has no timeout: it waits for another process that is migrating, and for a connection as long as the pool does.
///
/// ```
/// use palisade::sql_store;
/// use sqlx::sqlite::SqlitePoolOptions;
///
/// # #[actix_web::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await?;
/// sql_store::migrate(&pool).await?;
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// The database is not available, or the user may not create tables, or the tables are of a newer version of palisade.
pub async fn migrate(pool: impl Into<SqlPool>) -> Result<(), MigrateError> {
    match pool.into() {
        #[cfg(feature = "sqlx-sqlite")]
        SqlPool::Sqlite(pool) => {
            // The write lock from the first statement on: other processes wait for their `busy_timeout`.
            let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
            migrator(SQLITE).run_direct(None, &mut *transaction, false).await?;
            transaction.commit().await?;
        }
        #[cfg(feature = "sqlx-postgres")]
        SqlPool::Postgres(pool) => {
            // The lock ends with the transaction, also if a migration fails. Each statement sees what was committed before it.
            let mut transaction = pool.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED").await?;
            sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *transaction).await?;
            migrator(POSTGRES).run_direct(None, &mut *transaction, false).await?;
            transaction.commit().await?;
        }
    }
    Ok(())
}

/// Run it with `run_direct`: the future of `run` is not `Send` for a borrowed connection, as far as the compiler can see.
fn migrator(steps: &[MigrationText]) -> Migrator {
    let migration = |(version, name, sql): &MigrationText| {
        Migration::new(*version, Cow::Borrowed(*name), MigrationType::Simple, (*sql).into_sql_str(), false)
    };
    let mut migrator = Migrator::with_migrations(steps.iter().map(migration).collect());
    migrator.dangerous_set_table_name(TABLE);
    // The transaction has a lock already.
    migrator.set_locking(false);
    migrator
}
