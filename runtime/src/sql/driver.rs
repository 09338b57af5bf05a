//! The databases that `sql!` can write for.
//!
//! Threat: a placeholder of another database, which that database reads as an operator or as a part of a name. Promise: the text is
//! chosen by the type of the database, and there is no text for a database that is not listed here.

use std::fmt::Write as _;

use sqlx::Database;
use sqlx::error::BoxDynError;

/// A database that [`sql!`](macro@crate::sql) writes statements for: `sqlx::Sqlite` (feature `sqlx-sqlite`) and `sqlx::Postgres`
/// (feature `sqlx-postgres`).
///
/// It is known by type: by the pool, connection or transaction that runs the statement. It is sealed.
#[diagnostic::on_unimplemented(
    message = "`sql!` does not write statements for `{Self}`",
    label = "not a database that `sql!` knows",
    note = "`sql!` knows SQLite (feature `sqlx-sqlite` of palisade) and PostgreSQL (feature `sqlx-postgres`)"
)]
pub trait Driver: Database + sealed::Sealed {
    /// How parameters and names are written.
    #[doc(hidden)]
    const DIALECT: Dialect;

    #[doc(hidden)]
    fn text_type() -> Self::TypeInfo;
}

/// How a database writes parameters and names.
#[doc(hidden)]
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

mod sealed {
    #[allow(unnameable_types, reason = "no other crate may implement it")]
    pub trait Sealed {}
    #[cfg(feature = "sqlx-sqlite")]
    impl Sealed for sqlx::Sqlite {}
    #[cfg(feature = "sqlx-postgres")]
    impl Sealed for sqlx::Postgres {}
}

/// A type whose lists can stand in `IN ({ids..})`: each type that [`sqlx`] can send to the database. For PostgreSQL the type also needs
/// an array type ([`PgHasArrayType`](https://docs.rs/sqlx/0.9/sqlx/postgres/trait.PgHasArrayType.html)).
#[diagnostic::on_unimplemented(
    message = "a list of `{Self}` cannot be sent to `{DB}`",
    note = "the type needs `sqlx::Type` and `sqlx::Encode`; PostgreSQL also needs `sqlx::postgres::PgHasArrayType`"
)]
pub trait ListElement<DB: Driver>: Sized {
    /// Appends the whole condition after its left side, and the values.
    #[doc(hidden)]
    fn append(
        list: &[Self],
        is_negated: bool,
        text: &mut String,
        arguments: &mut DB::Arguments,
    ) -> Result<(), BoxDynError>;
}

/// `IN (?, ?)`: in SQLite, `IN ()` is false and `NOT IN ()` is true.
#[cfg(feature = "sqlx-sqlite")]
impl<T> ListElement<sqlx::Sqlite> for T
where
    T: for<'q> sqlx::Encode<'q, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
{
    fn append(
        list: &[Self],
        is_negated: bool,
        text: &mut String,
        arguments: &mut sqlx::sqlite::SqliteArguments,
    ) -> Result<(), BoxDynError> {
        use sqlx::Arguments as _;

        text.push_str(if is_negated { "NOT IN (" } else { "IN (" });
        for (index, value) in list.iter().enumerate() {
            text.push_str(if index == 0 { "?" } else { ", ?" });
            arguments.add(value)?;
        }
        text.push(')');
        Ok(())
    }
}

/// `= ANY($1)` with one array, so that each length of the list is the same statement. With an empty array it is false, and
/// `<> ALL($1)` is true.
#[cfg(feature = "sqlx-postgres")]
impl<T> ListElement<sqlx::Postgres> for T
where
    T: for<'q> sqlx::Encode<'q, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + sqlx::postgres::PgHasArrayType,
{
    fn append(
        list: &[Self],
        is_negated: bool,
        text: &mut String,
        arguments: &mut sqlx::postgres::PgArguments,
    ) -> Result<(), BoxDynError> {
        use sqlx::Arguments as _;

        arguments.add(list)?;
        text.push_str(if is_negated { "<> ALL(" } else { "= ANY(" });
        Dialect::Postgres.placeholder(arguments.len(), text);
        text.push(')');
        Ok(())
    }
}

#[cfg(feature = "sqlx-sqlite")]
impl Driver for sqlx::Sqlite {
    const DIALECT: Dialect = Dialect::Sqlite;

    fn text_type() -> Self::TypeInfo {
        <str as sqlx::Type<Self>>::type_info()
    }
}

#[cfg(feature = "sqlx-postgres")]
impl Driver for sqlx::Postgres {
    const DIALECT: Dialect = Dialect::Postgres;

    fn text_type() -> Self::TypeInfo {
        <str as sqlx::Type<Self>>::type_info()
    }
}

/// The text has what only SQLite reads, such as a name between backticks.
#[doc(hidden)]
#[cfg(feature = "sqlx-sqlite")]
pub fn sqlite(statement: super::Statement<sqlx::Sqlite>) -> super::Statement<sqlx::Sqlite> {
    statement
}

/// The text has what only PostgreSQL reads, such as a text between dollar quotes.
#[doc(hidden)]
#[cfg(feature = "sqlx-postgres")]
pub fn postgres(statement: super::Statement<sqlx::Postgres>) -> super::Statement<sqlx::Postgres> {
    statement
}
