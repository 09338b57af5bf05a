//! The expansion of a generic handler.
//!
//! A struct without fields cannot have type parameters, and a constant cannot either. So the name of a generic handler is a function
//! without arguments, which returns the endpoint: `list::<Postgres>()`. A scope also accepts `list::<Postgres>`.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::punctuated::Punctuated;
use syn::{GenericParam, Generics, WherePredicate, parse_quote};

use super::types::{lifetimes_of, with_static_lifetimes};

/// The type and const parameters of a handler, for the type that is generated for it.
pub(super) struct TypeParameters {
    /// `<R: Rows, const N: usize>`
    pub(super) declared: TokenStream,
    /// `<R, N>`
    pub(super) used: TokenStream,
    /// `where R: 'static`
    pub(super) bounds: TokenStream,
    /// `(::core::marker::PhantomData<fn() -> (..)>)`: the field of the type.
    field: TokenStream,
}

impl TypeParameters {
    /// `None` if the handler is not generic. Lifetimes do not count: each of them becomes `'static`.
    pub(super) fn of(generics: &Generics) -> Option<Self> {
        let parameters: Punctuated<GenericParam, syn::Token![,]> =
            generics.params.iter().filter(|parameter| !is_lifetime(parameter)).cloned().collect();
        if parameters.is_empty() {
            return None;
        }
        let types: Vec<_> = parameters.iter().filter_map(type_name).collect();
        let own_bounds = generics.where_clause.iter().flat_map(|clause| &clause.predicates);
        let mut without_lifetimes = Generics { params: parameters.clone(), ..Generics::default() };
        let clause = without_lifetimes.make_where_clause();
        clause.predicates.extend(own_bounds.filter(|bound| !matches!(bound, WherePredicate::Lifetime(_))).cloned());
        clause.predicates.extend(types.iter().map(|name| -> WherePredicate { parse_quote!(#name: 'static) }));
        let (declared, used, bounds) = without_lifetimes.split_for_impl();
        let lifetimes = lifetimes_of(generics);
        let fixed = |tokens: &dyn ToTokens| with_static_lifetimes(tokens.to_token_stream(), &lifetimes);
        Some(Self {
            declared: fixed(&declared),
            used: used.to_token_stream(),
            bounds: fixed(&bounds),
            field: quote!((::core::marker::PhantomData<fn() -> (#(::core::marker::PhantomData<#types>,)*)>)),
        })
    }

    /// The type that has the policy of the handler as an associated constant.
    pub(super) fn structure(&self, name: &syn::Ident) -> TokenStream {
        let Self { declared, bounds, field, .. } = self;
        quote!(#[repr(C)] struct #name #declared #field #bounds;)
    }
}

/// `::<R, N>`, or nothing if the handler is not generic.
pub(super) fn arguments(generics: &Generics) -> Option<TokenStream> {
    let names: Vec<_> = generics
        .params
        .iter()
        .filter_map(|parameter| match parameter {
            GenericParam::Const(parameter) => Some(&parameter.ident),
            parameter => type_name(parameter),
        })
        .collect();
    (!names.is_empty()).then(|| quote!(::<#(#names),*>))
}

fn is_lifetime(parameter: &GenericParam) -> bool {
    matches!(parameter, GenericParam::Lifetime(_))
}

fn type_name(parameter: &GenericParam) -> Option<&syn::Ident> {
    if let GenericParam::Type(parameter) = parameter { Some(&parameter.ident) } else { None }
}
