//! `#[headers(pages, frame = "same-origin")]`.
//!
//! Threat: a header whose value browsers ignore, so that a protection is off and nothing shows it (CWE-693). Promise: each value is
//! checked while the application is compiled, and a header is removed only by an argument whose name says that it is dangerous.

use proc_macro2::{Group, Ident, TokenStream};
use quote::quote;
use syn::LitStr;

use palisade_grammar::csp::{self, CspError, DIRECTIVES};
use palisade_grammar::security_headers::{
    CLEAR_SITE_DATA, HeaderValues, REMOVABLE, SETTABLE, SettableHeader, ValueError, reporting_endpoint, sent_value,
};

use super::{Attribute, Clause, Context, UncheckedClause, report_repeated};
use crate::arguments::{Arguments, AttributeArgument, Value};
use crate::diagnostics::{Diagnostics, SourceRange};
use crate::gather::flat;
use crate::hygiene::Names;
use crate::policy::{Additions, WrittenHeaderChange};
use crate::suggest::{self, nearest};

const FORM: &str = "write a preset, as in `#[headers(pages)]` or `#[headers(api)]`, or changes, as in \
                    `#[headers(frame = \"same-origin\")]`";
const REPORTING_FORM: &str =
    "write `reporting(\"csp\", \"https://reports.example/csp\")`: a name in lower case and an `https` URL";

/// The arguments that are one word: a preset with its variant, or `clear_site_data`.
const PRESETS: [(&str, &str); 2] = [("pages", "Pages"), ("api", "Api")];

pub(super) struct Headers;

impl Attribute for Headers {
    fn keyword(&self) -> &'static str {
        "headers"
    }

    fn parse(&self, arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Clause {
        if arguments.is_empty() {
            diagnostics.error(arguments.keyword.span(), "`headers` needs an argument", FORM);
            return Clause::effect(None::<Changes>);
        }
        let mut changes = Changes::default();
        for argument in arguments {
            changes.add(argument, diagnostics);
        }
        changes.report_conflict(diagnostics);
        changes.report_unknown_endpoints(diagnostics);
        Clause::effect(Some(changes))
    }

    fn emit(&self, additions: &Additions, names: &mut Names) -> TokenStream {
        let Some(changes) = &additions.headers else { return TokenStream::new() };
        let change = names.of("HeaderChange");
        let changes = changes.iter().map(|written| match written {
            WrittenHeaderChange::Preset(preset) => {
                let preset = crate::gather::keyword(preset);
                quote!(#change::#preset)
            }
            WrittenHeaderChange::Set(name, value) => quote!(#change::Set(#name, #value)),
            WrittenHeaderChange::Without(name) => quote!(#change::Without(#name)),
        });
        quote!(.headers(&[#(#changes),*]))
    }
}

/// The arguments that were understood.
#[derive(Default)]
struct Changes {
    /// The preset as it is written, and its variant.
    preset: Option<(Ident, &'static str)>,
    /// The values as they are sent, with the keywords and the values that set them.
    set: Vec<(&'static SettableHeader, String, LitStr)>,
    reporting: Vec<String>,
    clears_site_data: bool,
    without: Vec<&'static str>,
}

impl Changes {
    fn add(&mut self, argument: AttributeArgument, diagnostics: &mut Diagnostics) {
        let AttributeArgument { key, value, range, .. } = argument;
        match (key, value) {
            (None, Value::Ident(word)) => self.add_word(&word, diagnostics),
            (None, Value::Call(word, inside)) if word == "reporting" => self.add_reporting(&word, &inside, diagnostics),
            (Some(key), value) if key == "danger_without" => self.add_without(&key, value, diagnostics),
            (Some(key), value) => self.add_value(&key, value, diagnostics),
            (None, _) => diagnostics.error(range, "unexpected argument for `headers`", FORM),
        }
    }

    fn add_word(&mut self, word: &Ident, diagnostics: &mut Diagnostics) {
        if word == "clear_site_data" {
            if std::mem::replace(&mut self.clears_site_data, true) {
                report_repeated(word, diagnostics);
            }
            return;
        }
        match PRESETS.into_iter().find(|(preset, _)| word == preset) {
            Some((_, variant)) => match self.preset.replace((word.clone(), variant)) {
                Some((_, earlier)) if earlier == variant => report_repeated(word, diagnostics),
                Some(_) => diagnostics.error(word.span(), "`headers` has two presets", "remove one of the two"),
                None => {}
            },
            None => report_unknown(word, diagnostics),
        }
    }

    fn add_value(&mut self, key: &Ident, value: Value, diagnostics: &mut Diagnostics) {
        let Some(known) = SETTABLE.iter().find(|known| key == known.keyword) else {
            return report_unknown(key, diagnostics);
        };
        let Value::Text(text) = value else {
            let help = format!("write `{key} = \"{}\"`", example(known));
            return diagnostics.error(value.range(), format!("the value of `{key}` must be a text"), help);
        };
        if self.set.iter().any(|(earlier, ..)| earlier.keyword == known.keyword) {
            return report_repeated(key, diagnostics);
        }
        let written = text.value();
        match sent_value(known.header, &written) {
            Ok(sent) => self.set.push((known, sent.to_owned(), text)),
            Err(error) => diagnostics.error(text.span(), error.message(), help(&error)),
        }
    }

    fn add_reporting(&mut self, word: &Ident, inside: &Group, diagnostics: &mut Diagnostics) {
        let mut texts = Arguments::new(word, inside.stream()).map(|argument| match argument {
            AttributeArgument { key: None, value: Value::Text(text), .. } => Some(text.value()),
            _ => None,
        });
        let endpoint = match (texts.next(), texts.next(), texts.next()) {
            (Some(Some(name)), Some(Some(url)), None) => reporting_endpoint(&name, &url),
            _ => None,
        };
        match endpoint {
            Some(endpoint) => self.reporting.push(endpoint),
            None => {
                let range = SourceRange::of(&[word.clone().into(), inside.clone().into()], word.span());
                diagnostics.error(range, "`reporting` needs a name and an `https` URL", REPORTING_FORM);
            }
        }
    }

    fn add_without(&mut self, key: &Ident, value: Value, diagnostics: &mut Diagnostics) {
        let range = value.range();
        let texts: Option<Vec<LitStr>> = match value {
            Value::Text(text) => Some(vec![text]),
            Value::List(group) => Arguments::new(key, flat(group.stream()).into_iter().collect())
                .map(|argument| match argument {
                    AttributeArgument { key: None, value: Value::Text(text), .. } => Some(text),
                    _ => None,
                })
                .collect(),
            _ => None,
        };
        let Some(texts) = texts.filter(|texts| !texts.is_empty()) else {
            let form = format!("write `{key} = \"x-frame-options\"`, or a list of names in `[..]`");
            return diagnostics.error(range, "expected the name of a header", form);
        };
        for text in texts {
            let written = text.value();
            match REMOVABLE.into_iter().find(|name| name.eq_ignore_ascii_case(&written)) {
                Some(name) if self.without.contains(&name) => {
                    diagnostics.error(text.span(), format!("duplicate `{name}`"), "remove one of the two");
                }
                Some(name) => self.without.push(name),
                None => {
                    let message = format!("\"{written}\" is not a header that can be removed");
                    diagnostics.error(text.span(), message, suggest::help(&written, REMOVABLE));
                }
            }
        }
    }

    /// Reports a header that two of the arguments decide.
    fn report_conflict(&self, diagnostics: &mut Diagnostics) {
        let of = |keyword: &str| self.set.iter().find(|(known, ..)| known.keyword == keyword);
        if let (Some((_, policy, _)), Some((.., frame))) = (of("csp"), of("frame"))
            && policy.contains("frame-ancestors")
        {
            let help = "remove `frame-ancestors` from `csp`: `frame` adds it";
            diagnostics.error(frame.span(), "`csp` and `frame` both decide who may frame the page", help);
        }
        if let Some((preset, _)) = &self.preset
            && self.without.contains(&"content-security-policy")
        {
            let help = format!("remove `{preset}`, or the header from `danger_without`");
            let message = format!("`{preset}` sets `content-security-policy`, which `danger_without` removes");
            diagnostics.error(preset.span(), message, help);
        }
        for (known, _, value) in self.set.iter().filter(|(known, ..)| self.without.contains(&known.header)) {
            let help = format!("remove `{}`, or the header from `danger_without`", known.keyword);
            diagnostics.error(value.span(), format!("`{}` is set and removed", known.header), help);
        }
    }
}

impl Changes {
    /// Reports a `report-to` that names none of the endpoints. Without endpoints here, those of the application and of the scopes are
    /// meant, which are known when the application is built.
    fn report_unknown_endpoints(&self, diagnostics: &mut Diagnostics) {
        if self.reporting.is_empty() {
            return;
        }
        let known: Vec<&str> = self.reporting.iter().filter_map(|own| own.split('=').next()).collect();
        for (_, policy, value) in &self.set {
            if let Some(name) = csp::report_to(policy).filter(|name| !known.contains(name)) {
                let help = match nearest(name, known.iter().copied()) {
                    Some(meant) => format!("did you mean `report-to {meant}`?"),
                    None => format!("add `reporting(\"{name}\", \"https://..\")`, or correct the name"),
                };
                diagnostics.error(value.span(), format!("`report-to {name}` names no endpoint of `reporting`"), help);
            }
        }
    }
}

impl UncheckedClause for Changes {
    fn check(
        self: Box<Self>,
        keyword: &Ident,
        _: &Context<'_>,
        additions: &mut Additions,
        diagnostics: &mut Diagnostics,
    ) {
        let preset = self.preset.map(|(_, variant)| WrittenHeaderChange::Preset(variant));
        // In the order of the list, in which the policy comes before what changes a directive of it.
        let set = SETTABLE.iter().flat_map(|known| {
            let own = self.set.iter().filter(move |(own, ..)| own.keyword == known.keyword);
            own.map(|(known, value, _)| WrittenHeaderChange::Set(known.header, value.clone()))
        });
        let reporting = self.reporting.iter().map(|own| WrittenHeaderChange::Set("reporting-endpoints", own.clone()));
        let clears =
            self.clears_site_data.then(|| WrittenHeaderChange::Set("clear-site-data", CLEAR_SITE_DATA.to_owned()));
        let without = self.without.iter().map(|name| WrittenHeaderChange::Without(name));
        let changes = preset.into_iter().chain(set).chain(reporting).chain(clears).chain(without).collect();
        if additions.headers.replace(changes).is_some() {
            report_repeated(keyword, diagnostics);
        }
    }
}

fn report_unknown(word: &Ident, diagnostics: &mut Diagnostics) {
    let known = PRESETS.into_iter().map(|(preset, _)| preset).chain(["clear_site_data", "reporting", "danger_without"]);
    let known = known.chain(SETTABLE.iter().map(|known| known.keyword));
    let help = suggest::help(&word.to_string(), known);
    diagnostics.error(word.span(), format!("unknown argument `{word}`"), help);
}

/// How to fix a value: the similar one, if there is one.
fn help(error: &ValueError<'_>) -> String {
    let meant = match error {
        ValueError::Csp(CspError::UnknownDirective(name)) => {
            nearest(name, DIRECTIVES).map(|meant| format!("`{meant}`"))
        }
        ValueError::NotOneOf(written, known) => {
            nearest(written, known.iter().map(|(written, _)| *written)).map(|meant| format!("\"{meant}\""))
        }
        _ => None,
    };
    match meant {
        Some(meant) => format!("did you mean {meant}?"),
        None => error.help(),
    }
}

fn example(known: &SettableHeader) -> &'static str {
    match known.values {
        HeaderValues::Csp => "default-src 'self'; object-src 'none'",
        HeaderValues::Permissions => "camera=(), geolocation=(self)",
        HeaderValues::OneOf(values) => values.first().map_or("", |(written, _)| written),
    }
}
