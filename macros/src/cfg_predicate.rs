//! `#[cfg(..)]` and `#[cfg_attr(..)]` on an argument: under which condition the argument exists.
//!
//! Threat: if an argument is configured out, the others shift, and the wrong one is validated or counted (CWE-843).
//! Promise: whatever is emitted for an argument has the predicate of that argument.
//!
//! The compiler removes such arguments only after the attributes have seen the function, so here all of them are present.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};

use crate::gather::flat;

/// The predicate of `#[cfg(..)]`.
#[derive(Clone)]
pub(crate) struct CfgPredicate(TokenStream);

impl CfgPredicate {
    /// The condition under which the attributes keep their item; `None` if they always keep it.
    pub(crate) fn of(attributes: &[syn::Attribute]) -> Option<Self> {
        let predicates = attributes.iter().filter_map(|attribute| predicate(&flat(attribute.meta.to_token_stream())));
        all(predicates.collect())
    }

    /// The condition that at least one of them holds; `None` if one always holds.
    pub(crate) fn any<'c>(predicates: impl IntoIterator<Item = Option<&'c Self>>) -> Option<Self> {
        let predicates: Option<Vec<&Self>> = predicates.into_iter().collect();
        match predicates?.as_slice() {
            [only] => Some((*only).clone()),
            several => Some(Self(quote!(any(#(#several),*)))),
        }
    }

    pub(crate) fn not(&self) -> Self {
        Self(quote!(not(#self)))
    }

    /// `#[cfg(..)]`
    pub(crate) fn attribute(&self) -> TokenStream {
        quote!(#[cfg(#self)])
    }
}

impl ToTokens for CfgPredicate {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend(self.0.clone());
    }
}

fn all(mut predicates: Vec<CfgPredicate>) -> Option<CfgPredicate> {
    match predicates.len() {
        0 => None,
        1 => predicates.pop(),
        _ => Some(CfgPredicate(quote!(all(#(#predicates),*)))),
    }
}

/// The predicate of one attribute, which is given without its brackets.
fn predicate(meta: &[TokenTree]) -> Option<CfgPredicate> {
    let [TokenTree::Ident(name), TokenTree::Group(inside)] = meta else { return None };
    if name == "cfg" {
        return Some(CfgPredicate(inside.stream()));
    }
    if name != "cfg_attr" {
        return None;
    }
    let inside = flat(inside.stream());
    let mut parts = inside.split(|token| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ','));
    let applies: TokenStream = parts.next()?.iter().cloned().collect();
    let applied = all(parts.filter_map(|part| predicate(&flat(part.iter().cloned().collect()))).collect())?;
    // If the attribute does not apply, the predicate is not required.
    Some(CfgPredicate(quote!(any(not(#applies), #applied))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(attributes: &str) -> Option<String> {
        let parse = syn::parse::Parser::parse_str(syn::Attribute::parse_outer, attributes).unwrap();
        CfgPredicate::of(&parse).map(|predicate| predicate.to_token_stream().to_string().replace(' ', ""))
    }

    #[test]
    fn predicates_are_combined() {
        for (attributes, predicate) in [
            ("", None),
            ("#[allow(unused)] #[doc = \"x\"] #[config(x)] #[cfgs]", None),
            ("#[cfg_attr(a, allow(unused))]", None),
            ("#[cfg(a)]", Some("a")),
            ("#[cfg(all(a, not(b)))]", Some("all(a,not(b))")),
            ("#[cfg(a)] #[allow(unused)] #[cfg(b)]", Some("all(a,b)")),
            ("#[cfg_attr(a, cfg(b))]", Some("any(not(a),b)")),
            ("#[cfg_attr(any(a, b), allow(unused), cfg(c), cfg(d),)]", Some("any(not(any(a,b)),all(c,d))")),
            ("#[cfg_attr(a, cfg_attr(b, cfg(c)))] #[cfg(d)]", Some("all(any(not(a),any(not(b),c)),d)")),
        ] {
            assert_eq!(read(attributes).as_deref(), predicate, "{attributes}");
        }
    }

    #[test]
    fn any_predicate_may_hold() {
        let [a, b] = ["a", "b"].map(|text| CfgPredicate(text.parse().unwrap()));
        let text = |any: Option<CfgPredicate>| any.map(|any| any.not().to_token_stream().to_string().replace(' ', ""));
        assert_eq!(text(CfgPredicate::any([Some(&a)])).as_deref(), Some("not(a)"));
        assert_eq!(text(CfgPredicate::any([Some(&a), Some(&b)])).as_deref(), Some("not(any(a,b))"));
        assert_eq!(text(CfgPredicate::any([Some(&a), None])), None);
    }
}
