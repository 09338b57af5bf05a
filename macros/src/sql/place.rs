//! Where a parameter may be in a statement.
//!
//! Threat: a value where the database expects a name, or a list where it expects a value: the statement would mean something else than
//! its author reads (CWE-89 begins with the attempt to make it work). Promise: each form of a parameter is accepted only where the
//! database reads it as that form.

use super::parameter::{ParameterForm, SqlParameter};
use super::scan::{SqlPart, SqlScanner};
use crate::diagnostics::Diagnostic;

impl SqlScanner<'_> {
    /// Adds a parameter, whose place must suit its form.
    pub(super) fn place(&mut self, parameter: SqlParameter, written: &str) -> Result<(), Diagnostic> {
        let in_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
        let follows_parameter = self.literal.is_empty() && !self.found.parts.is_empty();
        if self.literal.ends_with(in_word) || self.rest().starts_with(in_word) || follows_parameter {
            return Err(Diagnostic::new(
                format!("`{written}` is a part of a word"),
                "write spaces around a value; a part of a name cannot be a value: write `{table:ident}`, with an enum",
            ));
        }
        match parameter.form {
            ParameterForm::Value => {
                if self.last_word().eq_ignore_ascii_case("BY") {
                    return Err(Diagnostic::new(
                        format!("`BY {written}` would sort or group by a constant, because a parameter is a value"),
                        "write `{sort:ident}`, with an enum that derives `SqlIdentifier`, or a `SortKey` of one",
                    ));
                }
                if self.is_alone_in_a_list() {
                    return Err(Diagnostic::new(
                        format!("`IN ({written})` compares with one value"),
                        format!(
                            "for a list, write `IN ({}..}})`; for one value, write `= {written}`",
                            written.trim_end_matches('}')
                        ),
                    ));
                }
                self.flush();
                self.found.parts.push(SqlPart::Value(parameter));
            }
            ParameterForm::Pattern(name) => {
                let before = self.last_word();
                if !["LIKE", "ILIKE"].iter().any(|word| before.eq_ignore_ascii_case(word)) {
                    return Err(Diagnostic::new(
                        format!("`:{name}` is a pattern, and stands after `LIKE`"),
                        format!("write `LIKE {written}`"),
                    ));
                }
                if self.rest().trim_start().get(..6).is_some_and(|word| word.eq_ignore_ascii_case("ESCAPE")) {
                    return Err(Diagnostic::new(
                        format!("`:{name}` brings its own `ESCAPE`"),
                        "remove `ESCAPE` and its character",
                    ));
                }
                self.flush();
                self.found.parts.push(SqlPart::Value(parameter));
                // SQLite has no escape character without it; in PostgreSQL it is the default.
                self.literal.push_str(r" ESCAPE '\'");
            }
            ParameterForm::Ident | ParameterForm::Direction => {
                self.flush();
                self.found.parts.push(SqlPart::Name(parameter));
            }
            ParameterForm::List => return self.place_list(parameter, written),
        }
        Ok(())
    }

    /// Whether `IN (` is before, and `)` after.
    fn is_alone_in_a_list(&self) -> bool {
        let before = self.literal.trim_end().strip_suffix('(').map(str::trim_end);
        before.is_some_and(|before| without_word(before, "IN").1) && self.rest().trim_start().starts_with(')')
    }

    /// `IN (` before, and `)` after.
    fn place_list(&mut self, list: SqlParameter, written: &str) -> Result<(), Diagnostic> {
        let misplaced = || {
            Diagnostic::new(
                format!("the list `{written}` has the wrong place"),
                format!("write `IN ({written})` or `NOT IN ({written})`, with nothing else between the parentheses"),
            )
        };
        let before = self.literal.trim_end().strip_suffix('(').ok_or_else(misplaced)?.trim_end();
        let (before, is_in) = without_word(before, "IN");
        let after = self.rest();
        let spaces = after.len() - after.trim_start().len();
        if !is_in || !after.trim_start().starts_with(')') {
            return Err(misplaced());
        }
        let (before, is_negated) = without_word(before, "NOT");
        let length = before.len();
        self.literal.truncate(length);
        self.literal.push(' ');
        self.at += spaces + 1;
        self.flush();
        self.found.parts.push(SqlPart::List { list, is_negated });
        Ok(())
    }

    /// The last word of the text before a parameter. Empty if another parameter or another mark is before it.
    fn last_word(&self) -> &str {
        let before = self.literal.trim_end();
        let rest = before.trim_end_matches(|c: char| c.is_alphanumeric() || c == '_');
        &before[rest.len()..]
    }
}

/// The text without its last word and the space before it, if that is `word`.
fn without_word<'t>(text: &'t str, word: &str) -> (&'t str, bool) {
    let Some(at) = text.len().checked_sub(word.len()).filter(|&at| text.is_char_boundary(at)) else {
        return (text, false);
    };
    let (before, last) = text.split_at(at);
    let is_word = last.eq_ignore_ascii_case(word)
        && !before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '.'));
    if is_word { (before.trim_end(), true) } else { (text, false) }
}
