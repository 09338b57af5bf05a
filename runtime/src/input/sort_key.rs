//! By which field a list is sorted.
//!
//! Threat: the name of a column from a client that becomes part of a statement (CWE-89), or a sort by a field that no index has
//! (CWE-770). Promise: the field is a variant of an enum of the application, and an error lists the variants.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{BorrowedStrDeserializer, StrDeserializer};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

/// A field to sort by, and the direction: `created` is ascending, `-created` is descending (the convention of JSON:API).
///
/// `E` is an enum of variants without values, in the names of `serde`. Another name is an error with the code `choice` and the
/// parameter `choices`, which lists the names without their minus.
///
/// To sort by several fields, take a list: a `Vec<SortKey<E>>` is `?sort=-created&sort=title` in a query, and
/// `["-created", "title"]` in JSON. Bound its length, for example with `#[validate(length(max = 3))]`.
///
/// ```
/// use palisade::input::{Query, SortKey};
/// use palisade::{get, public};
/// use serde::Deserialize;
///
/// #[derive(Clone, Copy, Deserialize)]
/// #[serde(rename_all = "camelCase")]
/// enum Column {
///     CreatedAt,
///     Title,
/// }
///
/// #[derive(Deserialize)]
/// struct Search {
///     sort: Option<SortKey<Column>>,
/// }
///
/// #[get("/articles")]
/// #[public]
/// async fn list(search: Query<Search>) -> String {
///     let sort = search.sort.unwrap_or(SortKey::descending(Column::CreatedAt));
///     let column = match sort.field() {
///         Column::CreatedAt => "created_at",
///         Column::Title => "title",
///     };
///     format!("ORDER BY {column} {}", if sort.is_descending() { "DESC" } else { "ASC" })
/// }
/// # let _ = palisade::scope("").service(list);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SortKey<E> {
    field: E,
    is_descending: bool,
}

impl<E> SortKey<E> {
    /// The smallest value first. For a default.
    pub const fn ascending(field: E) -> Self {
        Self { field, is_descending: false }
    }

    /// The largest value first. For a default.
    pub const fn descending(field: E) -> Self {
        Self { field, is_descending: true }
    }

    /// The field to sort by.
    #[must_use]
    pub fn field(&self) -> E
    where
        E: Copy,
    {
        self.field
    }

    /// Whether the largest value comes first.
    #[must_use]
    pub const fn is_descending(&self) -> bool {
        self.is_descending
    }
}

/// The column of the field, and the direction: `ORDER BY {sort:ident}`.
#[cfg(feature = "sqlx")]
impl<E: crate::sql::SqlIdentifier> crate::sql::SqlIdentifier for SortKey<E> {
    fn name(&self) -> &'static str {
        self.field.name()
    }

    fn is_descending(&self) -> Option<bool> {
        Some(self.is_descending)
    }
}

impl<'de, E: Deserialize<'de>> Deserialize<'de> for SortKey<E> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(SortKeyVisitor(PhantomData))
    }
}

struct SortKeyVisitor<E>(PhantomData<E>);

fn split(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(name) => (true, name),
        None => (false, text),
    }
}

impl<'de, E: Deserialize<'de>> Visitor<'de> for SortKeyVisitor<E> {
    type Value = SortKey<E>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string with the name of a field, after a minus for descending order")
    }

    fn visit_str<D: Error>(self, text: &str) -> Result<SortKey<E>, D> {
        let (is_descending, name) = split(text);
        Ok(SortKey { field: E::deserialize(StrDeserializer::new(name))?, is_descending })
    }

    fn visit_borrowed_str<D: Error>(self, text: &'de str) -> Result<SortKey<E>, D> {
        let (is_descending, name) = split(text);
        Ok(SortKey { field: E::deserialize(BorrowedStrDeserializer::new(name))?, is_descending })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "camelCase")]
    enum Column {
        CreatedAt,
        Title,
    }

    #[test]
    fn minus_is_descending() {
        for (json, expected) in [
            ("\"createdAt\"", SortKey::ascending(Column::CreatedAt)),
            ("\"-createdAt\"", SortKey::descending(Column::CreatedAt)),
            ("\"-t\\u0069tle\"", SortKey::descending(Column::Title)),
        ] {
            assert_eq!(serde_json::from_str::<SortKey<Column>>(json).unwrap(), expected);
        }
        for json in
            ["\"\"", "\"-\"", "\"--title\"", "\"+title\"", "\" title\"", "\"created_at\"", "\"title,createdAt\""]
        {
            let error = serde_json::from_str::<SortKey<Column>>(json).unwrap_err().to_string();
            assert!(error.contains("expected `createdAt` or `title`"), "{error}");
        }
        assert!(serde_json::from_str::<SortKey<Column>>("1").is_err());
        assert!(serde_json::from_str::<SortKey<Column>>("{\"title\":null}").is_err());
    }
}
