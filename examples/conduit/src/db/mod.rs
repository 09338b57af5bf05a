//! Users, articles and comments in SQLite.
//!
//! The threat is SQL injection (CWE-89): each statement is constant text, and each value is bound.

mod articles;
mod comments;
mod profiles;
mod users;

use std::time::Duration;

use palisade::resource::Unavailable;
use sqlx::{
    SqlitePool,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions},
};

pub use self::{
    articles::Article,
    comments::Comment,
    users::{Account, AccountChange, StoredLogin},
};
use crate::{data::DataFolder, startup::StartupError};

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// An error of the database.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// Another user has this name.
    #[error("the username is taken")]
    UsernameTaken,
    /// Another user has this email.
    #[error("the email is taken")]
    EmailTaken,
    /// The database is locked, full or unreachable. A later attempt may succeed.
    #[error("the database is unavailable")]
    Unavailable(#[source] sqlx::Error),
    /// The program has a bug, or the file is corrupt.
    #[error("the database failed")]
    Failed(#[source] sqlx::Error),
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(cause) if cause.is_unique_violation() => match cause.message() {
                text if text.ends_with("users.username") => Self::UsernameTaken,
                text if text.ends_with("users.email") => Self::EmailTaken,
                _ => Self::Failed(error),
            },
            // SQLITE_BUSY, LOCKED, READONLY, IOERR, FULL, CANTOPEN; the low byte of an extended code is the primary code.
            sqlx::Error::Database(cause) => match cause.code().and_then(|code| code.parse::<u32>().ok()) {
                Some(code) if matches!(code & 0xff, 5 | 6 | 8 | 10 | 13 | 14) => Self::Unavailable(error),
                _ => Self::Failed(error),
            },
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) => Self::Unavailable(error),
            _ => Self::Failed(error),
        }
    }
}

/// The database. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Db(SqlitePool);

impl Db {
    /// Opens the database in the data folder, creates it if it is missing, and runs the migrations.
    pub async fn open(folder: &DataFolder) -> Result<Self, StartupError> {
        let path = folder.database()?;
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .journal_mode(SqliteJournalMode::Wal)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(5));
        let pool = SqlitePoolOptions::new().max_connections(8).connect_with(options).await;
        let pool = pool.map_err(|error| StartupError::file(&path, "open", error))?;
        MIGRATIONS.run(&pool).await.map_err(|error| StartupError::file(&path, "migrate", error))?;
        Ok(Self(pool))
    }

    /// Closes the database, which writes the journal into the main file.
    pub async fn close(&self) {
        self.0.close().await;
    }
}

/// Logs the error and replaces it with [`Unavailable`], the only error that palisade's traits for stores have.
fn or_unavailable<T>(result: Result<T, sqlx::Error>) -> Result<T, Unavailable> {
    result.map_err(|error| {
        tracing::error!(%error, "a query failed");
        Unavailable
    })
}
