//! The expansion of each attribute, as `cargo expand` shows it.

use std::fs;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;

use super::{compiler, folder, rust_files, snapshots};
use crate::attributes::keywords;

fn pretty(tokens: TokenStream) -> String {
    let text = tokens.to_string();
    prettyplease::unparse(&syn::parse2(tokens).unwrap_or_else(|error| panic!("{error}: {text}")))
}

/// The handlers of a fixture, without its imports.
fn handlers(source: &str) -> String {
    let mut file = syn::parse_file(source).unwrap();
    file.items.retain(|item| !matches!(item, syn::Item::Use(_)));
    prettyplease::unparse(&file)
}

fn fixtures() -> impl Iterator<Item = (String, String)> {
    rust_files(&folder("expand")).into_iter().map(|path| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, fs::read_to_string(path).unwrap())
    })
}

#[test]
fn expansions_match_their_snapshots() {
    let settings = snapshots(&folder("expand"));
    for (name, source) in fixtures() {
        let expansion = pretty(compiler::file(&source));
        settings.bind(|| insta::assert_snapshot!(name.as_str(), expansion));
    }
}

#[test]
fn each_attribute_has_a_fixture() {
    let fixtures: Vec<String> = fixtures().map(|(name, _)| name).collect();
    for keyword in keywords() {
        assert!(fixtures.iter().any(|name| name == keyword), "tests/expand/{keyword}.rs is missing");
    }
}

/// Returns how many lines the expansion is longer than the handler, after both are formatted.
fn growth(handler: &str) -> usize {
    let grown = pretty(compiler::file(handler)).lines().count();
    grown - pretty(handler.parse().unwrap()).lines().count()
}

#[test]
fn a_handler_adds_at_most_twenty_lines() {
    for name in ["stack", "owner_or_admin", "get", "public", "rate_limit"] {
        let source = fs::read_to_string(folder("expand").join(name).with_extension("rs")).unwrap();
        let by = growth(&handlers(&source));
        assert!(by <= 20, "{name} grows by {by} lines");
    }
}

/// Here the rate limit and the call need more than one line each.
#[test]
fn a_limit_by_field_adds_at_most_thirty_lines() {
    let source = fs::read_to_string(folder("expand").join("rate_limit_by_field.rs")).unwrap();
    let by = growth(&handlers(&source));
    assert!(by <= 30, "grows by {by} lines");
}

#[test]
fn quickstart_handlers_add_at_most_twenty_lines() {
    let quickstart = folder("../examples/quickstart/src/main.rs");
    let file = syn::parse_file(&fs::read_to_string(quickstart).unwrap()).unwrap();
    let mut annotated = 0;
    for item in file.items {
        let source = item.to_token_stream().to_string();
        if source.contains("palisade") || !source.contains("async fn") || source.contains("fn main") {
            continue;
        }
        annotated += 1;
        let by = growth(&source);
        assert!(by <= 20, "grows by {by} lines: {source}");
    }
    assert_eq!(annotated, 3);
}

/// Each identifier of the emitted tokens, and the text directly before it.
fn identifiers(tokens: TokenStream, found: &mut Vec<(String, String)>) {
    let mut before = String::new();
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => {
                found.push((before, ident.to_string()));
                before = "name".to_owned();
            }
            TokenTree::Punct(punct) if before.ends_with(':') => before.push(punct.as_char()),
            TokenTree::Punct(punct) => before = punct.to_string(),
            TokenTree::Group(group) => {
                identifiers(group.stream(), found);
                before = "group".to_owned();
            }
            TokenTree::Literal(_) => before = "literal".to_owned(),
        }
    }
}

#[test]
fn emitted_names_are_absolute() {
    for (name, source) in fixtures() {
        let mut found = Vec::new();
        identifiers(compiler::file(&handlers(&source)), &mut found);
        for (before, ident) in &found {
            let root = ["palisade", "core", "std", "alloc", "actix_web"].contains(&ident.as_str());
            assert!(!root || before.ends_with("::"), "{name}: `{ident}` is not absolute");
            let banned = ["unwrap", "expect", "panic", "unsafe", "std", "alloc"].contains(&ident.as_str());
            assert!(!banned, "{name}: `{ident}` must not be in an expansion");
            let prelude = ["Some", "None", "Ok", "Err", "Vec", "String", "Option", "Result", "Box", "Into", "From"];
            assert!(
                !prelude.contains(&ident.as_str()) || before.ends_with("::") || source.contains(ident),
                "{name}: `{ident}` may be the user's"
            );
        }
    }
}
