//! Names of roles, permissions and scopes: `#[require_role("admin")]`, any of several: `("a", Role::B)`, or all of them:
//! `(all("a", "b"))`. A constant may stand for a name.

use palisade_grammar::names::NameError;
use proc_macro2::{Punct, Spacing, TokenTree};
use quote::ToTokens;

use super::argument::{Argument, Arguments, Value};
use super::meant::{Met, meant};
use crate::errors::{Errors, Fault, Place};
use crate::model::{Kind, Name, Rule, UserPath};

/// One name that can't be understood makes the whole unclear: fewer names would be another rule.
pub(super) fn parse(kind: Kind, arguments: Arguments<'_>, errors: &mut Errors) -> Option<Rule> {
    let word = arguments.word;
    let cure = format!("write {}", arguments.form.of(format_args!("{word}({})", kind.example())));
    if arguments.is_empty() {
        let what = format!("`{word}` names no {}", kind.word());
        let anybody = arguments.form.of("authenticated");
        errors.push(word.span(), what, format!("{cure}; for any principal, {anybody}"));
        return None;
    }
    if let Some((place, fault)) = otherwise(kind, &arguments) {
        errors.fault(place, fault);
        return None;
    }
    let list: Vec<Argument> = arguments.collect();
    if let [Argument { key: None, value: Value::Call(called, inside), .. }] = list.as_slice()
        && called == "all"
    {
        let inner = Arguments::new(called, inside.stream());
        if inner.is_empty() {
            errors.push(
                called.span(),
                format!("`all` names no {}", kind.word()),
                format!("write `all({})`", two(kind)),
            );
            return None;
        }
        return several(kind, inner.collect(), &cure, errors).map(|rules| joined(rules, Rule::All));
    }
    several(kind, list, &cure, errors).map(|rules| joined(rules, Rule::Any))
}

/// The mistake of names that are joined otherwise than by a list, where it can be told what was meant.
fn otherwise(kind: Kind, arguments: &Arguments<'_>) -> Option<(Place, Fault)> {
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
    let (word, mut met) = (arguments.word, Met::default());
    let meant = meant(kind, arguments.form, &word.to_string(), &tokens, &mut met)?;
    let what = match odd {
        _ if met.operator => format!("`{word}` takes a list of names, without operators"),
        _ if met.brackets => format!("`{word}` takes a list of names, without brackets"),
        _ if met.any => "a list of names means any of them, and has no `any(..)`".to_owned(),
        Argument { key: None, value: Value::Call(called, _), .. } if called == "all" => {
            "`all(..)` stands alone: beside it, nobody could tell what is meant".to_owned()
        }
        _ => format!("a {} is a name in quotes", kind.word()),
    };
    Some((odd.place, Fault::new(what, format!("write {meant}"))))
}

/// A name, however mistaken.
fn is_plain(argument: &Argument) -> bool {
    let name = matches!(argument.value, Value::Text(_) | Value::Literal(_) | Value::Word(_) | Value::Path(_));
    argument.key.is_none() && name
}

fn joined(mut rules: Vec<Rule>, join: impl FnOnce(Vec<Rule>) -> Rule) -> Rule {
    if rules.len() == 1 { rules.remove(0) } else { join(rules) }
}

fn several(kind: Kind, list: Vec<Argument>, cure: &str, errors: &mut Errors) -> Option<Vec<Rule>> {
    let mut names: Vec<Name> = Vec::new();
    let mut clear = true;
    for argument in list {
        match name(kind, argument, &names, cure, errors) {
            Some(name) => names.push(name),
            None => clear = false,
        }
    }
    clear.then(|| names.into_iter().map(|name| Rule::Named(kind, name)).collect())
}

const fn two(kind: Kind) -> &'static str {
    match kind {
        Kind::Role => "\"editor\", \"auditor\"",
        Kind::Permission => "\"users:read\", \"users:delete\"",
        Kind::Scope => "\"orders:read\", \"orders:write\"",
    }
}

/// A name that is not the path of a constant.
fn spelt(kind: Kind, argument: Argument, cure: &str, errors: &mut Errors) -> Option<Name> {
    Some(match argument {
        Argument { key: None, value: Value::Text(text), .. } => Name::Text(text),
        Argument { key: None, value: Value::Path(path), .. } if kind == Kind::Role => Name::Path(path),
        // A variant that was imported, or a constant.
        Argument { key: None, value: Value::Word(word), .. }
            if kind == Kind::Role && word.to_string().starts_with(char::is_uppercase) =>
        {
            Name::Path(UserPath(word.into_token_stream()))
        }
        Argument { key: None, value: Value::Call(called, _), place, .. } if called == "all" => {
            let what = "`all(..)` stands alone: beside it, nobody could tell what is meant";
            errors.push(
                place,
                what,
                "write an expression, such as `#[authorize(role(\"a\") || role(all(\"b\", \"c\")))]`",
            );
            return None;
        }
        Argument { key: None, value: Value::Word(word), .. } => {
            let typed = match kind {
                Kind::Role => ", or a variant with its enum, such as `Role::Admin`",
                Kind::Permission | Kind::Scope => ", or a constant, such as `DELETE_USERS`",
            };
            errors.push(
                word.span(),
                format!("a {} is a name in quotes", kind.word()),
                format!("write \"{word}\"{typed}"),
            );
            return None;
        }
        argument => {
            let cure = match argument.value {
                Value::Path(_) => format!("{cure}, or a constant, such as `names::DELETE_USERS`"),
                _ => cure.to_owned(),
            };
            errors.push(argument.place, format!("a {} is a name in quotes", kind.word()), cure);
            return None;
        }
    })
}

fn name(kind: Kind, argument: Argument, earlier: &[Name], cure: &str, errors: &mut Errors) -> Option<Name> {
    let constant = argument.value.constant().filter(|_| argument.key.is_none());
    let named = match constant {
        Some(constant) => Name::Path(constant),
        None => spelt(kind, argument, cure, errors)?,
    };
    if let Name::Text(text) = &named {
        let written = text.value();
        if let Err(error) = kind.check(&written) {
            errors.push(text.span(), kind.message(error), help(kind, error, &written));
            return None;
        }
    }
    if earlier.iter().any(|other| other.text() == named.text()) {
        let what = format!("the {} {} stands here twice", kind.word(), named.text());
        errors.push(named.place(), what, "remove one of the two");
        return None;
    }
    Some(named)
}

/// What to write instead of a name that cannot be one.
fn help(kind: Kind, error: NameError, written: &str) -> String {
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
