//! The connections: of SQLite in the data folder, or of a PostgreSQL server.
//!
//! The threats are a password of the database in a log (CWE-532: the URL has no `Debug`), and a request that waits for the database
//! without limit (CWE-400: connections and statements have a timeout).

use std::{fmt, str::FromStr as _, time::Duration};

use palisade::sql_store::{self, SqlPool};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{
    PgPool, SqlitePool,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::FILE;
use crate::{boot::BootError, config::Config, files::DataFolder};

/// The variable of the URL.
const URL: &str = "ACCOUNTS_DATABASE_URL";
pub(super) static SQLITE: Migrator = sqlx::migrate!("./migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("./migrations/postgres");

/// How long a request waits for a connection, and how long a statement may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The URL of a PostgreSQL server. It may contain a password, so `Debug` does not show it.
#[derive(Clone)]
pub struct DatabaseUrl(SecretString);

impl DatabaseUrl {
    /// `postgres://[user:password@]host[:port]/database[?sslmode=verify-full]`. Does not connect.
    pub fn parse(text: String) -> Result<Self, String> {
        if text.is_empty() {
            return Err("is empty; unset it for the SQLite database in ACCOUNTS_DATA".to_owned());
        }
        if !["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme)) {
            return Err("must begin with postgres://".to_owned());
        }
        // The error could contain parts of the URL.
        if PgConnectOptions::from_str(&text).is_err() {
            return Err("is not an address such as postgres://user:password@127.0.0.1:5432/accounts".to_owned());
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DatabaseUrl")
    }
}

#[derive(Clone)]
pub(super) enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// Runs the expression with the pool of the configured database. Each statement is written once, and `sql!` writes its text for the
/// database of the pool.
macro_rules! on_pool {
    ($db:expr, $pool:ident => $run:expr) => {
        match &$db.0 {
            $crate::db::pool::Pool::Sqlite($pool) => $run,
            $crate::db::pool::Pool::Postgres($pool) => $run,
        }
    };
}
pub(super) use on_pool;

impl Pool {
    /// Connects, and runs the migrations of palisade's stores and of the application.
    pub(super) async fn open(config: &Config, folder: &DataFolder) -> Result<Self, BootError> {
        match &config.database {
            None => Self::open_file(folder).await,
            Some(url) => Self::connect(url).await,
        }
    }

    /// Creates the database if it is missing.
    async fn open_file(folder: &DataFolder) -> Result<Self, BootError> {
        let path = folder.path(FILE);
        let startup_error =
            |cause: &dyn fmt::Display| BootError::file("ACCOUNTS_DATA", &path, "open the database", cause);
        // Created here and not by SQLite, so that its mode is 0600. SQLite gives its journal files the same mode.
        folder.create(FILE, b"")?;
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .journal_mode(SqliteJournalMode::Wal)
            // A revocation must survive a loss of power.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(TIMEOUT);
        let pool = SqlitePoolOptions::new().max_connections(8).acquire_timeout(TIMEOUT).connect_with(options).await;
        let pool = pool.map_err(|error| startup_error(&error))?;
        sql_store::migrate(&pool).await.map_err(|error| startup_error(&error))?;
        SQLITE.run(&pool).await.map_err(|error| startup_error(&error))?;
        Ok(Self::Sqlite(pool))
    }

    async fn connect(url: &DatabaseUrl) -> Result<Self, BootError> {
        let startup_error =
            |cause: &dyn fmt::Display| BootError::new(URL, format_args!("cannot open the database: {cause}"));
        let options = PgConnectOptions::from_str(url.0.expose_secret()).map_err(|error| startup_error(&error))?;
        let options = options.options([("statement_timeout", TIMEOUT.as_millis().to_string())]);
        let pool = PgPoolOptions::new().max_connections(8).acquire_timeout(TIMEOUT).connect_with(options).await;
        let pool = pool.map_err(|error| startup_error(&error))?;
        sql_store::migrate(&pool).await.map_err(|error| startup_error(&error))?;
        POSTGRES.run(&pool).await.map_err(|error| startup_error(&error))?;
        Ok(Self::Postgres(pool))
    }

    /// Begins a transaction whose statements all read the same state. The first statement of SQLite fixes it.
    pub(super) const fn begin_snapshot(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "BEGIN",
            Self::Postgres(_) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }
}

impl From<&Pool> for SqlPool {
    fn from(pool: &Pool) -> Self {
        match pool {
            Pool::Sqlite(pool) => pool.into(),
            Pool::Postgres(pool) => pool.into(),
        }
    }
}
