//! `#[owner(id)]`, `#[owner_or_admin(id)]`, `#[owner(order, item, of = Item, deny = 403, from_scope)]`, `#[tenant(org)]`.

use proc_macro2::Ident;
use quote::ToTokens;
use syn::{Lit, LitStr};

use super::argument::{Argument, Arguments, Value};
use crate::errors::{Errors, Place};
use crate::model::{From, Kind, Name, Owns, Parameter, Rule, UserPath};
use crate::suggest;

pub(super) fn owner(arguments: Arguments<'_>, errors: &mut Errors) -> Option<Rule> {
    parse(arguments, &["of", "deny", "from_scope"], errors).map(|written| written.into_rule(Rule::Owner))
}

pub(super) fn owner_or_admin(arguments: Arguments<'_>, errors: &mut Errors) -> Option<Rule> {
    let word = arguments.word.clone();
    let owner = owner(arguments, errors)?;
    let admin = Name::Text(LitStr::new("admin", word.span()));
    Some(Rule::Any(vec![owner, Rule::Named(Kind::Role, admin)]))
}

pub(super) fn tenant(arguments: Arguments<'_>, errors: &mut Errors) -> Option<Rule> {
    parse(arguments, &["from_scope"], errors).map(|written| written.into_rule(Rule::Tenant))
}

struct Written {
    parameters: Vec<Ident>,
    of: Option<UserPath>,
    reveals: bool,
    from: From,
}

impl Written {
    fn into_rule(self, plain: impl FnOnce(Parameter) -> Rule) -> Rule {
        let Self { parameters, of, reveals, from } = self;
        let mut parameters: Vec<_> = parameters.into_iter().map(|name| Parameter { name, from }).collect();
        match of {
            Some(of) => Rule::Owns(Owns { parameters, of, reveals }),
            None => plain(parameters.remove(0)),
        }
    }
}

fn parse(arguments: Arguments<'_>, options: &[&str], errors: &mut Errors) -> Option<Written> {
    let word = arguments.word;
    let example = if word == "tenant" { "org" } else { "id" };
    let cure = format!("write `#[{word}({example})]` for a route such as \"/users/{{{example}}}\"");
    if arguments.is_empty() {
        errors.push(word.span(), format!("`{word}` names no path parameter"), cure);
        return None;
    }
    let mut parameters: Vec<Ident> = Vec::new();
    let (mut of, mut deny, mut from) = (None, None, None);
    let mut clear = true;
    for argument in arguments {
        match (&argument.key, &argument.value) {
            (Some(key), value) if options.contains(&key.to_string().as_str()) && key != "from_scope" => {
                let twice = if key == "of" { of.is_some() } else { deny.is_some() };
                if twice {
                    errors.push(key.span(), format!("`{word}` says `{key}` twice"), "remove one of the two");
                    clear = false;
                } else if key == "of" {
                    of = resource(value, word, errors);
                    clear &= of.is_some();
                } else {
                    deny = status(value, errors).map(|reveals| (key.clone(), reveals));
                    clear &= deny.is_some();
                }
            }
            (Some(key), _) => {
                clear = false;
                if key == "from_scope" {
                    errors.push(argument.place, "`from_scope` takes no value", "write `from_scope`");
                } else {
                    let cure = suggest::cure(&key.to_string(), options.iter().copied());
                    errors.push(key.span(), format!("`{word}` has no option `{key}`"), cure);
                }
            }
            (None, Value::Word(flag)) if flag == "from_scope" => from = Some(From::Scope),
            (None, Value::Word(name)) if parameters.contains(name) => {
                clear = false;
                errors.push(name.span(), format!("`{name}` stands here twice"), "remove one of the two");
            }
            (None, Value::Word(name)) => parameters.push(name.clone()),
            _ => {
                clear = false;
                not_a_parameter(&argument, word, &cure, errors);
            }
        }
    }
    if parameters.is_empty() && clear {
        errors.push(word.span(), format!("`{word}` names no path parameter"), cure);
        return None;
    }
    if let ([_, second, ..], None, true) = (parameters.as_slice(), &of, clear) {
        let what = format!("`{word}` takes one path parameter, unless they identify a row together");
        let cure = if word == "tenant" {
            format!("write `#[tenant({second})]` beside it")
        } else {
            format!("write `#[{word}({second})]` beside it, or name the row: `of = Item`")
        };
        errors.push(second.span(), what, cure);
        return None;
    }
    if let (Some((key, _)), None, true) = (&deny, &of, clear) {
        let cure = "remove it: without `of = ..` the answer is 403 in any case";
        errors.push(key.span(), "`deny` is about a row that is loaded", cure);
        return None;
    }
    let reveals = deny.is_some_and(|(_, reveals)| reveals);
    clear.then(|| Written { parameters, of, reveals, from: from.unwrap_or(From::Route) })
}

fn not_a_parameter(argument: &Argument, word: &Ident, cure: &str, errors: &mut Errors) {
    match &argument.value {
        Value::Text(text) if syn::parse_str::<Ident>(&text.value()).is_ok() => {
            let cure = format!("write `#[{word}({})]`", text.value());
            errors.push(text.span(), "a path parameter is a name without quotes", cure);
        }
        _ => errors.push(argument.place, "a path parameter is one name", cure),
    }
}

fn resource(value: &Value, word: &Ident, errors: &mut Errors) -> Option<UserPath> {
    match value {
        Value::Word(name) => Some(UserPath(name.to_token_stream())),
        Value::Path(path) => Some(path.clone()),
        other => {
            let cure =
                format!("write `#[{word}(id, of = Document)]`, where `Document` implements `palisade::Resource`");
            errors.push(other.place(), "`of` takes the name of a type", cure);
            None
        }
    }
}

/// Whether a foreign row is revealed.
fn status(value: &Value, errors: &mut Errors) -> Option<bool> {
    let place: Place = value.place();
    match value {
        Value::Literal(Lit::Int(number)) if number.base10_digits() == "403" => Some(true),
        Value::Literal(Lit::Int(number)) if number.base10_digits() == "404" => Some(false),
        _ => {
            let cure =
                "write `deny = 403` to reveal that the row exists; without it, foreign and missing are the same 404";
            errors.push(place, "`deny` is 403 or 404", cure);
            None
        }
    }
}
