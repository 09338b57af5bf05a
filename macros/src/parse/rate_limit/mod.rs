//! `#[rate_limit(5, "15m", count = failures, by = principal, name = "login")]`: its numbers here, its options beside.

mod by;
mod choice;
mod options;
mod otherwise;

use syn::{Lit, LitStr};

use self::options::options;
use self::otherwise::otherwise;
use super::argument::{Argument, Arguments, Value};
use super::window;
use crate::errors::Errors;
use crate::model::{Number, RateLimitTerms};

const CURE: &str = "write `#[rate_limit(5, \"15m\")]`: 5 requests in any 15 minutes";

/// `None` if the rate limit or its window could not be understood.
pub(super) fn parse(mut arguments: Arguments<'_>, errors: &mut Errors) -> Option<RateLimitTerms> {
    let word = arguments.word;
    if let Some((place, fault)) = otherwise(arguments.rest()) {
        errors.fault(place, fault);
        return None;
    }
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
    let cost = options.cost.map_or(Some(Number::Literal(1)), |value| cost(&value, limit.as_ref(), errors));
    let (on_outage, observe, name) = (options.on_outage, options.observe, options.name);
    Some(RateLimitTerms {
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
    if arguments.next_is_option() { None } else { arguments.positional() }
}

fn limit(argument: &Argument, errors: &mut Errors) -> Option<Number> {
    let what = "a rate limit is a whole number of requests, from 1 to 4294967295";
    let limit = number(&argument.value, "a rate limit", what, CURE, errors)?;
    if matches!(limit, Number::Literal(0)) {
        let cure = "write 1 or more; to close a route, remove it or demand a role";
        errors.push(argument.value.place(), "a rate limit of zero admits nobody", cure);
        return None;
    }
    Some(limit)
}

/// The limit is known unless it was mistaken. Of constants, the compiler says what is said here.
fn cost(value: &Value, limit: Option<&Number>, errors: &mut Errors) -> Option<Number> {
    let what = "a cost is a whole number, from 1 to the rate limit";
    let cure = "write `cost = 2`: each request counts as two";
    let cost = number(value, "a cost", what, cure, errors)?;
    match (&cost, limit) {
        (Number::Literal(0), _) => {
            errors.push(
                value.place(),
                "what costs nothing is never stopped",
                "write 1 or more, or remove the attribute",
            );
            None
        }
        (Number::Literal(units), Some(Number::Literal(limit))) if units > limit => {
            let what =
                format!("one request would cost more than the whole rate limit of {limit}, so nobody could call");
            errors.push(value.place(), what, format!("write {limit} or less"));
            None
        }
        _ => Some(cost),
    }
}

/// A `u32`, or a constant; `what` is wrong if it is neither.
fn number(value: &Value, noun: &str, what: &str, cure: &str, errors: &mut Errors) -> Option<Number> {
    let parsed = match value {
        Value::Literal(Lit::Int(number)) => number.base10_parse::<u32>().ok().map(|parsed| (parsed, number.suffix())),
        _ => None,
    };
    match (parsed, value.constant()) {
        (_, Some(path)) => Some(Number::Constant(path)),
        (Some((number, "" | "u32")), _) => Some(Number::Literal(number)),
        (Some((number, suffix)), _) => {
            let what = format!("{noun} is a `u32`, not a `{suffix}`");
            errors.push(value.place(), what, format!("write `{number}`"));
            None
        }
        (None, None) => {
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
        constant if constant.constant().is_some() => {
            let what = "a window is a text in quotes, with its unit: only numbers and names may be constants here";
            errors.push(constant.place(), what, window::FORMS);
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
