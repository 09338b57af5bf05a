//! The types of a handler, where the compiler is to judge them: each is blamed where it was written.
//!
//! A span of the user's own is taken as it is, and not as one of this expansion: the compiler would tell of the macro then,
//! which says nothing about the mistake.

use proc_macro2::{Delimiter, Group, Ident, Literal, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Attribute, FnArg, GenericParam, PatType, ReturnType, Signature, Type};

use crate::model::{Call, Checked, Rule};
use crate::template;

/// `::palisade::__v1::handler!(show; String; Path<u32>, Json<Note>)`. A type that is no response, or no extractor, is reported
/// where it is written.
pub(super) fn handler(signature: &Signature) -> TokenStream {
    let lifetimes = lifetimes(signature);
    let answer = match &signature.output {
        // It is inferred.
        ReturnType::Type(_, answer) if is_opaque(answer.to_token_stream()) => quote_spanned!(place(answer)=> _),
        ReturnType::Type(_, answer) => lasting(answer.to_token_stream(), &lifetimes),
        ReturnType::Default => {
            let mut nothing = Group::new(Delimiter::Parenthesis, TokenStream::new());
            nothing.set_span(signature.ident.span());
            nothing.to_token_stream()
        }
    };
    let each = each(signature);
    let name = &signature.ident;
    quote!(::palisade::__v1::handler!(#name; #answer; #each))
}

/// `impl Responder` has no name by which it could be named.
fn is_opaque(answer: TokenStream) -> bool {
    answer.into_iter().any(|token| match token {
        TokenTree::Ident(word) => word == "impl",
        TokenTree::Group(group) => is_opaque(group.stream()),
        _ => false,
    })
}

/// `guarded, 1, (); Path<u32>, Json<Note>`, for a macro by example: what it stands for would say no more to who reads the
/// expansion.
pub(super) fn arguments(checked: &Checked) -> TokenStream {
    let Checked { handler, policy, route, call } = checked;
    let signature = &handler.signature;
    if matches!(call, Call::Never) {
        return quote!(closed, 0, (););
    }
    let template = route.as_ref().and_then(|route| route.path.as_ref()).map(syn::LitStr::value).unwrap_or_default();
    let parameters = Literal::usize_unsuffixed(template::parameters(&template).map_or(0, |names| names.len()));
    let access = match &policy.rule {
        Rule::Public => quote!(public),
        Rule::OptionalAuth => quote!(optional),
        Rule::Nobody => quote!(closed),
        _ => quote!(guarded),
    };
    let rows = rows(&policy.rule);
    let each = each(signature);
    quote!(#access, #parameters, #rows; #each)
}

/// The types of the arguments, each behind the conditions under which it is there.
fn each(signature: &Signature) -> TokenStream {
    let lifetimes = lifetimes(signature);
    let each = signature.inputs.iter().filter_map(typed).map(|PatType { attrs, ty, .. }| {
        let conditions = attrs.iter().filter(|attribute| is_condition(attribute));
        let ty = lasting(ty.to_token_stream(), &lifetimes);
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

fn place(ty: &Type) -> Span {
    ty.to_token_stream().into_iter().next().map_or_else(Span::call_site, |first| first.span())
}

fn typed(input: &FnArg) -> Option<&PatType> {
    if let FnArg::Typed(argument) = input { Some(argument) } else { None }
}

fn lifetimes(signature: &Signature) -> Vec<&Ident> {
    let names = signature.generics.params.iter().filter_map(|parameter| match parameter {
        GenericParam::Lifetime(parameter) => Some(&parameter.lifetime.ident),
        _ => None,
    });
    names.collect()
}

/// The type without the function's own lifetimes, which are not known outside of it.
fn lasting(tokens: TokenStream, lifetimes: &[&Ident]) -> TokenStream {
    let mut of_lifetime = false;
    let replaced = tokens.into_iter().map(|token| {
        let named =
            std::mem::replace(&mut of_lifetime, matches!(&token, TokenTree::Punct(mark) if mark.as_char() == '\''));
        match token {
            TokenTree::Ident(name) if named && lifetimes.contains(&&name) => Ident::new("static", name.span()).into(),
            TokenTree::Group(group) => {
                let mut inside = Group::new(group.delimiter(), lasting(group.stream(), lifetimes));
                inside.set_span(group.span());
                inside.into()
            }
            other => other,
        }
    });
    replaced.collect()
}
