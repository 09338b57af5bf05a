//! The arguments of `#[cors(..)]`: origins, and the options about them, each at most once.

use palisade_grammar::names::{is_cors_method, is_header_name};
use palisade_grammar::{origin, window};
use proc_macro2::{Group, Ident};
use syn::LitStr;

use crate::arguments::{Arguments, AttributeArgument, Value};
use crate::diagnostics::{Diagnostics, SourceRange};
use crate::policy::{CorsOrigins, CorsTerms, OriginName};
use crate::{suggest, web_origin};

const HELP: &str = "write `#[cors(\"https://app.example.com\")]`, `#[cors(any)]` or `#[cors(none)]`";
/// Each word with an example.
const WORDS: [(&str, &str); 8] = [
    ("any", "any"),
    ("none", "none"),
    ("credentials", "credentials"),
    ("expose", "expose(\"X-Total\")"),
    ("request_headers", "request_headers(\"X-Request-Id\")"),
    ("methods", "methods(\"GET\", \"PUT\")"),
    ("subdomains", "subdomains(\"https://example.com\")"),
    ("max_age", "max_age = \"10m\""),
];
/// No browser keeps a preflight longer.
const LONGEST_MAX_AGE: u64 = 86_400;

/// What is written, before it is known whether it fits together.
#[derive(Default)]
pub(super) struct WrittenCors {
    any: Option<Ident>,
    none: Option<Ident>,
    credentials: Option<Ident>,
    origins: Vec<OriginName>,
    subdomains: Vec<OriginName>,
    exposed: Vec<LitStr>,
    request_headers: Vec<LitStr>,
    methods: Vec<LitStr>,
    max_age: Option<u64>,
    /// The words that were written so far.
    written: Vec<String>,
    /// Whether an argument was not understood.
    is_unclear: bool,
}

impl WrittenCors {
    /// Returns `None` if any argument could not be understood, because fewer origins or options would be another rule.
    pub(super) fn read(arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Option<Self> {
        if arguments.is_empty() {
            diagnostics.error(
                arguments.keyword.span(),
                "`cors` needs the origins whose pages may read responses",
                HELP,
            );
            return None;
        }
        let mut options = Self::default();
        for AttributeArgument { key, value, range, .. } in arguments {
            let is_clear = match (key, value) {
                (None, Value::Text(text)) => options.origin(text, diagnostics),
                (None, value) if value.constant().is_some() => {
                    options.origins.extend(value.constant().map(OriginName::Constant));
                    true
                }
                (None, Value::Ident(word)) => options.flag(word, diagnostics),
                (None, Value::Call(word, inside)) => options.list(&word, &inside, diagnostics),
                (Some(key), Value::Text(text)) if key == "max_age" => {
                    options.first(&key, diagnostics) && options.max_age(&text, diagnostics)
                }
                (Some(key), _) => unknown(&key, diagnostics),
                _ => report(range, "unexpected argument for `cors`", HELP, diagnostics),
            };
            options.is_unclear |= !is_clear;
        }
        (!options.is_unclear).then_some(options)
    }

    /// Checks the arguments together.
    pub(super) fn checked(self, keyword: &Ident, diagnostics: &mut Diagnostics) -> Option<CorsTerms> {
        let is_listed = !self.origins.is_empty() || !self.subdomains.is_empty();
        let is_clear = match (&self.any, &self.none, &self.credentials) {
            (Some(any), Some(_), _) => {
                report(any.span(), "`any` and `none` exclude each other", "remove one of the two", diagnostics)
            }
            (Some(word), None, _) | (None, Some(word), _) if is_listed => {
                let message = format!("`{word}` is the whole rule, so an origin beside it has no meaning");
                report(word.span(), message, format!("remove `{word}`, or the origins"), diagnostics)
            }
            (Some(_), None, Some(credentials)) => {
                let message = "pages of every origin could act as the user: `any` cannot have `credentials`";
                report(credentials.span(), message, "list the origins, or remove `credentials`", diagnostics)
            }
            (None, Some(none), _) if self.written.len() > 1 => report(
                none.span(),
                "`none` is the whole rule, so it has no options",
                "write `#[cors(none)]`",
                diagnostics,
            ),
            (None, None, _) if !is_listed => {
                report(keyword.span(), "`cors` needs the origins whose pages may read responses", HELP, diagnostics)
            }
            _ => true,
        };
        let origins = if self.any.is_some() { CorsOrigins::Any } else { CorsOrigins::Listed(self.origins) };
        is_clear.then_some(CorsTerms {
            origins,
            subdomains: self.subdomains,
            credentials: self.credentials.is_some(),
            exposed: self.exposed,
            request_headers: self.request_headers,
            methods: self.methods,
            max_age: self.max_age,
        })
    }

    fn origin(&mut self, text: LitStr, diagnostics: &mut Diagnostics) -> bool {
        let Some(text) = web_origin::checked(text, diagnostics) else { return false };
        let is_same = |own: &OriginName| matches!(own, OriginName::Text(own) if own.value() == text.value());
        if self.origins.iter().any(is_same) {
            return report(
                text.span(),
                format!("duplicate origin {:?}", text.value()),
                "remove one of the two",
                diagnostics,
            );
        }
        self.origins.push(OriginName::Text(text));
        true
    }

    /// Whether the word is written for the first time. Reports a second time.
    fn first(&mut self, word: &Ident, diagnostics: &mut Diagnostics) -> bool {
        let text = word.to_string();
        if self.written.contains(&text) {
            return report(word.span(), format!("duplicate `{word}`"), "remove one of the two", diagnostics);
        }
        self.written.push(text);
        true
    }

    fn flag(&mut self, word: Ident, diagnostics: &mut Diagnostics) -> bool {
        let place = match word.to_string().as_str() {
            "any" => &mut self.any,
            "none" => &mut self.none,
            "credentials" => &mut self.credentials,
            _ => return unknown(&word, diagnostics),
        };
        *place = Some(word.clone());
        self.first(&word, diagnostics)
    }

    fn list(&mut self, word: &Ident, inside: &Group, diagnostics: &mut Diagnostics) -> bool {
        let example = match WORDS.iter().find(|(known, example)| word == known && example.contains('(')) {
            Some((_, example)) => format!("write `{example}`"),
            None => return unknown(word, diagnostics),
        };
        if !self.first(word, diagnostics) {
            return false;
        }
        let inner = Arguments::new(word, inside.stream());
        if inner.is_empty() {
            return report(word.span(), format!("`{word}` is an empty list"), example, diagnostics);
        }
        let mut is_clear = true;
        for argument in inner {
            is_clear &= match (word.to_string().as_str(), argument.key, argument.value) {
                ("subdomains", None, value) => self.subdomains(value, &example, diagnostics),
                ("methods", None, Value::Text(text)) => method(text, &mut self.methods, diagnostics),
                ("expose", None, Value::Text(text)) => header(text, &mut self.exposed, diagnostics),
                ("request_headers", None, Value::Text(text)) => header(text, &mut self.request_headers, diagnostics),
                _ => report(argument.range, format!("`{word}` takes string literals"), &example, diagnostics),
            };
        }
        is_clear
    }

    fn subdomains(&mut self, value: Value, example: &str, diagnostics: &mut Diagnostics) -> bool {
        if let Some(constant) = value.constant() {
            self.subdomains.push(OriginName::Constant(constant));
            return true;
        }
        let range = value.range();
        let Value::Text(text) = value else {
            return report(range, "`subdomains` takes origins", example, diagnostics);
        };
        let Some(text) = web_origin::checked(text, diagnostics) else { return false };
        let value = text.value();
        let has_name_of_two_labels =
            origin::parts(&value).is_ok_and(|parts| parts.has_name() && parts.host.contains('.'));
        if !has_name_of_two_labels {
            let message = "only a name of at least two labels has subdomains that belong to one owner";
            return report(range, message, example, diagnostics);
        }
        self.subdomains.push(OriginName::Text(text));
        true
    }

    fn max_age(&mut self, text: &LitStr, diagnostics: &mut Diagnostics) -> bool {
        match window::seconds(&text.value()) {
            Ok(seconds) if seconds <= LONGEST_MAX_AGE => {
                self.max_age = Some(seconds);
                true
            }
            Ok(_) => {
                let message = "`max_age` must be at most 24 hours, because no browser keeps a preflight longer";
                report(text.span(), message, "write \"24h\" or less; Chromium keeps it for \"2h\"", diagnostics)
            }
            Err(error) => report(text.span(), error.message(), error.help(), diagnostics),
        }
    }
}

fn method(text: LitStr, list: &mut Vec<LitStr>, diagnostics: &mut Diagnostics) -> bool {
    let value = text.value();
    if is_cors_method(&value) {
        return add(text, list, diagnostics);
    }
    let upper = value.to_ascii_uppercase();
    let help = if is_cors_method(&upper) {
        format!("write {upper:?}")
    } else {
        "write `methods(\"GET\", \"PUT\")`".to_owned()
    };
    report(text.span(), format!("{value:?} is no method that pages may use"), help, diagnostics)
}

fn header(text: LitStr, list: &mut Vec<LitStr>, diagnostics: &mut Diagnostics) -> bool {
    let value = text.value();
    if value == "*" {
        return report(text.span(), "`*` is not the name of a header", "name each header", diagnostics);
    }
    if is_header_name(&value) {
        return add(text, list, diagnostics);
    }
    report(
        text.span(),
        format!("{value:?} is not the name of a header"),
        "write a name such as \"X-Total\"",
        diagnostics,
    )
}

fn add(text: LitStr, list: &mut Vec<LitStr>, diagnostics: &mut Diagnostics) -> bool {
    if list.iter().any(|own| own.value().eq_ignore_ascii_case(&text.value())) {
        return report(text.span(), format!("duplicate {:?}", text.value()), "remove one of the two", diagnostics);
    }
    list.push(text);
    true
}

/// Reports a word that is none, or one that is written in the wrong form.
fn unknown(word: &Ident, diagnostics: &mut Diagnostics) -> bool {
    match WORDS.iter().find(|(known, _)| word == known) {
        Some((_, example)) => report(
            word.span(),
            format!("`{word}` is written in another form"),
            format!("write `{example}`"),
            diagnostics,
        ),
        None => {
            let help = suggest::help(&word.to_string(), WORDS.iter().map(|(known, _)| *known));
            report(word.span(), format!("`cors` has no option `{word}`"), help, diagnostics)
        }
    }
}

/// Returns `false`: what was reported was not understood.
fn report(
    range: impl Into<SourceRange>,
    message: impl std::fmt::Display,
    help: impl std::fmt::Display,
    diagnostics: &mut Diagnostics,
) -> bool {
    diagnostics.error(range, message, help);
    false
}
