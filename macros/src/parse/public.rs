//! `#[public]`, `#[public("why")]`.

use proc_macro2::{Ident, TokenStream};
use syn::LitStr;

use super::whole;
use crate::model::Clause;

pub(crate) fn parse(word: &Ident, arguments: TokenStream) -> syn::Result<Clause> {
    if arguments.is_empty() {
        return Ok(Clause::Public(None));
    }
    let reason: LitStr = whole(word, arguments, "#[public(\"why everybody may call it\")]", |input| {
        input.parse().map_err(|error: syn::Error| {
            syn::Error::new(error.span(), "the reason is a text: write `#[public(\"why everybody may call it\")]`")
        })
    })?;
    if reason.value().trim().is_empty() {
        return Err(syn::Error::new(reason.span(), "the reason is empty: write it, or write `#[public]` alone"));
    }
    Ok(Clause::Public(Some(reason)))
}
