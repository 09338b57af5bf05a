//! `#[derive(Extractor)]`: an argument of the application's own that carries no input.
//!
//! Threat: an argument of an unknown type, which `#[validate]` would have to skip or to reject (CWE-20). Promise: the author of the
//! type says once, where it is defined, that it carries no input. A type without this line does not compile beside `#[validate]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::DeriveInput;

use super::expanded;

/// A generic type is known for all its parameters, because its author says that the type itself carries no input.
pub(crate) fn derive(item: TokenStream) -> TokenStream {
    expanded(item, "write `#[derive(Extractor)] struct Session;`", |DeriveInput { ident, generics, .. }, _| {
        let (parameters, arguments, bounds) = generics.split_for_impl();
        quote! {
            impl #parameters ::palisade::__v1::NoInput for #ident #arguments #bounds {}
        }
    })
}
