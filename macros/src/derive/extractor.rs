//! `#[derive(Extractor)]`: an argument of the application's own that carries no input.
//!
//! Threat: an argument of an unknown type, which `#[validate]` would have to skip or to reject (CWE-20). Promise: the author of the
//! type says once, where it is defined, that it carries no input. A type without this line does not compile beside `#[validate]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::DeriveInput;

use crate::diagnostics::Diagnostics;

/// A generic type is known for all its parameters, because its author says that the type itself carries no input.
pub(crate) fn derive(item: TokenStream) -> TokenStream {
    let mut diagnostics = Diagnostics::new();
    let expansion = match syn::parse2::<DeriveInput>(item) {
        Ok(DeriveInput { ident, generics, .. }) => {
            let (parameters, arguments, bounds) = generics.split_for_impl();
            quote! {
                impl #parameters ::palisade::__v1::NoInput for #ident #arguments #bounds {}
            }
        }
        Err(error) => {
            let help = "write `#[derive(Extractor)] struct Session;`";
            diagnostics.error(error.span(), format!("invalid item: {error}"), help);
            TokenStream::new()
        }
    };
    let mut tokens = diagnostics.into_tokens();
    tokens.extend(expansion);
    tokens
}
