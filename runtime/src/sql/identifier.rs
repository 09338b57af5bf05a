//! Names of columns in a statement.
//!
//! Threat: a name from a client becomes part of the text (CWE-89), because a name cannot be a parameter. Promise: a name is that of a
//! variant of an enum of the application, and is quoted.

/// A name that [`sql!`](macro@crate::sql) may write into the text of a statement, as in `ORDER BY {sort:ident}`.
///
/// Derive it for an enum of variants without values. The name is that of the variant in `snake_case`, or what `#[sql(name = "..")]`
/// gives it. It is quoted, so it must have the upper and lower case of the column, and it may be a keyword. A dot separates the table
/// from the column: `#[sql(name = "documents.title")]`.
///
/// ```
/// use palisade::input::SortKey;
/// use palisade::sql::{SqlIdentifier, Statement, sql};
/// use serde::Deserialize;
///
/// #[derive(Clone, Copy, Deserialize, SqlIdentifier)]
/// #[serde(rename_all = "camelCase")]
/// enum Column {
///     CreatedAt,
///     #[sql(name = "documents.title")]
///     Title,
/// }
///
/// let sort = SortKey::descending(Column::CreatedAt);
/// let newest: Statement<sqlx::Sqlite> = sql!("SELECT id FROM documents ORDER BY {sort:ident}, id {sort:direction}");
/// assert_eq!(newest.text(), "SELECT id FROM documents ORDER BY `created_at` DESC, id DESC");
///
/// let column = Column::Title;
/// let titles: Statement<sqlx::Sqlite> = sql!("SELECT {column:ident} FROM documents");
/// assert_eq!(titles.text(), "SELECT `documents`.`title` FROM documents");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a name in a statement",
    label = "not an enum of names",
    note = "`{{..:ident}}` takes an enum with `#[derive(SqlIdentifier)]`, or a `SortKey` of such an enum",
    note = "a value is `{{..}}` without `:ident`"
)]
pub trait SqlIdentifier {
    /// The name, without quotes.
    fn name(&self) -> &'static str;

    /// Whether it is a key to sort by, with the largest value first. `None` if it has no direction. Default: `None`.
    fn is_descending(&self) -> Option<bool> {
        None
    }
}

impl<T: SqlIdentifier + ?Sized> SqlIdentifier for &T {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn is_descending(&self) -> Option<bool> {
        (**self).is_descending()
    }
}
