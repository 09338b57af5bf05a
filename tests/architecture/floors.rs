//! Dependencies between modules point down.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::{root, rust_files};

/// The rooms of the macros, from the lowest floor up. A room uses only rooms of lower floors.
const MACRO_FLOORS: [&[&str]; 9] = [
    &["diagnostics", "gather", "suggest"],
    &["cfg_predicate", "hygiene", "raw_sql", "template", "text", "user_path"],
    &["dependency", "item", "rule", "web_origin"],
    &["arguments", "logic", "policy"],
    &["access"],
    &["attributes"],
    &["emit"],
    &["derive", "expand", "sql"],
    &["tests"],
];

/// The rooms of the runtime, from the lowest floor up. A room uses only rooms of lower floors.
const FLOORS: [&[&str]; 18] = [
    &["challenge", "clock", "handler_path", "navigation", "problem", "reached", "template", "timeout"],
    &["config_error", "denial", "principal", "unavailable"],
    &["body", "headers"],
    &["document"],
    &[
        "concurrency",
        "cors",
        "dry_run",
        "outgoing",
        "proxy",
        "redis",
        "request_sanity",
        "role",
        "sql",
        "sql_store",
        "validation",
    ],
    &["authn", "cross_site", "extraction_errors", "host", "protected_resource", "provider", "rate_limit"],
    &["api_key", "password", "policy", "revocation"],
    &["audit", "authz", "policy_table", "route_responses"],
    &["jwt", "settings"],
    &["admission", "client_auth", "extractors", "input", "rejection_response", "session", "testing", "tls"],
    &["failure", "gate", "introspection", "proof", "resource", "server", "token_source"],
    &["deferring", "guard", "sign_in"],
    &["endpoint"],
    &["function"],
    &["scope"],
    &["builder"],
    &["middleware", "rate_limiter"],
    &["app", "guide", "oauth"],
];

pub(crate) fn room_of(file: &Path) -> String {
    room_in("runtime/src", file)
}

fn room_in(source: &str, file: &Path) -> String {
    let inside = file.strip_prefix(root().join(source)).unwrap();
    inside.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned()
}

/// The rooms that a file names: `room` in each `crate::room` and `crate::{room, ..}` outside of comments.
fn names(text: &str) -> Vec<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = code.map(without_texts).collect::<Vec<_>>().join("\n");
    let named = code.split("crate::").skip(1).flat_map(|rest| match rest.strip_prefix('{') {
        Some(list) => heads(list),
        None => vec![head(rest)],
    });
    named.filter(|name| name.chars().next().is_some_and(char::is_lowercase)).collect()
}

/// The line without what is between quotes.
fn without_texts(line: &str) -> String {
    line.split('"').step_by(2).collect()
}

fn head(text: &str) -> String {
    text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The first name of each item of a list, up to the brace that closes the list.
fn heads(list: &str) -> Vec<String> {
    let mut heads = vec![head(list)];
    let mut depth = 0_usize;
    for (index, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => heads.push(head(&list[index + 1..])),
            _ => {}
        }
    }
    heads
}

/// Fails if a file names a room of the same or of a higher floor. Returns the number of arrows that were read.
fn arrows_that_point_down(source: &str, floors: &[&[&str]]) -> usize {
    let floor: BTreeMap<&str, usize> =
        floors.iter().enumerate().flat_map(|(floor, rooms)| rooms.iter().map(move |room| (*room, floor))).collect();
    let mut arrows = 0;
    for file in rust_files(&root().join(source)) {
        let room = room_in(source, &file);
        if room == "lib" {
            continue;
        }
        let here = *floor.get(room.as_str()).unwrap_or_else(|| panic!("{room} is on no floor: add it to the list"));
        for other in names(&fs::read_to_string(&file).unwrap()) {
            let there = *floor.get(other.as_str()).unwrap_or_else(|| panic!("{room} names {other}, which is no room"));
            arrows += 1;
            assert!(there < here || other == room, "{room} (floor {here}) uses {other} (floor {there})");
        }
    }
    arrows
}

#[test]
fn arrows_point_down() {
    let arrows = arrows_that_point_down("runtime/src", &FLOORS);
    assert!(arrows > 20, "only {arrows} arrows were found: the test no longer reads the source");
}

#[test]
fn arrows_of_the_macros_point_down() {
    let arrows = arrows_that_point_down("macros/src", &MACRO_FLOORS);
    assert!(arrows > 20, "only {arrows} arrows were found: the test no longer reads the source");
}

/// Emission prints the checked model, and so does not know how anything is parsed.
#[test]
fn emission_and_checks_do_not_parse() {
    for file in rust_files(&root().join("macros/src")) {
        let path = file.to_string_lossy().into_owned();
        let checks_or_emits =
            ["/emit/", "/policy/", "/access.rs", "/logic.rs", "rate_limit/check.rs", "rate_limit/emit.rs"];
        if checks_or_emits.iter().any(|part| path.contains(part)) {
            let text = fs::read_to_string(&file).unwrap();
            assert!(!text.contains("arguments::Arguments") && !text.contains("crate::arguments"), "{path} parses");
        }
    }
}
