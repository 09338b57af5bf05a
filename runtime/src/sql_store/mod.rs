//! Durable stores in a database: sessions, revocations and API keys, in SQLite or PostgreSQL.
//!
//! (Features `sqlx-sqlite` and `sqlx-postgres`; both may be enabled.) Each store is made from the pool of the application:
//! [`SqlSessions`](crate::session::SqlSessions), [`SqlRevocations`](crate::revocation::SqlRevocations) and
//! [`SqlApiKeys`](crate::api_key::SqlApiKeys). [`migrate`] creates their tables.
//!
//! ```
//! use palisade::api_key::{ApiKeys, SqlApiKeys};
//! use palisade::jwt::TokenIssuer;
//! use palisade::revocation::SqlRevocations;
//! use palisade::session::{Sessions, SqlSessions};
//! use palisade::sql_store;
//! use sqlx::sqlite::SqlitePoolOptions;
//!
//! # #[actix_web::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let secret = [7; 32];
//! // A database in memory has one connection. For one in a file: `sqlite:accounts.db`, or a `PgPool` for PostgreSQL.
//! let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await?;
//! sql_store::migrate(&pool).await?;
//!
//! let issuer = TokenIssuer::hs256("https://accounts.example", "accounts-api", secret)?;
//! let sessions = Sessions::new(issuer, SqlSessions::new(&pool), SqlRevocations::new(&pool));
//! let keys = ApiKeys::new("acme", "https://accounts.example", SqlApiKeys::new(&pool))?;
//! # let _ = (sessions, keys);
//! # Ok(()) }
//! ```
//!
//! Threat: a logout, a revocation or a key that a restart forgets (CWE-613), two requests that both pass a check because they run at the
//! same time (CWE-362, CWE-367), and a value that becomes part of a statement (CWE-89). Promise: what a method has confirmed is committed.
//! Each decision and its write are one statement, or one transaction under a lock. The text of each statement is constant, and each
//! value is bound.
//!
//! # Outages
//!
//! An operation takes at most five seconds, or the `timeout` of the store: the time to get a connection included, whatever the
//! `acquire_timeout` of the pool is. After that, and for each error of the database, the result is
//! [`Unavailable`], so that the response is 503. The cause is logged, on the target `palisade::sql_store`.
//! A write that was too late may still take effect: the database may get it, or confirm it, afterwards. The methods that take a
//! connection of the application have no timeout of their own, and return the error of `sqlx`.
//!
//! # Changes together with those of the application
//!
//! [`SqlSessions::remove_all_in`], [`SqlApiKeys::remove_all_in`] and [`SqlRevocations::revoke_before_in`] work inside a transaction
//! of the application, so that neither a crash nor a client that hangs up leaves half of a change:
//!
//! ```
//! use std::time::{Duration, SystemTime};
//!
//! use palisade::api_key::SqlApiKeys;
//! use palisade::resource::Unavailable;
//! use palisade::revocation::SqlRevocations;
//! use palisade::session::{Sessions, SqlSessions};
//! use sqlx::SqlitePool;
//!
//! type AppSessions = Sessions<SqlSessions, SqlRevocations>;
//!
//! async fn delete_account(id: &str, pool: &SqlitePool, sessions: &AppSessions) -> Result<(), Unavailable> {
//!     let in_the_database = async {
//!         let mut change = pool.begin().await?;
//!         sqlx::query("DELETE FROM users WHERE id = $1").bind(id).execute(&mut *change).await?;
//!         SqlSessions::remove_all_in(&mut *change, id).await?;
//!         SqlApiKeys::remove_all_in(&mut *change, id).await?;
//!         // Tokens of the present microsecond must be revoked, too.
//!         let moment = SystemTime::now() + Duration::from_micros(1);
//!         SqlRevocations::revoke_before_in(&mut *change, sessions.issuer(), id, moment).await?;
//!         change.commit().await
//!     };
//!     in_the_database.await.map_err(|error: sqlx::Error| {
//!         tracing::error!(%error, "the account was not deleted");
//!         Unavailable
//!     })?;
//!     // Until the commit, a login could still read the account as it was. This also revokes what it issued.
//!     sessions.end_all_of(id).await
//! }
//! # #[actix_web::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let pool = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await?;
//! # palisade::sql_store::migrate(&pool).await?;
//! # sqlx::query("CREATE TABLE users (id TEXT)").execute(&pool).await?;
//! # let issuer = palisade::jwt::TokenIssuer::hs256("https://accounts.example", "accounts-api", [7; 32])?;
//! # let sessions = Sessions::new(issuer, SqlSessions::new(&pool), SqlRevocations::new(&pool));
//! # let pair = sessions.begin(&palisade::jwt::Grant::new("u-1", Duration::from_secs(900))).await?;
//! # let jwt = sessions.verifier().build()?;
//! # assert!(jwt.verify(pair.access_token()).await.is_ok());
//! # delete_account("u-1", &pool, &sessions).await?;
//! # assert!(jwt.verify(pair.access_token()).await.is_err());
//! # let again = sessions.refresh(pair.refresh_token(), async |_| Err::<palisade::jwt::Grant, _>(())).await;
//! # assert_eq!(again.unwrap_err(), palisade::session::RefreshError::Unknown);
//! # Ok(()) }
//! ```
//!
//! A login that runs at the same time may have read the account before it was deleted, and stores its session, or a key, after the
//! deletion. The tables have no foreign key to the accounts of the application, so this is what makes it harmless:
//!
//! - Its access token is revoked, because it was issued before the moment of the revocation. For that, the login passes the time of its
//!   look-up with [`Grant::as_of`](crate::jwt::Grant::as_of), and the second revocation follows the commit, as above.
//! - Its refresh token gets no tokens, because the closure of [`Sessions::refresh`](crate::session::Sessions::refresh) asks for the
//!   account, which is no longer there. The row is removed when the refresh token has expired.
//! - An API key is not revoked by a moment. Let `find` of a store around [`SqlApiKeys`] look up the owner, as its example does.
//!
//! # Tables
//!
//! `palisade_sessions`, `palisade_revoked_tokens`, `palisade_revoked_subjects` and `palisade_api_keys` may be read by statements of the
//! application. Only hashes of credentials are in them. They do contain subjects, names of keys, scopes, roles, user agents and addresses in clear, as the
//! tables of the application do.
//!
//! Danger: read and write the primary server. A replica is late, and there a revoked token counts a little longer.
//!
//! [`Unavailable`]: crate::resource::Unavailable
//! [`SqlSessions::remove_all_in`]: crate::session::SqlSessions::remove_all_in
//! [`SqlApiKeys::remove_all_in`]: crate::api_key::SqlApiKeys::remove_all_in
//! [`SqlApiKeys`]: crate::api_key::SqlApiKeys
//! [`SqlRevocations::revoke_before_in`]: crate::revocation::SqlRevocations::revoke_before_in

mod migrations;
mod pool;
mod row;
mod runner;
pub(crate) mod text;
pub(crate) mod time;

pub use self::migrations::migrate;
pub(crate) use self::pool::on_database;
pub use self::pool::{SqlConnection, SqlPool};
pub(crate) use self::row::{corrupt, list_from_json, list_to_json};
pub(crate) use self::runner::SqlStore;
