//! `#[derive(__Endpoint)]` makes a deprecated handler an endpoint.
//!
//! Only the expansion of a route attribute contains it. The compiler does not warn if the code of a derive names a deprecated
//! type, so that no `#[allow(deprecated)]` is needed, which a crate may forbid.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::quote;

use crate::emit::implementations;
use crate::gather::{Attributed, flat};

/// Takes the struct with `#[endpoint(..)]` above it.
pub(crate) fn derive(item: TokenStream) -> TokenStream {
    let Attributed { attributes, rest } = Attributed::split(item);
    let promised = attributes.iter().find_map(|attribute| attribute.inside("endpoint"));
    let name = rest.iter().skip_while(|token| !matches!(token, TokenTree::Ident(word) if word == "struct")).nth(1);
    let parts: Vec<TokenTree> = promised.map(flat).unwrap_or_default();
    let ([TokenTree::Group(promised), TokenTree::Group(arguments)], Some(TokenTree::Ident(name))) = (&*parts, name)
    else {
        return quote!(::core::compile_error! {
            "this derive is only for the expansions of palisade's attributes\n= help: write `#[palisade::get(\"/..\")]` above a handler"
        });
    };
    // Has the span of the derive, so that the compiler does not treat it as a name that the user wrote.
    let mut name: Ident = name.clone();
    name.set_span(Span::call_site().located_at(name.span()));
    implementations(&name, &promised.stream(), &arguments.stream())
}
