//! The pool and the connection of either database.

#[cfg(feature = "sqlx-postgres")]
use sqlx::{PgConnection, PgPool, Postgres};
#[cfg(feature = "sqlx-sqlite")]
use sqlx::{Sqlite, SqliteConnection, SqlitePool};

/// The pool of an application, which may choose its database at run time. Clones share the connections.
///
/// Each store is made `new(&pool)`, where the pool is one of these, or the pool of `sqlx` itself.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SqlPool {
    /// (Feature `sqlx-sqlite`.) SQLite, in the version that `sqlx` brings along.
    #[cfg(feature = "sqlx-sqlite")]
    Sqlite(SqlitePool),
    /// (Feature `sqlx-postgres`.) PostgreSQL; tested with version 15. The encoding of the database must be `UTF8`.
    #[cfg(feature = "sqlx-postgres")]
    Postgres(PgPool),
}

/// A connection, or a transaction, of the application: `&mut *transaction`, `&mut transaction` or `&mut *connection`.
#[derive(Debug)]
#[non_exhaustive]
pub enum SqlConnection<'c> {
    /// (Feature `sqlx-sqlite`.) Of SQLite.
    #[cfg(feature = "sqlx-sqlite")]
    Sqlite(&'c mut SqliteConnection),
    /// (Feature `sqlx-postgres`.) Of PostgreSQL.
    #[cfg(feature = "sqlx-postgres")]
    Postgres(&'c mut PgConnection),
}

impl SqlConnection<'_> {
    /// One of two constant texts of a statement, where the databases differ.
    #[cfg_attr(
        not(all(feature = "sqlx-sqlite", feature = "sqlx-postgres")),
        expect(unused_variables, reason = "there is one database")
    )]
    pub(crate) fn choose(&self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        match self {
            #[cfg(feature = "sqlx-sqlite")]
            Self::Sqlite(_) => sqlite,
            #[cfg(feature = "sqlx-postgres")]
            Self::Postgres(_) => postgres,
        }
    }
}

/// Runs the expression with the connection of the database in use. The types of both are different, and the texts alike.
macro_rules! on_database {
    ($connection:expr, $name:ident => $body:expr) => {
        match $connection {
            #[cfg(feature = "sqlx-sqlite")]
            $crate::sql_store::SqlConnection::Sqlite($name) => $body,
            #[cfg(feature = "sqlx-postgres")]
            $crate::sql_store::SqlConnection::Postgres($name) => $body,
        }
    };
}
pub(crate) use on_database;

impl From<&Self> for SqlPool {
    fn from(pool: &Self) -> Self {
        pool.clone()
    }
}

macro_rules! conversions {
    ($feature:literal, $variant:ident, $pool:ty, $connection:ty, $database:ty) => {
        #[cfg(feature = $feature)]
        impl From<$pool> for SqlPool {
            fn from(pool: $pool) -> Self {
                Self::$variant(pool)
            }
        }

        #[cfg(feature = $feature)]
        impl From<&$pool> for SqlPool {
            fn from(pool: &$pool) -> Self {
                Self::$variant(pool.clone())
            }
        }

        #[cfg(feature = $feature)]
        impl<'c> From<&'c mut $connection> for SqlConnection<'c> {
            fn from(connection: &'c mut $connection) -> Self {
                Self::$variant(connection)
            }
        }

        #[cfg(feature = $feature)]
        impl<'c> From<&'c mut sqlx::Transaction<'_, $database>> for SqlConnection<'c> {
            fn from(transaction: &'c mut sqlx::Transaction<'_, $database>) -> Self {
                Self::$variant(transaction)
            }
        }
    };
}

conversions!("sqlx-sqlite", Sqlite, SqlitePool, SqliteConnection, Sqlite);
conversions!("sqlx-postgres", Postgres, PgPool, PgConnection, Postgres);
