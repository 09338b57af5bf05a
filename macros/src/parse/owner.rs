//! `#[owner(id)]`, `#[owner_or_admin(id)]`, `#[owner(order, item, of = Item, deny = 403, from_scope)]`, `#[tenant(org)]`.

use proc_macro2::Ident;
use quote::ToTokens;
use syn::Lit;

use super::argument::{Argument, Arguments, Form, Value};
use crate::errors::{Errors, Fault, Place};
use crate::model::{From, Owns, Parameter, Rule, UserPath};
use crate::suggest;

pub(super) fn owner(arguments: Arguments<'_>, errors: &mut Errors) -> Option<Rule> {
    let word = arguments.word;
    let written = read(arguments, &["of", "deny", "from_scope"], errors)?;
    let Some(of) = written.of else {
        if let Some((key, _)) = written.deny {
            let cure = "remove it: without `of = ..` the answer is 403 in any case";
            errors.push(key.span(), "`deny` is about a row that is loaded", cure);
            return None;
        }
        let row = written.form.of(format_args!("{word}({}, of = Item)", list(&written.parameters)));
        let row = format!("or name the row that they identify together: {row}");
        return one(word, written.parameters, written.from, written.form, &row, errors).map(Rule::Owner);
    };
    let parameters = written.parameters.into_iter().map(|name| Parameter { name, from: written.from }).collect();
    Some(Rule::Owns(Owns { parameters, of, reveals: written.deny.is_some_and(|(_, reveals)| reveals) }))
}

pub(super) fn owner_or_admin(arguments: Arguments<'_>, errors: &mut Errors) -> Option<Rule> {
    let word = arguments.word.clone();
    let owner = owner(arguments, errors)?;
    Some(Rule::Any(vec![owner, Rule::Admin(word.span())]))
}

pub(super) fn tenant(arguments: Arguments<'_>, errors: &mut Errors) -> Option<Rule> {
    let word = arguments.word;
    let written = read(arguments, &["from_scope"], errors)?;
    let cure = "which names the tenant of the path";
    one(word, written.parameters, written.from, written.form, cure, errors).map(Rule::Tenant)
}

/// The principal has one subject and one tenant, so one parameter is what they equal.
fn one(
    word: &Ident,
    mut parameters: Vec<Ident>,
    from: From,
    form: Form,
    otherwise: &str,
    errors: &mut Errors,
) -> Option<Parameter> {
    if let [first, second, ..] = parameters.as_slice() {
        let cure = format!("write one of them, such as {}, {otherwise}", form.of(format_args!("{word}({first})")));
        errors.push(second.span(), format!("`{word}` compares with one path parameter"), cure);
        return None;
    }
    Some(Parameter { name: parameters.pop()?, from })
}

fn list(parameters: &[Ident]) -> String {
    parameters.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Everything that stands between the parentheses.
struct Written {
    form: Form,
    /// At least one.
    parameters: Vec<Ident>,
    of: Option<UserPath>,
    /// And where that is said; whether it reveals a foreign row.
    deny: Option<(Ident, bool)>,
    from: From,
}

/// `None` if anything was not understood: it was reported.
fn read(arguments: Arguments<'_>, options: &[&str], errors: &mut Errors) -> Option<Written> {
    let (word, form) = (arguments.word, arguments.form);
    let example = if word == "tenant" { "org" } else { "id" };
    let as_written = form.of(format_args!("{word}({example})"));
    let cure = format!("write {as_written} for a route such as \"/users/{{{example}}}\"");
    let mut written = Written { form, parameters: Vec::new(), of: None, deny: None, from: From::Route };
    let mut clear = true;
    for argument in arguments {
        let whole = argument.place;
        if let Err((place, fault)) = add(argument, word, options, &cure, &mut written) {
            errors.fault(place.unwrap_or(whole), fault);
            clear = false;
        }
    }
    if written.parameters.is_empty() && clear {
        errors.push(word.span(), format!("`{word}` names no path parameter"), cure);
        return None;
    }
    clear.then_some(written)
}

/// What is wrong, and where, if that is not the whole argument.
type Mistake = (Option<Place>, Fault);

fn add(argument: Argument, word: &Ident, options: &[&str], cure: &str, written: &mut Written) -> Result<(), Mistake> {
    let Some(key) = argument.key else {
        return match argument.value {
            Value::Word(flag) if flag == "from_scope" => {
                written.from = From::Scope;
                Ok(())
            }
            Value::Word(name) if written.parameters.contains(&name) => {
                Err((None, Fault::new(format!("`{name}` stands here twice"), "remove one of the two")))
            }
            Value::Word(name) => {
                written.parameters.push(name);
                Ok(())
            }
            Value::Text(text) if syn::parse_str::<Ident>(&text.value()).is_ok() => {
                let cure = format!("write {}", written.form.of(format_args!("{word}({})", text.value())));
                Err((None, Fault::new("a path parameter is a name without quotes", cure)))
            }
            _ => Err((None, Fault::new("a path parameter is one name", cure))),
        };
    };
    let at_key = Some(Place::from(key.span()));
    let twice = || (at_key, Fault::new(format!("`{word}` says `{key}` twice"), "remove one of the two"));
    match key.to_string().as_str() {
        "of" if word == "tenant" => {
            let cure =
                "write `#[owner(id, of = Document)]`; that a row has a tenant is for its `Resource::tenant` to say";
            Err((at_key, Fault::new("`tenant` loads no row", cure)))
        }
        unknown if !options.contains(&unknown) => {
            let cure = suggest::cure(unknown, options.iter().copied());
            Err((at_key, Fault::new(format!("`{word}` has no option `{key}`"), cure)))
        }
        "of" if written.of.is_some() => Err(twice()),
        "deny" if written.deny.is_some() => Err(twice()),
        "of" => {
            written.of = Some(resource(argument.value, word, written.form)?);
            Ok(())
        }
        "deny" => {
            written.deny = Some((key, reveals(&argument.value)?));
            Ok(())
        }
        _ => Err((None, Fault::new("`from_scope` takes no value", "write `from_scope`"))),
    }
}

fn resource(value: Value, word: &Ident, form: Form) -> Result<UserPath, Mistake> {
    match value {
        Value::Word(name) => Ok(UserPath(name.to_token_stream())),
        Value::Path(path) => Ok(path),
        other => {
            let example = form.of(format_args!("{word}(id, of = Document)"));
            let cure = format!("write {example}, where `Document` implements `palisade::Resource`");
            Err((Some(other.place()), Fault::new("`of` takes the name of a type", cure)))
        }
    }
}

fn reveals(value: &Value) -> Result<bool, Mistake> {
    match value {
        Value::Literal(Lit::Int(number)) if number.base10_digits() == "403" => Ok(true),
        Value::Literal(Lit::Int(number)) if number.base10_digits() == "404" => Ok(false),
        _ => {
            let cure =
                "write `deny = 403` to reveal that the row exists; without it, foreign and missing are the same 404";
            Err((Some(value.place()), Fault::new("`deny` is 403 or 404", cure)))
        }
    }
}
