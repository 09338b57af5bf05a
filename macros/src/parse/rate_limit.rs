//! `#[rate_limit(5, "15m", count = failures, by = principal, name = "login")]`.

use proc_macro2::{Ident, Span};
use syn::{Lit, LitStr};

use super::argument::{Argument, Arguments, Value};
use super::window;
use crate::errors::{Errors, Place};
use crate::model::{By, Count, RateLimit};
use crate::suggest;

const CURE: &str = "write `#[rate_limit(5, \"15m\")]`: 5 requests in any 15 minutes";
const OPTIONS: [&str; 4] = ["count", "by", "name", "skip_successful"];

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
    Some(RateLimit { limit: limit?, seconds: seconds?, count: options.count, by: options.by, name: options.name })
}

/// A bare word in their place is an option without its value.
fn number_or_text(arguments: &mut Arguments<'_>) -> Option<Argument> {
    if arguments.next_is_word() { None } else { arguments.positional() }
}

fn limit(argument: &Argument, errors: &mut Errors) -> Option<u32> {
    let place = argument.value.place();
    let Value::Literal(Lit::Int(number)) = &argument.value else {
        errors.push(place, "a quota is a whole number of requests, from 1 to 4294967295", CURE);
        return None;
    };
    match number.base10_parse::<u32>() {
        Ok(0) => {
            let cure = "write 1 or more; to close a route, remove it or demand a role";
            errors.push(place, "a quota of zero admits nobody", cure);
            None
        }
        Ok(limit) if matches!(number.suffix(), "" | "u32") => Some(limit),
        Ok(limit) => {
            let what = format!("a quota is a `u32`, not a `{}`", number.suffix());
            errors.push(place, what, format!("write `{limit}`"));
            None
        }
        Err(_) => {
            errors.push(place, "a quota is a whole number of requests, from 1 to 4294967295", CURE);
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

#[derive(Default)]
struct Options {
    count: Count,
    by: By,
    name: Option<LitStr>,
    /// What was said so far: `count` and `skip_successful` say the same thing.
    said: Vec<&'static str>,
}

impl Options {
    /// Whether this is said for the first time.
    fn first(&mut self, key: &Ident, what: &'static str, errors: &mut Errors) -> bool {
        if self.said.contains(&what) {
            errors.push(key.span(), format!("`rate_limit` says twice {what}"), "remove one of the two");
            return false;
        }
        self.said.push(what);
        true
    }
}

fn options(arguments: Arguments<'_>, errors: &mut Errors) -> Options {
    let mut options = Options::default();
    for argument in arguments {
        match (&argument.key, &argument.value) {
            (Some(key), value) => option(key, value, &mut options, errors),
            (None, Value::Word(word)) if word == "skip_successful" => {
                if options.first(word, "what is counted", errors) {
                    options.count = Count::Failures;
                }
            }
            (None, Value::Word(word)) => unknown(word, errors),
            _ => errors.push(argument.place, "`rate_limit` takes a quota, a window, and options by name", CURE),
        }
    }
    options
}

fn option(key: &Ident, value: &Value, options: &mut Options, errors: &mut Errors) {
    match key.to_string().as_str() {
        "count" if options.first(key, "what is counted", errors) => {
            if let Some((chosen, _)) = choice(key, value, ["all", "failures"], errors) {
                options.count = if chosen == "failures" { Count::Failures } else { Count::All };
            }
        }
        "by" if options.first(key, "by whom it counts", errors) => {
            if let Some((chosen, span)) = choice(key, value, ["ip", "principal"], errors) {
                options.by = if chosen == "principal" { By::Principal(span) } else { By::Ip };
            }
        }
        "name" if options.first(key, "its name", errors) => options.name = name(value, errors),
        "skip_successful" => {
            errors.push(
                key.span(),
                "`skip_successful` takes no value",
                "write `skip_successful` or `count = failures`",
            );
        }
        "count" | "by" | "name" => {}
        _ => unknown(key, errors),
    }
}

fn unknown(key: &Ident, errors: &mut Errors) {
    let key_text = key.to_string();
    if OPTIONS.contains(&key_text.as_str()) {
        let cure = "write `count = failures`, `by = principal` or `name = \"login\"`";
        errors.push(key.span(), format!("the option `{key}` has no value"), cure);
    } else {
        errors.push(key.span(), format!("`rate_limit` has no option `{key}`"), suggest::cure(&key_text, OPTIONS));
    }
}

/// One of the words that the option takes, and where it stands.
fn choice(key: &Ident, value: &Value, words: [&'static str; 2], errors: &mut Errors) -> Option<(&'static str, Span)> {
    let written = match value {
        Value::Word(word) => word.to_string(),
        Value::Text(text) => text.value(),
        other => return none(other.place(), key, words, errors),
    };
    match (value, words.into_iter().find(|word| *word == written)) {
        (Value::Word(word), Some(chosen)) => Some((chosen, word.span())),
        (_, Some(chosen)) => {
            let cure = format!("write `{key} = {chosen}`");
            errors.push(value.place(), format!("the value of `{key}` has no quotes"), cure);
            None
        }
        (_, None) => {
            let cure = suggest::cure(&written, words);
            errors.push(value.place(), format!("`{written}` is no value of `{key}`"), cure);
            None
        }
    }
}

fn none<T>(place: Place, key: &Ident, words: [&'static str; 2], errors: &mut Errors) -> Option<T> {
    let [one, other] = words;
    errors.push(place, format!("`{key}` takes one word"), format!("write `{key} = {one}` or `{key} = {other}`"));
    None
}

fn name(value: &Value, errors: &mut Errors) -> Option<LitStr> {
    let Value::Text(name) = value else {
        errors.push(value.place(), "the name of a quota is a text in quotes", "write `name = \"login\"`");
        return None;
    };
    if !is_label(&name.value()) {
        let cure = "write ASCII letters, digits, `-`, `_`, `.` or `:`, as in `name = \"login\"`";
        errors.push(name.span(), "clients see the name of a quota in a header, which can't hold this one", cure);
        return None;
    }
    Some(name.clone())
}

/// Whether the text can stand in the `RateLimit` header without escapes.
pub(crate) fn is_label(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':'))
}
