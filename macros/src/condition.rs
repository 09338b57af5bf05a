//! `#[cfg(..)]` and `#[cfg_attr(..)]` on an argument: when it is there at all.
//!
//! Threat: an argument that is configured out shifts the others, and the wrong one is validated or counted (CWE-843).
//! Promise: what is read of an argument stands under the condition of that very argument.
//!
//! The compiler takes such arguments out of the function only after the attributes have seen it, so here they all stand.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};

use crate::clause::flat;

/// What goes into `#[cfg(..)]`.
#[derive(Clone)]
pub(crate) struct Condition(TokenStream);

impl Condition {
    /// Under which the attributes leave what they stand at; `None` if always.
    pub(crate) fn of(attributes: &[syn::Attribute]) -> Option<Self> {
        let conditions = attributes.iter().filter_map(|attribute| condition(&flat(attribute.meta.to_token_stream())));
        all(conditions.collect())
    }

    /// Under which at least one is there; `None` if always.
    pub(crate) fn any<'c>(conditions: impl IntoIterator<Item = Option<&'c Self>>) -> Option<Self> {
        let conditions: Option<Vec<&Self>> = conditions.into_iter().collect();
        match conditions?.as_slice() {
            [only] => Some((*only).clone()),
            several => Some(Self(quote!(any(#(#several),*)))),
        }
    }

    pub(crate) fn not(&self) -> Self {
        Self(quote!(not(#self)))
    }
}

impl ToTokens for Condition {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend(self.0.clone());
    }
}

fn all(mut conditions: Vec<Condition>) -> Option<Condition> {
    match conditions.len() {
        0 => None,
        1 => conditions.pop(),
        _ => Some(Condition(quote!(all(#(#conditions),*)))),
    }
}

/// Of one attribute, without its brackets.
fn condition(meta: &[TokenTree]) -> Option<Condition> {
    let [TokenTree::Ident(word), TokenTree::Group(inside)] = meta else { return None };
    if word == "cfg" {
        return Some(Condition(inside.stream()));
    }
    if word != "cfg_attr" {
        return None;
    }
    let inside = flat(inside.stream());
    let mut parts = inside.split(|token| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ','));
    let applies: TokenStream = parts.next()?.iter().cloned().collect();
    let applied = all(parts.filter_map(|part| condition(&flat(part.iter().cloned().collect()))).collect())?;
    // Where the attribute does not apply, its condition asks for nothing.
    Some(Condition(quote!(any(not(#applies), #applied))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(attributes: &str) -> Option<String> {
        let parse = syn::parse::Parser::parse_str(syn::Attribute::parse_outer, attributes).unwrap();
        Condition::of(&parse).map(|condition| condition.to_token_stream().to_string().replace(' ', ""))
    }

    #[test]
    fn every_condition_is_read() {
        for (attributes, condition) in [
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
            assert_eq!(read(attributes).as_deref(), condition, "{attributes}");
        }
    }

    #[test]
    fn one_of_several_is_there_unless_all_are_gone() {
        let [a, b] = ["a", "b"].map(|text| Condition(text.parse().unwrap()));
        let text = |any: Option<Condition>| any.map(|any| any.not().to_token_stream().to_string().replace(' ', ""));
        assert_eq!(text(Condition::any([Some(&a)])).as_deref(), Some("not(a)"));
        assert_eq!(text(Condition::any([Some(&a), Some(&b)])).as_deref(), Some("not(any(a,b))"));
        assert_eq!(text(Condition::any([Some(&a), None])), None);
    }
}
