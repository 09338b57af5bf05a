//! `by = ip`, `by = [ip, field(body.email)]`.
//!
//! Threat: a key that the caller chooses (CWE-348): rotated with each request, it never reaches its rate limit, or it fills the
//! rate limit of somebody else. Promise: a header that carries a credential, or that any client may write, is no key.

use palisade_grammar::names::is_header_name;
use proc_macro2::{Group, Ident, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Index, Lit, LitStr, Member};

use super::super::argument::{Argument, Arguments, Value};
use super::super::function;
use super::choice::{Choice, Chosen};
use crate::clause::flat;
use crate::errors::{Errors, Fault, Place};
use crate::model::{By, Field, Key};
use crate::text::text;

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
    if let Some(fault) = bare(value, choice) {
        errors.fault(value.place(), fault);
        return None;
    }
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
        "field" => By::Field(field(word, inside, choice, errors)?),
        _ => By::Function(function::parse(word, inside, FUNCTION, errors)?),
    };
    Some(Key { by, place: value.place() })
}

/// What stands there without saying what it is: `body.email`, `"x-tenant"`, `(ip, principal)`, `ip || principal`.
fn bare(value: &Value, choice: Choice) -> Option<Fault> {
    let before = choice.before;
    let field = |field: &str| Fault::new("a field stands in `field(..)`", format!("write `{before}field({field})`"));
    match value {
        Value::Other(tokens, _) => {
            if let Some(written) = read(tokens) {
                return Some(field(&written));
            }
            let tokens = match tokens.as_slice() {
                [TokenTree::Group(group)] => flat(group.stream()),
                tokens => tokens.to_vec(),
            };
            let joins =
                |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if ",|&+".contains(punct.as_char()));
            let parts = tokens.split(joins).filter(|part| !part.is_empty());
            let keys: Option<Vec<String>> = parts.map(|part| key_of(part, choice)).collect();
            let keys = keys.filter(|keys| keys.len() > 1)?.join(", ");
            let listed = if before.is_empty() { keys } else { format!("{before}[{keys}]") };
            Some(Fault::new("several keys stand in a list, in brackets", format!("write `{listed}`")))
        }
        Value::Text(text) if text.value().contains('.') && syn::parse_str::<syn::ExprField>(&text.value()).is_ok() => {
            Some(field(&text.value()))
        }
        Value::Text(text) if text.value().contains('-') && is_header_name(&text.value()) => {
            let cure = format!("write `{before}header(\"{}\")`", text.value());
            Some(Fault::new("the name of a header stands in `header(..)`", cure))
        }
        _ => None,
    }
}

fn key_of(tokens: &[TokenTree], choice: Choice) -> Option<String> {
    match tokens {
        [TokenTree::Ident(word), ..] if choice.form(&word.to_string()).is_some() => {
            Some(text(tokens.iter().cloned().collect()))
        }
        tokens => read(tokens).map(|field| format!("field({field})")),
    }
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
    if !is_header_name(&lower) {
        let cure = format!("{HEADER}: ASCII letters, digits and `-`");
        errors.push(name.span(), format!("`{}` is not the name of a header", name.value()), cure);
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

fn field(word: &Ident, inside: Option<&Group>, choice: Choice, errors: &mut Errors) -> Option<Field> {
    let tokens = inside.map(|group| flat(group.stream())).unwrap_or_default();
    let place = Place::of(&tokens, word.span());
    let (what, cure) = match tokens.as_slice() {
        [] => ("`field` names no field", FIELD.to_owned()),
        // What that is, the arguments of the handler tell.
        [TokenTree::Ident(argument)] => return Some(Field { argument: argument.clone(), path: Vec::new() }),
        several => match (quoted(several), several) {
            (Some(text), _) => {
                if let Ok(argument) = text.parse::<Ident>() {
                    return Some(Field { argument, path: Vec::new() });
                }
                ("a field has no quotes", format!("write `field({})`", text.value()))
            }
            (None, [TokenTree::Ident(argument), path @ ..]) => match members(path) {
                Some(path) => return Some(Field { argument: argument.clone(), path }),
                None => no_field(several, choice),
            },
            _ => no_field(several, choice),
        },
    };
    errors.push(place, what, cure);
    None
}

fn no_field(tokens: &[TokenTree], choice: Choice) -> (&'static str, String) {
    ("`field` takes one field of an argument", meant(tokens, choice).unwrap_or(FIELD.to_owned()))
}

/// A text in quotes, and nothing else.
fn quoted(tokens: &[TokenTree]) -> Option<LitStr> {
    let [TokenTree::Literal(literal)] = tokens else { return None };
    match Lit::new(literal.clone()) {
        Lit::Str(text) => Some(text),
        _ => None,
    }
}

/// The fields that were meant by `&body.email`, `body.email()`, `body["email"]` or by several of them.
fn meant(tokens: &[TokenTree], choice: Choice) -> Option<String> {
    let parts = tokens.split(|token| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ','));
    let fields: Option<Vec<String>> =
        parts.filter(|part| !part.is_empty()).map(|part| Some(format!("field({})", read(part)?))).collect();
    match (fields?.as_slice(), choice.before) {
        ([], _) => None,
        ([only], _) => Some(format!("write `{only}`")),
        (several, "") => Some(format!("write `{}`", several.join(", "))),
        (several, before) => Some(format!("write `{before}[{}]`", several.join(", "))),
    }
}

/// `body.email`, out of whatever stands around it.
pub(super) fn read(tokens: &[TokenTree]) -> Option<String> {
    let tokens = match tokens {
        [TokenTree::Punct(mark), rest @ ..] if matches!(mark.as_char(), '&' | '*') => rest,
        tokens => tokens,
    };
    let [TokenTree::Ident(argument), rest @ ..] = tokens else { return None };
    let mut field = argument.to_string();
    let mut rest = rest;
    while let [first, more @ ..] = rest {
        rest = match (first, more) {
            (TokenTree::Punct(point), [TokenTree::Ident(call), TokenTree::Group(_), ..])
                if point.as_char() == '.' && field.contains('.') && *call != "await" =>
            {
                // A call upon the field.
                break;
            }
            (TokenTree::Punct(point), [TokenTree::Ident(name), after @ ..])
                if point.as_char() == '.' && *name != "await" =>
            {
                field.push_str(&format!(".{name}"));
                after
            }
            (TokenTree::Group(index), after) => {
                let index: Vec<TokenTree> = index.stream().into_iter().take(1).collect();
                if !index.is_empty() {
                    field.push_str(&format!(".{}", quoted(&index)?.value()));
                }
                after
            }
            _ => return None,
        };
    }
    field.contains('.').then_some(field)
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
