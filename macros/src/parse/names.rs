//! Names of roles, permissions and scopes: `#[require_role("admin")]`, any of several: `("a", Role::B)`, or all of them:
//! `(all("a", "b"))`.

use super::argument::{Argument, Arguments, Value};
use crate::errors::Errors;
use crate::model::{Kind, Name, Rule};

/// One name that can't be understood makes the whole unclear: fewer names would be another rule.
pub(super) fn parse(kind: Kind, arguments: Arguments<'_>, errors: &mut Errors) -> Option<Rule> {
    let word = arguments.word;
    let cure = format!("write {}", arguments.form.of(format_args!("{word}({})", example(kind))));
    if arguments.is_empty() {
        let what = format!("`{word}` names no {}", kind.word());
        let anybody = arguments.form.of("authenticated");
        errors.push(word.span(), what, format!("{cure}; for any principal, {anybody}"));
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

const fn example(kind: Kind) -> &'static str {
    match kind {
        Kind::Role => "\"admin\"",
        Kind::Permission => "\"users:delete\"",
        Kind::Scope => "\"orders:write\"",
    }
}

const fn two(kind: Kind) -> &'static str {
    match kind {
        Kind::Role => "\"editor\", \"auditor\"",
        Kind::Permission => "\"users:read\", \"users:delete\"",
        Kind::Scope => "\"orders:read\", \"orders:write\"",
    }
}

fn name(kind: Kind, argument: Argument, earlier: &[Name], cure: &str, errors: &mut Errors) -> Option<Name> {
    let named = match argument {
        Argument { key: None, value: Value::Text(text), .. } => Name::Text(text),
        Argument { key: None, value: Value::Path(path), .. } if kind == Kind::Role => Name::Typed(path),
        Argument { key: None, value: Value::Call(called, _), place } if called == "all" => {
            let what = "`all(..)` stands alone: beside it, nobody could tell what is meant";
            errors.push(
                place,
                what,
                "write an expression, such as `#[authorize(role(\"a\") || role(all(\"b\", \"c\")))]`",
            );
            return None;
        }
        Argument { key: None, value: Value::Word(word), .. } => {
            let typed = if kind == Kind::Role { ", or a variant with its enum, such as `Role::Admin`" } else { "" };
            errors.push(
                word.span(),
                format!("a {} is a name in quotes", kind.word()),
                format!("write \"{word}\"{typed}"),
            );
            return None;
        }
        argument => {
            errors.push(argument.place, format!("a {} is a name in quotes", kind.word()), cure);
            return None;
        }
    };
    if let Name::Text(text) = &named {
        let written = text.value();
        if written.trim() != written || written.is_empty() {
            let trimmed = Some(written.trim()).filter(|name| !name.is_empty());
            let trimmed = trimmed.map_or_else(|| example(kind).to_owned(), |name| format!("\"{name}\""));
            let what = format!("a {}'s name is not empty, and has no space around it", kind.word());
            errors.push(text.span(), what, format!("write {trimmed}"));
            return None;
        }
        if kind == Kind::Scope && written.contains(' ') {
            let apart: Vec<String> = written.split_whitespace().map(|name| format!("\"{name}\"")).collect();
            let apart = apart.join(", ");
            let cure = format!("write {apart} for any of them, or `all({apart})` for all");
            errors.push(text.span(), "a scope has no space in it: these are several", cure);
            return None;
        }
        if kind == Kind::Scope && !written.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
        {
            let what = "a scope is visible ASCII without `\"` and `\\` (RFC 6749)";
            errors.push(text.span(), what, format!("write another, such as {}", example(kind)));
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
