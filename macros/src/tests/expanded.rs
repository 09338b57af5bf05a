//! The committed expansions of the examples equal the current output of the macros.
//!
//! `PALISADE_BLESS=1 cargo test -p palisade-macros --lib expanded && cargo fmt --all` renews them.

use std::fs;

use quote::ToTokens;

use super::{compiler, folder};
use crate::attributes::keywords;

/// A source file, and its committed expansion.
const EXPANSIONS: [(&str, &str); 3] = [
    ("quickstart/src/main.rs", "quickstart/expanded.rs"),
    ("accounts/src/auth.rs", "accounts/src/expanded/auth.rs"),
    ("accounts/src/users.rs", "accounts/src/expanded/users.rs"),
];

/// Without the attributes, which the expansion no longer uses.
fn without_attributes(tree: syn::UseTree) -> Option<syn::UseTree> {
    match tree {
        syn::UseTree::Name(name) if keywords().any(|keyword| name.ident == keyword) => None,
        syn::UseTree::Path(mut path) => {
            path.tree = Box::new(without_attributes(*path.tree)?);
            Some(syn::UseTree::Path(path))
        }
        syn::UseTree::Group(mut group) => {
            group.items = group.items.into_iter().filter_map(without_attributes).collect();
            (!group.items.is_empty()).then_some(syn::UseTree::Group(group))
        }
        other => Some(other),
    }
}

fn imports(item: syn::Item) -> Option<syn::Item> {
    let syn::Item::Use(mut import) = item else { return Some(item) };
    let of_palisade = matches!(&import.tree, syn::UseTree::Path(path) if path.ident == "palisade");
    if of_palisade {
        import.tree = without_attributes(import.tree)?;
    }
    Some(syn::Item::Use(import))
}

/// The file with the attributes of palisade expanded. Attributes and derives of other crates stay as they are.
fn expansion(source: &str) -> syn::File {
    let mut file: syn::File = syn::parse2(compiler::file(source)).unwrap();
    file.attrs = syn::parse_file(source).unwrap().attrs;
    file.items = file.items.into_iter().filter_map(imports).collect();
    file
}

/// Formats the file: a blank line between items, and types inside of macros in the usual spacing.
fn spaced(file: syn::File) -> String {
    let mut page = syn::File { items: Vec::new(), ..file.clone() };
    let mut text = prettyplease::unparse(&page);
    page.attrs.clear();
    let mut after_import = false;
    for item in file.items {
        let import = matches!(&item, syn::Item::Use(_));
        if !(import && after_import || matches!(item, syn::Item::Macro(_))) {
            text.push('\n');
        }
        // The imports of the standard library are a group of their own.
        after_import = import && !item.to_token_stream().to_string().starts_with("use std");
        page.items = vec![item];
        text += &prettyplease::unparse(&page);
    }
    ["handler!(", "add!("].into_iter().fold(text, on_one_line)
}

/// Puts the arguments of these macro calls on one line, with types in the usual spacing.
fn on_one_line(text: String, call: &str) -> String {
    let mut parts = text.split(call);
    let mut tidy = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let mut depth = 1;
        let closing = |c: char| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            depth == 0
        };
        let (given, rest) = part.split_at(part.find(closing).unwrap());
        let given = given.split_whitespace().collect::<Vec<_>>().join(" ");
        tidy += call;
        tidy += &given.replace(" < ", "<").replace(" >", ">").replace("& ", "&");
        tidy += rest;
    }
    tidy
}

/// Removes differences of layout, comments and the order of imports, which `cargo fmt` sorts.
fn normalized(text: &str) -> String {
    let mut file = syn::parse_file(text).unwrap();
    file.items.sort_by_cached_key(|item| match item {
        syn::Item::Use(import) => import.to_token_stream().to_string(),
        _ => String::from("~"),
    });
    prettyplease::unparse(&file).split_whitespace().collect()
}

#[test]
fn committed_expansions_are_current() {
    for (source, committed) in EXPANSIONS {
        let path = folder("../examples").join(committed);
        let now = spaced(expansion(&fs::read_to_string(folder("../examples").join(source)).unwrap()));
        if std::env::var_os("PALISADE_BLESS").is_some() && std::env::var_os("CI").is_none() {
            let notice = format!(
                "// Generated from examples/{source}: this is the code that the attributes of palisade expand to.\n\
                 // Do not edit it. The guide explains an expansion line by line: runtime/docs/guide/expansion.md.\n\n"
            );
            fs::write(&path, notice + &now).unwrap();
        }
        let before = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(
            normalized(&before) == normalized(&now),
            "{committed} is not the expansion of {source}: PALISADE_BLESS=1 cargo test -p palisade-macros --lib expanded"
        );
    }
}
