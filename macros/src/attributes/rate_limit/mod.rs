//! `#[rate_limit(5, "15m", count = failures, by = principal, name = "login")]`.
//!
//! Threat: a mistyped rate limit that has no effect (CWE-799), such as a zero, a window of another unit, or the same key for all
//! callers. Promise: the limit, its window and each option are checked at compile time.
//!
//! The limit, the window and the cost are read here, the options in `options`, and `check` compares them with the handler.

mod by;
mod check;
mod choice;
mod emit;
mod options;
mod other_spellings;

use palisade_grammar::length::LengthKind;
use palisade_grammar::names::is_label;
use palisade_grammar::window;
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Lit, LitStr};

use self::options::options;
use self::other_spellings::other_spelling;
use super::number::number;
use super::{Attribute, Clause};
use crate::arguments::length::length;
use crate::arguments::{Arguments, AttributeArgument, Value};
use crate::diagnostics::Diagnostics;
use crate::hygiene::Names;
use crate::policy::{Additions, Number, Numbers, RateLimitTerms};

const HELP: &str = "write `#[rate_limit(5, \"15m\")]`: 5 requests in any 15 minutes";
const NUMBERS_OR_NAME: &str = "write `#[rate_limit(5, \"15m\")]`: 5 requests in any 15 minutes; or `#[rate_limit(\"login\")]`, if the \
                               application is built with `.rate_limit(\"login\", \"5 per 15m\")`";

pub(super) struct RateLimit;

impl Attribute for RateLimit {
    fn keyword(&self) -> &'static str {
        "rate_limit"
    }

    fn parse(&self, arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Clause {
        Clause::condition(terms(arguments, diagnostics))
    }

    fn emit(&self, additions: &Additions, names: &mut Names) -> TokenStream {
        if additions.rate_limits.is_empty() {
            return TokenStream::new();
        }
        let rate_limits: Vec<TokenStream> =
            additions.rate_limits.iter().map(|rate_limit| emit::rate_limit(rate_limit, names)).collect();
        quote!(.limits(&[#(#rate_limits),*]))
    }
}

/// Returns `None` if the limit, its window or its cost could not be understood.
fn terms(mut arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Option<RateLimitTerms> {
    let keyword = arguments.keyword;
    if let Some((range, diagnostic)) = other_spelling(arguments.rest()) {
        diagnostics.add(range, diagnostic);
        return None;
    }
    let mut configured = None;
    let (limit, seconds) = match (number_or_text(&mut arguments), number_or_text(&mut arguments)) {
        (Some(first), Some(second)) => (limit(&first, diagnostics), seconds(&second, diagnostics)),
        (Some(AttributeArgument { value: Value::Text(text), .. }), None) if is_name(&text.value()) => {
            configured = Some(text);
            (None, None)
        }
        (Some(AttributeArgument { value: Value::Text(text), .. }), None) => {
            diagnostics.error(keyword.span(), "`rate_limit` needs a number of requests", NUMBERS_OR_NAME);
            (None, window(&text, diagnostics))
        }
        (Some(first), None) => {
            diagnostics.error(keyword.span(), "`rate_limit` needs a window", HELP);
            (limit(&first, diagnostics), None)
        }
        (None, _) => {
            diagnostics.error(keyword.span(), "`rate_limit` needs a number of requests and a window", NUMBERS_OR_NAME);
            (None, None)
        }
    };
    let options = options(arguments, diagnostics);
    let cost = options.cost.map_or(Some(Number::Literal(1)), |value| cost(&value, limit.as_ref(), diagnostics));
    let (on_outage, observe) = (options.on_outage, options.observe);
    if let (Some(configured), Some(name)) = (&configured, &options.name) {
        let help = format!("remove `name`: rate limits named {:?} share one bucket", configured.value());
        diagnostics.error(name.span(), "this rate limit has a name already", help);
        return None;
    }
    let (numbers, name) = match configured {
        Some(name) => (Numbers::Configured, Some(name)),
        None => (Numbers::Written { limit: limit?, seconds: seconds? }, options.name),
    };
    Some(RateLimitTerms { numbers, count: options.count, by: options.by, cost: cost?, on_outage, observe, name })
}

/// Whether the text is the name of a configured rate limit, and not a window without its number.
fn is_name(text: &str) -> bool {
    is_label(text) && !text.starts_with(|first: char| first.is_ascii_digit())
}

/// Takes the next positional argument, unless it is a flag.
fn number_or_text(arguments: &mut Arguments<'_>) -> Option<AttributeArgument> {
    if arguments.next_is_flag() { None } else { arguments.positional() }
}

fn limit(argument: &AttributeArgument, diagnostics: &mut Diagnostics) -> Option<Number> {
    let message = "a rate limit must be a whole number from 1 to 4294967295";
    let limit = number(&argument.value, "a rate limit", message, HELP, diagnostics)?;
    if matches!(limit, Number::Literal(0)) {
        let help = "write 1 or more; to close a route, write `#[deny_all(\"why\")]`";
        diagnostics.error(argument.value.range(), "a rate limit of zero rejects every request", help);
        return None;
    }
    Some(limit)
}

/// `limit` is `None` if it could not be understood. Constants are checked by the compiler.
fn cost(value: &Value, limit: Option<&Number>, diagnostics: &mut Diagnostics) -> Option<Number> {
    let message = "a cost must be a whole number from 1 to the rate limit";
    let help = "write `cost = 2`: each request counts as two";
    let cost = number(value, "a cost", message, help, diagnostics)?;
    match (&cost, limit) {
        (Number::Literal(0), _) => {
            diagnostics.error(
                value.range(),
                "a request with a cost of zero is never limited",
                "write 1 or more, or remove the attribute",
            );
            None
        }
        (Number::Literal(units), Some(Number::Literal(limit))) if units > limit => {
            let message = format!("the cost exceeds the rate limit of {limit}, so every request would be rejected");
            diagnostics.error(value.range(), message, format!("write {limit} or less"));
            None
        }
        _ => Some(cost),
    }
}

fn seconds(argument: &AttributeArgument, diagnostics: &mut Diagnostics) -> Option<u64> {
    match &argument.value {
        Value::Text(text) => window(text, diagnostics),
        Value::Literal(Lit::Int(number)) => {
            let unit = if number.suffix().is_empty() { "s" } else { "" };
            let help = format!("did you mean \"{number}{unit}\"? {}", window::FORMS);
            diagnostics.error(number.span(), "a window must be a string literal with a unit", help);
            None
        }
        constant if constant.constant().is_some() => {
            let message = "a window must be a string literal with a unit, and cannot be a constant";
            diagnostics.error(constant.range(), message, window::FORMS);
            None
        }
        other => {
            diagnostics.error(other.range(), "a window must be a string literal with a unit", window::FORMS);
            None
        }
    }
}

fn window(text: &LitStr, diagnostics: &mut Diagnostics) -> Option<u64> {
    match length(LengthKind::Window, &text.value()) {
        Ok(seconds) => Some(seconds),
        Err(diagnostic) => {
            diagnostics.add(text.span(), diagnostic);
            None
        }
    }
}
