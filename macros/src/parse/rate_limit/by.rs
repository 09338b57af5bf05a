//! `by = ip`, `by = [ip, field(body.email)]`.
//!
//! Threat: a key that the caller chooses (CWE-348): rotated with each request, it never reaches its quota, or it fills the
//! quota of somebody else. Promise: a header that carries a credential, or that any client may write, is no key.

use proc_macro2::{Group, Ident, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Index, Lit, LitStr, Member};

use super::super::argument::{Argument, Arguments, Value};
use super::super::function;
use super::choice::{Choice, Chosen};
use crate::clause::flat;
use crate::errors::{Errors, Place};
use crate::model::{By, Field, Key};

pub(super) const ALONE: Choice = Choice {
    option: "by",
    forms: &["ip", "principal", "api_key", "header(\"x-tenant\")", "field(body.email)", "key(path::to::function)"],
    before: "by = ",
};
const LISTED: Choice = Choice { before: "", ..ALONE };
const FUNCTION: &str = "write `key(path::to::function)`; it is an `async fn(&HttpRequest, Option<&Principal>)` that gives a \
                        `String` or an `Option<String>`";
const FIELD: &str = "write `field(body.email)`: the argument `body`, and its field `email`";
const HEADER: &str = "write `header(\"x-tenant\")`";
const LIST: &str = "write `by = [ip, field(body.email)]`: each counts apart, and all must admit";

/// The keys that could be understood; one at least, if no mistake was reported.
pub(super) fn parse(value: &Value, errors: &mut Errors) -> Vec<Key> {
    let Value::List(group) = value else { return key(value, ALONE, errors).into_iter().collect() };
    let word = Ident::new("by", group.span());
    let list = Arguments::new(&word, group.stream());
    if list.is_empty() {
        errors.push(group.span(), "this list is empty, so it counts nobody", LIST);
    }
    let mut keys: Vec<Key> = Vec::new();
    for argument in list {
        let found = match argument {
            Argument { key: Some(_), place, .. } => {
                errors.push(place, "a list holds keys, no options", "write it behind the list");
                None
            }
            Argument { value: Value::List(_), place, .. } => {
                errors.push(place, "a list stands in no other list", LIST);
                None
            }
            Argument { value, .. } => key(&value, LISTED, errors),
        };
        let Some(key) = found else { continue };
        let text = key.by.text();
        if keys.iter().any(|earlier| earlier.by.text() == text) {
            errors.push(key.place, format!("`{text}` stands here twice"), "remove one of the two");
        }
        keys.push(key);
    }
    keys
}

fn key(value: &Value, choice: Choice, errors: &mut Errors) -> Option<Key> {
    let Chosen { word, inside } = match choice.of(value) {
        Ok(chosen) => chosen,
        Err((place, fault)) => {
            errors.fault(place, fault);
            return None;
        }
    };
    let by = match word.to_string().as_str() {
        "ip" => By::Ip,
        "principal" => By::Principal,
        "api_key" => By::ApiKey,
        "header" => By::Header(header(word, inside, errors)?),
        "field" => By::Field(field(word, inside, errors)?),
        _ => By::Function(function::parse(word, inside, FUNCTION, errors)?),
    };
    Some(Key { by, place: value.place() })
}

fn header(word: &Ident, inside: Option<&Group>, errors: &mut Errors) -> Option<String> {
    let mut names = Arguments::of_term(word, inside.map(Group::stream).unwrap_or_default());
    let Some(name) = names.next() else {
        errors.push(word.span(), "`header` does not say which", HEADER);
        return None;
    };
    if let Some(second) = names.next() {
        let cure = "write a list, as in `by = [header(\"x-tenant\"), header(\"x-plan\")]`: each counts apart";
        errors.push(second.place, "`header` names one header", cure);
        return None;
    }
    let name = match name {
        Argument { key: None, value: Value::Text(name), .. } => name,
        Argument { key: None, value: Value::Word(name), .. } => {
            let cure = format!("write `header(\"{}\")`", name.unraw());
            errors.push(name.span(), "the name of a header is a text in quotes", cure);
            return None;
        }
        other => {
            errors.push(other.place, "the name of a header is a text in quotes", HEADER);
            return None;
        }
    };
    trusted(&name, errors)
}

/// The name, if it is one, and if what it names may say whom to count.
fn trusted(name: &LitStr, errors: &mut Errors) -> Option<String> {
    let lower = name.value().to_ascii_lowercase();
    if lower.is_empty() || !lower.bytes().all(is_token) {
        let cure = format!("{HEADER}: ASCII letters, digits and `-`");
        errors.push(name.span(), format!("`{}` is no name of a header", name.value()), cure);
        return None;
    }
    match lower.as_str() {
        "authorization" | "cookie" | "proxy-authorization" | "x-api-key" => {
            let what = format!(
                "`{lower}` holds a credential that nobody has verified yet: whoever sends another one each time is never stopped"
            );
            errors.push(name.span(), what, "write `by = principal` or `by = api_key`, which count what was verified");
            None
        }
        "forwarded" | "x-forwarded-for" => {
            let what = format!("`{lower}` holds whatever addresses a client writes into it");
            let cure =
                "write `by = ip`, and name your proxies with `.trusted_proxies(..)`: the address is then what they say";
            errors.push(name.span(), what, cure);
            None
        }
        _ => Some(lower),
    }
}

// RFC 9110 5.6.2: token
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn field(word: &Ident, inside: Option<&Group>, errors: &mut Errors) -> Option<Field> {
    let tokens = inside.map(|group| flat(group.stream())).unwrap_or_default();
    let place = Place::of(&tokens, word.span());
    let (what, cure) = match tokens.as_slice() {
        [] => ("`field` names no field", FIELD.to_owned()),
        [TokenTree::Ident(argument)] => {
            let cure = format!("write a field of it, as in `field({argument}.email)`");
            ("this is a whole argument, not a field of it", cure)
        }
        [TokenTree::Literal(literal)] => match Lit::new(literal.clone()) {
            Lit::Str(text) => ("a field has no quotes", format!("write `field({})`", text.value())),
            _ => ("`field` takes one field of an argument", FIELD.to_owned()),
        },
        [TokenTree::Ident(argument), path @ ..] => match members(path) {
            Some(path) => return Some(Field { argument: argument.clone(), path }),
            None => ("`field` takes one field of an argument", FIELD.to_owned()),
        },
        _ => ("`field` takes one field of an argument", FIELD.to_owned()),
    };
    errors.push(place, what, cure);
    None
}

/// `.email`, `.0.name`; `None` where it is anything else.
fn members(mut rest: &[TokenTree]) -> Option<Vec<Member>> {
    let mut members = Vec::new();
    while let [TokenTree::Punct(point), member, more @ ..] = rest {
        if point.as_char() != '.' {
            return None;
        }
        match member {
            // Keywords are no fields: `.await` would be something else.
            TokenTree::Ident(name) => {
                members.push(Member::Named(syn::parse2(name.to_token_stream()).ok()?));
            }
            TokenTree::Literal(literal) => {
                // `.0.1` is one literal to the compiler.
                for index in literal.to_string().split('.') {
                    let digits = index.bytes().all(|byte| byte.is_ascii_digit());
                    let index = index.parse().ok().filter(|_| digits)?;
                    members.push(Member::Unnamed(Index { index, span: literal.span() }));
                }
            }
            _ => return None,
        }
        rest = more;
    }
    (rest.is_empty() && !members.is_empty()).then_some(members)
}
