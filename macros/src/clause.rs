//! How the attributes of one item find each other.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};

/// Appends a clause to the item's trailing `#[::palisade::__policy(..)]`, which is created if there is none.
///
/// Works on tokens alone: nothing of the item is parsed, so nothing of it can be refused or lost here.
pub(crate) fn append(word: &str, arguments: TokenStream, item: TokenStream) -> TokenStream {
    let word = Ident::new(word, Span::call_site());
    let clause = quote!(#word(#arguments));
    let tokens: Vec<TokenTree> = item.into_iter().collect();
    let after_attributes = attributes_end(&tokens);
    let mut output = TokenStream::new();
    let mut found = false;
    for (at, token) in tokens.iter().enumerate() {
        if at == after_attributes && !found {
            output.extend(quote_spanned!(Span::call_site()=> #[::palisade::__policy(#clause)]));
            found = true;
        }
        match token {
            TokenTree::Group(group) if at < after_attributes && !found => match with_clause(group, &clause) {
                Some(grown) => {
                    found = true;
                    output.extend([TokenTree::Group(grown)]);
                }
                None => output.extend([token.clone()]),
            },
            _ => output.extend([token.clone()]),
        }
    }
    output
}

/// Where the item's outer attributes end: they are pairs of `#` and `[..]`.
fn attributes_end(tokens: &[TokenTree]) -> usize {
    let mut at = 0;
    while let [TokenTree::Punct(hash), TokenTree::Group(group), ..] = &tokens[at..]
        && hash.as_char() == '#'
        && group.delimiter() == Delimiter::Bracket
    {
        at += 2;
    }
    at
}

/// The attribute `[::palisade::__policy(..)]` with one more clause; `None` for any other attribute.
fn with_clause(attribute: &Group, clause: &TokenStream) -> Option<Group> {
    let tokens: Vec<TokenTree> = attribute.stream().into_iter().collect();
    let (TokenTree::Group(clauses), path) = tokens.split_last()? else { return None };
    let path: String = path.iter().map(ToString::to_string).collect();
    if path != "::palisade::__policy" {
        return None;
    }
    let mut grown = clauses.stream();
    grown.extend(clause.clone());
    let mut inner: TokenStream = tokens[..tokens.len() - 1].iter().cloned().collect();
    inner.extend([TokenTree::Group(regroup(clauses, grown))]);
    Some(regroup(attribute, inner))
}

fn regroup(old: &Group, stream: TokenStream) -> Group {
    let mut group = Group::new(old.delimiter(), stream);
    group.set_span(old.span());
    group
}
