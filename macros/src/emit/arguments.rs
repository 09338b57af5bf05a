//! Closures over a handler's arguments: what is validated, and by what is counted.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};

use super::{local, unraw};
use crate::model::{Argument, Located, Step, Validation};

/// `|__all, (_, __body)| __all.named(__body)?.done()`. A type that can't be validated is blamed where it stands, and the
/// lack of any input at the attribute.
pub(super) fn checks(validation: &Validation, arguments: &[Argument]) -> TokenStream {
    let Validation { steps, attribute } = validation;
    let mut parameters = Vec::new();
    let mut checks = TokenStream::new();
    for (at, (step, argument)) in steps.iter().zip(arguments).enumerate() {
        let check = match step {
            Step::Skip => {
                parameters.push(quote!(_));
                continue;
            }
            Step::Each => "each",
            Step::Named => "named",
        };
        let argument = held(at, argument);
        let check = Ident::new(check, argument.span());
        checks.extend(quote_spanned!(argument.span()=> .#check(#argument)?));
        parameters.push(argument.into_token_stream());
    }
    let done = quote_spanned!(Span::mixed_site().located_at(*attribute)=> .done());
    let all = local("__all", Span::call_site());
    quote!(|#all, (#(#parameters,)*)| #all #checks #done)
}

/// Where nothing is validated.
pub(super) fn unchecked() -> TokenStream {
    quote!(|_, _| ::core::result::Result::Ok(()))
}

/// `|__keys, (_, __body)| __keys.of("body.email", &__body.email)`. A type that can't be a key is blamed at the field as it
/// was written.
pub(super) fn keys(fields: &[Located], arguments: &[Argument]) -> TokenStream {
    let parameters = arguments.iter().enumerate().map(|(at, argument)| {
        let read = fields.iter().any(|field| field.argument == at);
        if read { held(at, argument).into_token_stream() } else { quote!(_) }
    });
    let reads = fields.iter().filter_map(|Located { field, argument: at }| {
        let place = Span::mixed_site().located_at(field.span());
        let (text, mut argument) = (field.text(), held(*at, arguments.get(*at)?));
        argument.set_span(place);
        Some(quote_spanned!(place=> .of(#text, &#argument #field)))
    });
    let keys = local("__keys", Span::call_site());
    quote!(|#keys, (#(#parameters,)*)| #keys #(#reads)*)
}

/// What an argument is called in a closure: after what its pattern binds first, else after its position.
fn held(at: usize, argument: &Argument) -> Ident {
    let name = argument.names.first().map(unraw).filter(|name| !COLLECTORS.contains(&name.as_str()));
    let name = name.unwrap_or_else(|| at.to_string());
    local(&format!("__{name}"), argument.ty)
}

/// Names that the closures have in use themselves.
const COLLECTORS: [&str; 2] = ["all", "keys"];
