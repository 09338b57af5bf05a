//! Gathers the attributes of one item in a single attribute.
//!
//! Threat: a macro that recognises attributes by their text overlooks one that is renamed or qualified, and omits its check
//! (CWE-862). Promise: the compiler resolves each attribute by its real path, and each attribute then records its own clause.
//! The item is not parsed here, so no part of it can be rejected, reordered or lost.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};

/// Adds the clause `keyword(arguments);` to `#[::palisade::__policy(..)]`, which becomes the item's last attribute.
///
/// It must be the last one, so that the compiler expands it after all the others.
pub(crate) fn append(keyword: &Ident, arguments: &TokenStream, item: TokenStream) -> TokenStream {
    let Attributed { mut attributes, rest } = Attributed::split(item);
    let gathered = attributes.iter().position(|attribute| attribute.clauses().is_some());
    let mut clauses = gathered.and_then(|at| attributes.remove(at).clauses()).unwrap_or_default();
    clauses.extend(quote!(#keyword(#arguments);));
    let rest: TokenStream = rest.into_iter().collect();
    quote!(#(#attributes)* #[::palisade::__policy(#clauses)] #rest)
}

/// An item, with its outer attributes split off.
pub(crate) struct Attributed {
    pub(crate) attributes: Vec<OuterAttribute>,
    pub(crate) rest: Vec<TokenTree>,
}

impl Attributed {
    pub(crate) fn split(item: TokenStream) -> Self {
        let mut tokens = flat(item).into_iter().peekable();
        let mut attributes = Vec::new();
        while let Some(hash) =
            tokens.next_if(|token| matches!(token, TokenTree::Punct(punct) if punct.as_char() == '#'))
        {
            match tokens.next() {
                Some(TokenTree::Group(brackets)) => attributes.push(OuterAttribute { hash, brackets }),
                // This is not an item. The compiler will report it, so the tokens are returned unchanged.
                other => return Self { attributes, rest: [hash].into_iter().chain(other).chain(tokens).collect() },
            }
        }
        Self { attributes, rest: tokens.collect() }
    }
}

/// `#[..]`, not yet parsed.
pub(crate) struct OuterAttribute {
    hash: TokenTree,
    brackets: Group,
}

impl OuterAttribute {
    /// Whether it is the built-in attribute `name`, such as `doc`. Built-in attributes cannot be renamed.
    pub(crate) fn is_builtin(&self, name: &str) -> bool {
        matches!(flat(self.brackets.stream()).first(), Some(TokenTree::Ident(word)) if word == name)
    }

    /// The tokens between the parentheses, if it is the built-in or derived attribute `name`.
    pub(crate) fn inside(&self, name: &str) -> Option<TokenStream> {
        match flat(self.brackets.stream()).as_slice() {
            [TokenTree::Ident(word), TokenTree::Group(inside)] if word == name => Some(inside.stream()),
            _ => None,
        }
    }

    /// The clauses gathered so far, if this is the attribute that [`append`] makes.
    fn clauses(&self) -> Option<TokenStream> {
        let mut path = String::new();
        for token in self.brackets.stream() {
            match token {
                TokenTree::Punct(colon) if colon.as_char() == ':' => path.push(':'),
                TokenTree::Ident(segment) => path.push_str(&segment.to_string()),
                TokenTree::Group(clauses) if path == "::palisade::__policy" => return Some(clauses.stream()),
                _ => return None,
            }
        }
        None
    }
}

impl ToTokens for OuterAttribute {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend([self.hash.clone(), self.brackets.clone().into()]);
    }
}

/// The tokens without the invisible group that a `macro_rules!` fragment such as `$item` puts around them.
pub(crate) fn flat(tokens: TokenStream) -> Vec<TokenTree> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    match tokens.as_slice() {
        [TokenTree::Group(group)] if group.delimiter() == Delimiter::None => flat(group.stream()),
        _ => tokens,
    }
}

/// An attribute's keyword, with the span of the attribute.
pub(crate) fn keyword(name: &str) -> Ident {
    Ident::new(name, Span::call_site())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn appended(name: &str, arguments: &str, item: &str) -> String {
        append(&keyword(name), &arguments.parse().unwrap(), item.parse().unwrap()).to_string()
    }

    fn spaced(tokens: &str) -> String {
        tokens.parse::<TokenStream>().unwrap().to_string()
    }

    #[test]
    fn the_first_clause_adds_the_policy_attribute() {
        assert_eq!(
            appended("public", "", "#[inline] #[doc = \"x\"] pub async fn f() { g(); }"),
            spaced("#[inline] #[doc = \"x\"] #[::palisade::__policy(public();)] pub async fn f() { g(); }"),
        );
    }

    #[test]
    fn the_next_clause_extends_the_policy_attribute() {
        assert_eq!(
            appended("get", "\"/x\"", "#[inline] #[::palisade::__policy(public();)] async fn f() {}"),
            spaced("#[inline] #[::palisade::__policy(public(); get(\"/x\");)] async fn f() {}"),
        );
    }

    #[test]
    fn the_policy_attribute_stays_last() {
        assert_eq!(
            appended("get", "\"/x\"", "#[::palisade::__policy(public();)] #[foreign] async fn f() {}"),
            spaced("#[foreign] #[::palisade::__policy(public(); get(\"/x\");)] async fn f() {}"),
        );
    }

    #[test]
    fn similar_foreign_attributes_are_left_unchanged() {
        for look_alike in [
            "#[palisade::public]",
            "#[public]",
            "#[__policy(x)]",
            "#[::palisade::__policy]",
            "#[x::palisade::__policy(a)]",
        ] {
            let item = format!("{look_alike} struct S;");
            assert_eq!(
                appended("get", "", &item),
                spaced(&format!("{look_alike} #[::palisade::__policy(get();)] struct S;")),
            );
        }
    }

    #[test]
    fn an_item_from_macro_rules_is_found() {
        let item: TokenStream = "#[inline] async fn f() {}".parse().unwrap();
        let item = TokenTree::from(Group::new(Delimiter::None, item));
        assert_eq!(
            append(&keyword("public"), &TokenStream::new(), item.into()).to_string(),
            spaced("#[inline] #[::palisade::__policy(public();)] async fn f() {}"),
        );
    }
}
