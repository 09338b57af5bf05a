//! Checks a rate limit against its handler: the caller must be authenticated if the key needs it, the counted argument must
//! exist, and the label must be unique.

use palisade_grammar::names::is_label;
use proc_macro2::Ident;
use syn::LitStr;
use syn::ext::IdentExt;

use crate::access::Callers;
use crate::attributes::{Context, UncheckedClause, find_arguments_named};
use crate::diagnostics::Diagnostics;
use crate::item::Handler;
use crate::policy::{Additions, By, CountedField, Field, RateLimit, RateLimitTerms};
use crate::suggest;

impl UncheckedClause for RateLimitTerms {
    fn check(
        self: Box<Self>,
        keyword: &Ident,
        context: &Context<'_>,
        additions: &mut Additions,
        diagnostics: &mut Diagnostics,
    ) {
        if additions.rate_limits.iter().any(|earlier| earlier.terms.text() == self.text()) {
            let message = "duplicate rate limit";
            diagnostics.error(keyword.span(), message, "remove one of the two");
        }
        check_callers(&self, context.callers, diagnostics);
        for field in self.fields() {
            add_field(field, context.handler, &mut additions.counted_fields, diagnostics);
        }
        let label = label(&self, &context.handler.signature.ident, &additions.rate_limits);
        check_label(&label, &self, keyword, &additions.rate_limits, diagnostics);
        additions.rate_limits.push(RateLimit { label, terms: *self });
    }
}

/// Reports a key that needs an authenticated caller if the route may have anonymous ones.
fn check_callers(terms: &RateLimitTerms, callers: Callers, diagnostics: &mut Diagnostics) {
    let lacks = match callers {
        Callers::Anonymous => "a public route has no",
        Callers::Optional => "an `optional_auth` route may have no",
        Callers::Authenticated => return,
    };
    let help = match terms.by.as_slice() {
        [_] => "write `by = ip`, or require a principal with `#[authenticated]`",
        _ => "remove it from the list, or require a principal with `#[authenticated]`",
    };
    for key in &terms.by {
        let missing = match key.by {
            By::Principal => "principal",
            By::ApiKey => "verified API key",
            _ => continue,
        };
        diagnostics.error(key.range, format!("{lacks} {missing} to count by"), help);
    }
}

/// The name of the rate limit, or else the name of the handler, with a number for the second and later rate limits.
fn label(terms: &RateLimitTerms, handler: &Ident, earlier: &[RateLimit]) -> String {
    if let Some(name) = &terms.name {
        return name.value();
    }
    let unnamed = earlier.iter().filter(|earlier| earlier.terms.name.is_none()).count();
    let handler = handler.unraw();
    if unnamed == 0 { handler.to_string() } else { format!("{handler}-{}", unnamed + 1) }
}

fn check_label(
    label: &str,
    terms: &RateLimitTerms,
    keyword: &Ident,
    earlier: &[RateLimit],
    diagnostics: &mut Diagnostics,
) {
    if !is_label(label) {
        let message = format!("clients see the name of a rate limit in a header, which cannot contain `{label}`");
        diagnostics.error(keyword.span(), message, "give it another one, such as `name = \"login\"`");
        return;
    }
    let same = earlier.iter().find(|earlier| earlier.label == label);
    if same.is_some_and(|same| same.terms.text() != terms.text()) {
        let span = terms.name.as_ref().map_or(keyword.span(), LitStr::span);
        let message = format!("two different rate limits are named \"{label}\"");
        diagnostics.error(span, message, "rename one of the two");
    }
}

/// Adds the field and the arguments that may contain it, unless an earlier rate limit counts by the same field.
fn add_field(field: &Field, handler: &Handler, fields: &mut Vec<CountedField>, diagnostics: &mut Diagnostics) {
    let name = &field.argument;
    if handler.arguments.is_empty() {
        let (function, text) = (&handler.signature.ident, field.text());
        let message = format!("`{function}` takes no arguments, so there is no `{text}` to count by");
        let help = match field.path.as_slice() {
            [] => {
                let field = if name == "body" { "email".to_owned() } else { name.unraw().to_string() };
                format!("take the input, such as `body: Json<T>`, and write `field(body.{field})`; or write `by = ip`")
            }
            _ => format!("take the input, such as `{name}: Json<T>`, or write `by = ip`"),
        };
        diagnostics.error(name.span(), message, help);
        return;
    }
    if field.path.is_empty() {
        let (message, help) = not_a_field(name, handler);
        diagnostics.error(name.span(), message, help);
        return;
    }
    let arguments = find_arguments_named(name, handler, diagnostics);
    if fields.iter().all(|earlier| earlier.field.text() != field.text()) {
        fields.push(CountedField { field: field.clone(), arguments });
    }
}

/// Returns the message and the help for a single name, which is an argument without a field or a field without an argument.
fn not_a_field(name: &Ident, handler: &Handler) -> (String, String) {
    let named = || handler.arguments.iter().filter_map(|argument| Some((argument, argument.names.first()?)));
    let every = || handler.arguments.iter().flat_map(|argument| &argument.names);
    if every().any(|argument| argument == name) {
        let help = format!("write a field of it, as in `field({name}.email)`");
        return (format!("`{name}` is an argument, not a field"), help);
    }
    let message =
        format!("a field is written with its argument, and `{}` has no argument `{name}`", handler.signature.ident);
    let mut names: Vec<String> =
        named().filter(|(argument, _)| argument.looks_like_input).map(|(_, first)| first.to_string()).collect();
    if names.is_empty() {
        names = named().map(|(_, first)| first.to_string()).collect();
    }
    if let Some(meant) = suggest::nearest(&name.to_string(), names.iter().map(String::as_str)) {
        return (message, format!("did you mean a field of `{meant}`, as in `field({meant}.email)`?"));
    }
    let fields: Vec<String> = names.iter().map(|argument| format!("field({argument}.{name})")).collect();
    let help = match fields.as_slice() {
        [] => format!("give the input a name, as in `body: Json<T>`, and write `field(body.{name})`"),
        fields => format!("write {}", suggest::one_of(fields.iter().map(String::as_str))),
    };
    (message, help)
}
