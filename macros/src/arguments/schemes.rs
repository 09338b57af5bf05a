//! Authentication schemes: `by = api_key`, `by = [bearer, "Basic"]`, and the names in `scheme("Bearer")`.

use palisade_grammar::names::{SCHEME, is_scheme};
use proc_macro2::Ident;
use syn::LitStr;

use super::{Arguments, AttributeArgument, Value};
use crate::diagnostics::{Diagnostics, SourceRange};
use crate::rule::{AuthScheme, Rule};
use crate::suggest;

/// The schemes that have a keyword.
const KEYWORDS: [&str; 2] = ["api_key", "bearer"];

const BY: &str =
    "write `by = api_key`, `by = bearer`, the name of a scheme in quotes, such as `by = \"Basic\"`, or a list of them";

/// Reads the value of `by = ..`. Returns `None` if any scheme could not be understood, because fewer schemes would reject callers
/// that are meant to be admitted.
pub(crate) fn by(value: Value, diagnostics: &mut Diagnostics) -> Option<Vec<AuthScheme>> {
    let Value::List(group) = value else { return one(value, diagnostics).map(|scheme| vec![scheme]) };
    let keyword = Ident::new("by", group.span());
    let list = Arguments::new(&keyword, group.stream());
    if list.is_empty() {
        diagnostics.error(group.span(), "the list is empty", BY);
        return None;
    }
    several(list, one, diagnostics)
}

/// The rule of `scheme("Bearer", ..)`: the credential has any of these schemes.
pub(crate) fn rule(arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Option<Rule> {
    if arguments.is_empty() {
        let keyword = arguments.keyword;
        let help = "write `scheme(\"Bearer\")`";
        diagnostics.error(keyword.span(), format!("`{keyword}` needs the name of a scheme"), help);
        return None;
    }
    let schemes = several(arguments, in_quotes, diagnostics)?;
    let mut rules: Vec<Rule> = schemes.into_iter().map(Rule::Scheme).collect();
    Some(if rules.len() == 1 { rules.remove(0) } else { Rule::Any(rules) })
}

fn several(
    arguments: Arguments<'_>,
    read: impl Fn(Value, &mut Diagnostics) -> Option<AuthScheme>,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<AuthScheme>> {
    let keyword = arguments.keyword;
    let (mut schemes, mut is_clear): (Vec<AuthScheme>, bool) = (Vec::new(), true);
    for argument in arguments {
        let range = argument.range;
        let scheme = match argument {
            AttributeArgument { key: None, value, .. } => read(value, diagnostics),
            AttributeArgument { key: Some(_), .. } => {
                diagnostics.error(range, format!("unexpected option of `{keyword}`"), "write only the schemes here");
                None
            }
        };
        let Some(scheme) = scheme else {
            is_clear = false;
            continue;
        };
        if schemes.iter().any(|earlier| earlier.text() == scheme.text()) {
            diagnostics.error(range, format!("duplicate scheme {}", scheme.text()), "remove one of the two");
            is_clear = false;
        }
        schemes.push(scheme);
    }
    is_clear.then_some(schemes)
}

fn one(value: Value, diagnostics: &mut Diagnostics) -> Option<AuthScheme> {
    match value {
        Value::Text(text) => named(text, diagnostics),
        Value::Ident(keyword) if keyword == "api_key" => Some(AuthScheme::ApiKeys(keyword.span())),
        Value::Ident(keyword) if keyword == "bearer" => Some(AuthScheme::Named(LitStr::new("Bearer", keyword.span()))),
        Value::Ident(unknown) => {
            let text = unknown.to_string();
            let help = match suggest::nearest(&text, KEYWORDS) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("write the name of the scheme in quotes: \"{text}\""),
            };
            diagnostics.error(unknown.span(), format!("unknown scheme `{unknown}`"), help);
            None
        }
        other => unexpected(other.range(), BY, diagnostics),
    }
}

fn in_quotes(value: Value, diagnostics: &mut Diagnostics) -> Option<AuthScheme> {
    match value {
        Value::Text(text) => named(text, diagnostics),
        Value::Ident(unquoted) if unquoted == "api_key" => {
            let help = "write `#[authenticated(by = api_key)]` for API keys, or the name of their scheme: `scheme(\"ApiKey\")`";
            unexpected(unquoted.span().into(), help, diagnostics)
        }
        Value::Ident(unquoted) => {
            unexpected(unquoted.span().into(), &format!("write `scheme(\"{unquoted}\")`"), diagnostics)
        }
        other => unexpected(other.range(), "write `scheme(\"Bearer\")`", diagnostics),
    }
}

fn unexpected(range: SourceRange, help: &str, diagnostics: &mut Diagnostics) -> Option<AuthScheme> {
    diagnostics.error(range, "expected the name of a scheme in quotes", help);
    None
}

fn named(text: LitStr, diagnostics: &mut Diagnostics) -> Option<AuthScheme> {
    if is_scheme(&text.value()) {
        return Some(AuthScheme::Named(text));
    }
    diagnostics.error(text.span(), format!("{:?} is not an authentication scheme", text.value()), SCHEME);
    None
}
