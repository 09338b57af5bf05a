//! CWE-89, ASVS V1.2.4: no value of a statement becomes a part of its text, in SQLite and in PostgreSQL.

mod errors;
mod forms;
mod texts;

use sqlx::SqlitePool;
use sqlx::sqlite::SqlitePoolOptions;

/// A database in memory, with one connection: each further connection would have a database of its own.
async fn sqlite() -> SqlitePool {
    SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap()
}
