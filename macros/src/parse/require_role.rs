//! `#[require_role("admin")]`, `#[require_role("editor", "admin")]`.

use proc_macro2::{Ident, TokenStream};
use syn::{LitStr, Token, punctuated::Punctuated};

use super::whole;
use crate::model::Clause;

pub(crate) fn parse(word: &Ident, arguments: TokenStream) -> syn::Result<Clause> {
    let roles = whole(word, arguments, "#[require_role(\"admin\")]", |input| {
        Punctuated::<LitStr, Token![,]>::parse_terminated_with(input, |input| {
            input.parse::<LitStr>().map_err(|error| {
                syn::Error::new(error.span(), "a role is a name in quotes: write `#[require_role(\"admin\")]`")
            })
        })
    })?;
    for (at, role) in roles.iter().enumerate() {
        let name = role.value();
        if name.trim().is_empty() || name.trim() != name {
            return Err(syn::Error::new(role.span(), "a role's name is not empty and has no space around it"));
        }
        if roles.iter().take(at).any(|other| other.value() == name) {
            return Err(syn::Error::new(role.span(), format!("the role \"{name}\" stands twice: remove one")));
        }
    }
    Ok(Clause::RequireRole(roles.into_iter().collect()))
}
