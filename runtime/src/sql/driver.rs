//! The databases that `sql!` can write for.
//!
//! Threat: a placeholder of another database, which that database reads as an operator or as a part of a name. Promise: the text is
//! chosen by the type of the database, and there is no text for a database that is not listed here.

use std::fmt::Write as _;

use sqlx::Database;

use super::Statement;

/// A database that [`sql!`](macro@crate::sql) writes statements for: `sqlx::Sqlite` (feature `sqlx-sqlite`) and `sqlx::Postgres`
/// (feature `sqlx-postgres`).
///
/// It is known by type: by the pool, connection or transaction that runs the statement. It is sealed.
#[diagnostic::on_unimplemented(
    message = "`sql!` does not write statements for `{Self}`",
    label = "not a database that `sql!` knows",
    note = "`sql!` knows SQLite (feature `sqlx-sqlite` of palisade) and PostgreSQL (feature `sqlx-postgres`)"
)]
pub trait Driver: Database + SqlDialect {}

/// How a database writes parameters and names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dialect {
    /// `?`, and `` `name` ``: SQLite reads a name in double quotes that it does not know as a text.
    Sqlite,
    /// `$1`, and `"name"`.
    Postgres,
}

impl Dialect {
    /// Appends the placeholder of the parameter with this number, which begins at 1.
    pub(super) fn placeholder(self, number: usize, text: &mut String) {
        match self {
            Self::Sqlite => text.push('?'),
            // Writing to a `String` does not fail.
            Self::Postgres => drop(write!(text, "${number}")),
        }
    }

    pub(super) fn quote(self) -> char {
        match self {
            Self::Sqlite => '`',
            Self::Postgres => '"',
        }
    }
}

/// What `sql!` must know of a database.
#[allow(unnameable_types, reason = "no other crate may implement it")]
pub trait SqlDialect: Database {
    /// How parameters and names are written.
    const DIALECT: Dialect;

    /// The type of a text.
    fn text_type() -> Self::TypeInfo;
}

#[cfg(feature = "sqlx-sqlite")]
impl Driver for sqlx::Sqlite {}

#[cfg(feature = "sqlx-sqlite")]
impl SqlDialect for sqlx::Sqlite {
    const DIALECT: Dialect = Dialect::Sqlite;

    fn text_type() -> Self::TypeInfo {
        <str as sqlx::Type<Self>>::type_info()
    }
}

#[cfg(feature = "sqlx-postgres")]
impl Driver for sqlx::Postgres {}

#[cfg(feature = "sqlx-postgres")]
impl SqlDialect for sqlx::Postgres {
    const DIALECT: Dialect = Dialect::Postgres;

    fn text_type() -> Self::TypeInfo {
        <str as sqlx::Type<Self>>::type_info()
    }
}

/// A database that reads what only SQLite reads, such as a name between backticks.
#[diagnostic::on_unimplemented(
    message = "the text of this statement is for SQLite, and not for `{Self}`",
    note = "only SQLite reads a name between backticks"
)]
pub trait ReadsSqlite {}

/// A database that reads what only PostgreSQL reads, such as a text between dollar quotes.
#[diagnostic::on_unimplemented(
    message = "the text of this statement is for PostgreSQL, and not for `{Self}`",
    note = "only PostgreSQL reads `$$..$$`, `E'..'`, the operator `??`, `a[1:2]`, and an expression between brackets as in `tags[{{n}}]`; a name is written in double quotes"
)]
pub trait ReadsPostgres {}

/// Has both traits. With a single type for each, the compiler would assume the database instead of finding it out.
#[allow(dead_code, reason = "it is only there for the compiler")]
#[derive(Debug)]
enum AnyDatabase {}
impl ReadsSqlite for AnyDatabase {}
impl ReadsPostgres for AnyDatabase {}
#[cfg(feature = "sqlx-sqlite")]
impl ReadsSqlite for sqlx::Sqlite {}
#[cfg(feature = "sqlx-postgres")]
impl ReadsPostgres for sqlx::Postgres {}

/// The statement itself, of a database that reads what only SQLite reads.
#[inline]
pub fn sqlite<DB: Driver + ReadsSqlite>(statement: Statement<DB>) -> Statement<DB> {
    statement
}

/// The statement itself, of a database that reads what only PostgreSQL reads.
#[inline]
pub fn postgres<DB: Driver + ReadsPostgres>(statement: Statement<DB>) -> Statement<DB> {
    statement
}
