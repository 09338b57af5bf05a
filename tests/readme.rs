//! README, guide and the other pages agree with the repository.

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

/// The pages of the guide and beside it, as `runtime/docs/guide/roles.md`.
fn book() -> Vec<String> {
    let pages = |folder: &str| {
        let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().file_name());
        let names = entries.map(|name| format!("{folder}/{}", name.to_str().unwrap()));
        names.filter(|name| name.ends_with(".md")).collect::<Vec<_>>()
    };
    [pages("runtime/docs"), pages("runtime/docs/guide")].concat()
}

/// The targets of a page's links, `[text](target)` and `[label]: target`, outside of its code.
fn links(text: &str) -> Vec<String> {
    let mut targets = Vec::new();
    for prose in text.split("```").step_by(2) {
        targets.extend(prose.split("](").skip(1).map(|link| link.split(')').next().unwrap().to_owned()));
        let definitions = prose.lines().filter(|line| line.starts_with('['));
        targets.extend(definitions.filter_map(|line| Some(line.split_once("]: ")?.1.to_owned())));
    }
    targets
}

/// The fragment by which GitHub, mdBook and rustdoc link to a heading.
fn fragment(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

#[test]
fn every_link_leads_to_a_file() {
    let pages = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"].map(str::to_owned);
    let mut link_count = 0;
    for page in pages.into_iter().chain(book()) {
        for link in links(&read(&page)).iter().filter(|link| !link.starts_with("https://")) {
            let (file, section) = link.split_once('#').unwrap_or((link, ""));
            let own = root().join(&page);
            let target = if file.is_empty() { own } else { own.parent().unwrap().join(file) };
            assert!(target.exists(), "{page} links to {link}");
            link_count += 1;
            if !section.is_empty() {
                let text = fs::read_to_string(&target).unwrap();
                let mut headings = text.lines().filter(|line| line.starts_with('#'));
                assert!(
                    headings.any(|line| fragment(line.trim_start_matches('#').trim()) == section),
                    "{page} links to {link}"
                );
            }
        }
    }
    assert!(link_count > 60, "only {link_count} links were found");
}

#[test]
fn every_page_is_in_the_book_and_in_rustdoc() {
    let summary = read("runtime/docs/SUMMARY.md");
    let rustdoc = read("runtime/src/guide.rs");
    let pages = book();
    assert!(pages.len() > 15, "{pages:?}");
    for page in pages.iter().filter(|page| !page.ends_with("SUMMARY.md")) {
        let name = page.strip_prefix("runtime/docs/").unwrap();
        assert!(summary.contains(&format!("({name})")), "{name} is not in SUMMARY.md");
        assert!(rustdoc.contains(&format!("{name:?}")), "{name} is not in guide.rs");
    }
}

/// A link by a label leads to a file in the book, and to a module in rustdoc.
#[test]
fn every_label_of_the_guide_is_known_to_rustdoc() {
    let rustdoc = read("runtime/src/guide.rs");
    for page in book() {
        for line in read(&page).lines().filter(|line| line.starts_with('[')) {
            let Some((label, _)) = line.split_once("]: ") else { continue };
            assert!(rustdoc.contains(&format!("\"{label}]: crate::guide::")), "{page}: {label}]");
        }
    }
}

/// The line `<!-- examples/.. -->` above a snippet names the program that it was taken from.
#[test]
fn snippets_are_the_code_of_the_examples() {
    let mut block_count = 0;
    for page in book() {
        for part in read(&page).split("<!-- examples/").skip(1) {
            let (example, rest) = part.split_once(" -->").unwrap();
            let code = read(&format!("examples/{example}"));
            let snippet = rest.split("```").nth(1).unwrap().strip_prefix("rust\n").unwrap();
            let shown = snippet.lines().filter(|line| *line != "#" && !line.starts_with("# "));
            let shown = shown.collect::<Vec<_>>().join("\n");
            for block in shown.split("\n\n").map(str::trim).filter(|block| !block.starts_with("use ")) {
                assert!(code.contains(block), "{page} shows what is not in examples/{example}:\n{block}");
                block_count += 1;
            }
        }
    }
    assert!(block_count > 25, "only {block_count} blocks were found");
}

#[test]
fn examples_of_one_theme_are_short() {
    let programs = fs::read_dir(root().join("examples/themes/src/bin")).unwrap().map(|entry| entry.unwrap().path());
    let programs: Vec<PathBuf> = programs.collect();
    assert!(programs.len() >= 6, "{programs:?}");
    for program in programs {
        let lines = fs::read_to_string(&program).unwrap().lines().count();
        assert!(lines <= 80, "{} has {lines} lines", program.display());
        let name = program.file_name().unwrap();
        assert!(root().join("examples/themes/src/tests").join(name).exists(), "{} has no test", program.display());
    }
}

#[test]
fn readme_fits_on_a_page() {
    let lines = read("README.md").lines().count();
    assert!(lines <= 130, "README.md has {lines} lines: move text to the guide");
}

#[test]
fn every_exported_attribute_is_in_the_readme() {
    let front_door = read("runtime/src/lib.rs");
    let list = front_door.split("pub use palisade_macros::{").nth(1).unwrap().split('}').next().unwrap();
    let readme = read("README.md");
    let words: Vec<&str> = list.split([',', '\n']).map(str::trim).filter(|word| !word.is_empty()).collect();
    assert!(words.len() >= 15, "{words:?}");
    for word in words {
        let forms = [format!("`#[{word}"), format!("`{word}`"), format!("`{word}!`"), format!("`#[derive({word})")];
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
        "examples/themes/Cargo.toml",
        "examples/accounts/Cargo.toml",
        "examples/conduit/Cargo.toml",
        "tests/Cargo.toml",
    ] {
        let mut listing = false;
        for line in read(manifest).lines() {
            if line.starts_with('[') {
                listing = line.contains("dependencies");
            } else if let Some((name, _)) = line.split_once(['.', ' ']).filter(|_| listing && !line.starts_with('#')) {
                let has_reason = architecture.contains(&format!("`{name}`")) || name.starts_with("palisade");
                assert!(has_reason, "{manifest}: {name} has no reason in ARCHITECTURE.md");
            }
        }
    }
}
