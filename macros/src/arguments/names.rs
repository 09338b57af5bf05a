//! Names of roles, permissions and scopes: `#[require_role("admin")]`, any of several: `("a", Role::B)`, or all of them:
//! `(all("a", "b"))`. A constant may stand for a name.

use palisade_grammar::names::NameError;
use proc_macro2::{Punct, Spacing, TokenTree};
use quote::ToTokens;

use super::name_spellings::{Foreign, understand};
use super::{Argument, Arguments, Value};
use crate::diagnostics::{Diagnostic, Diagnostics, SourceRange};
use crate::rule::{Name, NameKind, Rule};
use crate::user_path::UserPath;

/// One name that can't be understood makes the whole unclear: fewer names would be another rule.
pub(crate) fn parse(kind: NameKind, arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Option<Rule> {
    let word = arguments.keyword;
    let cure = format!("write {}", arguments.form.of(format_args!("{word}({})", kind.example())));
    if arguments.is_empty() {
        let what = format!("`{word}` needs a {}", kind.word());
        let anybody = arguments.form.of("authenticated");
        diagnostics.error(word.span(), what, format!("{cure}; for any principal, {anybody}"));
        return None;
    }
    if let Some((place, diagnostic)) = otherwise(kind, &arguments) {
        diagnostics.add(place, diagnostic);
        return None;
    }
    let list: Vec<Argument> = arguments.collect();
    if let [Argument { key: None, value: Value::Call(called, inside), .. }] = list.as_slice()
        && called == "all"
    {
        let inner = Arguments::new(called, inside.stream());
        if inner.is_empty() {
            diagnostics.error(
                called.span(),
                format!("`all` needs a {}", kind.word()),
                format!("write `all({})`", two(kind)),
            );
            return None;
        }
        return several(kind, inner.collect(), &cure, diagnostics).map(|rules| joined(rules, Rule::All));
    }
    several(kind, list, &cure, diagnostics).map(|rules| joined(rules, Rule::Any))
}

/// The mistake of names that are joined otherwise than by a list, where it can be told what was meant.
fn otherwise(kind: NameKind, arguments: &Arguments<'_>) -> Option<(SourceRange, Diagnostic)> {
    let list = arguments.rest();
    if let [Argument { key: None, value: Value::Call(called, inside), .. }] = list
        && called == "all"
        && Arguments::new(called, inside.stream()).all(|inner| is_plain(&inner))
    {
        return None;
    }
    let odd = list.iter().find(|argument| !is_plain(argument))?;
    let tokens: Vec<Vec<TokenTree>> = list.iter().map(|argument| argument.tokens.clone()).collect();
    let tokens = tokens.join(&TokenTree::from(Punct::new(',', Spacing::Alone)));
    let (word, mut met) = (arguments.keyword, Foreign::default());
    let meant = understand(kind, arguments.form, &word.to_string(), &tokens, &mut met)?;
    let what = match odd {
        _ if met.operator => format!("`{word}` takes a list of names without operators"),
        _ if met.brackets => format!("`{word}` takes a list of names without brackets"),
        _ if met.any => "`any(..)` is not needed: a list of names already means any of them".to_owned(),
        Argument { key: None, value: Value::Call(called, _), .. } if called == "all" => {
            "`all(..)` must be the only argument".to_owned()
        }
        _ => format!("a {} must be a name in quotes", kind.word()),
    };
    Some((odd.range, Diagnostic::new(what, format!("write {meant}"))))
}

/// A name, however mistaken.
fn is_plain(argument: &Argument) -> bool {
    let name = matches!(argument.value, Value::Text(_) | Value::Literal(_) | Value::Ident(_) | Value::Path(_));
    argument.key.is_none() && name
}

fn joined(mut rules: Vec<Rule>, join: impl FnOnce(Vec<Rule>) -> Rule) -> Rule {
    if rules.len() == 1 { rules.remove(0) } else { join(rules) }
}

fn several(kind: NameKind, list: Vec<Argument>, cure: &str, diagnostics: &mut Diagnostics) -> Option<Vec<Rule>> {
    let mut names: Vec<Name> = Vec::new();
    let mut clear = true;
    for argument in list {
        match name(kind, argument, &names, cure, diagnostics) {
            Some(name) => names.push(name),
            None => clear = false,
        }
    }
    clear.then(|| names.into_iter().map(|name| Rule::Named(kind, name)).collect())
}

const fn two(kind: NameKind) -> &'static str {
    match kind {
        NameKind::Role => "\"editor\", \"auditor\"",
        NameKind::Permission => "\"users:read\", \"users:delete\"",
        NameKind::Scope => "\"orders:read\", \"orders:write\"",
    }
}

/// A name that is not the path of a constant.
fn spelt(kind: NameKind, argument: Argument, cure: &str, diagnostics: &mut Diagnostics) -> Option<Name> {
    Some(match argument {
        Argument { key: None, value: Value::Text(text), .. } => Name::Text(text),
        Argument { key: None, value: Value::Path(path), .. } if kind == NameKind::Role => Name::Path(path),
        // A variant that was imported, or a constant.
        Argument { key: None, value: Value::Ident(word), .. }
            if kind == NameKind::Role && word.to_string().starts_with(char::is_uppercase) =>
        {
            Name::Path(UserPath(word.into_token_stream()))
        }
        Argument { key: None, value: Value::Call(called, _), range, .. } if called == "all" => {
            let what = "`all(..)` must be the only argument";
            diagnostics.error(
                range,
                what,
                "write an expression, such as `#[authorize(role(\"a\") || role(all(\"b\", \"c\")))]`",
            );
            return None;
        }
        Argument { key: None, value: Value::Ident(word), .. } => {
            let typed = match kind {
                NameKind::Role => ", or a variant with its enum, such as `Role::Admin`",
                NameKind::Permission | NameKind::Scope => ", or a constant, such as `DELETE_USERS`",
            };
            diagnostics.error(
                word.span(),
                format!("a {} must be a name in quotes", kind.word()),
                format!("write \"{word}\"{typed}"),
            );
            return None;
        }
        argument => {
            let cure = match argument.value {
                Value::Path(_) => format!("{cure}, or a constant, such as `names::DELETE_USERS`"),
                _ => cure.to_owned(),
            };
            diagnostics.error(argument.range, format!("a {} must be a name in quotes", kind.word()), cure);
            return None;
        }
    })
}

fn name(
    kind: NameKind,
    argument: Argument,
    earlier: &[Name],
    cure: &str,
    diagnostics: &mut Diagnostics,
) -> Option<Name> {
    let constant = argument.value.constant().filter(|_| argument.key.is_none());
    let named = match constant {
        Some(constant) => Name::Path(constant),
        None => spelt(kind, argument, cure, diagnostics)?,
    };
    if let Name::Text(text) = &named {
        let written = text.value();
        if let Err(error) = kind.check(&written) {
            diagnostics.error(text.span(), kind.message(error), help(kind, error, &written));
            return None;
        }
    }
    if earlier.iter().any(|other| other.text() == named.text()) {
        let what = format!("duplicate {} {}", kind.word(), named.text());
        diagnostics.error(named.range(), what, "remove one of the two");
        return None;
    }
    Some(named)
}

/// What to write instead of a name that cannot be one.
fn help(kind: NameKind, error: NameError, written: &str) -> String {
    match error {
        NameError::SpaceAround if !written.trim().is_empty() => format!("write {:?}", written.trim()),
        NameError::SpaceInScope => {
            let apart: Vec<String> = written.split_whitespace().map(|name| format!("{name:?}")).collect();
            let apart = apart.join(", ");
            format!("write {apart} for any of them, or `all({apart})` for all")
        }
        _ => format!("write a name, such as {}", kind.example()),
    }
}
