//! The table as Markdown, for documentation and for the page that a test compares with the code.
//!
//! Threat: a text leaves its cell and hides or forges another cell (CWE-116). Promise: each character with a special meaning in
//! Markdown or HTML is escaped. A row is one line, so that one changed attribute changes one line.

use super::columns::{COLUMNS, Detail};
use super::{PolicyTable, escape};

#[cfg(any(test, feature = "testing"))]
const TITLE: &str = "# Policies\n\n\
    Each route of this application and its requirements. A test compares this page with the code. Run that test \
    with `PALISADE_BLESS=1` to renew the page.\n\n";

pub(super) fn render(table: &PolicyTable) -> String {
    let mut page = rows(table, Detail::Whole);
    page.push('\n');
    page.push_str(&table.summary());
    page.push('\n');
    browsers(table, &mut page);
    exemptions(table, &mut page);
    page
}

/// The page in the repository. It has no lines of code and no summary, so that a route that becomes public changes one line of it.
#[cfg(any(test, feature = "testing"))]
pub(super) fn committed(table: &PolicyTable) -> String {
    let mut page = TITLE.to_owned();
    page.push_str(&rows(table, Detail::WithoutLines));
    browsers(table, &mut page);
    exemptions(table, &mut page);
    page
}

fn rows(table: &PolicyTable, detail: Detail) -> String {
    let mut page = String::new();
    for column in &COLUMNS {
        page.push_str(&format!("| {} ", column.heading));
    }
    page.push_str("|\n");
    page.push_str(&"| --- ".repeat(COLUMNS.len()));
    page.push_str("|\n");
    for row in table.rows() {
        for column in &COLUMNS {
            page.push_str("| ");
            page.push_str(&escaped(&(column.cell)(row, detail)));
            page.push(' ');
        }
        page.push_str("|\n");
    }
    page
}

fn browsers(table: &PolicyTable, page: &mut String) {
    table.for_browsers().iter().for_each(|sentence| page.push_str(&format!("\n{}\n", escaped(sentence))));
}

fn exemptions(table: &PolicyTable, page: &mut String) {
    let mut exempt = table.exemptions().peekable();
    if exempt.peek().is_some() {
        page.push_str("\nExempt prefixes: handlers below them need no policy:\n\n");
    }
    for (prefix, reason) in exempt {
        page.push_str(&format!("- {}: {}\n", escaped(prefix), escaped(reason)));
    }
}

fn escaped(text: &str) -> String {
    let text = escape(text);
    let mut cell = String::with_capacity(text.len());
    let mut before = ' ';
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '&' => cell.push_str("&amp;"),
            '<' => cell.push_str("&lt;"),
            '>' => cell.push_str("&gt;"),
            // Inside a word, `_` does not start emphasis. It is not escaped, so that names stay readable.
            '_' if before.is_alphanumeric() && rest.peek().is_some_and(|next| next.is_alphanumeric()) => cell.push(c),
            '\\' | '|' | '`' | '*' | '_' | '~' | '[' | ']' => cell.extend(['\\', c]),
            c => cell.push(c),
        }
        before = c;
    }
    cell
}
