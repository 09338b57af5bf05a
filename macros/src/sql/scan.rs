//! A literal, read as the database reads it.
//!
//! Threat: a `{value}` in a place that the database does not read as a placeholder: in quotes, in a comment, in a name (CWE-89 begins
//! with quotes around a value). Promise: quotes, dollar quotes, comments and names are read as SQLite and PostgreSQL read them. What only
//! one of them reads in this way makes the statement one for this database.

use proc_macro2::Span;

use super::code::{Code, CodeToken, is_word};
use super::parameter::{self, SqlParameter};
use crate::diagnostics::Diagnostic;

/// A part of the text of a statement.
#[derive(Debug, Clone)]
pub(super) enum SqlPart {
    Text(String),
    /// A placeholder.
    Value(SqlParameter),
    /// `IN ({ids..})`, from its keyword to its parenthesis.
    List {
        list: SqlParameter,
        is_negated: bool,
    },
    /// A name or a direction.
    Name(SqlParameter),
}

impl SqlPart {
    pub(super) fn is_blank(&self) -> bool {
        matches!(self, Self::Text(text) if text.trim().is_empty())
    }
}

/// The parts of a literal, and what it demands of the database.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    pub(super) parts: Vec<SqlPart>,
    /// What only SQLite reads.
    pub(super) sqlite: Option<&'static str>,
    /// What only PostgreSQL reads.
    pub(super) postgres: Option<&'static str>,
    /// Whether the statement ended with a semicolon.
    pub(super) is_ended: bool,
    /// What a literal after this one goes on from.
    pub(super) code: Code,
}

/// Reads a literal, which goes on from `code`. After the first mistake the rest is not read, because a quote may be open.
pub(super) fn scan(text: &str, span: Span, code: Code) -> Result<Scanned, Diagnostic> {
    if text.contains('\0') {
        return Err(Diagnostic::new("the text contains NUL", "remove it"));
    }
    let found = Scanned { code, ..Scanned::default() };
    let since = found.code.count();
    let mut scanner = SqlScanner { text, at: 0, span, literal: String::new(), since, found };
    scanner.run()?;
    scanner.flush();
    Ok(scanner.found)
}

/// Where a database reads no placeholder.
#[derive(Clone, Copy)]
enum QuotedPlace {
    Text,
    Name,
    Comment,
}

pub(super) struct SqlScanner<'t> {
    text: &'t str,
    pub(super) at: usize,
    span: Span,
    /// The text since the last parameter.
    pub(super) literal: String,
    /// How many tokens are before that text.
    pub(super) since: usize,
    pub(super) found: Scanned,
}

impl<'t> SqlScanner<'t> {
    pub(super) fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// Keeps `length` bytes as they are.
    fn keep(&mut self, length: usize) {
        self.literal.push_str(&self.text[self.at..self.at + length]);
        self.at += length;
    }

    /// Keeps `length` bytes, which are a token.
    fn keep_token(&mut self, length: usize, token: CodeToken) {
        self.found.code.add(token, self.literal.len());
        self.keep(length);
    }

    pub(super) fn flush(&mut self) {
        self.since = self.found.code.count();
        if !self.literal.is_empty() {
            self.found.parts.push(SqlPart::Text(std::mem::take(&mut self.literal)));
        }
    }

    fn run(&mut self) -> Result<(), Diagnostic> {
        while let Some(c) = self.rest().chars().next() {
            let rest = self.rest();
            let next = rest[c.len_utf8()..].chars().next();
            let begins_name = next.is_some_and(|next| is_word(next) && !next.is_ascii_digit() && next != '$');
            let begins_word = next.is_some_and(is_word);
            if self.found.is_ended && !c.is_whitespace() && !rest.starts_with("--") && !rest.starts_with("/*") {
                return Err(Diagnostic::new(
                    "`sql!` takes one statement",
                    "write a `sql!` for each statement, or `sqlx::raw_sql(\"..\")` with a literal",
                ));
            }
            match c {
                '\'' => self.quoted_text()?,
                '"' => self.quoted('"', "a name between double quotes")?,
                '`' => {
                    self.found.sqlite = Some("a name between backticks");
                    self.quoted('`', "a name between backticks")?;
                }
                '[' => self.bracket()?,
                '-' if next == Some('-') => self.line_comment()?,
                '/' if next == Some('*') => self.block_comment()?,
                '$' => self.dollar(next)?,
                '?' if next == Some('?') => {
                    // The operators `?`, `?|` and `?&` of PostgreSQL.
                    self.found.postgres = Some("the operator `?`");
                    self.at += 1;
                    self.keep_token(1, CodeToken::Mark('?'));
                }
                '?' => return Err(placeholder("?")),
                ':' if next == Some(':') => self.keep_token(2, CodeToken::Mark(':')),
                ':' | '@' if begins_name => {
                    let name: String = rest.chars().skip(1).take_while(|c| is_word(*c)).collect();
                    return Err(placeholder(&format!("{c}{name}")));
                }
                // Variables of SQLite; a slice and operators of PostgreSQL.
                ':' | '@' | '#' if begins_word => {
                    self.found.postgres = Some("`:`, `@` or `#` before a word");
                    self.keep_token(1, CodeToken::Mark(c));
                }
                '{' => self.parameter()?,
                '}' => {
                    return Err(Diagnostic::new("`}` without `{`", "SQL has no braces outside of quotes; remove it"));
                }
                ';' => {
                    self.found.is_ended = true;
                    self.keep_token(1, CodeToken::Mark(';'));
                }
                c if c.is_whitespace() && !c.is_ascii() => {
                    return Err(Diagnostic::new(
                        "a space that is not of ASCII, which the database reads as a part of a name",
                        "write an ordinary space",
                    ));
                }
                c if is_word(c) => {
                    // A whole word, so that a `$` in it begins no dollar quote.
                    let word = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
                    self.keep_token(word, CodeToken::Word(rest[..word].to_ascii_uppercase()));
                }
                c if c.is_whitespace() => self.keep(1),
                c => self.keep_token(c.len_utf8(), CodeToken::Mark(c)),
            }
        }
        Ok(())
    }

    /// `'..'`, in which `''` is a quote. In `E'..'` of PostgreSQL, a backslash escapes.
    fn quoted_text(&mut self) -> Result<(), Diagnostic> {
        if self.found.code.last() == Some(&CodeToken::EscapeText) {
            return Err(Diagnostic::new(
                "a text `E'..'` that another text follows",
                "PostgreSQL may read both as one text with escapes; write one text, or `||` between them",
            ));
        }
        // The prefix is a word of its own, directly before the quote.
        let escapes = self.literal.ends_with(['e', 'E']) && self.found.code.ends_with_word(&["E"]);
        if !escapes {
            return self.quoted('\'', "a text between quotes");
        }
        self.found.postgres = Some("a text `E'..'`");
        let start = self.at;
        let mut chars = self.rest().char_indices().skip(1).peekable();
        while let Some((index, c)) = chars.next() {
            match c {
                '\\' => drop(chars.next()),
                '\'' if matches!(chars.peek(), Some((_, '\''))) => drop(chars.next()),
                '\'' => {
                    self.keep_token(index + 1, CodeToken::EscapeText);
                    return self.without_parameters(start, QuotedPlace::Text);
                }
                _ => {}
            }
        }
        Err(unclosed("a text between quotes", "'"))
    }

    /// From a quote to the next one. A doubled quote is a quote.
    fn quoted(&mut self, quote: char, what: &str) -> Result<(), Diagnostic> {
        let start = self.at;
        let mut chars = self.rest().char_indices().skip(1).peekable();
        while let Some((index, c)) = chars.next() {
            if c != quote {
                continue;
            }
            if matches!(chars.peek(), Some((_, next)) if *next == quote) {
                chars.next();
                continue;
            }
            self.keep_token(index + 1, CodeToken::Quoted);
            return self.without_parameters(start, if quote == '\'' { QuotedPlace::Text } else { QuotedPlace::Name });
        }
        Err(unclosed(what, &quote.to_string()))
    }

    /// `[..]` is a name in SQLite, and a subscript or an array in PostgreSQL. A plain name or number is the same in both for this scanner.
    fn bracket(&mut self) -> Result<(), Diagnostic> {
        let Some(end) = self.rest().find(']') else { return Err(unclosed("a bracket", "]")) };
        if self.rest()[1..end].chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | ' ')) {
            self.keep_token(end + 1, CodeToken::Quoted);
        } else {
            self.found.postgres = Some("an expression between brackets");
            self.keep_token(1, CodeToken::Mark('['));
        }
        Ok(())
    }

    /// PostgreSQL also ends a comment at a carriage return, SQLite does not.
    fn line_comment(&mut self) -> Result<(), Diagnostic> {
        let (start, rest) = (self.at, self.rest());
        let end = rest.find('\n');
        let comment = &rest[..end.unwrap_or(rest.len())];
        if comment.trim_end_matches('\r').contains('\r') {
            return Err(Diagnostic::new("a carriage return inside of a comment", "end the comment with a newline"));
        }
        self.keep(end.map_or(rest.len(), |end| end + 1));
        if end.is_none() {
            // The next literal is not a part of the comment.
            self.literal.push('\n');
        }
        self.without_parameters(start, QuotedPlace::Comment)
    }

    /// A comment in a comment ends differently in SQLite and PostgreSQL.
    fn block_comment(&mut self) -> Result<(), Diagnostic> {
        let start = self.at;
        let inside = &self.rest()[2..];
        let Some(end) = inside.find("*/") else { return Err(unclosed("a comment", "*/")) };
        // In `/* a /*/`, PostgreSQL reads the second `/*` first.
        if inside[..=end].contains("/*") {
            return Err(Diagnostic::new(
                "a comment inside of a comment",
                "SQLite ends the comment at the first `*/`, PostgreSQL at the second; remove the inner one",
            ));
        }
        self.keep(end + 4);
        self.without_parameters(start, QuotedPlace::Comment)
    }

    /// `$1` is a placeholder, and `$tag$..$tag$` a text of PostgreSQL.
    fn dollar(&mut self, next: Option<char>) -> Result<(), Diagnostic> {
        let rest = self.rest();
        let name: String = rest.chars().skip(1).take_while(|c| is_word(*c) && *c != '$').collect();
        let is_tag = !next.is_some_and(|c| c.is_ascii_digit()) && rest[1 + name.len()..].starts_with('$');
        if !is_tag {
            return match name.as_str() {
                "" => Err(Diagnostic::new("`$` outside of quotes", "write a value as `{value}`")),
                _ => Err(placeholder(&format!("${name}"))),
            };
        }
        self.found.postgres = Some("a text between dollar quotes");
        let (start, tag) = (self.at, format!("${name}$"));
        let Some(end) = rest[tag.len()..].find(&tag) else {
            return Err(unclosed("a text between dollar quotes", &tag));
        };
        self.keep_token(tag.len() + end + tag.len(), CodeToken::Quoted);
        self.without_parameters(start, QuotedPlace::Text)
    }

    /// Reports a parameter in the text since `start`, where the database reads no placeholder. Other braces are a part of the text.
    fn without_parameters(&self, start: usize, place: QuotedPlace) -> Result<(), Diagnostic> {
        let text = &self.text[start..self.at];
        for (open, _) in text.match_indices('{') {
            let ends = text[open..].match_indices('}').map(|(end, _)| &text[open + 1..open + end]);
            if let Some(inside) = ends.take(8).find(|inside| parameter::names_a_value(inside)) {
                let (whose, help) = match place {
                    QuotedPlace::Comment => ("comments", "remove the braces".to_owned()),
                    QuotedPlace::Name => {
                        let help =
                            "write `{table:ident}` without quotes around it, with an enum that derives `SqlIdentifier`";
                        ("quotes", help.to_owned())
                    }
                    QuotedPlace::Text if text.contains('%') => (
                        "quotes",
                        format!("write `LIKE {{{inside}:contains}}`, `:starts_with` or `:ends_with`, without quotes"),
                    ),
                    QuotedPlace::Text => (
                        "quotes",
                        format!(
                            "write `{{{inside}}}` without quotes around it, or `'prefix' || {{{inside}}}` to join texts; for an \
                             interval write `{{{inside}}} * INTERVAL '1 day'`; a text that has such braces is a value of its own"
                        ),
                    ),
                };
                return Err(Diagnostic::new(
                    format!("a parameter inside of {whose} is not a parameter: `{{{inside}}}`"),
                    help,
                ));
            }
        }
        Ok(())
    }

    fn parameter(&mut self) -> Result<(), Diagnostic> {
        let rest = self.rest();
        if rest.starts_with("{{") {
            return Err(Diagnostic::new(
                "`{{` is not an escape in `sql!`",
                "SQL has no braces outside of quotes, and inside of quotes they are taken literally",
            ));
        }
        let ends = rest.match_indices('}').map(|(end, _)| end);
        let mut first = None;
        for end in ends {
            match parameter::read(&rest[1..end], self.span) {
                Ok(parameter) => {
                    self.at += end + 1;
                    return self.place(parameter, &rest[..=end]);
                }
                Err(mistake) => drop(first.get_or_insert(mistake)),
            }
        }
        Err(first.unwrap_or_else(|| unclosed("a parameter", "}")))
    }
}

fn placeholder(written: &str) -> Diagnostic {
    Diagnostic::new(
        format!("`{written}` is a placeholder, which `sql!` writes itself"),
        match written {
            "?" => "write the value in its place: `{id}`; for the operator `?` of PostgreSQL write `??`",
            _ if written.starts_with(':') => {
                "write the value in its place: `{id}`; in a slice of an array, write spaces around `:`"
            }
            _ => "write the value in its place: `{id}`",
        },
    )
}

fn unclosed(what: &str, end: &str) -> Diagnostic {
    Diagnostic::new(format!("{what} is not closed"), format!("close it with `{end}` in the same literal"))
}
