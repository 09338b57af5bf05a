//! Comparison with a committed page.
//!
//! Threat: a change makes a route public, and the review does not notice it (CWE-862). Promise: either the diff of the
//! committed page shows the change, or the test fails and shows the changed line. The page is renewed only on request, and
//! never in CI.

// This code runs only in tests, where a failure is a panic.
#![allow(clippy::panic)]

use std::fmt::Write as _;
use std::io::ErrorKind;
use std::path::Path;
use std::{env, fs};

use crate::policy_table::PolicyTable;

/// Compares a [`PolicyTable`](crate::PolicyTable) with the page that is committed for it, and fails with the lines that
/// differ.
///
/// The path is relative to the `Cargo.toml` of the crate. Run the test with `PALISADE_BLESS=1` to create or update the file. If
/// `CI` is set, nothing is written. The page has no line numbers, so it changes only if a policy, a route or a name changes.
///
/// ```
/// use palisade::PolicyTable;
///
/// fn policies_match_the_committed_page(table: &PolicyTable) {
///     palisade::testing::assert_policies!("policies.md", table);
/// }
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! __assert_policies {
    ($file:expr, $table:expr $(,)?) => {
        $crate::__v1::assert_policies(&::std::path::Path::new(::core::env!("CARGO_MANIFEST_DIR")).join($file), &$table)
    };
}

/// Compares a policy table with a committed file. Writes the file instead if `PALISADE_BLESS` is set and `CI` is not.
///
/// # Panics
///
/// If the table and the file differ (the message shows the differing lines), or if the file cannot be read or written.
#[track_caller]
pub fn assert_policies(path: &Path, table: &PolicyTable) {
    assert_committed(path, &table.to_committed());
}

/// Compares a text with a committed file, as [`assert_policies`] does.
///
/// # Panics
///
/// See [`assert_policies`].
#[track_caller]
pub fn assert_committed(path: &Path, now: &str) {
    if let Err(difference) = compare_or_write(path, now, Blessing::from_environment()) {
        panic!("{difference}");
    }
}

/// Whether the file is renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blessing {
    NotRequested,
    Requested,
    /// Requested in CI, where nobody reviews the change.
    ForbiddenInCi,
}

impl Blessing {
    fn from_environment() -> Self {
        let read = |name| env::var(name).unwrap_or_default();
        Self::of(&read("PALISADE_BLESS"), &read("CI"))
    }

    fn of(bless: &str, ci: &str) -> Self {
        match (bless, ci) {
            ("" | "0", _) => Self::NotRequested,
            (_, "" | "0" | "false") => Self::Requested,
            _ => Self::ForbiddenInCi,
        }
    }
}

fn compare_or_write(path: &Path, now: &str, blessing: Blessing) -> Result<(), String> {
    let shown = path.display();
    let (before, missing) = match fs::read_to_string(path) {
        Ok(before) => (before, false),
        Err(error) if error.kind() == ErrorKind::NotFound => (String::new(), true),
        Err(error) => return Err(format!("{shown} cannot be read: {error}")),
    };
    // Lines are compared, so that a checkout with CRLF is equal.
    if !missing && before.lines().eq(now.lines()) {
        return Ok(());
    }
    let advice = match blessing {
        Blessing::Requested => return write(path, now).map_err(|error| format!("{shown} cannot be written: {error}")),
        Blessing::NotRequested => "run again with PALISADE_BLESS=1 to accept",
        Blessing::ForbiddenInCi => {
            "PALISADE_BLESS is ignored because CI is set; run again with PALISADE_BLESS=1 on your own machine to accept"
        }
    };
    let what = if missing { "does not exist yet" } else { "differs from the code" };
    Err(format!("{shown} {what} (- committed, + now):\n\n{}\n{advice}", difference(&before, now)))
}

fn write(path: &Path, now: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, now)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DiffLine<'t> {
    Same(&'t str),
    Committed(&'t str),
    Now(&'t str),
}

/// The lines that differ, each with its neighbours. `...` stands for omitted lines.
fn difference(before: &str, now: &str) -> String {
    let before: Vec<&str> = before.lines().collect();
    let now: Vec<&str> = now.lines().collect();
    let lines = compare(&before, &now);
    let differs = |line: Option<&DiffLine<'_>>| line.is_some_and(|line| !matches!(line, DiffLine::Same(_)));
    let mut text = String::new();
    let mut omitted = false;
    for (at, line) in lines.iter().enumerate() {
        let is_context =
            differs(at.checked_sub(1).and_then(|at| lines.get(at))) || differs(lines.get(at.saturating_add(1)));
        if !differs(Some(line)) && !is_context {
            omitted = true;
            continue;
        }
        if std::mem::take(&mut omitted) {
            text.push_str("  ...\n");
        }
        let (sign, text_of_line) = match line {
            DiffLine::Same(text_of_line) => (' ', text_of_line),
            DiffLine::Committed(text_of_line) => ('-', text_of_line),
            DiffLine::Now(text_of_line) => ('+', text_of_line),
        };
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "{sign} {}", crate::policy_table::escape(text_of_line));
    }
    if omitted {
        text.push_str("  ...\n");
    }
    text
}

/// Aligns the lines between the common beginning and end by a longest common subsequence.
fn compare<'t>(mut before: &[&'t str], mut now: &[&'t str]) -> Vec<DiffLine<'t>> {
    let mut lines = Vec::new();
    while let ([first, rest @ ..], [other, others @ ..]) = (before, now)
        && first == other
    {
        lines.push(DiffLine::Same(first));
        (before, now) = (rest, others);
    }
    let mut end = Vec::new();
    while let ([rest @ .., last], [others @ .., other]) = (before, now)
        && last == other
    {
        end.push(DiffLine::Same(last));
        (before, now) = (rest, others);
    }
    let common = common_lengths(before, now);
    // The number of common lines in the tails from these two positions on.
    let length = |before: &[&str], now: &[&str]| -> usize {
        common.get(before.len()).and_then(|row| row.get(now.len())).copied().unwrap_or_default()
    };
    loop {
        match (before, now) {
            ([first, rest @ ..], [other, others @ ..]) if first == other => {
                lines.push(DiffLine::Same(first));
                (before, now) = (rest, others);
            }
            ([first, rest @ ..], _) if now.is_empty() || length(rest, now) >= length(before, now) => {
                lines.push(DiffLine::Committed(first));
                before = rest;
            }
            (_, [other, others @ ..]) => {
                lines.push(DiffLine::Now(other));
                now = others;
            }
            _ => break,
        }
    }
    lines.extend(end.into_iter().rev());
    lines
}

/// For each pair of tails, the length of their longest common subsequence.
fn common_lengths(before: &[&str], now: &[&str]) -> Vec<Vec<usize>> {
    let mut rows = vec![vec![0_usize; now.len().saturating_add(1)]];
    for line in before.iter().rev() {
        let mut row = vec![0_usize];
        if let Some(below) = rows.last() {
            for ((other, short), long) in now.iter().rev().zip(below).zip(below.iter().skip(1)) {
                let left = row.last().copied().unwrap_or_default();
                row.push(if line == other { short.saturating_add(1) } else { left.max(*long) });
            }
        }
        rows.push(row);
    }
    rows
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// A temporary folder for the file of one test; it is removed when the test ends.
    struct TempFolder(PathBuf);

    impl TempFolder {
        fn new(name: &str) -> Self {
            let folder = env::temp_dir().join(format!("palisade-committed-{}-{name}", std::process::id()));
            let _ = fs::remove_dir_all(&folder);
            Self(folder)
        }

        fn file(&self) -> PathBuf {
            self.0.join("pages/policies.md")
        }
    }

    impl Drop for TempFolder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn changed_line_is_shown_with_its_neighbours() {
        assert_eq!(
            difference("a\nb\nlogin | public\nd\ne\n", "a\nb\nlogin | authenticated\nd\ne\n"),
            "  ...\n  b\n- login | public\n+ login | authenticated\n  d\n  ...\n"
        );
    }

    #[test]
    fn changed_attribute_changes_one_line() {
        use crate::policy::{Policy, Route, Rule};
        use crate::policy_table::{PolicyRow, PolicyTable};

        static PUBLIC: Policy = Policy::new(Rule::Public).of("app", "show");
        static GUARDED: Policy = Policy::new(Rule::Role("a")).of("app", "show");
        let page = |policy| {
            let mut table = PolicyTable::default();
            table.push(PolicyRow::new(&Route::get("/a"), "", &PUBLIC, &[], &[]));
            table.push(PolicyRow::new(&Route::get("/b"), "", policy, &[], &[]));
            table.to_committed()
        };
        let difference = difference(&page(&GUARDED), &page(&PUBLIC));
        let lines: Vec<&str> = difference.lines().filter(|line| !line.starts_with("  ")).collect();
        assert_eq!(
            lines,
            [
                "- | GET | /b | require_role(\"a\") |  |  |  | app::show |  |",
                "+ | GET | /b | public |  |  |  | app::show |  |"
            ]
        );
    }

    #[test]
    fn moved_and_added_lines_are_found() {
        assert_eq!(difference("a\nb\nc\nd\ne", "a\nx\nb\nc\ne"), "  a\n+ x\n  b\n  c\n- d\n  e\n");
        assert_eq!(difference("", "a\nb"), "+ a\n+ b\n");
        assert_eq!(difference("a\nb", ""), "- a\n- b\n");
        assert_eq!(difference("a\na\nb", "a\nb"), "  a\n- a\n  b\n");
        assert_eq!(difference("a\u{1b}[2K", "a"), "- a\\u{1b}[2K\n+ a\n");
    }

    #[test]
    fn blessing_is_opt_in_and_forbidden_in_ci() {
        for (bless, ci, expected) in [
            ("", "", Blessing::NotRequested),
            ("0", "", Blessing::NotRequested),
            ("0", "true", Blessing::NotRequested),
            ("1", "", Blessing::Requested),
            ("yes", "false", Blessing::Requested),
            ("1", "true", Blessing::ForbiddenInCi),
            ("1", "1", Blessing::ForbiddenInCi),
        ] {
            assert_eq!(Blessing::of(bless, ci), expected, "{bless:?} {ci:?}");
        }
    }

    #[test]
    fn missing_file_is_written_only_by_blessing() {
        let folder = TempFolder::new("missing");
        let file = folder.file();
        let message = compare_or_write(&file, "a\nb\n", Blessing::NotRequested).unwrap_err();
        assert!(message.contains("policies.md does not exist yet"), "{message}");
        assert!(message.ends_with("\n\n+ a\n+ b\n\nrun again with PALISADE_BLESS=1 to accept"), "{message}");
        let rejected = compare_or_write(&file, "a\nb\n", Blessing::ForbiddenInCi).unwrap_err();
        assert!(rejected.contains("ignored because CI is set") && !file.exists(), "{rejected}");
        compare_or_write(&file, "a\nb\n", Blessing::Requested).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "a\nb\n");
        for blessing in [Blessing::NotRequested, Blessing::ForbiddenInCi] {
            compare_or_write(&file, "a\nb\n", blessing).unwrap();
        }
        let message = compare_or_write(&file, "a\nc\n", Blessing::NotRequested).unwrap_err();
        assert!(message.contains("differs from the code (- committed, + now):\n\n  a\n- b\n+ c\n"), "{message}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "a\nb\n");
    }

    #[test]
    fn crlf_is_ignored_and_empty_is_not_missing() {
        let folder = TempFolder::new("crlf");
        let file = folder.file();
        assert!(compare_or_write(&file, "", Blessing::NotRequested).is_err());
        compare_or_write(&file, "a\r\nb\r\n", Blessing::Requested).unwrap();
        compare_or_write(&file, "a\nb\n", Blessing::NotRequested).unwrap();
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        assert!(compare_or_write(&file, "a", Blessing::Requested).unwrap_err().contains("cannot be read"));
    }

    #[test]
    #[should_panic(expected = "src cannot be read")]
    fn committed_page_path_starts_at_the_manifest() {
        // `src` is a folder, so the test also fails with `PALISADE_BLESS=1`.
        crate::testing::assert_policies!("src", &crate::PolicyTable::default());
    }
}
