//! Names of roles, permissions and scopes: `#[require_role("admin")]`, any of several: `("a", Role::B)`, or all of them:
//! `(all("a", "b"))`. A constant may stand for a name.

use palisade_grammar::names::NameError;
use proc_macro2::{Punct, Spacing, TokenTree};
use quote::ToTokens;

use super::name_spellings::{Foreign, in_our_syntax};
use super::{Arguments, AttributeArgument, Value};
use crate::diagnostics::{Diagnostic, Diagnostics, SourceRange};
use crate::rule::{Name, NameKind, Rule};
use crate::user_path::UserPath;

/// Returns `None` if any name could not be understood, because a rule with fewer names would be another rule.
pub(crate) fn parse(kind: NameKind, arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Option<Rule> {
    let keyword = arguments.keyword;
    let help = format!("write {}", arguments.form.of(format_args!("{keyword}({})", kind.example())));
    if arguments.is_empty() {
        let message = format!("`{keyword}` needs a {}", kind.noun());
        let authenticated = arguments.form.of("authenticated");
        diagnostics.error(keyword.span(), message, format!("{help}; for any principal, write {authenticated}"));
        return None;
    }
    if let Some((range, diagnostic)) = other_spelling(kind, &arguments) {
        diagnostics.add(range, diagnostic);
        return None;
    }
    let list: Vec<AttributeArgument> = arguments.collect();
    if let [AttributeArgument { key: None, value: Value::Call(called, inside), .. }] = list.as_slice()
        && called == "all"
    {
        let inner = Arguments::new(called, inside.stream());
        if inner.is_empty() {
            diagnostics.error(
                called.span(),
                format!("`all` needs a {}", kind.noun()),
                format!("write `all({})`", two_examples(kind)),
            );
            return None;
        }
        return several(kind, inner.collect(), &help, diagnostics).map(|rules| joined(rules, Rule::All));
    }
    several(kind, list, &help, diagnostics).map(|rules| joined(rules, Rule::Any))
}

/// Returns a diagnostic if the names are not written as a list and their meaning is clear.
fn other_spelling(kind: NameKind, arguments: &Arguments<'_>) -> Option<(SourceRange, Diagnostic)> {
    let list = arguments.rest();
    if let [AttributeArgument { key: None, value: Value::Call(called, inside), .. }] = list
        && called == "all"
        && Arguments::new(called, inside.stream()).all(|inner| is_plain(&inner))
    {
        return None;
    }
    let odd = list.iter().find(|argument| !is_plain(argument))?;
    let tokens: Vec<Vec<TokenTree>> = list.iter().map(|argument| argument.tokens.clone()).collect();
    let tokens = tokens.join(&TokenTree::from(Punct::new(',', Spacing::Alone)));
    let (keyword, mut foreign) = (arguments.keyword, Foreign::default());
    let meant = in_our_syntax(kind, arguments.form, &keyword.to_string(), &tokens, &mut foreign)?;
    let message = match odd {
        _ if foreign.operator => format!("`{keyword}` takes a list of names without operators"),
        _ if foreign.brackets => format!("`{keyword}` takes a list of names without brackets"),
        _ if foreign.any => "`any(..)` is not needed: a list of names already means any of them".to_owned(),
        AttributeArgument { key: None, value: Value::Call(called, _), .. } if called == "all" => {
            "`all(..)` must be the only argument".to_owned()
        }
        _ => format!("a {} must be a name in quotes", kind.noun()),
    };
    Some((odd.range, Diagnostic::new(message, format!("write {meant}"))))
}

/// Whether the argument has the form of a name, even if the name is invalid.
fn is_plain(argument: &AttributeArgument) -> bool {
    let name = matches!(argument.value, Value::Text(_) | Value::Literal(_) | Value::Ident(_) | Value::Path(_));
    argument.key.is_none() && name
}

fn joined(mut rules: Vec<Rule>, join: impl FnOnce(Vec<Rule>) -> Rule) -> Rule {
    if rules.len() == 1 { rules.remove(0) } else { join(rules) }
}

fn several(
    kind: NameKind,
    list: Vec<AttributeArgument>,
    help: &str,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<Rule>> {
    let mut names: Vec<Name> = Vec::new();
    let mut clear = true;
    for argument in list {
        match name(kind, argument, &names, help, diagnostics) {
            Some(name) => names.push(name),
            None => clear = false,
        }
    }
    clear.then(|| names.into_iter().map(|name| Rule::Named(kind, name)).collect())
}

const fn two_examples(kind: NameKind) -> &'static str {
    match kind {
        NameKind::Role => "\"editor\", \"auditor\"",
        NameKind::Permission => "\"users:read\", \"users:delete\"",
        NameKind::Scope => "\"orders:read\", \"orders:write\"",
    }
}

/// Reads a name that is not the path of a constant.
fn literal_or_variant(
    kind: NameKind,
    argument: AttributeArgument,
    help: &str,
    diagnostics: &mut Diagnostics,
) -> Option<Name> {
    Some(match argument {
        AttributeArgument { key: None, value: Value::Text(text), .. } => Name::Text(text),
        AttributeArgument { key: None, value: Value::Path(path), .. } if kind == NameKind::Role => Name::Path(path),
        // A variant that was imported, or a constant.
        AttributeArgument { key: None, value: Value::Ident(variant), .. }
            if kind == NameKind::Role && variant.to_string().starts_with(char::is_uppercase) =>
        {
            Name::Path(UserPath(variant.into_token_stream()))
        }
        AttributeArgument { key: None, value: Value::Call(called, _), range, .. } if called == "all" => {
            let message = "`all(..)` must be the only argument";
            diagnostics.error(
                range,
                message,
                "write an expression, such as `#[authorize(role(\"a\") || role(all(\"b\", \"c\")))]`",
            );
            return None;
        }
        AttributeArgument { key: None, value: Value::Ident(unquoted), .. } => {
            let alternative = match kind {
                NameKind::Role => ", or a variant with its enum, such as `Role::Admin`",
                NameKind::Permission | NameKind::Scope => ", or a constant, such as `DELETE_USERS`",
            };
            diagnostics.error(
                unquoted.span(),
                format!("a {} must be a name in quotes", kind.noun()),
                format!("write \"{unquoted}\"{alternative}"),
            );
            return None;
        }
        argument => {
            let help = match argument.value {
                Value::Path(_) => format!("{help}, or a constant, such as `names::DELETE_USERS`"),
                _ => help.to_owned(),
            };
            diagnostics.error(argument.range, format!("a {} must be a name in quotes", kind.noun()), help);
            return None;
        }
    })
}

fn name(
    kind: NameKind,
    argument: AttributeArgument,
    earlier: &[Name],
    help: &str,
    diagnostics: &mut Diagnostics,
) -> Option<Name> {
    let constant = argument.value.constant().filter(|_| argument.key.is_none());
    let named = match constant {
        Some(constant) => Name::Path(constant),
        None => literal_or_variant(kind, argument, help, diagnostics)?,
    };
    if let Name::Text(text) = &named {
        let written = text.value();
        if let Err(error) = kind.check(&written) {
            diagnostics.error(text.span(), kind.message(error), help_for(kind, error, &written));
            return None;
        }
    }
    if earlier.iter().any(|other| other.text() == named.text()) {
        let message = format!("duplicate {} {}", kind.noun(), named.text());
        diagnostics.error(named.range(), message, "remove one of the two");
        return None;
    }
    Some(named)
}

/// Returns the help text for an invalid name.
fn help_for(kind: NameKind, error: NameError, written: &str) -> String {
    match error {
        NameError::SpaceAround if !written.trim().is_empty() => format!("write {:?}", written.trim()),
        NameError::SpaceInScope => {
            let names: Vec<String> = written.split_whitespace().map(|name| format!("{name:?}")).collect();
            let names = names.join(", ");
            format!("write {names} for any of them, or `all({names})` for all")
        }
        _ => format!("write a name, such as {}", kind.example()),
    }
}
