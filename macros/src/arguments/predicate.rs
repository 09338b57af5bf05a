//! The predicate of `check(..)`: `is_on_duty`, `min_level(3)`, `member_of(org), from_scope`.

use proc_macro2::{Group, Ident, TokenTree};
use syn::Lit;

use super::{Arguments, AttributeArgument, Value, function_path, is_path};
use crate::diagnostics::{Diagnostics, SourceRange};
use crate::gather::flat;
use crate::rule::{Parameter, ParameterSource, Predicate, PredicateArgument};
use crate::user_path::UserPath;

const CHECK: &str = "write `check(path::to::function)`; it is an `async fn(&HttpRequest, &Principal)` that returns a `Verdict` or a `bool`";
const ARGUMENT: &str = "an argument is a literal, a constant such as `MIN_LEVEL`, or the name of a path parameter";

/// Returns `None` if anything could not be understood, which was reported.
pub(crate) fn parse(keyword: &Ident, group: Option<&Group>, diagnostics: &mut Diagnostics) -> Option<Predicate> {
    let tokens = group.map(|group| flat(group.stream())).unwrap_or_default();
    let (function, call, from_scope) = parts(&tokens);
    let Some((function, call)) = function.zip(call) else {
        // It takes no arguments, or it is a mistake.
        let path = function_path::parse(keyword, group, CHECK, diagnostics)?;
        return Some(Predicate { path, arguments: Vec::new() });
    };
    let source = if from_scope { ParameterSource::Scope } else { ParameterSource::Route };
    let path = UserPath(function.iter().cloned().collect());
    let arguments: Vec<_> = Arguments::in_expression(keyword, call.stream())
        .map(|written| {
            let range = written.range;
            let argument = argument(written, source);
            if argument.is_none() {
                diagnostics.error(range, "a predicate cannot have this argument", ARGUMENT);
            }
            argument
        })
        .collect();
    let arguments: Vec<_> = arguments.into_iter().collect::<Option<_>>()?;
    if arguments.is_empty() {
        let help = format!("write `check({})`", path.text());
        diagnostics.error(
            SourceRange::of(&tokens, keyword.span()),
            "`check` takes the function itself, not a call of it",
            help,
        );
        return None;
    }
    Some(Predicate { path, arguments })
}

/// The path of the function, its arguments, and whether `, from_scope` follows.
fn parts(tokens: &[TokenTree]) -> (Option<&[TokenTree]>, Option<&Group>, bool) {
    let (tokens, from_scope) = match tokens {
        [call @ .., TokenTree::Punct(comma), TokenTree::Ident(flag)]
            if comma.as_char() == ',' && flag == "from_scope" =>
        {
            (call, true)
        }
        _ => (tokens, false),
    };
    match tokens {
        [path @ .., TokenTree::Group(group)]
            if is_path(path) && group.delimiter() == proc_macro2::Delimiter::Parenthesis =>
        {
            (Some(path), Some(group), from_scope)
        }
        _ => (None, None, from_scope),
    }
}

fn argument(written: AttributeArgument, source: ParameterSource) -> Option<PredicateArgument> {
    let AttributeArgument { key: None, value, tokens, .. } = written else { return None };
    if value.constant().is_some() {
        return Some(PredicateArgument::Value(tokens));
    }
    match value {
        Value::Ident(name) => Some(PredicateArgument::Parameter(Parameter { name, source })),
        Value::Text(_) | Value::Literal(_) => Some(PredicateArgument::Value(tokens)),
        Value::Other(inner, _) => is_signed_or_bool(&inner).then_some(PredicateArgument::Value(tokens)),
        _ => None,
    }
}

/// `-1`, `true` or `false`, which the argument list does not know as literals.
fn is_signed_or_bool(tokens: &[TokenTree]) -> bool {
    match tokens {
        [TokenTree::Ident(word)] => word == "true" || word == "false",
        [TokenTree::Punct(minus), TokenTree::Literal(number)] if minus.as_char() == '-' => {
            matches!(Lit::new(number.clone()), Lit::Int(_) | Lit::Float(_))
        }
        _ => false,
    }
}
