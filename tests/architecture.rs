//! The house stays as it is drawn: arrows point down, files stay small, the front door is one list.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The floors of the runtime, from the cellar up. A room may use rooms of lower floors, and its own.
const FLOORS: [&[&str]; 14] = [
    &["handler_path", "problem", "reached", "template"],
    &["config_error", "denial", "principal", "unavailable"],
    &[
        "body",
        "cors",
        "dry_run",
        "extraction_errors",
        "headers",
        "proxy",
        "rate_limit",
        "request_sanity",
        "role",
        "validation",
    ],
    &["authn", "policy", "reservations"],
    &["api_key", "audit", "authz", "password", "policy_table", "revocation"],
    &["jwt", "settings"],
    &["extractors", "refusal_response", "session", "testing"],
    &["failure"],
    &["gate", "guard", "resource"],
    &["deferring", "endpoint"],
    &["function", "scope"],
    &["builder"],
    &["middleware", "rate_limiter"],
    &["app"],
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target" && name != "node_modules") {
                files.extend(rust_files(&path));
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn room_of(file: &Path) -> String {
    let source = root().join("runtime/src");
    let inside = file.strip_prefix(source).unwrap();
    inside.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned()
}

/// The rooms that a file names: `crate::room`, wherever it stands outside of comments.
fn names(text: &str) -> Vec<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    code.split("crate::")
        .skip(1)
        .map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>())
        .filter(|name| name.chars().next().is_some_and(char::is_lowercase))
        .collect()
}

#[test]
fn arrows_point_down() {
    let floor: BTreeMap<&str, usize> =
        FLOORS.iter().enumerate().flat_map(|(floor, rooms)| rooms.iter().map(move |room| (*room, floor))).collect();
    let mut seen = 0;
    for file in rust_files(&root().join("runtime/src")) {
        let room = room_of(&file);
        if room == "lib" {
            continue;
        }
        let here = *floor.get(room.as_str()).unwrap_or_else(|| panic!("{room} is on no floor: add it to FLOORS"));
        for other in names(&fs::read_to_string(&file).unwrap()) {
            let there = *floor.get(other.as_str()).unwrap_or_else(|| panic!("{room} names {other}, which is no room"));
            seen += 1;
            assert!(there < here || other == room, "{room} (floor {here}) uses {other} (floor {there})");
        }
    }
    assert!(seen > 20, "only {seen} arrows were found: the test no longer reads the source");
}

#[test]
fn one_idea_a_file() {
    for folder in ["macros", "runtime", "examples", "tests"] {
        for file in rust_files(&root().join(folder)) {
            let lines = fs::read_to_string(&file).unwrap().lines().count();
            assert!(lines <= 400, "{} has {lines} lines: is it still one idea?", file.display());
        }
    }
}

#[test]
fn every_room_opens_with_its_threat_and_its_promise() {
    for file in rust_files(&root().join("runtime/src")) {
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("//! "), "{} says not what it is for", file.display());
    }
    for room in [
        "authn/mod.rs",
        "authz/mod.rs",
        "guard/mod.rs",
        "middleware.rs",
        "rate_limit/mod.rs",
        "reservations/mod.rs",
        "validation/mod.rs",
    ] {
        let text = fs::read_to_string(root().join("runtime/src").join(room)).unwrap();
        let head: String = text.lines().take_while(|line| line.starts_with("//!")).collect::<Vec<_>>().join(" ");
        assert!(head.contains("Threat:") && head.contains("Promise"), "{room} names no threat or no promise");
    }
}

#[test]
fn only_the_guard_calls_a_handler() {
    let calls = rust_files(&root().join("runtime/src"))
        .into_iter()
        .filter(|file| fs::read_to_string(file).unwrap().contains("handler.call("))
        .map(|file| room_of(&file))
        .collect::<Vec<_>>();
    assert_eq!(calls, ["guard"]);
}

/// `Authorized` and `Authenticated` are proofs. Their fields are private, so the compiler keeps every other room from building
/// one. This test keeps the fields private and the builders in one room.
#[test]
fn only_authn_and_authz_make_proofs() {
    for (room, proof, definition) in [
        ("authz", "Authorized", "pub struct Authorized {\n    rows: Rows,\n}"),
        ("authn", "Authenticated", "pub(crate) struct Authenticated(Principal);"),
    ] {
        let mut defined = false;
        for file in rust_files(&root().join("runtime/src")) {
            let text = fs::read_to_string(&file).unwrap();
            defined |= text.contains(definition);
            let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
            let code = code.join("\n");
            let forged = [format!("{proof}("), format!("{proof} {{ ")].iter().any(|built| {
                code.match_indices(built.as_str())
                    .any(|(at, _)| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'))
            });
            let inside = file.strip_prefix(root().join("runtime/src")).unwrap().starts_with(room);
            assert!(inside || !forged, "{} builds an {proof}", file.display());
        }
        assert!(defined, "the field of {proof} is private to {room}: `{definition}`");
    }
}

#[test]
fn unsafe_code_is_forbidden_everywhere() {
    let examples: Vec<PathBuf> =
        fs::read_dir(root().join("examples")).unwrap().map(|entry| entry.unwrap().path().join("src/main.rs")).collect();
    assert!(examples.len() >= 3, "every example is looked at: {examples:?}");
    let libraries = ["macros/src/lib.rs", "runtime/src/lib.rs", "tests/lib.rs"].map(|file| root().join(file));
    for file in libraries.into_iter().chain(examples) {
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains("#![forbid(unsafe_code)]"), "{}", file.display());
    }
}

#[test]
fn nothing_prints_in_a_way_that_panics() {
    for folder in ["runtime/src", "examples/accounts/src"] {
        for file in rust_files(&root().join(folder)) {
            let text = fs::read_to_string(&file).unwrap();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<String>();
            assert!(!code.contains("println!") && !code.contains("print!("), "{}", file.display());
        }
    }
}

/// A match guard of `if let` needs Rust 1.95, and applications may have an older one. Clippy knows the versions of the standard
/// library, but not those of the language.
#[test]
fn the_language_is_that_of_the_stated_rust_version() {
    let mut guards = 0;
    for folder in ["runtime/src", "macros/src"] {
        for file in rust_files(&root().join(folder)) {
            for line in fs::read_to_string(&file).unwrap().lines().filter(|line| line.contains("=>")) {
                guards += usize::from(line.contains(" if "));
                let pattern = line.split("=>").next().unwrap_or_default();
                assert!(!pattern.contains(" if let "), "{}: {line}", file.display());
            }
        }
    }
    assert!(guards > 10, "only {guards} guards were found: the test no longer reads the source");
}

#[test]
fn what_lets_a_test_pass_for_somebody_is_in_no_release_build() {
    let gate = "#[cfg(all(feature = \"testing\", debug_assertions))]";
    let dry_run = fs::read_to_string(root().join("runtime/src/dry_run.rs")).unwrap();
    for gated in
        ["mod marks", "pub(crate) use self::marks", "pub(crate) fn assumed_principal", "pub(crate) fn is_dry_run"]
    {
        assert!(dry_run.contains(&format!("{gate}\n{gated}")), "{gated}");
    }
    let testing = fs::read_to_string(root().join("runtime/src/testing/mod.rs")).unwrap();
    for gated in ["mod as_principal;", "pub use self::as_principal"] {
        assert!(testing.contains(&format!("#[cfg(debug_assertions)]\n{gated}")), "{gated}");
    }
    let front_door = fs::read_to_string(root().join("runtime/src/lib.rs")).unwrap();
    assert!(front_door.contains("#[cfg(feature = \"testing\")]\npub mod testing;"));
    let manifest = fs::read_to_string(root().join("runtime/Cargo.toml")).unwrap();
    assert!(!manifest.contains("default ="), "no feature is on by itself");
}
