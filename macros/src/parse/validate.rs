//! `#[validate]`, `#[validate(a, b)]`.

use proc_macro2::{Ident, TokenStream};
use syn::ext::IdentExt;
use syn::{Token, punctuated::Punctuated};

use super::whole;
use crate::model::Clause;

pub(crate) fn parse(word: &Ident, arguments: TokenStream) -> syn::Result<Clause> {
    if arguments.is_empty() {
        return Ok(Clause::Validate(Vec::new()));
    }
    let names = whole(word, arguments, "#[validate(body)]", |input| {
        Punctuated::<Ident, Token![,]>::parse_terminated_with(input, |input| {
            Ident::parse_any(input).map_err(|error| {
                syn::Error::new(error.span(), "`validate` takes names of arguments: write `#[validate(body)]`")
            })
        })
    })?;
    Ok(Clause::Validate(names.into_iter().collect()))
}
