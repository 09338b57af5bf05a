//! How the attributes of one item find each other.
//!
//! Threat: an attribute that is recognised by its text is overlooked once it is renamed or qualified, and its check with it
//! (CWE-862). Promise: each attribute writes down its own clause, expanded by its real path. Nothing of the item is parsed
//! here, so nothing of it can be refused, reordered or lost.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};

/// Adds the clause `word(arguments);` to the item's last attribute, `#[::palisade::__policy(..)]`, creating it if need be.
///
/// Last it must be: the compiler then expands it after all the others.
pub(crate) fn append(word: &Ident, arguments: &TokenStream, item: TokenStream) -> TokenStream {
    let Attributed { mut attributes, rest } = Attributed::split(item);
    let gathered = attributes.iter().position(|attribute| attribute.clauses().is_some());
    let mut clauses = gathered.and_then(|at| attributes.remove(at).clauses()).unwrap_or_default();
    clauses.extend(quote!(#word(#arguments);));
    let rest: TokenStream = rest.into_iter().collect();
    quote!(#(#attributes)* #[::palisade::__policy(#clauses)] #rest)
}

/// An item behind its outer attributes.
pub(crate) struct Attributed {
    pub(crate) attributes: Vec<Attribute>,
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
                Some(TokenTree::Group(brackets)) => attributes.push(Attribute { hash, brackets }),
                // No item starts like this; whatever it is, it passes on as it came.
                other => return Self { attributes, rest: [hash].into_iter().chain(other).chain(tokens).collect() },
            }
        }
        Self { attributes, rest: tokens.collect() }
    }
}

/// `#[..]`, unread.
pub(crate) struct Attribute {
    hash: TokenTree,
    brackets: Group,
}

impl Attribute {
    /// Whether it is the built-in attribute of that name: those are keywords of the language and can't be renamed.
    pub(crate) fn is_builtin(&self, name: &str) -> bool {
        matches!(flat(self.brackets.stream()).first(), Some(TokenTree::Ident(word)) if word == name)
    }

    /// What stands in the parentheses of the built-in or derived attribute of that name.
    pub(crate) fn inside(&self, name: &str) -> Option<TokenStream> {
        match flat(self.brackets.stream()).as_slice() {
            [TokenTree::Ident(word), TokenTree::Group(inside)] if word == name => Some(inside.stream()),
            _ => None,
        }
    }

    /// The clauses gathered so far, where this is the attribute that [`append`] makes.
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

impl ToTokens for Attribute {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend([self.hash.clone(), self.brackets.clone().into()]);
    }
}

/// The tokens, out of the invisible group that a `macro_rules!` fragment such as `$item` puts around them.
pub(crate) fn flat(tokens: TokenStream) -> Vec<TokenTree> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    match tokens.as_slice() {
        [TokenTree::Group(group)] if group.delimiter() == Delimiter::None => flat(group.stream()),
        _ => tokens,
    }
}

/// The word of an attribute, standing where the attribute stands.
pub(crate) fn word(name: &str) -> Ident {
    Ident::new(name, Span::call_site())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn appended(name: &str, arguments: &str, item: &str) -> String {
        append(&word(name), &arguments.parse().unwrap(), item.parse().unwrap()).to_string()
    }

    fn spaced(tokens: &str) -> String {
        tokens.parse::<TokenStream>().unwrap().to_string()
    }

    #[test]
    fn the_first_clause_makes_the_last_attribute() {
        assert_eq!(
            appended("public", "", "#[inline] #[doc = \"x\"] pub async fn f() { g(); }"),
            spaced("#[inline] #[doc = \"x\"] #[::palisade::__policy(public();)] pub async fn f() { g(); }"),
        );
    }

    #[test]
    fn the_next_clause_joins_it() {
        assert_eq!(
            appended("get", "\"/x\"", "#[inline] #[::palisade::__policy(public();)] async fn f() {}"),
            spaced("#[inline] #[::palisade::__policy(public(); get(\"/x\");)] async fn f() {}"),
        );
    }

    #[test]
    fn an_attribute_that_came_after_it_goes_before_it() {
        assert_eq!(
            appended("get", "\"/x\"", "#[::palisade::__policy(public();)] #[foreign] async fn f() {}"),
            spaced("#[foreign] #[::palisade::__policy(public(); get(\"/x\");)] async fn f() {}"),
        );
    }

    #[test]
    fn whatever_merely_looks_like_ours_is_left_alone() {
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
    fn an_item_out_of_a_macro_is_found_in_its_invisible_group() {
        let item: TokenStream = "#[inline] async fn f() {}".parse().unwrap();
        let item = TokenTree::from(Group::new(Delimiter::None, item));
        assert_eq!(
            append(&word("public"), &TokenStream::new(), item.into()).to_string(),
            spaced("#[inline] #[::palisade::__policy(public();)] async fn f() {}"),
        );
    }
}
