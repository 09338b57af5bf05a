//! Finds calls of sqlx's functions in tokens.
//!
//! A function is sqlx's if its path starts with `sqlx`, if the body imports it from `sqlx`, or if its result is used as only sqlx's is:
//! `query(..).fetch_one(&pool)`. Other crates have free functions `query` and `raw_sql` too, and a macro cannot see the imports of
//! the file.

use proc_macro2::{Delimiter, Group, Ident, Spacing, TokenStream, TokenTree};

use super::{RawSql, RawSqlKind, argument};

const ASSERT_SQL_SAFE: &str = "AssertSqlSafe";
const RAW_SQL: &str = "raw_sql";

/// Functions of sqlx whose first argument is a statement.
const QUERIES: [&str; 9] = [
    "query",
    "query_as",
    "query_as_with",
    "query_as_with_result",
    "query_scalar",
    "query_scalar_with",
    "query_scalar_with_result",
    "query_with",
    "query_with_result",
];

/// Methods of what these functions return. Each takes an argument.
const METHODS: [&str; 10] = [
    "bind",
    "execute",
    "execute_many",
    "fetch",
    "fetch_all",
    "fetch_many",
    "fetch_one",
    "fetch_optional",
    "persistent",
    "try_bind",
];

/// The crates that have these functions.
const CRATES: [&str; 2] = ["sqlx", "sqlx_core"];

/// What is known of a body while it is read.
#[derive(Default)]
pub(super) struct Scanner {
    candidates: Vec<Candidate>,
    /// Functions that the body imports from sqlx, by their own name.
    imported: Vec<String>,
    /// Functions and closures that the body declares.
    declared: Vec<String>,
}

/// Raw SQL, if its condition holds in the whole body.
struct Candidate {
    raw_sql: RawSql,
    condition: Condition,
}

enum Condition {
    Always,
    /// `use sqlx::AssertSqlSafe;` counts only if the name is not in the rest of the body, so that one mistake is one message.
    OnlyAssertion,
    /// A function without a path. It counts if the body imports it from sqlx, or if its result is used as sqlx's.
    IsSqlx {
        name: String,
        used_as_query: bool,
    },
}

/// The path in front of a name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Qualifier {
    None,
    Sqlx,
    Other,
}

impl Scanner {
    pub(super) fn scan(&mut self, stream: TokenStream) {
        let tokens = spread(stream);
        let mut rest = tokens.as_slice();
        while let [token, after @ ..] = rest {
            rest = after;
            let before = tokens.get(..tokens.len() - after.len() - 1).unwrap_or_default();
            match token {
                TokenTree::Group(group) if !is_argument_of_stringify(before) => self.scan(group.stream()),
                TokenTree::Ident(ident) => rest = self.ident(before, ident, after),
                _ => {}
            }
        }
    }

    /// Looks at an identifier. Returns the tokens that are still to be read.
    fn ident<'t>(&mut self, before: &[TokenTree], ident: &Ident, after: &'t [TokenTree]) -> &'t [TokenTree] {
        let written = ident.to_string();
        match written.strip_prefix("r#").unwrap_or(&written) {
            // `use<'a>` is a bound.
            "use" if written == "use" && !matches!(after, [next, ..] if is_punct(next, '<')) => {
                let end = after.iter().position(|token| is_punct(token, ';')).unwrap_or(after.len());
                let (import, after) = after.split_at_checked(end).unwrap_or((after, &[]));
                let is_sqlx = matches!(first_name(import), Some(name) if CRATES.contains(&name.as_str()));
                self.import(import, is_sqlx);
                return after;
            }
            "fn" | "let" => self.declared.extend(declared(&written, after).filter(|name| is_function(name))),
            ASSERT_SQL_SAFE => {
                let (start, _) = qualifier(before);
                let path = before.iter().skip(start).cloned().chain([ident.clone().into()]).collect();
                self.add(path, RawSqlKind::Asserted, Condition::Always);
            }
            name if is_function(name) => self.call(name, before, after),
            _ => {}
        }
        after
    }

    /// Looks at what is between `use` and `;`.
    fn import(&mut self, tokens: &[TokenTree], is_sqlx: bool) {
        let mut rest = tokens;
        while let [token, after @ ..] = rest {
            rest = after;
            match token {
                TokenTree::Group(group) => self.import(&spread(group.stream()), is_sqlx),
                TokenTree::Ident(ident) if ident == ASSERT_SQL_SAFE => {
                    self.add(vec![token.clone()], RawSqlKind::Asserted, Condition::OnlyAssertion);
                }
                TokenTree::Ident(ident) if is_sqlx => {
                    // In `query as q` it has another name, and in `query::Query` it is a module.
                    let is_last = after.first().is_none_or(|next| is_punct(next, ','));
                    let name = Some(ident.to_string()).filter(|name| is_function(name) && is_last);
                    self.imported.extend(name);
                }
                _ => {}
            }
        }
    }

    /// Looks at the name of a function, which may be called here.
    fn call(&mut self, name: &str, before: &[TokenTree], after: &[TokenTree]) {
        let Some((arguments, after)) = call(after) else { return };
        let (start, qualifier) = qualifier(before);
        let condition = match qualifier {
            Qualifier::Other => return,
            Qualifier::Sqlx => Condition::Always,
            Qualifier::None if is_method(before.get(..start).unwrap_or_default()) => return,
            Qualifier::None => Condition::IsSqlx { name: name.to_owned(), used_as_query: is_used_as_query(after) },
        };
        let found = if name == RAW_SQL {
            argument::not_literal(arguments.stream()).map(|tokens| (tokens, RawSqlKind::NotLiteral))
        } else {
            let count = if name.contains("_with") { 2 } else { 1 };
            argument::built(arguments.stream(), count)
        };
        if let Some((tokens, kind)) = found {
            self.add(tokens, kind, condition);
        }
    }

    fn add(&mut self, tokens: Vec<TokenTree>, kind: RawSqlKind, condition: Condition) {
        self.candidates.push(Candidate { raw_sql: RawSql { tokens, kind }, condition });
    }

    pub(super) fn found(self) -> Vec<RawSql> {
        let Self { candidates, imported, declared } = self;
        let is_assertion = |candidate: &Candidate| {
            candidate.raw_sql.kind == RawSqlKind::Asserted && matches!(candidate.condition, Condition::Always)
        };
        let has_assertion = candidates.iter().any(is_assertion);
        let counts = |candidate: &Candidate| match &candidate.condition {
            Condition::Always => true,
            Condition::OnlyAssertion => !has_assertion,
            Condition::IsSqlx { name, used_as_query } => {
                !declared.contains(name) && (*used_as_query || imported.contains(name))
            }
        };
        candidates.into_iter().filter(counts).map(|candidate| candidate.raw_sql).collect()
    }
}

fn is_function(name: &str) -> bool {
    name == RAW_SQL || name.starts_with("query") && QUERIES.contains(&name)
}

/// The tokens, without the invisible groups that fragments of `macro_rules!` such as `$path` are in.
fn spread(stream: TokenStream) -> Vec<TokenTree> {
    let mut tokens = Vec::new();
    for token in stream {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::None => tokens.extend(spread(group.stream())),
            other => tokens.push(other),
        }
    }
    tokens
}

fn is_punct(token: &TokenTree, mark: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == mark)
}

/// The first name after an optional `::`.
fn first_name(tokens: &[TokenTree]) -> Option<String> {
    let name = tokens.iter().find(|token| !is_punct(token, ':'))?;
    if let TokenTree::Ident(name) = name { Some(name.to_string()) } else { None }
}

/// The name of a function after `fn`, or of a closure after `let`.
fn declared(keyword: &str, after: &[TokenTree]) -> Option<String> {
    match (keyword, after) {
        ("fn", after) => first_name(after),
        ("let", [TokenTree::Ident(mutable), after @ ..]) if mutable == "mut" => declared(keyword, after),
        ("let", [TokenTree::Ident(name), equals, closure @ ..]) if is_punct(equals, '=') => {
            let first = closure
                .iter()
                .find(|token| !matches!(token, TokenTree::Ident(word) if word == "move" || word == "async"));
            first.filter(|token| is_punct(token, '|')).map(|_| name.to_string())
        }
        _ => None,
    }
}

/// The index at which the path of a name starts, and what the path says of the name.
fn qualifier(before: &[TokenTree]) -> (usize, Qualifier) {
    let (mut rest, mut first) = (before, None);
    while let [start @ .., a, b] = rest
        && is_punct(a, ':')
        && is_punct(b, ':')
    {
        match start {
            [start @ .., TokenTree::Ident(segment)] => (rest, first) = (start, Some(segment)),
            // `<T as Trait>::query` and `Table::<T>::query`.
            [.., other] if is_punct(other, '>') => return (start.len(), Qualifier::Other),
            // `::sqlx::query`
            _ => {
                rest = start;
                break;
            }
        }
    }
    let qualifier = match first {
        None => Qualifier::None,
        Some(name) if CRATES.iter().any(|known| name == known) => Qualifier::Sqlx,
        Some(_) => Qualifier::Other,
    };
    (rest.len(), qualifier)
}

/// Whether a name after these tokens is that of a method: `client.query`.
fn is_method(before: &[TokenTree]) -> bool {
    match before {
        // `0..query(..)`
        [.., TokenTree::Punct(first), TokenTree::Punct(dot)] if dot.as_char() == '.' => {
            first.as_char() != '.' || first.spacing() == Spacing::Alone
        }
        [.., last] if is_punct(last, '.') => true,
        _ => false,
    }
}

/// `(..)` or `::<T>(..)` at the start of the tokens, and the tokens after it.
fn call(after: &[TokenTree]) -> Option<(&Group, &[TokenTree])> {
    match without_generic_arguments(after) {
        [TokenTree::Group(arguments), after @ ..] if arguments.delimiter() == Delimiter::Parenthesis => {
            Some((arguments, after))
        }
        _ => None,
    }
}

fn without_generic_arguments(tokens: &[TokenTree]) -> &[TokenTree] {
    let [a, b, angle, inside @ ..] = tokens else { return tokens };
    if !is_punct(a, ':') || !is_punct(b, ':') || !is_punct(angle, '<') {
        return tokens;
    }
    let (mut depth, mut is_arrow, mut rest) = (1_usize, false, inside);
    while let [token, after @ ..] = rest
        && depth > 0
    {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '<' => depth += 1,
            TokenTree::Punct(punct) if punct.as_char() == '>' && !is_arrow => depth -= 1,
            _ => {}
        }
        is_arrow = is_punct(token, '-');
        rest = after;
    }
    rest
}

/// Whether the tokens after a call use its result as that of sqlx: `.bind(id)`, `.fetch_one(&pool)`.
fn is_used_as_query(after: &[TokenTree]) -> bool {
    let [dot, TokenTree::Ident(method), rest @ ..] = after else { return false };
    let takes_argument = || call(rest).is_some_and(|(arguments, _)| !arguments.stream().is_empty());
    is_punct(dot, '.') && METHODS.iter().any(|known| method == known) && takes_argument()
}

/// `stringify!` makes text of its argument.
fn is_argument_of_stringify(before: &[TokenTree]) -> bool {
    matches!(before, [.., TokenTree::Ident(name), mark] if name == "stringify" && is_punct(mark, '!'))
}
