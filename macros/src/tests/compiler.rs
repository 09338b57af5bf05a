//! Expands attributes like the compiler: the first attribute of palisade, then the next, until none is left.

use proc_macro2::{Group, Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote};

use crate::gather::Attributed;
use crate::{attributes, expand, gather};

/// Returns the file with all attributes of palisade and all `sql!` and `origin!` expanded, at any depth.
pub(super) fn file(source: &str) -> TokenStream {
    let syn::File { items, .. } = syn::parse_file(source).unwrap();
    statements(items.into_iter().map(item).collect())
}

/// Expands each `sql!(..)` and `origin!(..)`.
fn statements(tokens: TokenStream) -> TokenStream {
    let mut expanded: Vec<TokenTree> = Vec::new();
    for token in tokens {
        let TokenTree::Group(group) = token else {
            expanded.push(token);
            continue;
        };
        match expanded.as_slice() {
            [.., TokenTree::Ident(name), TokenTree::Punct(bang)] if name == "sql" && bang.as_char() == '!' => {
                expanded.truncate(expanded.len() - 2);
                expanded.extend(crate::sql::expand(group.stream()));
            }
            [.., TokenTree::Ident(name), TokenTree::Punct(bang)] if name == "origin" && bang.as_char() == '!' => {
                expanded.truncate(expanded.len() - 2);
                expanded.extend(expand::origin(group.stream()));
            }
            _ => expanded.push(Group::new(group.delimiter(), statements(group.stream())).into()),
        }
    }
    expanded.into_iter().collect()
}

fn item(item: syn::Item) -> TokenStream {
    match item {
        syn::Item::Impl(mut block) => {
            let inside = block.items.drain(..).map(|inner| attributed(inner.to_token_stream())).collect::<Vec<_>>();
            attributed(with_body(block.to_token_stream(), quote!(#(#inside)*)))
        }
        syn::Item::Trait(mut block) => {
            let inside = block.items.drain(..).map(|inner| attributed(inner.to_token_stream())).collect::<Vec<_>>();
            attributed(with_body(block.to_token_stream(), quote!(#(#inside)*)))
        }
        syn::Item::Enum(_) | syn::Item::Struct(_) if derives(&item, "Role") => {
            let kept = item.to_token_stream();
            let derived = crate::derive::role(kept.clone());
            quote!(#kept #derived)
        }
        syn::Item::Enum(_) | syn::Item::Struct(_) if derives(&item, "SqlIdentifier") => {
            let kept = item.to_token_stream();
            let derived = crate::derive::sql_identifier(kept.clone());
            quote!(#kept #derived)
        }
        syn::Item::Struct(_) if derives(&item, "Extractor") => {
            let kept = item.to_token_stream();
            let derived = crate::derive::extractor(kept.clone());
            quote!(#kept #derived)
        }
        other => attributed(other.to_token_stream()),
    }
}

fn derives(item: &syn::Item, name: &str) -> bool {
    item.to_token_stream().to_string().replace(" ", "").contains(&format!("derive({name})"))
}

fn with_body(block: TokenStream, body: TokenStream) -> TokenStream {
    let mut tokens: Vec<TokenTree> = block.into_iter().collect();
    let Some(TokenTree::Group(empty)) = tokens.pop() else { panic!("a block ends with its braces") };
    tokens.push(Group::new(empty.delimiter(), body).into());
    tokens.into_iter().collect()
}

fn attributed(item: TokenStream) -> TokenStream {
    let Attributed { attributes, rest } = Attributed::split(item);
    let attributes: Vec<syn::Attribute> = syn::parse::Parser::parse2(
        syn::Attribute::parse_outer,
        attributes.iter().map(ToTokens::to_token_stream).collect(),
    )
    .unwrap();
    let rest: TokenStream = rest.into_iter().collect();
    let Some((at, name)) = attributes.iter().enumerate().find_map(|(at, attribute)| Some((at, ours(attribute)?)))
    else {
        return quote!(#(#attributes)* #rest);
    };
    let arguments = match &attributes[at].meta {
        syn::Meta::List(list) => list.tokens.clone(),
        _ => TokenStream::new(),
    };
    let (before, after) = (&attributes[..at], &attributes[at + 1..]);
    let item = quote!(#(#before)* #(#after)* #rest);
    if name == "__policy" {
        return derived(expand::policy(arguments, item));
    }
    attributed(gather::append(&name, &arguments, item))
}

fn ours(attribute: &syn::Attribute) -> Option<Ident> {
    let name = &attribute.path().segments.last()?.ident;
    (name == "__policy" || attributes::keywords().any(|known| name == known)).then(|| name.clone())
}

/// Adds the code of `#[derive(::palisade::__v1::Endpoint)]` for a deprecated handler.
fn derived(expansion: TokenStream) -> TokenStream {
    let Ok(syn::File { mut items, .. }) = syn::parse2(expansion.clone()) else { return expansion };
    let mut made = TokenStream::new();
    for item in &mut items {
        let written = item.to_token_stream();
        let syn::Item::Struct(endpoint) = item else { continue };
        let count = endpoint.attrs.len();
        endpoint
            .attrs
            .retain(|attribute| !attribute.path().is_ident("derive") && !attribute.path().is_ident("endpoint"));
        if endpoint.attrs.len() < count {
            made.extend(crate::derive::endpoint(written));
        }
    }
    if made.is_empty() { expansion } else { quote!(#(#items)* #made) }
}
