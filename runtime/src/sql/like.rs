//! Patterns of `LIKE`.
//!
//! Threat: a search text with `%` or `_`, which matches more than its author meant, or makes the search slow (CWE-155). Promise: in a
//! pattern of this module, each character of the text is taken literally.

/// Escapes `%`, `_` and `\` with a backslash, so that each character of the text is taken literally in a pattern of `LIKE`.
///
/// In [`sql!`](macro@crate::sql), `LIKE {q:contains}`, `LIKE {q:starts_with}` and `LIKE {q:ends_with}` do it for you. This function is for
/// patterns of another form. Write `ESCAPE '\'` after such a pattern: SQLite has no escape character without it.
///
/// ```
/// use palisade::sql::{Statement, escape_like, sql};
///
/// let year = "20_6";
/// let pattern = format!("INV-{}-____", escape_like(year));
/// assert_eq!(pattern, r"INV-20\_6-____");
/// let statement: Statement<sqlx::Sqlite> = sql!(r"SELECT id FROM invoices WHERE number LIKE {pattern} ESCAPE '\'");
/// # let _ = statement;
/// ```
#[must_use]
pub fn escape_like(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    append(text, &mut pattern);
    pattern
}

fn append(text: &str, pattern: &mut String) {
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
}

/// The pattern for a text with this part.
pub fn contains(part: &(impl AsRef<str> + ?Sized)) -> String {
    pattern("%", part.as_ref(), "%")
}

/// The pattern for a text that begins with this part.
pub fn starts_with(part: &(impl AsRef<str> + ?Sized)) -> String {
    pattern("", part.as_ref(), "%")
}

/// The pattern for a text that ends with this part.
pub fn ends_with(part: &(impl AsRef<str> + ?Sized)) -> String {
    pattern("%", part.as_ref(), "")
}

fn pattern(before: &str, part: &str, after: &str) -> String {
    let mut pattern = String::with_capacity(part.len().saturating_add(2));
    pattern.push_str(before);
    append(part, &mut pattern);
    pattern.push_str(after);
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_and_the_escape_character_are_escaped() {
        assert_eq!(escape_like(r"100%_\'"), r"100\%\_\\'");
        assert_eq!(contains("a%"), r"%a\%%");
        assert_eq!(starts_with("_a"), r"\_a%");
        assert_eq!(ends_with(r"\"), r"%\\");
    }
}
