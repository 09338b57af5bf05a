//! SQL in the body of a handler that is not written as a literal.
//!
//! Threat: a value of the request becomes a part of the statement, and changes what it does (CWE-89, ASVS V1.2.4). Promise: in the
//! body of a handler, each `AssertSqlSafe`, each call of sqlx's `raw_sql` without a literal, and each text that is built in the first
//! argument of sqlx's `query` functions is found. What is found is syntax, never words: comments and texts are not read.
//!
//! The body is only read. `scan` finds the calls in the tokens, so it also sees the arguments of other macros. `argument` parses only
//! the arguments of a call that it found.

mod argument;
mod scan;
#[cfg(test)]
mod tests;

use proc_macro2::{Span, TokenTree};

use self::scan::Scanner;
use crate::diagnostics::{Diagnostics, SourceRange};

/// One place in a handler where SQL is not a literal.
pub(crate) struct RawSql {
    /// The tokens that a diagnostic points at.
    tokens: Vec<TokenTree>,
    kind: RawSqlKind,
}

/// How text that is not a literal becomes SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RawSqlKind {
    /// `AssertSqlSafe(..)`
    Asserted,
    /// `raw_sql(text)`
    NotLiteral,
    /// `query(&format!(..))`
    Formatted,
    /// `query(&(a + b))`
    Added,
    /// `query(&[a, b].concat())`
    Concatenated,
}

impl RawSqlKind {
    fn message(self) -> &'static str {
        match self {
            RawSqlKind::Asserted => "`AssertSqlSafe` lets any text become SQL",
            RawSqlKind::NotLiteral => "the SQL of `raw_sql` is not a literal",
            RawSqlKind::Formatted => "the SQL is built with `format!`, so a value can change the statement",
            RawSqlKind::Added => "the SQL is built with `+`, so a value can change the statement",
            RawSqlKind::Concatenated => "the SQL is built with `.concat()`, so a value can change the statement",
        }
    }

    fn help(self) -> &'static str {
        match self {
            RawSqlKind::NotLiteral => {
                "write a literal or `include_str!(..)`; a statement with parameters is `palisade::sql!(\"SELECT .. WHERE id = {id}\")`; \
                 if neither is possible, write `#[allow_raw_sql(\"why\")]` above the handler"
            }
            _ => {
                "write `palisade::sql!(\"SELECT .. WHERE id = {id}\")`, which makes a parameter of each value; if that is not \
                 possible, write `#[allow_raw_sql(\"why\")]` above the handler"
            }
        }
    }
}

/// Returns each raw SQL in the body of a handler, in the order of the source.
pub(crate) fn find(body: &TokenTree) -> Vec<RawSql> {
    let mut scanner = Scanner::default();
    scanner.scan(body.clone().into());
    scanner.found()
}

/// Reports each raw SQL in the body of a handler.
pub(crate) fn report(body: &TokenTree, diagnostics: &mut Diagnostics) {
    for RawSql { tokens, kind } in find(body) {
        diagnostics.error(SourceRange::of(&tokens, Span::call_site()), kind.message(), kind.help());
    }
}
