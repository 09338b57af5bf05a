//! The options of a rate limit, in any order, each said once.

use palisade_grammar::names::is_label;
use proc_macro2::Ident;
use syn::LitStr;

use super::super::argument::{Arguments, Value};
use super::super::function;
use super::choice::{Choice, Chosen};
use super::{CURE, by};
use crate::errors::{Errors, Place};
use crate::model::{By, Count, Key, OnStoreFailure};
use crate::suggest;

/// Each with an example of what it is written like.
const OPTIONS: [(&str, &str); 7] = [
    ("count", "count = failures"),
    ("by", "by = principal"),
    ("name", "name = \"login\""),
    ("cost", "cost = 2"),
    ("on_outage", "on_outage = deny"),
    ("observe", "observe"),
    ("skip_successful", "skip_successful"),
];
const COUNT: Choice = Choice {
    option: "count",
    forms: &["all", "failures", "successes", "when(path::to::function)"],
    before: "count = ",
};
const ON_OUTAGE: Choice = Choice { option: "on_outage", forms: &["deny", "allow", "local"], before: "on_outage = " };
const FUNCTION: &str = "write `when(path::to::function)`; it is a `fn(StatusCode) -> bool`";

/// Whether it is the word of an option.
pub(super) fn is_option(word: &Ident) -> bool {
    OPTIONS.iter().any(|(known, _)| word == known)
}

pub(super) struct Options {
    pub(super) count: Count,
    pub(super) by: Vec<Key>,
    /// Unread: what it may be depends on the rate limit.
    pub(super) cost: Option<Value>,
    pub(super) on_outage: Option<OnStoreFailure>,
    pub(super) observe: bool,
    pub(super) name: Option<LitStr>,
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

pub(super) fn options(arguments: Arguments<'_>, errors: &mut Errors) -> Options {
    let address = Key { by: By::Ip, place: Place::from(arguments.word.span()) };
    let mut options = Options {
        count: Count::All,
        by: vec![address],
        cost: None,
        on_outage: None,
        observe: false,
        name: None,
        said: Vec::new(),
    };
    for argument in arguments {
        match (argument.key, argument.value) {
            (Some(key), value) => option(&key, value, &mut options, errors),
            (None, Value::Word(word)) => flag(&word, &mut options, errors),
            _ => errors.push(argument.place, "`rate_limit` takes a rate limit, a window, and options by name", CURE),
        }
    }
    options
}

fn flag(word: &Ident, options: &mut Options, errors: &mut Errors) {
    match word.to_string().as_str() {
        "skip_successful" => {
            if options.first(word, COUNTED, errors) {
                options.count = Count::Failures;
            }
        }
        "observe" => options.observe |= options.first(word, "that it only observes", errors),
        _ => unknown(word, errors),
    }
}

const COUNTED: &str = "what is counted";

fn option(key: &Ident, value: Value, options: &mut Options, errors: &mut Errors) {
    match key.to_string().as_str() {
        "count" if options.first(key, COUNTED, errors) => {
            options.count = count(&value, errors).unwrap_or_default();
        }
        "by" if options.first(key, "by whom it counts", errors) => {
            let keys = by::parse(&value, errors);
            if !keys.is_empty() {
                options.by = keys;
            }
        }
        "cost" if options.first(key, "what a request costs", errors) => options.cost = Some(value),
        "on_outage" if options.first(key, "what holds in an outage", errors) => {
            options.on_outage = on_outage(&value, errors);
        }
        "name" if options.first(key, "its name", errors) => options.name = name(&value, errors),
        "skip_successful" => {
            errors.push(
                key.span(),
                "`skip_successful` takes no value",
                "write `skip_successful` or `count = failures`",
            );
        }
        "observe" => {
            let cure = "write `observe` to count and refuse nobody, or remove it";
            errors.push(key.span(), "`observe` takes no value", cure);
        }
        "count" | "by" | "cost" | "on_outage" | "name" => {}
        _ => unknown(key, errors),
    }
}

/// A word alone that is no flag: an option without its value, a value without its option, or neither.
fn unknown(key: &Ident, errors: &mut Errors) {
    let written = key.to_string();
    let option = [COUNT, by::ALONE, ON_OUTAGE].into_iter().find_map(|choice| Some((choice, choice.form(&written)?)));
    let (what, cure) = match (OPTIONS.iter().find(|(word, _)| *word == written), option) {
        (Some((_, example)), _) => (format!("the option `{key}` has no value"), format!("write `{example}`")),
        (None, Some((choice, form))) => {
            (format!("`{key}` does not say what it is"), format!("write `{}{form}`", choice.before))
        }
        (None, None) => {
            let cure = suggest::cure(&written, OPTIONS.iter().map(|(word, _)| *word));
            (format!("`rate_limit` has no option `{key}`"), cure)
        }
    };
    errors.push(key.span(), what, cure);
}

fn chosen<'v>(choice: Choice, value: &'v Value, errors: &mut Errors) -> Option<Chosen<'v>> {
    choice.of(value).map_err(|(place, fault)| errors.fault(place, fault)).ok()
}

fn count(value: &Value, errors: &mut Errors) -> Option<Count> {
    let Chosen { word, inside } = chosen(COUNT, value, errors)?;
    Some(match word.to_string().as_str() {
        "all" => Count::All,
        "failures" => Count::Failures,
        "successes" => Count::Successes,
        _ => Count::When(function::parse(word, inside, FUNCTION, errors)?),
    })
}

fn on_outage(value: &Value, errors: &mut Errors) -> Option<OnStoreFailure> {
    let word = chosen(ON_OUTAGE, value, errors)?.word;
    OnStoreFailure::ALL.into_iter().find(|outage| word == outage.word())
}

fn name(value: &Value, errors: &mut Errors) -> Option<LitStr> {
    let Value::Text(name) = value else {
        let what = match value.constant() {
            Some(_) => "the name of a rate limit is a text in quotes: a constant can't stand here",
            None => "the name of a rate limit is a text in quotes",
        };
        let cure = match value {
            Value::Word(word) => format!("write `name = \"{}\"`", word.to_string().to_lowercase()),
            _ => "write `name = \"login\"`".to_owned(),
        };
        errors.push(value.place(), what, cure);
        return None;
    };
    if !is_label(&name.value()) {
        let cure = "write ASCII letters, digits, `-`, `_`, `.` or `:`, as in `name = \"login\"`";
        errors.push(name.span(), "clients see the name of a rate limit in a header, which can't hold this one", cure);
        return None;
    }
    Some(name.clone())
}
