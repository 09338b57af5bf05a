//! Runs the statements of a store: on one connection, within a time limit.
//!
//! Threat: a database that is away, or a statement that waits for a lock, blocks the application too (CWE-400, CWE-636). A caller that
//! hangs up in the middle of an operation takes a connection out of use. Promise: no operation takes longer than its timeout, and then
//! the result is [`Unavailable`]. A connection of PostgreSQL that did not answer in time is closed, so that the pool makes a new one.

use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::pool::PoolConnection;
use tokio::runtime::Handle;
use tracing::Instrument as _;

use super::pool::{SqlConnection, SqlPool};
use crate::unavailable::Unavailable;

/// How long an operation may take, unless the store was given a timeout.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// How often an operation begins again, because the database asks for that.
const MOST_ATTEMPTS: u32 = 4;

/// The pool of a store, and its timeout.
#[derive(Clone, Debug)]
pub(crate) struct SqlStore {
    pool: SqlPool,
    timeout: Duration,
}

/// An operation of a store: one statement, or a transaction. It must be repeatable until it succeeds.
pub(crate) type SqlOperation<A, T> = for<'c> fn(SqlConnection<'c>, &'c A) -> BoxFuture<'c, Result<T, sqlx::Error>>;

impl SqlStore {
    pub(crate) fn new(pool: SqlPool) -> Self {
        Self { pool, timeout: DEFAULT_TIMEOUT }
    }

    pub(crate) fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// Runs an operation with these arguments. It goes on if the caller stops waiting, so that a revocation is not lost when a client
    /// hangs up, and no connection is left in the middle of an answer.
    pub(crate) async fn run<A, T>(&self, arguments: A, operation: SqlOperation<A, T>) -> Result<T, Unavailable>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        let Ok(runtime) = Handle::try_current() else {
            tracing::error!(target: "palisade::sql_store", "a store in a database needs the runtime of actix-web or tokio");
            return Err(Unavailable);
        };
        let (pool, timeout) = (self.pool.clone(), self.timeout);
        let work = async move {
            match tokio::time::timeout(timeout, repeated(&pool, &arguments, operation)).await {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(error)) => tracing::error!(target: "palisade::sql_store", %error, "database query failed"),
                Err(_) => {
                    tracing::error!(target: "palisade::sql_store", ?timeout, "the database did not answer in time");
                }
            }
            Err(Unavailable)
        };
        runtime.spawn(work.in_current_span()).await.unwrap_or(Err(Unavailable))
    }

    /// [`run`](Self::run), for what no caller waits for.
    pub(crate) fn run_detached<A, T>(&self, arguments: A, operation: SqlOperation<A, T>)
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        let store = self.clone();
        if let Ok(runtime) = Handle::try_current() {
            let work = async move {
                let _ = store.run(arguments, operation).await;
            };
            drop(runtime.spawn(work.in_current_span()));
        }
    }
}

/// Runs an operation, and again if the database says that it must be repeated because of a concurrent one.
async fn repeated<A, T>(pool: &SqlPool, arguments: &A, operation: SqlOperation<A, T>) -> Result<T, sqlx::Error> {
    let mut attempt = 1;
    loop {
        let mut used = ConnectionInUse::of(pool).await?;
        let result = operation(used.connection(), arguments).await;
        used.answered = true;
        match result {
            Err(error) if attempt < MOST_ATTEMPTS && must_be_repeated(&error) => {}
            result => return result,
        }
        attempt = attempt.saturating_add(1);
    }
}

/// `serialization_failure` and `deadlock_detected` of PostgreSQL. The first happens if the application has made all its transactions
/// `REPEATABLE READ` or `SERIALIZABLE`.
fn must_be_repeated(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    matches!(code.as_deref(), Some("40001" | "40P01"))
}

/// A connection of the pool.
struct ConnectionInUse {
    connection: PooledConnection,
    /// Whether the database has answered everything that was sent.
    answered: bool,
}

enum PooledConnection {
    #[cfg(feature = "sqlx-sqlite")]
    Sqlite(PoolConnection<sqlx::Sqlite>),
    #[cfg(feature = "sqlx-postgres")]
    Postgres(PoolConnection<sqlx::Postgres>),
}

impl ConnectionInUse {
    async fn of(pool: &SqlPool) -> Result<Self, sqlx::Error> {
        let connection = match pool {
            #[cfg(feature = "sqlx-sqlite")]
            SqlPool::Sqlite(pool) => PooledConnection::Sqlite(pool.acquire().await?),
            #[cfg(feature = "sqlx-postgres")]
            SqlPool::Postgres(pool) => PooledConnection::Postgres(pool.acquire().await?),
        };
        Ok(Self { connection, answered: false })
    }

    fn connection(&mut self) -> SqlConnection<'_> {
        match &mut self.connection {
            #[cfg(feature = "sqlx-sqlite")]
            PooledConnection::Sqlite(connection) => SqlConnection::Sqlite(connection),
            #[cfg(feature = "sqlx-postgres")]
            PooledConnection::Postgres(connection) => SqlConnection::Postgres(connection),
        }
    }
}

impl Drop for ConnectionInUse {
    fn drop(&mut self) {
        match &mut self.connection {
            // Nothing is lost on the way to SQLite, and a database in memory would end with its connection.
            #[cfg(feature = "sqlx-sqlite")]
            PooledConnection::Sqlite(_) => {}
            // If the network is cut, an answer never comes, and the network stack notices it after minutes.
            #[cfg(feature = "sqlx-postgres")]
            PooledConnection::Postgres(connection) if !self.answered => connection.close_on_drop(),
            // The pool asks the server whether the connection still works, and would wait for its answer without a limit.
            #[cfg(feature = "sqlx-postgres")]
            PooledConnection::Postgres(connection) => {
                if let Ok(runtime) = Handle::try_current() {
                    drop(runtime.spawn(tokio::time::timeout(DEFAULT_TIMEOUT, connection.return_to_pool())));
                }
            }
        }
    }
}
