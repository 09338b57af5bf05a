//! The README shows what is in the repository, not what once was.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn the_first_snippet_is_the_quickstart_itself() {
    let readme = read("README.md");
    let snippet = readme.split("```rust\n").nth(1).unwrap().split("```").next().unwrap();
    let code = read("examples/quickstart/src/main.rs");
    assert_eq!(snippet, code, "copy examples/quickstart/src/main.rs into the first rust block of README.md");
    assert!(code.lines().count() < 60, "the quickstart is under 60 lines");
}

#[test]
fn every_link_leads_to_a_file() {
    for page in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"] {
        for link in read(page).split("](").skip(1) {
            let target = link.split(')').next().unwrap();
            if !target.starts_with("https://") {
                assert!(root().join(target).exists(), "{page} links to {target}");
            }
        }
    }
}

#[test]
fn every_exported_attribute_is_in_the_readme() {
    let front_door = read("runtime/src/lib.rs");
    let list = front_door.split("pub use palisade_macros::{").nth(1).unwrap().split('}').next().unwrap();
    let readme = read("README.md");
    let words: Vec<&str> = list.split([',', '\n']).map(str::trim).filter(|word| !word.is_empty()).collect();
    assert!(words.len() >= 15, "{words:?}");
    for word in words {
        let forms = [format!("`#[{word}"), format!("`{word}`"), format!("`#[derive({word})")];
        assert!(forms.iter().any(|form| readme.contains(form)), "{word} has no row");
    }
}

#[test]
fn readme_states_the_minimum_rust_version() {
    let manifest = read("runtime/Cargo.toml");
    let version = manifest.split("rust-version = \"").nth(1).unwrap().split('"').next().unwrap();
    assert!(read("README.md").contains(&format!("MSRV {version}")));
}

#[test]
fn every_dependency_has_its_reason() {
    let architecture = read("ARCHITECTURE.md");
    for manifest in [
        "macros/Cargo.toml",
        "runtime/Cargo.toml",
        "examples/quickstart/Cargo.toml",
        "examples/basic/Cargo.toml",
        "examples/accounts/Cargo.toml",
        "tests/Cargo.toml",
    ] {
        let mut listing = false;
        for line in read(manifest).lines() {
            if line.starts_with('[') {
                listing = line.contains("dependencies");
            } else if let Some((name, _)) = line.split_once(['.', ' ']).filter(|_| listing && !line.starts_with('#')) {
                let known = architecture.contains(&format!("`{name}`")) || name.starts_with("palisade");
                assert!(known, "{manifest}: {name} has no reason in ARCHITECTURE.md");
            }
        }
    }
}
