//! What may be a value of a statement, and what may be a list.
//!
//! Threat: a list that is written into the text with commas (CWE-89), or an empty one that makes the text invalid. Promise: each element
//! is a value of its own, and an empty list is a condition that is false.

use sqlx::error::BoxDynError;
use sqlx::{Encode, Type};

use super::driver::Driver;

/// A value of a statement: each type that `sqlx` can send to the database.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a value of a statement",
    label = "`sqlx` cannot send it to the database",
    note = "a type of your own needs `#[derive(sqlx::Type)]`; `uuid`, `chrono`, `time` and others are features of `sqlx`",
    note = "PostgreSQL has no unsigned integers: write `{{i64::from(n)}}`; a list is written `IN ({{ids..}})`"
)]
pub trait SqlValue<'t, DB: Driver>: Encode<'t, DB> + Type<DB> {}

#[diagnostic::do_not_recommend]
impl<'t, DB: Driver, T: Encode<'t, DB> + Type<DB>> SqlValue<'t, DB> for T {}

/// A list of `IN ({ids..})`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a list",
    label = "not a slice, `Vec` or array",
    note = "`IN ({{ids..}})` takes a slice, a `Vec` or an array; one value is written `= {{id}}`"
)]
pub trait SqlList {
    /// What is in the list.
    type Element;
    /// The list as a slice.
    fn elements(&self) -> &[Self::Element];
}

impl<T> SqlList for [T] {
    type Element = T;
    fn elements(&self) -> &[T] {
        self
    }
}

impl<T, const N: usize> SqlList for [T; N] {
    type Element = T;
    fn elements(&self) -> &[T] {
        self
    }
}

macro_rules! lists {
    ($($list:ty),+) => {$(
        impl<T> SqlList for $list {
            type Element = T;
            fn elements(&self) -> &[T] {
                self
            }
        }
    )+};
}
lists!(Vec<T>, Box<[T]>, std::sync::Arc<[T]>, std::rc::Rc<[T]>);

impl<L: SqlList + ?Sized> SqlList for &L {
    type Element = L::Element;
    fn elements(&self) -> &[L::Element] {
        (**self).elements()
    }
}

/// A type whose lists can be used in `IN ({ids..})`: each type that [`sqlx`] can send to the database. For PostgreSQL the type also needs
/// an array type ([`PgHasArrayType`](https://docs.rs/sqlx/0.9/sqlx/postgres/trait.PgHasArrayType.html)).
#[diagnostic::on_unimplemented(
    message = "a list of `{Self}` cannot be sent to `{DB}`",
    note = "the type needs `sqlx::Type` and `sqlx::Encode`; PostgreSQL also needs `sqlx::postgres::PgHasArrayType`"
)]
pub trait ListElement<DB: Driver>: Sized {
    /// Appends the whole condition after its left side, and the values.
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
        super::driver::Dialect::Postgres.placeholder(arguments.len(), text);
        text.push(')');
        Ok(())
    }
}
