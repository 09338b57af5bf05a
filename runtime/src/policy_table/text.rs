//! The table for a terminal.
//!
//! Threat: escape sequences in a path or reason that rewrite the screen (CWE-150). Promise: one line for a row, aligned columns,
//! control characters as escapes.

use super::{PolicyRow, PolicyTable, escape};

const HEADINGS: [&str; 7] = ["METHOD", "PATH", "ACCESS", "QUOTAS", "VALIDATES", "HANDLER", "REASON"];

pub(super) fn render(table: &PolicyTable) -> String {
    let headings = HEADINGS.map(str::to_owned);
    let lines: Vec<[String; 7]> = std::iter::once(headings).chain(table.rows().iter().map(cells)).collect();
    let mut widths = [0; 7];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for line in &lines {
        let padded: Vec<String> = line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text.push_str(padded.join("  ").trim_end());
        text.push('\n');
    }
    text.push('\n');
    text.push_str(&table.summary());
    text.push('\n');
    let exempt: Vec<String> =
        table.exemptions().map(|(prefix, reason)| format!("{} ({})", escape(prefix), escape(reason))).collect();
    if !exempt.is_empty() {
        text.push_str("Exempt: ");
        text.push_str(&exempt.join(", "));
        text.push('\n');
    }
    text
}

fn cells(row: &PolicyRow) -> [String; 7] {
    [
        row.methods().join(","),
        row.path().to_owned(),
        row.access(),
        row.rate_limits(),
        row.input(),
        row.handler_and_place(),
        row.reason().unwrap_or_default().to_owned(),
    ]
    .map(|cell| if cell.is_empty() { "-".to_owned() } else { escape(&cell).into_owned() })
}
