//! The message of each mistake in `tests/ui`, and the tokens that it points at.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use proc_macro2::{TokenStream, TokenTree};

use super::{compiler, folder, rust_files, snapshots};

struct Message {
    line: usize,
    at: String,
    text: String,
}

/// Every `compile_error!` in the tokens, at any depth.
fn messages(tokens: TokenStream, found: &mut Vec<Message>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for window in tokens.windows(3) {
        if let [TokenTree::Ident(name), TokenTree::Punct(_), TokenTree::Group(braces)] = window
            && name == "compile_error"
        {
            let text: syn::LitStr = syn::parse2(braces.stream()).unwrap();
            let range = name.span().join(braces.span()).unwrap_or(name.span());
            let at = range.source_text().unwrap_or_default();
            found.push(Message { line: range.start().line, at, text: text.value() });
        }
    }
    for token in tokens {
        if let TokenTree::Group(group) = token {
            messages(group.stream(), found);
        }
    }
}

/// The fixtures whose mistakes are reported by the macros. The compiler reports those of `types`, and accepts those of `pass`.
fn folders() -> Vec<PathBuf> {
    let entries = fs::read_dir(folder("ui")).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> =
        entries.filter(|path| path.is_dir() && !path.ends_with("pass") && !path.ends_with("types")).collect();
    folders.sort();
    folders
}

#[test]
fn each_mistake_is_reported_with_help() {
    let mut report = String::new();
    for folder in folders() {
        let attribute = folder.file_name().unwrap().to_str().unwrap();
        for path in rust_files(&folder) {
            let mistake = path.file_name().unwrap().to_str().unwrap();
            let mut found = Vec::new();
            messages(compiler::file(&fs::read_to_string(&path).unwrap()), &mut found);
            assert!(!found.is_empty(), "{attribute}/{mistake} is accepted");
            let several = attribute == "several";
            assert!(
                several || found.len() == 1,
                "{attribute}/{mistake} is one mistake and has {} messages",
                found.len()
            );
            writeln!(report, "{attribute}/{mistake}").unwrap();
            for Message { line, at, text } in found {
                let (message, help) = text.split_once("\n= help: ").unwrap();
                writeln!(report, "  {line}: {at}\n     {message}\n     = help: {help}").unwrap();
            }
        }
    }
    snapshots(&folder("ui")).bind(|| insta::assert_snapshot!("messages", report));
}

/// Mistakes that a fixture cannot show, because the compiler itself would reject them first.
#[test]
fn mistakes_of_foreign_macros_are_reported() {
    for (clauses, item, text) in [
        (
            "public(); get(\"/\");",
            "async unsafe extern \"C\" fn f(x: u8, ...) -> u8 { x }",
            "fixed number of arguments",
        ),
        ("public();", "const fn f() {}", "cannot be `const`"),
        ("publik(); public();", "async fn f() {}", "did you mean `public`?"),
        ("public = 1; public();", "async fn f() {}", "is reserved for"),
        ("public();", "", "expected a function"),
        ("", "async fn f() {}", "has no access attribute"),
    ] {
        let mut found = Vec::new();
        messages(crate::expand::policy(clauses.parse().unwrap(), item.parse().unwrap()), &mut found);
        assert!(found.iter().any(|message| message.text.contains(text)), "{clauses} {item}: {text}");
    }
}
