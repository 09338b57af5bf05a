//! The annotated function, as far as the attributes care.

use proc_macro2::TokenStream;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Attribute, FnArg, GenericParam, Signature, Type, Visibility};

use crate::errors::Errors;
use crate::model::Handler;

/// `None` where the item is no function at all: it is left alone then.
pub(crate) fn parse(item: TokenStream, errors: &mut Errors) -> Option<Handler> {
    let handler = match function.parse2(item.clone()) {
        Ok(handler) => handler,
        Err(_) => {
            let span = item.into_iter().next().map_or_else(proc_macro2::Span::call_site, |token| token.span());
            errors.push(span, "palisade's attributes belong above an `async fn` with a body: move them to the handler");
            return None;
        }
    };
    if handler.signature.receiver().is_some() {
        errors.push(
            handler.signature.inputs.span(),
            "a handler is a free function: move it out of the `impl` and take what it needs as an argument, \
             such as `Data<State>`, instead of `self`",
        );
        return None;
    }
    signature(&handler.signature, errors);
    Some(handler)
}

fn function(input: ParseStream<'_>) -> syn::Result<Handler> {
    Ok(Handler {
        attributes: input.call(Attribute::parse_outer)?,
        visibility: input.parse::<Visibility>()?,
        signature: input.parse::<Signature>()?,
        body: {
            // The body is one group: it is passed on and never parsed.
            let body: proc_macro2::Group = input.parse()?;
            proc_macro2::TokenTree::Group(body).into()
        },
    })
}

fn signature(signature: &Signature, errors: &mut Errors) {
    let name = &signature.ident;
    if signature.asyncness.is_none() {
        errors.push(signature.fn_token.span, format!("a handler is asynchronous: write `async fn {name}`"));
    }
    if let Some(constness) = &signature.constness {
        errors.push(constness.span, "a handler can't be `const`: remove the word");
    }
    if let Some(abi) = &signature.abi {
        errors.push(abi.span(), "a handler can't be `extern`: remove it");
    }
    if let Some(variadic) = &signature.variadic {
        errors.push(variadic.span(), "a handler takes a fixed number of arguments: remove `...`");
    }
    for parameter in &signature.generics.params {
        if !matches!(parameter, GenericParam::Lifetime(_)) {
            errors.push(
                parameter.span(),
                format!("a handler can't be generic, because a route is one function: write the concrete type instead of `{}`", spelled(parameter)),
            );
        }
    }
    for input in &signature.inputs {
        if let FnArg::Typed(argument) = input
            && let Type::ImplTrait(generic) = &*argument.ty
        {
            errors.push(
                generic.span(),
                "a handler can't be generic, because a route is one function: write the concrete type instead of `impl ..`",
            );
        }
    }
}

fn spelled(parameter: &GenericParam) -> String {
    match parameter {
        GenericParam::Type(parameter) => parameter.ident.to_string(),
        GenericParam::Const(parameter) => parameter.ident.to_string(),
        GenericParam::Lifetime(parameter) => parameter.lifetime.to_string(),
    }
}
