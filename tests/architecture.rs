//! Structure of the project: dependencies between modules point in one direction, files stay small, and each
//! security-critical step has one place.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The modules of the macros, from the lowest floor up. A module may use modules of lower floors, and its own.
const MACRO_FLOORS: [&[&str]; 9] = [
    &["diagnostics", "gather", "suggest"],
    &["cfg_predicate", "hygiene", "template", "text", "user_path"],
    &["dependency", "item", "rule"],
    &["arguments", "logic", "policy"],
    &["access"],
    &["attributes"],
    &["emit"],
    &["derive", "expand"],
    &["tests"],
];

/// The floors of the runtime, from the lowest up. A room may use rooms of lower floors, and its own.
const FLOORS: [&[&str]; 15] = [
    &["handler_path", "problem", "reached", "template"],
    &["config_error", "denial", "principal", "unavailable"],
    &[
        "body",
        "cors",
        "dry_run",
        "extraction_errors",
        "headers",
        "proxy",
        "redis",
        "request_sanity",
        "role",
        "validation",
    ],
    &["authn", "rate_limit"],
    &["api_key", "password", "policy", "revocation"],
    &["audit", "authz", "policy_table"],
    &["jwt", "settings"],
    &["extractors", "refusal_response", "session", "testing"],
    &["failure", "gate", "resource"],
    &["deferring", "guard"],
    &["endpoint", "function"],
    &["scope"],
    &["builder"],
    &["middleware", "rate_limiter"],
    &["app", "guide"],
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
    let mut seen = 0;
    for file in rust_files(&root().join(source)) {
        let room = room_in(source, &file);
        if room == "lib" {
            continue;
        }
        let here = *floor.get(room.as_str()).unwrap_or_else(|| panic!("{room} is on no floor: add it to the list"));
        for other in names(&fs::read_to_string(&file).unwrap()) {
            let there = *floor.get(other.as_str()).unwrap_or_else(|| panic!("{room} names {other}, which is no room"));
            seen += 1;
            assert!(there < here || other == room, "{room} (floor {here}) uses {other} (floor {there})");
        }
    }
    seen
}

#[test]
fn arrows_point_down() {
    let seen = arrows_that_point_down("runtime/src", &FLOORS);
    assert!(seen > 20, "only {seen} arrows were found: the test no longer reads the source");
}

#[test]
fn arrows_of_the_macros_point_down() {
    let seen = arrows_that_point_down("macros/src", &MACRO_FLOORS);
    assert!(seen > 20, "only {seen} arrows were found: the test no longer reads the source");
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

/// Names that macros and runtime share on purpose: the macro's type is the model of what it writes, and what it writes is the type of
/// the runtime.
const MIRRORS: [&str; 6] = ["By", "OnStoreFailure", "Policy", "RateLimit", "Route", "Rule"];

/// Names that still mean several things. The list may only get shorter.
const SEVERAL_MEANINGS: &[&str] = &[
    "Answer",
    "Argument",
    "Arguments",
    "Asked",
    "Call",
    "Count",
    "Decision",
    "Failed",
    "Function",
    "Inner",
    "Key",
    "Keyed",
    "Kind",
    "Name",
    "Names",
    "Place",
    "Refusal",
    "Refused",
    "Row",
    "Shared",
    "Step",
    "Validation",
    "Verdict",
    "Written",
];

/// The types that a file declares outside of its tests: what follows `struct`, `enum`, `trait` or (at the margin) `type`.
fn declared_types(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let mut types = Vec::new();
    for line in code.lines() {
        let mut words = line.split_whitespace().skip_while(|word| word.starts_with("pub"));
        let is_type = match words.next() {
            Some("struct" | "enum" | "trait" | "union") => true,
            Some("type") => !line.starts_with(' '),
            _ => false,
        };
        if let (true, Some(name)) = (is_type, words.next()) {
            types.push(name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    types
}

#[test]
fn a_type_name_means_one_thing() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for folder in ["macros", "runtime/src"] {
        for file in rust_files(&root().join(folder)) {
            let path = file.strip_prefix(root()).unwrap().display().to_string();
            if path.contains("/tests") {
                continue;
            }
            for name in declared_types(&fs::read_to_string(&file).unwrap()).into_iter().filter(|name| !name.is_empty())
            {
                places.entry(name).or_default().push(path.clone());
            }
        }
    }
    assert!(places.len() > 100, "only {} types were found: the test no longer reads the source", places.len());
    let is_mirror = |name: &str, files: &[String]| {
        let of_macros = files.iter().filter(|file| file.starts_with("macros/")).count();
        MIRRORS.contains(&name) && files.len() == 2 && of_macros == 1
    };
    let doubles: Vec<_> = places.iter().filter(|(name, files)| files.len() > 1 && !is_mirror(name, files)).collect();
    let unknown: Vec<_> = doubles.iter().filter(|(name, _)| !SEVERAL_MEANINGS.contains(&name.as_str())).collect();
    assert!(unknown.is_empty(), "give each of these types a name of its own: {unknown:#?}");
    let gone: Vec<_> =
        SEVERAL_MEANINGS.iter().filter(|name| !doubles.iter().any(|(double, _)| double == *name)).collect();
    assert!(gone.is_empty(), "these have one meaning now, take them off the list: {gone:?}");
}

/// `#[doc(hidden)]` hides what is public all the same. What only generated code names is in `__v1`.
#[test]
fn nothing_public_is_hidden_outside_of_the_private_module() {
    // A macro of a crate has no module to be in, and what a derive writes is in the crate of the user.
    let exceptions = [
        ("macros/src/derive/role.rs", 1),
        ("macros/src/lib.rs", 2),
        ("runtime/src/endpoint/arguments/mod.rs", 2),
        ("runtime/src/endpoint/mod.rs", 1),
        ("runtime/src/lib.rs", 2),
        ("runtime/src/testing/access.rs", 1),
        ("runtime/src/testing/committed.rs", 1),
    ];
    // TO BE MERGED
    let elsewhere = ["runtime/src/rate_limit/", "runtime/src/endpoint/", "runtime/src/function.rs"];
    for folder in ["macros/src", "runtime/src"] {
        for file in rust_files(&root().join(folder)) {
            let path = file.strip_prefix(root()).unwrap().display().to_string();
            let hidden = fs::read_to_string(&file).unwrap().matches("#[doc(hidden)]").count();
            let allowed = exceptions.iter().find(|(name, _)| path == *name).map_or(0, |(_, count)| *count);
            assert!(
                hidden == allowed || elsewhere.iter().any(|room| path.starts_with(room)),
                "{path} hides {hidden} items, not {allowed}"
            );
        }
    }
}

#[test]
fn the_root_has_at_most_25_names_besides_the_attributes() {
    let text = fs::read_to_string(root().join("runtime/src/lib.rs")).unwrap();
    let mut names = Vec::new();
    for item in text.split("\npub use self::").skip(1) {
        let path = item.split(';').next().unwrap_or_default();
        let last = path.rsplit("::").next().unwrap_or_default();
        names.extend(last.trim_matches(['{', '}']).split(',').map(|name| name.trim().to_owned()));
    }
    assert!(names.len() > 10, "{names:?}: the test no longer reads the source");
    assert!(names.len() <= 25, "the root has {} names: {names:?}", names.len());
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
        "middleware.rs",
        "rate_limit/mod.rs",
        "redis/mod.rs",
        "rate_limit/reservations.rs",
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

#[test]
fn no_code_prints_with_panicking_macros() {
    for folder in ["runtime/src", "examples/accounts/src"] {
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
