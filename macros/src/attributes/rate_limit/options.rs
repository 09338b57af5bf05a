//! The options of a rate limit, in any order, each at most once.

use proc_macro2::Ident;
use syn::LitStr;

use super::choice::{Choice, Chosen};
use super::{HELP, by, is_label};
use crate::arguments::{Arguments, Value, function_path};
use crate::diagnostics::{Diagnostics, SourceRange};
use crate::policy::{By, Count, Key, OnStoreFailure};
use crate::suggest;

/// Each option with an example.
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

/// Whether it is the name of an option.
pub(super) fn is_option(name: &Ident) -> bool {
    OPTIONS.iter().any(|(known, _)| name == known)
}

pub(super) struct Options {
    pub(super) count: Count,
    pub(super) by: Vec<Key>,
    /// Not read yet, because what it may be depends on the limit.
    pub(super) cost: Option<Value>,
    pub(super) on_outage: Option<OnStoreFailure>,
    pub(super) observe: bool,
    pub(super) name: Option<LitStr>,
    /// What was written so far. `count` and `skip_successful` are the same thing.
    written: Vec<&'static str>,
}

impl Options {
    /// Whether this is written for the first time. Reports a second time.
    fn first(&mut self, key: &Ident, what: &'static str, diagnostics: &mut Diagnostics) -> bool {
        if self.written.contains(&what) {
            diagnostics.error(key.span(), format!("`rate_limit` says twice {what}"), "remove one of the two");
            return false;
        }
        self.written.push(what);
        true
    }
}

pub(super) fn options(arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Options {
    let address = Key { by: By::Ip, range: SourceRange::from(arguments.keyword.span()) };
    let mut options = Options {
        count: Count::All,
        by: vec![address],
        cost: None,
        on_outage: None,
        observe: false,
        name: None,
        written: Vec::new(),
    };
    for argument in arguments {
        match (argument.key, argument.value) {
            (Some(key), value) => option(&key, value, &mut options, diagnostics),
            (None, Value::Word(word)) => flag(&word, &mut options, diagnostics),
            _ => diagnostics.error(
                argument.range,
                "`rate_limit` takes a rate limit, a window, and options by name",
                HELP,
            ),
        }
    }
    options
}

fn flag(word: &Ident, options: &mut Options, diagnostics: &mut Diagnostics) {
    match word.to_string().as_str() {
        "skip_successful" => {
            if options.first(word, COUNTED, diagnostics) {
                options.count = Count::Failures;
            }
        }
        "observe" => options.observe |= options.first(word, "that it only observes", diagnostics),
        _ => unknown(word, diagnostics),
    }
}

const COUNTED: &str = "what is counted";

fn option(key: &Ident, value: Value, options: &mut Options, diagnostics: &mut Diagnostics) {
    match key.to_string().as_str() {
        "count" if options.first(key, COUNTED, diagnostics) => {
            options.count = count(&value, diagnostics).unwrap_or_default();
        }
        "by" if options.first(key, "by whom it counts", diagnostics) => {
            let keys = by::parse(&value, diagnostics);
            if !keys.is_empty() {
                options.by = keys;
            }
        }
        "cost" if options.first(key, "what a request costs", diagnostics) => options.cost = Some(value),
        "on_outage" if options.first(key, "what holds in an outage", diagnostics) => {
            options.on_outage = on_outage(&value, diagnostics);
        }
        "name" if options.first(key, "its name", diagnostics) => options.name = name(&value, diagnostics),
        "skip_successful" => {
            diagnostics.error(
                key.span(),
                "`skip_successful` takes no value",
                "write `skip_successful` or `count = failures`",
            );
        }
        "observe" => {
            let help = "write `observe` to count and refuse nobody, or remove it";
            diagnostics.error(key.span(), "`observe` takes no value", help);
        }
        "count" | "by" | "cost" | "on_outage" | "name" => {}
        _ => unknown(key, diagnostics),
    }
}

/// Reports an identifier alone that is not a flag: an option without its value, a value without its option, or neither.
fn unknown(key: &Ident, diagnostics: &mut Diagnostics) {
    let written = key.to_string();
    let option = [COUNT, by::ALONE, ON_OUTAGE].into_iter().find_map(|choice| Some((choice, choice.form(&written)?)));
    let (message, help) = match (OPTIONS.iter().find(|(word, _)| *word == written), option) {
        (Some((_, example)), _) => (format!("the option `{key}` has no value"), format!("write `{example}`")),
        (None, Some((choice, form))) => {
            (format!("`{key}` does not say what it is"), format!("write `{}{form}`", choice.before))
        }
        (None, None) => {
            let help = suggest::help(&written, OPTIONS.iter().map(|(word, _)| *word));
            (format!("`rate_limit` has no option `{key}`"), help)
        }
    };
    diagnostics.error(key.span(), message, help);
}

fn chosen<'v>(choice: Choice, value: &'v Value, diagnostics: &mut Diagnostics) -> Option<Chosen<'v>> {
    choice.of(value).map_err(|(range, diagnostic)| diagnostics.add(range, diagnostic)).ok()
}

fn count(value: &Value, diagnostics: &mut Diagnostics) -> Option<Count> {
    let Chosen { keyword, inside } = chosen(COUNT, value, diagnostics)?;
    Some(match keyword.to_string().as_str() {
        "all" => Count::All,
        "failures" => Count::Failures,
        "successes" => Count::Successes,
        _ => Count::When(function_path::parse(keyword, inside, FUNCTION, diagnostics)?),
    })
}

fn on_outage(value: &Value, diagnostics: &mut Diagnostics) -> Option<OnStoreFailure> {
    let keyword = chosen(ON_OUTAGE, value, diagnostics)?.keyword;
    OnStoreFailure::ALL.into_iter().find(|on_outage| keyword == on_outage.keyword())
}

fn name(value: &Value, diagnostics: &mut Diagnostics) -> Option<LitStr> {
    let Value::Text(name) = value else {
        let message = match value.constant() {
            Some(_) => "the name of a rate limit is a text in quotes: a constant can't stand here",
            None => "the name of a rate limit is a text in quotes",
        };
        let help = match value {
            Value::Word(word) => format!("write `name = \"{}\"`", word.to_string().to_lowercase()),
            _ => "write `name = \"login\"`".to_owned(),
        };
        diagnostics.error(value.range(), message, help);
        return None;
    };
    if !is_label(&name.value()) {
        let help = "write ASCII letters, digits, `-`, `_`, `.` or `:`, as in `name = \"login\"`";
        diagnostics.error(
            name.span(),
            "clients see the name of a rate limit in a header, which can't hold this one",
            help,
        );
        return None;
    }
    Some(name.clone())
}
