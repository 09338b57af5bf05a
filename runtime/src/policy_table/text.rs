//! The table for a terminal.
//!
//! Threat: escape sequences in a path or a reason rewrite the screen (CWE-150). Promise: each line has at most [`WIDTH`]
//! characters, and control characters are shown as escapes.

use super::columns::{COLUMNS, Column, Detail, groups};
use super::words::prefix_or_slash;
use super::{PolicyRow, PolicyTable, escape};

/// The maximum number of characters in a line.
pub(super) const WIDTH: usize = 100;
/// The number of columns in the first line of a route. Each other column has lines of its own, after its heading.
const COLUMNS_IN_FIRST_LINE: usize = 3;
/// The number of spaces before lines that continue a route.
const INDENT: usize = 8;
/// If a cell of the first line is wider than this, the cells after it are on the next line.
const MAX_ALIGNED_CELL: usize = 48;

pub(super) fn render(table: &PolicyTable) -> String {
    let (first, further) = COLUMNS.split_at(COLUMNS_IN_FIRST_LINE);
    let heading = |column: &Column| column.heading.to_uppercase();
    let widths: Vec<usize> = first
        .iter()
        .map(|column| {
            let cells = table.rows().iter().map(|row| escaped_cell(column, row).chars().count());
            cells
                .filter(|width| *width <= MAX_ALIGNED_CELL)
                .chain([heading(column).chars().count()])
                .max()
                .unwrap_or_default()
        })
        .collect();
    let label_width = further.iter().map(|column| heading(column).chars().count()).max().unwrap_or_default();

    let mut text = String::new();
    push_columns(&mut text, first.iter().map(heading), &widths);
    for group in groups(table.rows()) {
        text.push('\n');
        let demands = if group.demands.is_empty() { String::new() } else { format!(": {}", escape(&group.demands)) };
        push_wrapped(&mut text, "", &format!("SCOPE {}{demands}", escape(prefix_or_slash(group.prefix))), INDENT);
        for row in group.rows {
            push_columns(&mut text, first.iter().map(|column| escaped_cell(column, row)), &widths);
            for column in further {
                let cell = escaped_cell(column, row);
                if !cell.is_empty() {
                    let start = format!("{:INDENT$}{:label_width$}  ", "", heading(column));
                    push_wrapped(&mut text, &start, &cell, start.chars().count());
                }
            }
        }
    }
    text.push('\n');
    push_wrapped(&mut text, "", &table.summary(), INDENT);
    table.for_browsers().iter().for_each(|sentence| push_wrapped(&mut text, "", &escape(sentence), INDENT));
    let exempt: Vec<String> =
        table.exemptions().map(|(prefix, reason)| format!("{} ({})", escape(prefix), escape(reason))).collect();
    if !exempt.is_empty() {
        push_wrapped(&mut text, "Exempt: ", &exempt.join(", "), INDENT);
    }
    text
}

fn escaped_cell(column: &Column, row: &PolicyRow) -> String {
    escape(&(column.cell)(row, Detail::InScope)).into_owned()
}

/// Writes the cells below each other's columns; after a cell that is too wide, the rest goes to the next line.
fn push_columns(text: &mut String, cells: impl Iterator<Item = String>, widths: &[usize]) {
    let mut line = String::new();
    let mut column_start: usize = 0;
    for (cell, width) in cells.zip(widths) {
        if line.chars().count() > column_start {
            push_wrapped(text, "", line.trim_end(), INDENT);
            line = " ".repeat(column_start);
        }
        line.push_str(&format!("{cell:width$}  "));
        column_start = column_start.saturating_add(*width).saturating_add(2);
    }
    // If the line is too long, continue below the last column.
    let last_width = widths.last().copied().unwrap_or_default();
    push_wrapped(text, "", line.trim_end(), column_start.saturating_sub(last_width).saturating_sub(2));
}

/// Writes the words as lines of at most [`WIDTH`] characters. The first one begins with `start`, and the others with `indent` spaces.
fn push_wrapped(text: &mut String, start: &str, words: &str, indent: usize) {
    let indent = indent.min(WIDTH / 2);
    let mut line = start.to_owned();
    let mut width = line.chars().count();
    let mut line_is_empty = true;
    for word in words.split(' ') {
        let mut rest: Vec<char> = word.chars().collect();
        let space = usize::from(!line_is_empty);
        if !line_is_empty && width.saturating_add(space).saturating_add(rest.len()) > WIDTH {
            finish_line(text, &mut line);
            line = " ".repeat(indent);
            (width, line_is_empty) = (indent, true);
        }
        if !line_is_empty {
            line.push(' ');
            width = width.saturating_add(1);
        }
        // A word that is longer than a line is split.
        while width.saturating_add(rest.len()) > WIDTH {
            let cut = rest.split_off(WIDTH.saturating_sub(width).min(rest.len()));
            line.extend(rest);
            rest = cut;
            finish_line(text, &mut line);
            line = " ".repeat(indent);
            width = indent;
        }
        width = width.saturating_add(rest.len());
        line_is_empty = false;
        line.extend(rest);
    }
    finish_line(text, &mut line);
}

fn finish_line(text: &mut String, line: &mut String) {
    text.push_str(line.trim_end());
    text.push('\n');
    line.clear();
}
