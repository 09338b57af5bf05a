//! CWE-89, ASVS V1.2.4: no value of a statement becomes a part of its text, in SQLite and in PostgreSQL.

mod checked;
mod errors;
mod forms;
mod round_trips;
mod texts;

use palisade_tests::postgres::{Database, database};
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::SqlitePoolOptions;
use sqlx::{PgPool, SqlitePool};

/// A database in memory, with one connection: each further connection would have a database of its own.
async fn sqlite() -> SqlitePool {
    SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap()
}

struct Postgres {
    database: Database,
    pool: PgPool,
}

/// A database of its own, or `None` if PostgreSQL is not installed.
async fn postgres() -> Option<Postgres> {
    let database = database().await?;
    let pool = PgPoolOptions::new().max_connections(2).connect(&database.url).await.unwrap();
    Some(Postgres { database, pool })
}
