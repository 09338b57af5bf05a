//! The table as Markdown, for documentation and for the page that a test keeps.
//!
//! Threat: a word that leaves its cell and hides or forges another (CWE-116). Promise: every character that Markdown or HTML
//! gives a meaning to is escaped; a row is one line, so that one changed attribute is one changed line.

use super::{PolicyRow, PolicyTable, escape};

const TITLE: &str = "# Policies\n\n\
    Every route of this application with what it demands; a test compares this page with the code, and running the test \
    with `PALISADE_BLESS=1` renews it.\n\n";

pub(super) fn render(table: &PolicyTable) -> String {
    let mut page = rows(table, PolicyRow::handler_and_place);
    page.push('\n');
    page.push_str(&table.summary());
    page.push('\n');
    exemptions(table, &mut page);
    page
}

/// Without the summary too: a route that became public is one changed line, not two.
#[cfg(any(test, feature = "testing"))]
pub(super) fn committed(table: &PolicyTable) -> String {
    let mut page = TITLE.to_owned();
    page.push_str(&rows(table, |row| row.handler().to_string()));
    exemptions(table, &mut page);
    page
}

fn rows(table: &PolicyTable, handler: impl Fn(&PolicyRow) -> String) -> String {
    let mut page = "| Method | Path | Access | Rate limits | Validates | Handler | Reason |\n".to_owned();
    page.push_str("| --- | --- | --- | --- | --- | --- | --- |\n");
    for row in table.rows() {
        let cells = [
            row.methods().join(", "),
            row.path().to_owned(),
            row.access(),
            row.rate_limits(),
            row.input(),
            handler(row),
            row.reason().unwrap_or_default().to_owned(),
        ];
        for cell in cells {
            page.push_str("| ");
            page.push_str(&escaped(&cell));
            page.push(' ');
        }
        page.push_str("|\n");
    }
    page
}

fn exemptions(table: &PolicyTable, page: &mut String) {
    let mut exempt = table.exemptions().peekable();
    if exempt.peek().is_some() {
        page.push_str("\nExempt prefixes, under which handlers need not declare anything:\n\n");
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
            // Inside a word it is no emphasis, and names stay readable.
            '_' if before.is_alphanumeric() && rest.peek().is_some_and(|next| next.is_alphanumeric()) => cell.push(c),
            '\\' | '|' | '`' | '*' | '_' | '~' | '[' | ']' => cell.extend(['\\', c]),
            c => cell.push(c),
        }
        before = c;
    }
    cell
}
