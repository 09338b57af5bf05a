//! `#[rate_limit(5, "15m", count = failures, by = principal, name = "login")]`: its numbers here, its options beside.

mod by;
mod choice;
mod options;

use syn::{Lit, LitStr};

use self::options::options;
use super::argument::{Argument, Arguments, Value};
use super::window;
use crate::errors::Errors;
use crate::model::RateLimit;

const CURE: &str = "write `#[rate_limit(5, \"15m\")]`: 5 requests in any 15 minutes";

/// `None` if the quota or its window could not be understood.
pub(super) fn parse(mut arguments: Arguments<'_>, errors: &mut Errors) -> Option<RateLimit> {
    let word = arguments.word;
    let (limit, seconds) = match (number_or_text(&mut arguments), number_or_text(&mut arguments)) {
        (Some(first), Some(second)) => (limit(&first, errors), seconds(&second, errors)),
        (Some(Argument { value: Value::Text(text), .. }), None) => {
            errors.push(word.span(), "`rate_limit` does not say how many requests", CURE);
            (None, window(&text, errors))
        }
        (Some(first), None) => {
            errors.push(word.span(), "`rate_limit` does not say in what time", CURE);
            (limit(&first, errors), None)
        }
        (None, _) => {
            errors.push(word.span(), "`rate_limit` says neither how many requests nor in what time", CURE);
            (None, None)
        }
    };
    let options = options(arguments, errors);
    let cost = options.cost.map_or(Some(1), |value| cost(&value, limit, errors));
    let (on_outage, observe, name) = (options.on_outage, options.observe, options.name);
    Some(RateLimit {
        limit: limit?,
        seconds: seconds?,
        count: options.count,
        by: options.by,
        cost: cost?,
        on_outage,
        observe,
        name,
    })
}

/// A bare word in their place is an option without its value.
fn number_or_text(arguments: &mut Arguments<'_>) -> Option<Argument> {
    if arguments.next_is_word() { None } else { arguments.positional() }
}

fn limit(argument: &Argument, errors: &mut Errors) -> Option<u32> {
    let what = "a quota is a whole number of requests, from 1 to 4294967295";
    let limit = number(&argument.value, "a quota", what, CURE, errors)?;
    if limit == 0 {
        let cure = "write 1 or more; to close a route, remove it or demand a role";
        errors.push(argument.value.place(), "a quota of zero admits nobody", cure);
        return None;
    }
    Some(limit)
}

/// The limit is known unless it was mistaken.
fn cost(value: &Value, limit: Option<u32>, errors: &mut Errors) -> Option<u32> {
    let what = "a cost is a whole number, from 1 to the quota";
    let cure = "write `cost = 2`: each request counts as two";
    let cost = number(value, "a cost", what, cure, errors)?;
    match limit {
        _ if cost == 0 => {
            errors.push(
                value.place(),
                "what costs nothing is never stopped",
                "write 1 or more, or remove the attribute",
            );
            None
        }
        Some(limit) if cost > limit => {
            let what = format!("one request would cost more than the whole quota of {limit}, so nobody could call");
            errors.push(value.place(), what, format!("write {limit} or less"));
            None
        }
        _ => Some(cost),
    }
}

/// A `u32`; `what` is wrong if it is none.
fn number(value: &Value, noun: &str, what: &str, cure: &str, errors: &mut Errors) -> Option<u32> {
    let parsed = match value {
        Value::Literal(Lit::Int(number)) => number.base10_parse::<u32>().ok().map(|parsed| (parsed, number.suffix())),
        _ => None,
    };
    match parsed {
        Some((number, "" | "u32")) => Some(number),
        Some((number, suffix)) => {
            let what = format!("{noun} is a `u32`, not a `{suffix}`");
            errors.push(value.place(), what, format!("write `{number}`"));
            None
        }
        None => {
            errors.push(value.place(), what, cure);
            None
        }
    }
}

fn seconds(argument: &Argument, errors: &mut Errors) -> Option<u64> {
    match &argument.value {
        Value::Text(text) => window(text, errors),
        Value::Literal(Lit::Int(number)) => {
            let unit = if number.suffix().is_empty() { "s" } else { "" };
            let cure = format!("did you mean \"{number}{unit}\"? {}", window::FORMS);
            errors.push(number.span(), "a window is a text in quotes, with its unit", cure);
            None
        }
        other => {
            errors.push(other.place(), "a window is a text in quotes, with its unit", window::FORMS);
            None
        }
    }
}

fn window(text: &LitStr, errors: &mut Errors) -> Option<u64> {
    match window::seconds(&text.value()) {
        Ok(seconds) => Some(seconds),
        Err(fault) => {
            errors.fault(text.span(), fault);
            None
        }
    }
}

/// Whether the text can stand in the `RateLimit` header without escapes.
pub(crate) fn is_label(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':'))
}
