//! The expansion of an attribute: it first records its clause, and `__policy` then expands all clauses of the handler.

use proc_macro2::TokenStream;
use quote::quote;

use crate::attributes::WrittenHandler;
use crate::diagnostics::Diagnostics;
use crate::{attributes, dependency, emit, gather, item, logic, web_origin};

/// Returns the item with the clause of one attribute. If the crate depends on palisade under another name, this is reported once
/// and the item is returned unchanged.
pub(crate) fn attribute(keyword: &str, arguments: &TokenStream, item: TokenStream) -> TokenStream {
    match dependency::mistake() {
        Some(mistake) => mistake.into_iter().chain(item).collect(),
        None => gather::append(&gather::keyword(keyword), arguments, item),
    }
}

/// The expression of `rule!(..)` as a constant of type `Rule`. An expression with a mistake admits nobody.
pub(crate) fn rule(expression: TokenStream) -> TokenStream {
    let (mut diagnostics, keyword) = (Diagnostics::new(), gather::keyword("rule"));
    let rule = attributes::expression(&keyword, gather::flat(expression), &mut diagnostics);
    if let Some(rule) = &rule {
        logic::check(&[(keyword.span(), rule)], &mut diagnostics);
    }
    let (mistakes, rule) = (diagnostics.into_tokens(), emit::constant_rule(rule.as_ref()));
    quote!({ #mistakes #rule })
}

/// The origin of `origin!(..)` as a constant of type `Origin`. A text with a mistake becomes an origin that no page has.
pub(crate) fn origin(text: TokenStream) -> TokenStream {
    let mut diagnostics = Diagnostics::new();
    let origin = web_origin::argument(text, &mut diagnostics);
    let (mistakes, text) =
        (diagnostics.into_tokens(), origin.map_or("https://origin.invalid".to_owned(), |text| text.value()));
    quote!({ #mistakes ::palisade::__v1::origin(#text) })
}

/// The guarded handler, after its compile errors. An item that cannot be a handler is returned unchanged.
pub(crate) fn policy(clauses: TokenStream, item: TokenStream) -> TokenStream {
    let mut diagnostics = Diagnostics::new();
    let expansion = match item::read(item.clone(), &mut diagnostics) {
        None => item,
        Some(handler) => {
            let clauses = attributes::parse(clauses, &mut diagnostics);
            match attributes::check(WrittenHandler { handler, clauses }, &mut diagnostics) {
                Ok(checked) => emit::checked(&checked),
                Err(rejected) => emit::rejected(&rejected),
            }
        }
    };
    let mut tokens = diagnostics.into_tokens();
    tokens.extend(expansion);
    tokens
}
