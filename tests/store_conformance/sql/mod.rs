//! What only the stores in a database have: tables, expired rows, transactions of the application, timeouts and outages.

mod expiry;
mod isolation;
mod migrations;
mod outages;
mod transactions;

use palisade::sql_store::SqlPool;

/// Runs the expression with the pool of the database in use.
macro_rules! on_pool {
    ($pool:expr, $name:ident => $body:expr) => {
        match $pool {
            palisade::sql_store::SqlPool::Sqlite($name) => $body,
            palisade::sql_store::SqlPool::Postgres($name) => $body,
            _ => unreachable!("there are two databases"),
        }
    };
}
pub(crate) use on_pool;

/// The single number that a constant query returns.
async fn number(pool: &SqlPool, query: &'static str) -> i64 {
    on_pool!(pool, pool => sqlx::query_scalar(query).fetch_one(pool).await.unwrap())
}

/// Runs a constant statement.
async fn execute(pool: &SqlPool, statement: &'static str) {
    on_pool!(pool, pool => sqlx::raw_sql(statement).execute(pool).await.map(drop).unwrap());
}
