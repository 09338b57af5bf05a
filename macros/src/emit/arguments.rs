//! Closures over a handler's arguments: they validate them, and take the keys of rate limits from them.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};

use syn::ext::IdentExt;

use crate::cfg_predicate::CfgPredicate;
use crate::hygiene::local;
use crate::item::HandlerArgument;
use crate::policy::{CountedField, Validation, ValidationStep};

/// `|__all, (_, __body)| __all.of(__body).named()`. The compiler reports a type that cannot be validated, or that cannot be strict, at
/// the argument.
pub(super) fn checks(validation: &Validation, arguments: &[HandlerArgument]) -> TokenStream {
    let steps = &validation.steps;
    let all = |span: Span| local("__all", span);
    let read = |at: usize| steps.get(at).is_some_and(|step| !matches!(step, ValidationStep::Skip));
    let calls = steps.iter().zip(arguments).enumerate().filter_map(|(at, (step, argument))| {
        let check = match step {
            ValidationStep::Skip => return None,
            ValidationStep::IfInput => "each",
            ValidationStep::Named => "named",
            ValidationStep::Except => "except",
        };
        let present = argument.present.as_ref();
        let argument = closure_name(at, argument);
        let span = argument.span();
        let check = Ident::new(check, span);
        // The compiler reports the whole expression, which starts with `__all`.
        let is_strict = validation.is_strict && !matches!(step, ValidationStep::Except);
        let strict = is_strict
            .then(|| quote_spanned!(span=> .strict(#argument, ::palisade::__v1::Strictness::of(#argument).kind())));
        Some((present, all(span), quote_spanned!(span=> #strict.of(#argument).#check())))
    });
    let every_check = all(Span::call_site());
    if all_unconditional(arguments) {
        let mut calls = calls.peekable();
        let first = calls.peek().map(|(_, all, _)| all.clone());
        let (parameters, calls) = (tuple(arguments, read), calls.map(|(.., call)| call));
        return quote!(|#every_check, #parameters| #first #(#calls)*);
    }
    let (every, taken) = list(arguments, read);
    let calls = calls.map(|(present, all, call)| {
        let present = cfg_attribute(present);
        quote!(#present let #every_check = #all #call;)
    });
    quote!(|#every_check, #every| { #taken #(#calls)* #every_check })
}

/// `|__keys, (_, __body)| __keys.of("body.email", &__body.email)`. The compiler reports a type that cannot be a key at the
/// field in the attribute.
pub(super) fn keys(fields: &[CountedField], arguments: &[HandlerArgument]) -> TokenStream {
    let keys = local("__keys", Span::call_site());
    let read = |at: usize| fields.iter().any(|field| field.arguments.contains(&at));
    let calls = fields.iter().filter_map(|CountedField { field, arguments: found }| {
        let span = Span::mixed_site().located_at(field.span());
        let at = *found.first()?;
        let (text, mut argument) = (field.text(), closure_name(at, arguments.get(at)?));
        argument.set_span(span);
        let present = CfgPredicate::any(found.iter().map(|at| arguments.get(*at)?.present.as_ref()));
        Some((present, field, quote_spanned!(span=> .of(#text, &#argument #field))))
    });
    if all_unconditional(arguments) {
        let (parameters, calls) = (tuple(arguments, read), calls.map(|(_, _, call)| call));
        return quote!(|#keys, #parameters| #keys #(#calls)*);
    }
    let (every, taken) = list(arguments, read);
    let calls = calls.map(|(present, field, call)| {
        // Without its argument, the rate limit would have no key and no effect.
        let absent = present.as_ref().map(|present| {
            let argument = field.argument.unraw();
            let absent = present.not();
            let message = format!(
                "a `#[cfg(..)]` may remove the argument `{argument}`, by which this rate limit counts\n= help: write the same \
                 condition above the rate limit: `#[cfg_attr({}, rate_limit(..))]`",
                crate::text::text(present.to_token_stream()),
            );
            quote_spanned!(field.argument.span()=> #[cfg(#absent)] ::core::compile_error! { #message })
        });
        let present = cfg_attribute(present.as_ref());
        quote!(#absent #present let #keys = #keys #call;)
    });
    quote!(|#keys, #every| { #taken #(#calls)* #keys })
}

/// `#[cfg(..)]`, unless the argument always exists.
fn cfg_attribute(present: Option<&CfgPredicate>) -> Option<TokenStream> {
    present.map(CfgPredicate::attribute)
}

fn all_unconditional(arguments: &[HandlerArgument]) -> bool {
    arguments.iter().all(|argument| argument.present.is_none())
}

/// The arguments as a pattern: `(_, __body)`.
fn tuple(arguments: &[HandlerArgument], read: impl Fn(usize) -> bool) -> TokenStream {
    let parameters = arguments
        .iter()
        .enumerate()
        .map(|(at, argument)| if read(at) { closure_name(at, argument).into_token_stream() } else { quote!(_) });
    quote!((#(#parameters,)*))
}

/// The arguments one after the other, because a statement can have a `#[cfg(..)]`, but a part of a pattern cannot. Returns the
/// name of the whole list, and the statements that take it apart.
fn list(arguments: &[HandlerArgument], read: impl Fn(usize) -> bool) -> (Ident, TokenStream) {
    let [every, rest] = ["__arguments", "__rest"].map(|name| local(name, Span::call_site()));
    let taken = arguments.iter().enumerate().map(|(at, argument)| {
        let name = if read(at) { closure_name(at, argument).into_token_stream() } else { quote!(_) };
        let present = cfg_attribute(argument.present.as_ref());
        quote!(#present let (#name, #rest) = #rest;)
    });
    let taken = quote!(let #rest = ::palisade::__v1::Listed::listed(#every); #(#taken)*);
    (every, taken)
}

/// The name of an argument in a closure: derived from the first name that its pattern binds, or from its index.
fn closure_name(at: usize, argument: &HandlerArgument) -> Ident {
    let name =
        argument.names.first().map(|name| name.unraw().to_string()).filter(|name| !COLLECTORS.contains(&name.as_str()));
    let name = name.unwrap_or_else(|| at.to_string());
    local(&format!("__{name}"), argument.ty)
}

/// Names that the closures use themselves.
const COLLECTORS: [&str; 4] = ["all", "keys", "arguments", "rest"];
