//! The options of a rate limit, in any order, each at most once.

use palisade_grammar::names::is_label;
use proc_macro2::Ident;
use syn::LitStr;

use super::choice::{Choice, Chosen};
use super::{HELP, by};
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
    /// Not parsed yet, because its valid range depends on the limit.
    pub(super) cost: Option<Value>,
    pub(super) on_outage: Option<OnStoreFailure>,
    pub(super) observe: bool,
    pub(super) name: Option<LitStr>,
    /// The options that were written so far.
    written: Vec<String>,
}

impl Options {
    /// Whether the option is written for the first time. Reports a second time. `count` and `skip_successful` are one option.
    fn first(&mut self, option: &Ident, diagnostics: &mut Diagnostics) -> bool {
        let written = option.to_string();
        let counts = |option: &str| ["count", "skip_successful"].contains(&option);
        let earlier = self.written.iter().find(|earlier| **earlier == written || counts(earlier) && counts(&written));
        match earlier {
            Some(earlier) if *earlier == written => {
                diagnostics.error(option.span(), format!("duplicate `{option}`"), "remove one of the two");
                return false;
            }
            Some(_) => {
                let message = "`count` and `skip_successful` are the same option";
                diagnostics.error(option.span(), message, "remove one of the two");
                return false;
            }
            None => self.written.push(written),
        }
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
            (None, Value::Ident(name)) => flag(&name, &mut options, diagnostics),
            _ => diagnostics.error(argument.range, "unexpected argument for `rate_limit`", HELP),
        }
    }
    options
}

fn flag(name: &Ident, options: &mut Options, diagnostics: &mut Diagnostics) {
    match name.to_string().as_str() {
        "skip_successful" => {
            if options.first(name, diagnostics) {
                options.count = Count::Failures;
            }
        }
        "observe" => options.observe |= options.first(name, diagnostics),
        _ => unknown(name, diagnostics),
    }
}

fn option(key: &Ident, value: Value, options: &mut Options, diagnostics: &mut Diagnostics) {
    match key.to_string().as_str() {
        "count" if options.first(key, diagnostics) => {
            options.count = count(&value, diagnostics).unwrap_or_default();
        }
        "by" if options.first(key, diagnostics) => {
            let keys = by::parse(&value, diagnostics);
            if !keys.is_empty() {
                options.by = keys;
            }
        }
        "cost" if options.first(key, diagnostics) => options.cost = Some(value),
        "on_outage" if options.first(key, diagnostics) => {
            options.on_outage = on_outage(&value, diagnostics);
        }
        "name" if options.first(key, diagnostics) => options.name = name(&value, diagnostics),
        "skip_successful" => {
            diagnostics.error(
                key.span(),
                "`skip_successful` takes no value",
                "write `skip_successful` or `count = failures`",
            );
        }
        "observe" => {
            let help = "write `observe` to count without rejecting requests, or remove it";
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
    let (message, help) = match (OPTIONS.iter().find(|(name, _)| *name == written), option) {
        (Some((_, example)), _) => (format!("the option `{key}` needs a value"), format!("write `{example}`")),
        (None, Some((choice, form))) => {
            (format!("`{key}` needs the name of its option"), format!("write `{}{form}`", choice.before))
        }
        (None, None) => {
            let help = suggest::help(&written, OPTIONS.iter().map(|(name, _)| *name));
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
            Some(_) => "the name of a rate limit must be a string literal, and cannot be a constant",
            None => "the name of a rate limit must be a string literal",
        };
        let help = match value {
            Value::Ident(name) => format!("write `name = \"{}\"`", name.to_string().to_lowercase()),
            _ => "write `name = \"login\"`".to_owned(),
        };
        diagnostics.error(value.range(), message, help);
        return None;
    };
    if !is_label(&name.value()) {
        let help = "write ASCII letters, digits, `-`, `_`, `.` or `:`, as in `name = \"login\"`";
        diagnostics.error(
            name.span(),
            "clients see the name of a rate limit in a header, which cannot contain this name",
            help,
        );
        return None;
    }
    Some(name.clone())
}
