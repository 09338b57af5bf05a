//! `#[concurrency(8)]`.
//!
//! Threat: so many requests are inside of a handler that they use up what all handlers share (CWE-770). Promise: the number is more
//! than zero, also if it is a constant.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use super::number::number;
use super::{Attribute, Clause, Single};
use crate::arguments::Arguments;
use crate::diagnostics::Diagnostics;
use crate::hygiene::{Names, constant};
use crate::policy::{Additions, Number};

const HELP: &str = "write `#[concurrency(8)]`: at most 8 requests are inside of the handler at once";

pub(super) struct Concurrency;

impl Attribute for Concurrency {
    fn keyword(&self) -> &'static str {
        "concurrency"
    }

    fn parse(&self, arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Clause {
        Clause::condition(Single::of(limit(arguments, diagnostics), |additions| &mut additions.concurrency))
    }

    fn emit(&self, additions: &Additions, _: &mut Names) -> TokenStream {
        match &additions.concurrency {
            None => TokenStream::new(),
            Some(literal @ Number::Literal(_)) => quote!(.concurrency(#literal)),
            // The compiler reports a wrong constant at its path.
            Some(Number::Constant(path)) => {
                let checked = quote_spanned!(path.span()=> ::palisade::__v1::concurrency(#path));
                let checked = constant("__CONCURRENCY", &quote!(u32), &checked);
                quote!(.concurrency(#checked))
            }
        }
    }
}

fn limit(mut arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Option<Number> {
    let Some(argument) = arguments.positional() else {
        diagnostics.error(arguments.keyword.span(), "`concurrency` needs a number of requests", HELP);
        arguments.end(HELP, diagnostics);
        return None;
    };
    let message = "a concurrency must be a whole number from 1 to 4294967295";
    let limit = number(&argument.value, "a concurrency", message, HELP, diagnostics);
    arguments.end(HELP, diagnostics);
    if matches!(limit, Some(Number::Literal(0))) {
        let help = "write 1 or more; to close a route, write `#[deny_all(\"why\")]`";
        diagnostics.error(argument.value.range(), "a concurrency of zero rejects every request", help);
        return None;
    }
    limit
}
