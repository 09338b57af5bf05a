//! Where a parameter may be in a statement.
//!
//! Threat: a value where the database expects a name, or a list where it expects a value: the statement would mean something else than
//! its author reads (CWE-89 begins with the attempt to make it work). Promise: each form of a parameter is accepted only where the
//! database reads it as that form.

use super::code::{CodeToken, is_word};
use super::parameter::{ParameterForm, SqlParameter};
use super::scan::{SqlPart, SqlScanner};
use crate::diagnostics::Diagnostic;

impl SqlScanner<'_> {
    /// Adds a parameter, whose place must suit its form.
    pub(super) fn place(&mut self, parameter: SqlParameter, written: &str) -> Result<(), Diagnostic> {
        let follows_parameter = self.literal.is_empty() && !self.found.parts.is_empty();
        if self.literal.ends_with(is_word) || self.rest().starts_with(is_word) || follows_parameter {
            return Err(Diagnostic::new(
                format!("`{written}` is a part of a word"),
                "write spaces around a value; a part of a name cannot be a value: write `{table:ident}`, with an enum",
            ));
        }
        match parameter.form {
            ParameterForm::Value => {
                if self.found.code.is_term(self.rest()) {
                    return Err(Diagnostic::new(
                        format!("`{written}` would sort or group by a constant, because a parameter is a value"),
                        "write `{sort:ident}`, with an enum that derives `SqlIdentifier`, or a `SortKey` of one",
                    ));
                }
                if self.found.code.list(self.since).is_some() && self.rest().trim_start().starts_with(')') {
                    return Err(Diagnostic::new(
                        format!("`IN ({written})` compares with one value"),
                        format!(
                            "for a list, write `IN ({}..}})`; for one value, write `= {written}`",
                            written.trim_end_matches('}')
                        ),
                    ));
                }
                self.add_value(parameter);
            }
            ParameterForm::Pattern(name) => {
                if !self.found.code.ends_with_word(&["LIKE", "ILIKE"]) {
                    return Err(Diagnostic::new(
                        format!("`:{name}` is a pattern, which must follow `LIKE`"),
                        format!("write `LIKE {written}`"),
                    ));
                }
                let rest = self.rest().trim_start();
                if rest.get(..6).is_some_and(|word| word.eq_ignore_ascii_case("ESCAPE")) {
                    return Err(Diagnostic::new(
                        format!("`:{name}` brings its own `ESCAPE`"),
                        "remove `ESCAPE` and its character",
                    ));
                }
                let is_comment = rest.starts_with("--") || rest.starts_with("/*");
                if !is_comment && rest.starts_with(|c: char| !is_word(c) && !matches!(c, ')' | ',' | ';')) {
                    return Err(Diagnostic::new(
                        format!("`:{name}` is a whole pattern"),
                        "remove what follows it, or make the pattern with `escape_like` and write `ESCAPE '\\'` after it",
                    ));
                }
                self.add_value(parameter);
                // SQLite has no escape character without it; in PostgreSQL it is the default.
                self.literal.push_str(r" ESCAPE '\'");
            }
            ParameterForm::Ident | ParameterForm::Direction => {
                self.flush();
                self.found.parts.push(SqlPart::Name(parameter));
                self.found.code.add(CodeToken::Parameter, 0);
                self.since = self.found.code.count();
            }
            ParameterForm::List => return self.place_list(parameter, written),
        }
        Ok(())
    }

    fn add_value(&mut self, parameter: SqlParameter) {
        self.flush();
        self.found.parts.push(SqlPart::Value(parameter));
        self.found.code.add(CodeToken::Parameter, 0);
        self.since = self.found.code.count();
    }

    /// `IN (` before, and `)` after. The text is cut before its keyword, so a comment before it stays whole.
    fn place_list(&mut self, list: SqlParameter, written: &str) -> Result<(), Diagnostic> {
        let after = self.rest();
        let spaces = after.len() - after.trim_start().len();
        let place = self.found.code.list(self.since).filter(|_| after.trim_start().starts_with(')'));
        let Some((start, is_negated)) = place else {
            return Err(Diagnostic::new(
                format!("the list `{written}` has the wrong place"),
                format!(
                    "write `id IN ({written})` or `id NOT IN ({written})` in one literal, instead of `= ANY(..)`, with nothing else \
                     between the parentheses"
                ),
            ));
        };
        self.literal.truncate(start);
        self.at += spaces + 1;
        self.flush();
        self.found.parts.push(SqlPart::List { list, is_negated });
        self.found.code.add(CodeToken::Parameter, 0);
        self.found.code.add(CodeToken::Mark(')'), 0);
        self.since = self.found.code.count();
        Ok(())
    }
}
