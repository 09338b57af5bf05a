//! The table for a terminal.
//!
//! Threat: escape sequences in a path or a reason rewrite the screen (CWE-150). Promise: each line has at most [`WIDTH`]
//! characters, and control characters are shown as escapes.

use super::columns::{COLUMNS, Column, Detail, groups};
use super::row::name_of;
use super::{PolicyRow, PolicyTable, escape};

/// The maximum number of characters in a line.
pub(super) const WIDTH: usize = 100;
/// The number of columns in the first line of a route. Each other column has lines of its own, after its heading.
const FIRST: usize = 3;
/// The number of spaces before lines that continue a route.
const INDENT: usize = 8;
/// If a cell of the first line is wider than this, the cells after it are on the next line.
const WIDEST: usize = 48;

pub(super) fn render(table: &PolicyTable) -> String {
    let (first, further) = COLUMNS.split_at(FIRST);
    let heading = |column: &Column| column.heading.to_uppercase();
    let widths: Vec<usize> = first
        .iter()
        .map(|column| {
            let cells = table.rows().iter().map(|row| cell(column, row).chars().count());
            cells.filter(|width| *width <= WIDEST).chain([heading(column).chars().count()]).max().unwrap_or_default()
        })
        .collect();
    let label = further.iter().map(|column| heading(column).chars().count()).max().unwrap_or_default();

    let mut text = String::new();
    push_first_line(&mut text, first.iter().map(heading), &widths);
    for group in groups(table.rows()) {
        text.push('\n');
        let demands = if group.demands.is_empty() { String::new() } else { format!(": {}", escape(&group.demands)) };
        push_wrapped(&mut text, "", &format!("SCOPE {}{demands}", escape(name_of(group.prefix))), INDENT);
        for row in group.rows {
            push_first_line(&mut text, first.iter().map(|column| cell(column, row)), &widths);
            for column in further {
                let cell = cell(column, row);
                if !cell.is_empty() {
                    let start = format!("{:INDENT$}{:label$}  ", "", heading(column));
                    push_wrapped(&mut text, &start, &cell, start.chars().count());
                }
            }
        }
    }
    text.push('\n');
    push_wrapped(&mut text, "", &table.summary(), INDENT);
    let exempt: Vec<String> =
        table.exemptions().map(|(prefix, reason)| format!("{} ({})", escape(prefix), escape(reason))).collect();
    if !exempt.is_empty() {
        push_wrapped(&mut text, "Exempt: ", &exempt.join(", "), INDENT);
    }
    text
}

fn cell(column: &Column, row: &PolicyRow) -> String {
    escape(&(column.cell)(row, Detail::InScope)).into_owned()
}

/// Writes the cells side by side, each as wide as its column.
fn push_first_line(text: &mut String, cells: impl Iterator<Item = String>, widths: &[usize]) {
    let mut line = String::new();
    let mut at: usize = 0;
    for (cell, width) in cells.zip(widths) {
        if line.chars().count() > at {
            push_wrapped(text, "", line.trim_end(), INDENT);
            line = " ".repeat(at);
        }
        line.push_str(&format!("{cell:width$}  "));
        at = at.saturating_add(*width).saturating_add(2);
    }
    push_wrapped(
        text,
        "",
        line.trim_end(),
        at.saturating_sub(widths.last().copied().unwrap_or_default()).saturating_sub(2),
    );
}

/// Writes the words as lines of at most [`WIDTH`] characters. The first one begins with `start`, and the others with `indent` spaces.
fn push_wrapped(text: &mut String, start: &str, words: &str, indent: usize) {
    let indent = indent.min(WIDTH / 2);
    let mut line = start.to_owned();
    let mut width = line.chars().count();
    let mut is_empty = true;
    for word in words.split(' ') {
        let mut rest: Vec<char> = word.chars().collect();
        let space = usize::from(!is_empty);
        if !is_empty && width.saturating_add(space).saturating_add(rest.len()) > WIDTH {
            finish_line(text, &mut line);
            line = " ".repeat(indent);
            (width, is_empty) = (indent, true);
        }
        if !is_empty {
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
        is_empty = false;
        line.extend(rest);
    }
    finish_line(text, &mut line);
}

fn finish_line(text: &mut String, line: &mut String) {
    text.push_str(line.trim_end());
    text.push('\n');
    line.clear();
}
