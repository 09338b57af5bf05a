//! `#[timeout("5s")]`.
//!
//! Threat: a handler that does not end holds its connection, its memory and its place (CWE-400), because the timeout was read in
//! another unit (CWE-1284). Promise: the timeout is written with its unit, is more than zero and at most a day.

use palisade_grammar::length::LengthKind;
use palisade_grammar::timeout::FORMS;
use proc_macro2::{Literal, TokenStream};
use quote::quote;
use syn::Lit;

use super::{Attribute, Clause, Single};
use crate::arguments::length::length;
use crate::arguments::{Arguments, Value};
use crate::diagnostics::Diagnostics;
use crate::hygiene::Names;
use crate::policy::Additions;

const HELP: &str = "write `#[timeout(\"5s\")]`: if the response has not begun after 5 seconds, the client gets 503";

pub(super) struct Timeout;

impl Attribute for Timeout {
    fn keyword(&self) -> &'static str {
        "timeout"
    }

    fn parse(&self, arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Clause {
        Clause::condition(Single::of(milliseconds(arguments, diagnostics), |additions| &mut additions.timeout))
    }

    fn emit(&self, additions: &Additions, _: &mut Names) -> TokenStream {
        let Some(milliseconds) = additions.timeout else { return TokenStream::new() };
        let milliseconds = Literal::u64_unsuffixed(milliseconds);
        quote!(.timeout_milliseconds(#milliseconds))
    }
}

fn milliseconds(mut arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Option<u64> {
    let Some(argument) = arguments.positional() else {
        diagnostics.error(arguments.keyword.span(), "`timeout` needs a time", HELP);
        arguments.end(HELP, diagnostics);
        return None;
    };
    let milliseconds = match &argument.value {
        Value::Text(text) => length(LengthKind::Timeout, &text.value())
            .map_err(|diagnostic| diagnostics.add(text.span(), diagnostic))
            .ok(),
        Value::Literal(Lit::Int(number)) => {
            let unit = if number.suffix().is_empty() { "s" } else { "" };
            let help = format!("did you mean \"{number}{unit}\"? {FORMS}");
            diagnostics.error(number.span(), "a timeout must be a string literal with a unit", help);
            None
        }
        other => {
            diagnostics.error(other.range(), "a timeout must be a string literal with a unit", FORMS);
            None
        }
    };
    arguments.end(HELP, diagnostics);
    milliseconds
}
