//! SQL statements with parameters, and the errors of a database.
//!
//! Threat: a value from a client that becomes part of the text of a statement (SQL injection, CWE-89, ASVS V1.2.4), and an error
//! response with the text of the database (CWE-209). Promise: [`sql!`](macro@crate::sql) has its whole text in the source, each value
//! is sent apart from the text, and a client never sees the text of a database.
//!
//! ```
//! use actix_web::web::Data;
//! use palisade::input::{Json, Path};
//! use palisade::sql::sql;
//! use palisade::{Problem, authenticated, get};
//! use sqlx::SqlitePool;
//!
//! #[get("/notes/{id}")]
//! #[authenticated]
//! async fn show_note(id: Path<i64>, db: Data<SqlitePool>) -> Result<Json<String>, Problem> {
//!     let id = id.into_inner();
//!     let text = sql!("SELECT text FROM notes WHERE id = {id}").query_scalar().fetch_one(&**db).await?;
//!     Ok(Json(text))
//! }
//! # let _ = palisade::scope("").service(show_note);
//! ```
//!
//! The `?` converts a [`sqlx::Error`] into a [`Problem`](crate::Problem):
//!
//! | Error | Response |
//! |---|---|
//! | no row ([`sqlx::Error::RowNotFound`]) | 404 |
//! | a unique constraint is violated | 409 |
//! | a text has a character that the database cannot store (NUL in PostgreSQL) | 422 |
//! | the database is unreachable, busy, full or read-only, or a transaction has to be repeated | 503 with `Retry-After: 1` |
//! | all others | 500 |
//!
//! The cause is logged if the status is 500 or above, and is never sent.

mod driver;
mod error;
mod identifier;
mod like;
mod statement;
mod values;

pub use self::driver::Driver;
pub use self::identifier::SqlIdentifier;
pub use self::like::escape_like;
pub use self::statement::Statement;
#[doc(inline)]
pub use palisade_macros::{SqlIdentifier, sql};

/// What the expansion of `sql!` names, as `palisade::__v1::sql`.
pub(crate) mod generated {
    pub use super::driver::{Dialect, ReadsPostgres, ReadsSqlite, postgres, sqlite};
    pub use super::like::{contains, ends_with, starts_with};
    pub use super::statement::{Assembly, constant, value};
    pub use super::values::{ListElement, SqlList, SqlValue};
}
