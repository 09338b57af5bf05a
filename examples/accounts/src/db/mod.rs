//! Accounts and documents, in SQLite or PostgreSQL.
//!
//! The threat is SQL injection (CWE-89, OWASP ASVS V1.2.4). Against it, each statement is a [`palisade::sql!`]: its text is in the
//! source, and each value is a parameter. The order of a list is a literal, or the name of a variant of an enum.

mod accounts;
mod api_keys;
mod documents;
mod emails;
mod identities;
mod pool;

use std::fmt;

use palisade::Problem;
use palisade::revocation::SqlRevocations;
use palisade::session::SqlSessions;

pub use self::accounts::{Login, NewAccount};
pub use self::api_keys::AccountKeys;
pub use self::pool::DatabaseUrl;
use self::pool::{Pool, on_pool};
use crate::{boot::BootError, config::Config, error::ApiError, files::DataFolder};

/// The file name of the SQLite database in the data folder.
pub const FILE: &str = "accounts.db";

/// The database. Clones share its connections.
#[derive(Clone)]
pub struct Db(Pool);

/// An error when an account is written.
#[derive(Debug)]
pub enum DbError {
    /// Another account has this email.
    EmailTaken,
    /// The database failed, or is unavailable.
    Failed(sqlx::Error),
}

impl fmt::Display for DbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmailTaken => f.write_str("the email is in use"),
            Self::Failed(cause) => write!(f, "the database failed: {cause}"),
        }
    }
}

impl std::error::Error for DbError {}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            // The unique columns of `users` are the email and the random id. Those of `identities` are looked up again by the caller.
            sqlx::Error::Database(cause) if cause.is_unique_violation() => Self::EmailTaken,
            _ => Self::Failed(error),
        }
    }
}

/// An error of the database itself becomes the problem that palisade makes of it: 503 if it is unavailable, otherwise 500.
impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        match error {
            DbError::EmailTaken => ApiError::EmailTaken.into(),
            DbError::Failed(cause) => cause.into(),
        }
    }
}

impl Db {
    /// Opens the configured database, creates the file of SQLite if it is missing, and runs the migrations.
    pub async fn open(config: &Config, folder: &DataFolder) -> Result<Self, BootError> {
        Pool::open(config, folder).await.map(Self)
    }

    /// Waits for running statements and closes the database. SQLite then writes its journal into the main file.
    pub async fn close(&self) {
        on_pool!(self, pool => pool.close().await);
    }

    /// The sessions in this database.
    pub fn sessions(&self) -> SqlSessions {
        SqlSessions::new(&self.0)
    }

    /// The revocations in this database.
    pub fn revocations(&self) -> SqlRevocations {
        SqlRevocations::new(&self.0)
    }

    /// Ends all sessions in the database. Needed when another store takes over, because logouts there do not reach this one.
    pub async fn end_sessions(&self) -> Result<(), sqlx::Error> {
        on_pool!(self, pool => SqlSessions::clear_in(&mut *pool.acquire().await?).await)
    }

    /// Returns whether the database can be read.
    pub async fn is_readable(&self) -> bool {
        self.has_admin().await.is_ok()
    }
}

#[cfg(test)]
mod tests;
