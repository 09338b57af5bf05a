//! Structure of the project: dependencies between modules point in one direction, names have one meaning, files stay small, and
//! each security-critical step has one place.

mod floors;
mod names;
mod rfc9700;

use std::fs;
use std::path::{Path, PathBuf};

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

#[test]
fn files_have_at_most_400_lines() {
    for folder in ["macros", "runtime", "examples", "tests"] {
        for file in rust_files(&root().join(folder)) {
            let lines = fs::read_to_string(&file).unwrap().lines().count();
            assert!(lines <= 400, "{} has {lines} lines: split it into smaller files", file.display());
        }
    }
}

#[test]
fn critical_modules_state_threat_and_promise() {
    for file in rust_files(&root().join("runtime/src")) {
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("//! "), "{} must open with a module comment", file.display());
    }
    for room in [
        "authn/mod.rs",
        "authz/mod.rs",
        "guard/mod.rs",
        "middleware/mod.rs",
        "rate_limit/mod.rs",
        "redis/mod.rs",
        "rate_limit/reservations.rs",
        "sql_store/mod.rs",
        "validation/mod.rs",
    ] {
        let text = fs::read_to_string(root().join("runtime/src").join(room)).unwrap();
        let head: String = text.lines().take_while(|line| line.starts_with("//!")).collect::<Vec<_>>().join(" ");
        assert!(head.contains("Threat:") && head.contains("Promise"), "{room} must name its threat and its promise");
    }
}

#[test]
fn only_the_guard_calls_a_handler() {
    let calls = rust_files(&root().join("runtime/src"))
        .into_iter()
        .filter(|file| fs::read_to_string(file).unwrap().contains("handler.call("))
        .map(|file| floors::room_of(&file))
        .collect::<Vec<_>>();
    assert_eq!(calls, ["guard"]);
}

/// `Authorized` and `Authenticated` are proofs. Their fields are private, so the compiler keeps every other room from building
/// one. This test keeps the fields private and the builders in one room.
#[test]
fn only_authn_and_authz_make_proofs() {
    for (room, proof, definition) in [
        ("authz", "Authorized", "pub struct Authorized {\n    rows: Rows,\n}"),
        (
            "authn",
            "Authenticated",
            "pub(crate) struct Authenticated {\n    principal: Principal,\n    ambient: bool,\n}",
        ),
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
    let folders = fs::read_dir(root().join("examples")).unwrap().map(|entry| entry.unwrap().path());
    let examples: Vec<PathBuf> = folders
        .flat_map(|folder| {
            let programs = folder.join("src/bin");
            if programs.is_dir() { rust_files(&programs) } else { vec![folder.join("src/main.rs")] }
        })
        .collect();
    assert!(examples.len() >= 9, "not every example was found: {examples:?}");
    let libraries = ["macros/src/lib.rs", "macros/grammar/src/lib.rs", "runtime/src/lib.rs", "tests/lib.rs"]
        .map(|file| root().join(file));
    for file in libraries.into_iter().chain(examples) {
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains("#![forbid(unsafe_code)]"), "{}", file.display());
    }
}

/// Whatever `palisade-grammar` depended on would be compiled into every procedural macro and every application.
#[test]
fn the_grammar_has_no_dependencies() {
    let manifest = fs::read_to_string(root().join("macros/grammar/Cargo.toml")).unwrap();
    let lines = manifest.lines().skip_while(|line| *line != "[dependencies]").skip(1);
    let dependencies: Vec<&str> =
        lines.take_while(|line| !line.starts_with('[')).filter(|line| !line.is_empty()).collect();
    assert_eq!(dependencies, [""; 0]);
}

/// Generated code, the runtime that it names and the grammar that both read must be of one version.
#[test]
fn our_crates_depend_on_each_other_by_exact_version() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let version = manifest.lines().find_map(|line| line.strip_prefix("version = ")).unwrap().trim_matches('"');
    for name in ["palisade-grammar", "palisade-macros"] {
        let line = manifest.lines().find(|line| line.starts_with(&format!("{name} = "))).unwrap();
        assert!(line.contains(&format!("version = \"={version}\"")), "{line}");
    }
}

/// Slow clients must not hold the connections of a server that somebody copies (CWE-400).
#[test]
fn every_example_hardens_its_server() {
    let mut servers = 0;
    for file in rust_files(&root().join("examples")) {
        let text = fs::read_to_string(&file).unwrap();
        for line in text.lines().filter(|line| line.contains("HttpServer::new(")) {
            servers += 1;
            assert!(line.contains("harden(") || text.contains("server::harden(server)"), "{}: {line}", file.display());
        }
    }
    assert!(servers > 10, "only {servers} servers were found: the test no longer reads the source");
}

#[test]
fn no_code_prints_with_panicking_macros() {
    for folder in ["runtime/src", "examples/accounts/src", "examples/conduit/src"] {
        for file in rust_files(&root().join(folder)) {
            let text = fs::read_to_string(&file).unwrap();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<String>();
            assert!(!code.contains("println!") && !code.contains("print!("), "{}", file.display());
        }
    }
}

/// `if let` in a match guard needs Rust 1.95, and applications may use an older version. Clippy checks the standard
/// library against the stated version, but not the language.
#[test]
fn language_features_fit_the_stated_rust_version() {
    let mut guards = 0;
    for folder in ["runtime/src", "macros/src", "macros/grammar/src"] {
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
fn assumed_principals_are_absent_from_release_builds() {
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
    assert!(!manifest.contains("default ="), "no feature may be enabled by default");
}
