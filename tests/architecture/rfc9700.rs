//! The tests that the guide's page about RFC 9700 names exist.

use std::collections::BTreeMap;
use std::fs;

use crate::{root, rust_files};

/// The name of each test binary, and its path in `tests`.
fn binaries() -> BTreeMap<String, String> {
    let manifest = fs::read_to_string(root().join("tests/Cargo.toml")).unwrap();
    let value = |line: &str| line.split('"').nth(1).unwrap().to_owned();
    let tests = manifest.split("[[test]]\n").skip(1).map(|test| {
        let mut lines = test.lines();
        (value(lines.next().unwrap()), value(lines.next().unwrap()))
    });
    tests.collect()
}

/// The source of a test binary.
fn source(path: &str) -> String {
    let path = root().join("tests").join(path);
    if !path.ends_with("main.rs") {
        return fs::read_to_string(path).unwrap();
    }
    let files = rust_files(path.parent().unwrap());
    files.iter().map(|file| fs::read_to_string(file).unwrap()).collect()
}

#[test]
fn named_tests_exist() {
    let page = fs::read_to_string(root().join("runtime/docs/guide/rfc9700.md")).unwrap();
    let binaries = binaries();
    let mut named = 0;
    for row in page.lines().filter(|line| line.starts_with("| ")).skip(1) {
        let columns: Vec<&str> = row.trim_matches('|').split('|').collect();
        assert_eq!(columns.len(), 4, "{row}");
        for test in columns[3].split('`').skip(1).step_by(2) {
            let (binary, function) = test.split_once("::").unwrap_or_else(|| panic!("not a test: {test}"));
            let path = binaries.get(binary).unwrap_or_else(|| panic!("there is no test binary {binary}"));
            let is_test = |text: &str| {
                text.contains(&format!("test]\nasync fn {function}("))
                    || text.contains(&format!("test]\nfn {function}("))
            };
            assert!(is_test(&source(path)), "there is no test {test}");
            named += 1;
        }
    }
    assert!(named > 30, "{named}");
}
