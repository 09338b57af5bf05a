//! The tables of the stores.

use std::borrow::Cow;

use futures_util::future::join_all;
use palisade::sql_store::{SqlPool, migrate};
use palisade_tests::postgres;
use sqlx::SqlSafeStr as _;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use tempfile::TempDir;

use super::{execute, number, on_pool};
use crate::backends::{Backend as _, Postgres, Sqlite};

/// An empty database. The folder is that of SQLite.
async fn empty(postgres: bool) -> Option<(SqlPool, Option<TempDir>)> {
    if postgres {
        let database = postgres::database().await?;
        return Some((PgPoolOptions::new().connect(&database.url).await.unwrap().into(), None));
    }
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteConnectOptions::new().filename(folder.path().join("a.db")).create_if_missing(true);
    Some((SqlitePoolOptions::new().connect_with(options).await.unwrap().into(), Some(folder)))
}

async fn tables(pool: &SqlPool) -> Vec<String> {
    let query = match pool {
        SqlPool::Sqlite(_) => "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name",
        _ => "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1",
    };
    on_pool!(pool, pool => sqlx::query_scalar(query).fetch_all(pool).await.unwrap())
}

const TABLES: [&str; 5] = [
    "_palisade_migrations",
    "palisade_api_keys",
    "palisade_revoked_subjects",
    "palisade_revoked_tokens",
    "palisade_sessions",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_migrate_at_the_same_time() {
    for postgres in [false, true] {
        let Some((pool, _folder)) = empty(postgres).await else { continue };
        for round in 0..2 {
            let starts = (0..8).map(|_| {
                let pool = pool.clone();
                tokio::spawn(async move { migrate(pool).await })
            });
            for started in join_all(starts).await {
                started.unwrap().unwrap_or_else(|error| panic!("round {round}: {error}"));
            }
            migrate(&pool).await.unwrap();
            assert_eq!(tables(&pool).await, TABLES);
            assert_eq!(number(&pool, "SELECT count(*) FROM _palisade_migrations").await, 3);
            // As before a migration of a later version: there is something to do, and a table of what has been done.
            for statement in [
                "DROP TABLE palisade_sessions",
                "DROP TABLE palisade_revoked_tokens",
                "DROP TABLE palisade_revoked_subjects",
                "DROP TABLE palisade_api_keys",
                "DELETE FROM _palisade_migrations",
            ] {
                execute(&pool, statement).await;
            }
        }
    }
}

#[tokio::test]
async fn migrations_of_the_application_are_separate() {
    let own = |sql: &'static str| {
        let sql = sql.into_sql_str();
        Migrator::with_migrations(vec![Migration::new(1, Cow::Borrowed("own"), MigrationType::Simple, sql, false)])
    };
    for postgres in [false, true] {
        let Some((pool, _folder)) = empty(postgres).await else { continue };
        let application = own("CREATE TABLE users (id TEXT)");
        on_pool!(&pool, pool => application.run(pool).await.unwrap());
        migrate(&pool).await.unwrap();
        on_pool!(&pool, pool => application.run(pool).await.unwrap());
        migrate(&pool).await.unwrap();
        assert_eq!(tables(&pool).await.len(), TABLES.len() + 2);
    }
}

#[tokio::test]
async fn failed_migration_leaves_nothing_behind() {
    for postgres in [false, true] {
        let Some((pool, _folder)) = empty(postgres).await else { continue };
        execute(&pool, "CREATE TABLE palisade_api_keys (id TEXT)").await;
        assert!(migrate(&pool).await.is_err());
        assert_eq!(tables(&pool).await, ["palisade_api_keys"]);
        execute(&pool, "DROP TABLE palisade_api_keys").await;
        // The lock was released, although the connection is still in the pool.
        migrate(&pool).await.unwrap();
    }
}

#[tokio::test]
async fn tables_of_a_newer_version_are_an_error() {
    for postgres in [false, true] {
        let Some((pool, _folder)) = empty(postgres).await else { continue };
        migrate(&pool).await.unwrap();
        execute(&pool, "UPDATE _palisade_migrations SET version = 4 WHERE version = 3").await;
        assert!(matches!(migrate(&pool).await, Err(MigrateError::VersionMissing(4))));
    }
}

#[tokio::test]
async fn every_table_of_sqlite_is_strict() {
    let sqlite = Sqlite::start().await.unwrap();
    let strict = "SELECT count(*) FROM pragma_table_list WHERE name LIKE 'palisade%' AND strict = 1";
    assert_eq!(number(&sqlite.pool, strict).await, 4);
}

/// The order of the operating system's collations changes with its updates, and an index would then miss rows.
#[tokio::test]
async fn keys_of_postgres_are_compared_byte_by_byte() {
    let Some(postgres) = Postgres::start().await else { return };
    let keys =
        "SELECT count(*) FROM information_schema.columns WHERE table_name LIKE 'palisade%' AND collation_name = 'C'";
    assert_eq!(number(&postgres.pool, keys).await, 8);
}
