//! `#[owner(id)]`, `#[owner_or_admin(id)]`.

use proc_macro2::{Ident, TokenStream};
use syn::LitStr;
use syn::ext::IdentExt;

use super::whole;
use crate::model::Clause;

pub(crate) fn parse(word: &Ident, arguments: TokenStream, or_admin: bool) -> syn::Result<Clause> {
    let example = format!("#[{word}(id)]");
    let parameter = whole(word, arguments, &example, |input| {
        if input.peek(LitStr) {
            let literal: LitStr = input.parse()?;
            let name = literal.value();
            return Err(syn::Error::new(
                literal.span(),
                format!("the path parameter is a name without quotes: write `#[{word}({name})]`"),
            ));
        }
        // A raw `r#type` names the parameter `{type}`.
        Ident::parse_any(input).map(|ident| ident.unraw()).map_err(|error| {
            syn::Error::new(error.span(), format!("`{word}` takes the name of a path parameter: write `{example}`"))
        })
    })?;
    Ok(Clause::Owner { parameter, or_admin })
}
