//! The expansion of a generic handler.
//!
//! A struct without fields cannot have type parameters, and a constant cannot either. So the name of a generic handler is a function
//! without arguments, which returns the endpoint: `list::<Postgres>()`. A scope also accepts `list::<Postgres>`.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::punctuated::Punctuated;
use syn::{GenericParam, Generics, TypeParamBound, WherePredicate, parse_quote};

use super::types::{lifetimes_of, with_static_lifetimes};

/// The type and const parameters of a handler, for the type that is generated for it.
pub(super) struct TypeParameters {
    /// `<R: Rows + 'static, const N: usize>`
    pub(super) declared: TokenStream,
    /// `<R, N>`
    pub(super) used: TokenStream,
    /// `where R: Clone`
    pub(super) bounds: TokenStream,
    /// `(::core::marker::PhantomData<fn() -> (..)>)`: the field of the type.
    field: TokenStream,
}

impl TypeParameters {
    /// `None` if the handler is not generic. Lifetimes do not count: each of them becomes `'static`.
    pub(super) fn of(generics: &Generics) -> Option<Self> {
        let without_lifetimes = generics.params.iter().filter(|parameter| !is_lifetime(parameter));
        let parameters: Punctuated<GenericParam, syn::Token![,]> = without_lifetimes.cloned().collect();
        if parameters.is_empty() {
            return None;
        }
        let types: Vec<_> = parameters.iter().filter_map(type_name).collect();
        let mut without_lifetimes = Generics { params: parameters.clone(), ..Generics::default() };
        let own_bounds = generics.where_clause.iter().flat_map(|clause| &clause.predicates);
        let bounds: Vec<_> =
            own_bounds.filter(|bound| !matches!(bound, WherePredicate::Lifetime(_))).cloned().collect();
        if !bounds.is_empty() {
            without_lifetimes.make_where_clause().predicates.extend(bounds);
        }
        without_lifetimes.type_params_mut().for_each(fix_type);
        // A parameter whose bounds are in the clause gets this one there too.
        let in_clause: Vec<_> =
            without_lifetimes.type_params().filter(|parameter| parameter.bounds.is_empty()).cloned().collect();
        for syn::TypeParam { ident, .. } in in_clause {
            without_lifetimes.make_where_clause().predicates.push(parse_quote!(#ident: 'static));
        }
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

/// An endpoint lives as long as the application, so its type parameters do too. The bound is beside the others of the parameter,
/// because clippy reports a parameter with bounds in two places.
fn fix_type(parameter: &mut syn::TypeParam) {
    let is_static = |bound: &TypeParamBound| matches!(bound, TypeParamBound::Lifetime(_));
    if !parameter.bounds.is_empty() && !parameter.bounds.iter().any(is_static) {
        parameter.bounds.push(parse_quote!('static));
    }
}

fn is_lifetime(parameter: &GenericParam) -> bool {
    matches!(parameter, GenericParam::Lifetime(_))
}

fn type_name(parameter: &GenericParam) -> Option<&syn::Ident> {
    if let GenericParam::Type(parameter) = parameter { Some(&parameter.ident) } else { None }
}
