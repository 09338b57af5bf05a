//! The types of a handler, so that the compiler checks them and reports each one where it is written.
//!
//! The tokens keep the user's own spans. With a span of this expansion, the compiler would add a note about the macro, which
//! does not help.

use proc_macro2::{Delimiter, Group, Ident, Literal, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Attribute, FnArg, GenericParam, Generics, PatType, ReturnType, Signature, Type};

use super::generic;
use crate::item::{Fitness, Handler};
use crate::policy::{AccessPolicy, CheckedHandler, Policy};
use crate::rule::Rule;
use crate::template;

/// `::palisade::__v1::handler!(show; String; Path<u32>, Json<Note>)`. The compiler reports a type that is not a response or not
/// an extractor.
pub(super) fn handler(signature: &Signature) -> TokenStream {
    let lifetimes = lifetimes(signature);
    let answer = match &signature.output {
        // The compiler infers it.
        ReturnType::Type(_, answer) if is_opaque(answer.to_token_stream()) => quote_spanned!(span(answer)=> _),
        ReturnType::Type(_, answer) => with_static_lifetimes(answer.to_token_stream(), &lifetimes),
        ReturnType::Default => {
            let mut nothing = Group::new(Delimiter::Parenthesis, TokenStream::new());
            nothing.set_span(signature.ident.span());
            nothing.to_token_stream()
        }
    };
    let each = argument_types(signature);
    let name = &signature.ident;
    let parameters = generic::arguments(&signature.generics);
    quote!(::palisade::__v1::handler!(#name #parameters; #answer; #each))
}

/// Whether it contains `impl`, as in `impl Responder`, which cannot be written as the type of a variable.
fn is_opaque(answer: TokenStream) -> bool {
    answer.into_iter().any(|token| match token {
        TokenTree::Ident(word) => word == "impl",
        TokenTree::Group(group) => is_opaque(group.stream()),
        _ => false,
    })
}

/// `check_on_guarded_route, 1, (); Path<u32>, Json<Note>`: the function that checks an argument, the number of path parameters,
/// the rows and the arguments. A `macro_rules!` of the runtime reads them, which keeps the expansion readable.
pub(super) fn arguments(checked: &CheckedHandler) -> TokenStream {
    let CheckedHandler { handler, route, policy: Policy { access, .. } } = checked;
    let template = route.as_ref().map(|route| route.path.value()).unwrap_or_default();
    let parameters = Literal::usize_unsuffixed(template::parameters(&template).map_or(0, |names| names.len()));
    let (check, rows) = match access {
        AccessPolicy::Public(_) => (quote!(check_on_public_route), quote!(())),
        AccessPolicy::OptionalAuth => (quote!(check_on_optional_route), quote!(())),
        AccessPolicy::DenyAll(_) => (quote!(check_on_closed_route), quote!(())),
        AccessPolicy::Rule(rule) => (quote!(check_on_guarded_route), rows(rule)),
    };
    let each = argument_types(&handler.signature);
    quote!(#check, #parameters, #rows; #each)
}

/// The same for a handler with a mistake, which rejects every caller.
pub(super) fn arguments_of_rejected(handler: &Handler) -> TokenStream {
    match handler.fitness {
        Fitness::Unfit => quote!(check_on_closed_route, 0, ();),
        Fitness::Fit => {
            let each = argument_types(&handler.signature);
            quote!(check_on_closed_route, 0, (); #each)
        }
    }
}

/// The types of the arguments, each with its `#[cfg(..)]`.
fn argument_types(signature: &Signature) -> TokenStream {
    let lifetimes = lifetimes(signature);
    let each = signature.inputs.iter().filter_map(typed).map(|PatType { attrs, ty, .. }| {
        let conditions = attrs.iter().filter(|attribute| is_condition(attribute));
        let ty = with_static_lifetimes(ty.to_token_stream(), &lifetimes);
        quote!(#(#conditions)* #ty)
    });
    quote!(#(#each),*)
}

/// `(A, (B, ()))`: the rows that the rule loads, each once.
fn rows(rule: &Rule) -> TokenStream {
    let mut leaves = Vec::new();
    rule.leaves(&mut leaves);
    let mut known: Vec<String> = Vec::new();
    let mut rows = Vec::new();
    for leaf in leaves {
        if let Rule::Owns(owns) = leaf
            && !known.contains(&owns.of.text())
        {
            known.push(owns.of.text());
            rows.push(&owns.of);
        }
    }
    rows.into_iter().rev().fold(quote!(()), |others, row| quote!((#row, #others)))
}

fn is_condition(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg") || attribute.path().is_ident("cfg_attr")
}

fn span(ty: &Type) -> Span {
    ty.to_token_stream().into_iter().next().map_or_else(Span::call_site, |first| first.span())
}

fn typed(input: &FnArg) -> Option<&PatType> {
    if let FnArg::Typed(argument) = input { Some(argument) } else { None }
}

fn lifetimes(signature: &Signature) -> Vec<&Ident> {
    lifetimes_of(&signature.generics)
}

/// The names of the lifetimes.
pub(super) fn lifetimes_of(generics: &Generics) -> Vec<&Ident> {
    let names = generics.params.iter().filter_map(|parameter| match parameter {
        GenericParam::Lifetime(parameter) => Some(&parameter.lifetime.ident),
        _ => None,
    });
    names.collect()
}

/// The type with `'static` for each lifetime of the function, because those are not known outside of it.
pub(super) fn with_static_lifetimes(tokens: TokenStream, lifetimes: &[&Ident]) -> TokenStream {
    let mut of_lifetime = false;
    let replaced = tokens.into_iter().map(|token| {
        let named =
            std::mem::replace(&mut of_lifetime, matches!(&token, TokenTree::Punct(mark) if mark.as_char() == '\''));
        match token {
            TokenTree::Ident(name) if named && lifetimes.contains(&&name) => Ident::new("static", name.span()).into(),
            TokenTree::Group(group) => {
                let mut inside = Group::new(group.delimiter(), with_static_lifetimes(group.stream(), lifetimes));
                inside.set_span(group.span());
                inside.into()
            }
            other => other,
        }
    });
    replaced.collect()
}
