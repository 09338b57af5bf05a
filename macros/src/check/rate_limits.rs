//! What rate limits need of the rest: a principal, an argument, a name of their own.

use palisade_grammar::names::is_label;
use proc_macro2::Ident;
use syn::LitStr;
use syn::ext::IdentExt;

use super::positions;
use crate::errors::Errors;
use crate::model::{By, Clause, Handler, Located, RateLimit, RateLimitTerms, Said};
use crate::suggest;

/// A public route knows no principals, so it can't count by them or by their keys.
pub(super) fn principals(clauses: &[Clause], errors: &mut Errors) {
    let Some(open) = clauses.iter().find(|clause| matches!(clause.said, Said::Public(_) | Said::OptionalAuth)) else {
        return;
    };
    let lacks = match open.said {
        Said::Public(_) => "a public route has no",
        _ => "an `optional_auth` route may have no",
    };
    let limits =
        clauses.iter().filter_map(|clause| if let Said::RateLimit(limit) = &clause.said { Some(limit) } else { None });
    for limit in limits {
        let cure = match limit.by.as_slice() {
            [_] => "write `by = ip`, or demand a principal with `#[authenticated]`",
            _ => "remove it from the list, or demand a principal with `#[authenticated]`",
        };
        for key in &limit.by {
            let what = match key.by {
                By::Principal => "principal",
                By::ApiKey => "verified API key",
                _ => continue,
            };
            errors.push(key.place, format!("{lacks} {what} to count by"), cure);
        }
    }
}

/// Gives each rate limit its label, by which a handler's rate limits are told apart.
pub(super) fn labelled(limits: Vec<(Ident, RateLimitTerms)>, handler: &Ident, errors: &mut Errors) -> Vec<RateLimit> {
    let handler = handler.unraw().to_string();
    let mut unnamed = 0_usize;
    let mut rate_limits: Vec<RateLimit> = Vec::new();
    for (word, terms) in limits {
        let label = match &terms.name {
            Some(name) => name.value(),
            None => {
                unnamed += 1;
                if unnamed == 1 { handler.clone() } else { format!("{handler}-{unnamed}") }
            }
        };
        if !is_label(&label) {
            let what = format!("clients see the name of a rate limit in a header, which can't hold `{label}`");
            errors.push(word.span(), what, "give it another one, such as `name = \"login\"`");
            continue;
        }
        if let Some(earlier) = rate_limits.iter().find(|earlier| earlier.label == label)
            && earlier.terms.text() != terms.text()
        {
            let place = terms.name.as_ref().map_or(word.span(), LitStr::span);
            errors.push(
                place,
                format!("this handler has two rate limits of the name \"{label}\""),
                "rename one of the two",
            );
        }
        rate_limits.push(RateLimit { label, terms });
    }
    rate_limits
}

/// The fields by which the rate limits count, each once, and where they are found.
pub(super) fn located(rate_limits: &[RateLimit], handler: &Handler, errors: &mut Errors) -> Vec<Located> {
    let mut located: Vec<Located> = Vec::new();
    for field in rate_limits.iter().flat_map(|rate_limit| rate_limit.terms.fields()) {
        let name = &field.argument;
        if handler.arguments.is_empty() {
            let what = format!(
                "`{}` takes no arguments, so there is no `{}` to count by",
                handler.signature.ident,
                field.text()
            );
            let cure = match field.path.as_slice() {
                [] => {
                    let field = if name == "body" { "email".to_owned() } else { name.unraw().to_string() };
                    format!(
                        "take the input, such as `body: Json<T>`, and write `field(body.{field})`; or write `by = ip`"
                    )
                }
                _ => format!("take the input, such as `{name}: Json<T>`, or write `by = ip`"),
            };
            errors.push(name.span(), what, cure);
            continue;
        }
        if field.path.is_empty() {
            let (what, cure) = lone(name, handler);
            errors.push(name.span(), what, cure);
            continue;
        }
        let arguments = positions(name, handler, errors);
        if !arguments.is_empty() && located.iter().all(|earlier| earlier.field.text() != field.text()) {
            located.push(Located { field: field.clone(), arguments });
        }
    }
    located
}

/// What is wrong with a field that is one name alone: it is an argument without its field, or a field without its argument.
fn lone(name: &Ident, handler: &Handler) -> (String, String) {
    let named = || handler.arguments.iter().filter_map(|argument| Some((argument, argument.names.first()?)));
    let every = || handler.arguments.iter().flat_map(|argument| &argument.names);
    if every().any(|argument| argument == name) {
        let cure = format!("write a field of it, as in `field({name}.email)`");
        return ("this is a whole argument, not a field of it".to_owned(), cure);
    }
    let what =
        format!("a field is named with its argument, and `{name}` is no argument of `{}`", handler.signature.ident);
    let mut names: Vec<String> =
        named().filter(|(argument, _)| argument.looks_like_input).map(|(_, first)| first.to_string()).collect();
    if names.is_empty() {
        names = named().map(|(_, first)| first.to_string()).collect();
    }
    if let Some(meant) = suggest::nearest(&name.to_string(), names.iter().map(String::as_str)) {
        return (what, format!("did you mean a field of `{meant}`, as in `field({meant}.email)`?"));
    }
    let fields: Vec<String> = names.iter().map(|argument| format!("field({argument}.{name})")).collect();
    let cure = match fields.as_slice() {
        [] => format!("give the input a name, as in `body: Json<T>`, and write `field(body.{name})`"),
        fields => format!("write {}", suggest::one_of(fields.iter().map(String::as_str))),
    };
    (what, cure)
}
