//! One statement: its text, and its values apart from it.
//!
//! Threat: a value that becomes part of the text (CWE-89). Promise: the text consists of literals of the source, of placeholders, and of
//! names of enums. No function takes a text that is not `'static`. (Those in the private module `__v1` would take a text that was leaked.)

use std::fmt;

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::query::{Query, QueryAs, QueryScalar};
use sqlx::{Arguments, AssertSqlSafe, Encode, FromRow, IntoArguments, SqlSafeStr as _, SqlStr, Type};

use super::driver::{Dialect, Driver};
use super::identifier::SqlIdentifier;
use super::values::{ListElement, SqlList, SqlValue};

/// A statement of [`sql!`](macro@crate::sql) with its values. It becomes a query of `sqlx`, whose methods run it.
///
/// `DB` is the database. The pool, connection or transaction that runs the query determines it.
///
/// A value that cannot be sent is an [`sqlx::Error::Encode`] when the query is run. `Debug` shows the text, and no value.
///
/// ```
/// # #[actix_web::main] async fn main() -> Result<(), sqlx::Error> {
/// use palisade::sql::sql;
///
/// # let db = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await?;
/// # sqlx::raw_sql("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL)").execute(&db).await?;
/// let name = "Robert'); DROP TABLE users;--";
/// sql!("INSERT INTO users (name) VALUES ({name})").query().execute(&db).await?;
///
/// let stored: String = sql!("SELECT name FROM users WHERE name = {name}").query_scalar().fetch_one(&db).await?;
/// assert_eq!(stored, name);
///
/// #[derive(sqlx::FromRow)]
/// struct User {
///     name: String,
/// }
/// let users = sql!("SELECT name FROM users").query_as::<User>().fetch_all(&db).await?;
/// assert_eq!(users[0].name, name);
/// # Ok(()) }
/// ```
#[must_use = "a statement does nothing until a query runs it"]
pub struct Statement<DB: Driver> {
    text: SqlStr,
    arguments: DB::Arguments,
    /// The first value that cannot be sent.
    error: Option<Unsendable>,
}

impl<DB: Driver> fmt::Debug for Statement<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Statement").field("text", &self.text.as_str()).finish_non_exhaustive()
    }
}

/// A statement with a constant text for each database.
#[inline]
pub fn constant<DB: Driver>(sqlite: &'static str, postgres: &'static str) -> Statement<DB> {
    let text = match DB::DIALECT {
        Dialect::Sqlite => sqlite,
        Dialect::Postgres => postgres,
    };
    Statement { text: text.into_sql_str(), arguments: DB::Arguments::default(), error: None }
}

/// Adds the value of the next placeholder.
#[inline(always)]
pub fn value<'t, DB: Driver>(statement: &mut Statement<DB>, value: impl SqlValue<'t, DB>) {
    add(&mut statement.arguments, &mut statement.error, value);
}

impl<DB: Driver> Statement<DB> {
    /// The text that is sent to the database, with placeholders. It contains no value.
    #[must_use]
    pub fn text(&self) -> &str {
        self.text.as_str()
    }
}

/// The query with its values, or one that fails with the error of the value that cannot be sent.
macro_rules! query_with {
    ($query_with:path, $statement:ident) => {{
        let Statement { text, arguments, error } = $statement;
        match error {
            None => $query_with(text, arguments),
            Some(error) => {
                let mut query = $query_with(text, DB::Arguments::default());
                for _ in 0..error.before {
                    query = query.bind(Before);
                }
                query.bind(error)
            }
        }
    }};
}

impl<DB: Driver> Statement<DB>
where
    DB::Arguments: IntoArguments<DB>,
{
    /// A query for a statement whose rows are not read, or are read as [`sqlx::Row`]: see [`sqlx::query()`].
    #[inline]
    pub fn query(self) -> Query<'static, DB, DB::Arguments> {
        query_with!(sqlx::query_with, self)
    }

    /// A query whose rows are read as `T`: see [`sqlx::query_as()`].
    #[inline]
    pub fn query_as<T>(self) -> QueryAs<'static, DB, T, DB::Arguments>
    where
        T: for<'r> FromRow<'r, DB::Row>,
    {
        query_with!(sqlx::query_as_with, self)
    }

    /// A query whose rows have one column, which is read as `T`: see [`sqlx::query_scalar()`]. Further columns are ignored.
    #[inline]
    pub fn query_scalar<T>(self) -> QueryScalar<'static, DB, T, DB::Arguments>
    where
        (T,): for<'r> FromRow<'r, DB::Row>,
    {
        query_with!(sqlx::query_scalar_with, self)
    }
}

#[inline(always)]
fn add<'t, A: Arguments>(
    arguments: &mut A,
    failed: &mut Option<Unsendable>,
    value: impl Encode<'t, A::Database> + Type<A::Database>,
) {
    if let Err(error) = arguments.add(value) {
        fail(failed, arguments.len(), error);
    }
}

/// Keeps the first error. Values that follow are added, which costs less than to ask for each whether there is an error.
#[cold]
fn fail(failed: &mut Option<Unsendable>, before: usize, error: BoxDynError) {
    failed.get_or_insert(Unsendable { before, error });
}

/// A value that cannot be sent. When it is bound, `sqlx` keeps its error, with its number, for the execution of the query.
struct Unsendable {
    /// How many values are before it.
    before: usize,
    error: BoxDynError,
}

impl<DB: Driver> Encode<'_, DB> for Unsendable {
    fn encode(self, _: &mut DB::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Err(self.error)
    }

    fn encode_by_ref(&self, _: &mut DB::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Err(self.error.to_string().into())
    }
}

impl<DB: Driver> Type<DB> for Unsendable {
    fn type_info() -> DB::TypeInfo {
        DB::text_type()
    }
}

/// Stands for a value before one that cannot be sent. It is never sent.
struct Before;

impl<DB: Driver> Encode<'_, DB> for Before {
    fn encode_by_ref(&self, _: &mut DB::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Ok(IsNull::Yes)
    }
}

impl<DB: Driver> Type<DB> for Before {
    fn type_info() -> DB::TypeInfo {
        DB::text_type()
    }
}

/// A statement whose text depends on its values: on the length of a list, on a condition, or on a name of an enum.
pub struct Assembly<DB: Driver> {
    text: String,
    arguments: DB::Arguments,
    error: Option<Unsendable>,
}

impl<DB: Driver> fmt::Debug for Assembly<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assembly").field("text", &self.text).finish_non_exhaustive()
    }
}

impl<DB: Driver> Assembly<DB> {
    /// `length` is that of all literals.
    pub fn new(length: usize) -> Self {
        Self { text: String::with_capacity(length), arguments: DB::Arguments::default(), error: None }
    }

    /// Appends a literal of the source.
    pub fn text(&mut self, literal: &'static str) {
        self.text.push_str(literal);
    }

    /// Appends the placeholder of a value.
    pub fn value<'t>(&mut self, value: impl SqlValue<'t, DB>) {
        add(&mut self.arguments, &mut self.error, value);
        DB::DIALECT.placeholder(self.arguments.len(), &mut self.text);
    }

    /// Appends `IN (..)` with a list of values.
    pub fn list<L: SqlList<Element: ListElement<DB>> + ?Sized>(&mut self, list: &L, is_negated: bool) {
        let list = list.elements();
        if let Err(error) = ListElement::append(list, is_negated, &mut self.text, &mut self.arguments) {
            fail(&mut self.error, self.arguments.len(), error);
        }
    }

    /// Appends a name, with its direction if it has one.
    pub fn ident(&mut self, ident: &impl SqlIdentifier) {
        if ident.name().contains('\0') {
            return fail(&mut self.error, self.arguments.len(), "a name contains NUL".into());
        }
        let quote = DB::DIALECT.quote();
        for (index, part) in ident.name().split('.').enumerate() {
            if index > 0 {
                self.text.push('.');
            }
            self.text.push(quote);
            for c in part.chars() {
                if c == quote {
                    self.text.push(quote);
                }
                self.text.push(c);
            }
            self.text.push(quote);
        }
        if ident.is_descending() == Some(true) {
            self.text.push_str(" DESC");
        }
    }

    /// Appends the direction of a name.
    pub fn direction(&mut self, ident: &impl SqlIdentifier) {
        self.text.push_str(if ident.is_descending() == Some(true) { "DESC" } else { "ASC" });
    }

    /// The finished statement.
    pub fn finish(self) -> Statement<DB> {
        // The text consists of literals of the source, of placeholders and of quoted `'static` names.
        Statement { text: AssertSqlSafe(self.text).into_sql_str(), arguments: self.arguments, error: self.error }
    }
}
