//! `by = ip`, `by = [ip, field(body.email)]`.
//!
//! Threat: a key that the caller chooses (CWE-348). A caller who sends another one with each request is never limited, and a
//! caller who sends somebody else's uses up that limit. Promise: a header that carries a credential, or that any client may
//! write, is rejected.

use palisade_grammar::names::is_header_name;
use proc_macro2::{Group, Ident, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Index, Lit, LitStr, Member};

use super::choice::{Choice, Chosen};
use crate::arguments::{Arguments, AttributeArgument, Value, function_path};
use crate::diagnostics::{Diagnostic, Diagnostics, SourceRange};
use crate::gather::flat;
use crate::policy::{By, Field, Key};
use crate::text::text;

pub(super) const ALONE: Choice = Choice {
    option: "by",
    forms: &["ip", "principal", "api_key", "header(\"x-tenant\")", "field(body.email)", "key(path::to::function)"],
    before: "by = ",
};
const LISTED: Choice = Choice { before: "", ..ALONE };
const FUNCTION: &str = "write `key(path::to::function)`; it is an `async fn(&HttpRequest, Option<&Principal>)` that returns a \
                        `String` or an `Option<String>`";
const FIELD: &str = "write `field(body.email)`: the argument `body`, and its field `email`";
const HEADER: &str = "write `header(\"x-tenant\")`";
const LIST: &str =
    "write `by = [ip, field(body.email)]`: each key is counted separately, and all must admit the request";

/// Returns the keys that could be understood: at least one, unless a mistake was reported.
pub(super) fn parse(value: &Value, diagnostics: &mut Diagnostics) -> Vec<Key> {
    let Value::List(group) = value else { return key(value, ALONE, diagnostics).into_iter().collect() };
    let keyword = Ident::new("by", group.span());
    let list = Arguments::new(&keyword, group.stream());
    if list.is_empty() {
        diagnostics.error(group.span(), "the list is empty", LIST);
    }
    let mut keys: Vec<Key> = Vec::new();
    for argument in list {
        let found = match argument {
            AttributeArgument { key: Some(_), range, .. } => {
                diagnostics.error(range, "unexpected option in a list of keys", "write it after the list");
                None
            }
            AttributeArgument { value: Value::List(_), range, .. } => {
                diagnostics.error(range, "a list cannot contain a list", LIST);
                None
            }
            AttributeArgument { value, .. } => key(&value, LISTED, diagnostics),
        };
        let Some(key) = found else { continue };
        let text = key.by.text();
        if keys.iter().any(|earlier| earlier.by.text() == text) {
            diagnostics.error(key.range, format!("duplicate `{text}`"), "remove one of the two");
        }
        keys.push(key);
    }
    keys
}

fn key(value: &Value, choice: Choice, diagnostics: &mut Diagnostics) -> Option<Key> {
    if let Some(diagnostic) = without_keyword(value, choice) {
        diagnostics.add(value.range(), diagnostic);
        return None;
    }
    let Chosen { keyword, inside } = match choice.of(value) {
        Ok(chosen) => chosen,
        Err((range, diagnostic)) => {
            diagnostics.add(range, diagnostic);
            return None;
        }
    };
    let by = match keyword.to_string().as_str() {
        "ip" => By::Ip,
        "principal" => By::Principal,
        "api_key" => By::ApiKey,
        "header" => By::Header(header(keyword, inside, diagnostics)?),
        "field" => By::Field(field(keyword, inside, choice, diagnostics)?),
        _ => By::Function(function_path::parse(keyword, inside, FUNCTION, diagnostics)?),
    };
    Some(Key { by, range: value.range() })
}

/// Reports a key without its keyword: `body.email`, `"x-tenant"`, `(ip, principal)`, `ip || principal`.
fn without_keyword(value: &Value, choice: Choice) -> Option<Diagnostic> {
    let before = choice.before;
    let field = |field: &str| {
        Diagnostic::new("a field must be written in `field(..)`", format!("write `{before}field({field})`"))
    };
    match value {
        Value::Other(tokens, _) => {
            if let Some(written) = field_text(tokens) {
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
            Some(Diagnostic::new("several keys must be written as a list in brackets", format!("write `{listed}`")))
        }
        Value::Text(text) if text.value().contains('.') && syn::parse_str::<syn::ExprField>(&text.value()).is_ok() => {
            Some(field(&text.value()))
        }
        Value::Text(text) if text.value().contains('-') && is_header_name(&text.value()) => {
            let help = format!("write `{before}header(\"{}\")`", text.value());
            Some(Diagnostic::new("the name of a header must be written in `header(..)`", help))
        }
        _ => None,
    }
}

fn key_of(tokens: &[TokenTree], choice: Choice) -> Option<String> {
    match tokens {
        [TokenTree::Ident(word), ..] if choice.form(&word.to_string()).is_some() => {
            Some(text(tokens.iter().cloned().collect()))
        }
        tokens => field_text(tokens).map(|field| format!("field({field})")),
    }
}

fn header(keyword: &Ident, inside: Option<&Group>, diagnostics: &mut Diagnostics) -> Option<String> {
    let mut names = Arguments::in_expression(keyword, inside.map(Group::stream).unwrap_or_default());
    let Some(name) = names.next() else {
        diagnostics.error(keyword.span(), "`header` needs a name", HEADER);
        return None;
    };
    if let Some(second) = names.next() {
        let help = "write a list, as in `by = [header(\"x-tenant\"), header(\"x-plan\")]`: each is counted separately";
        diagnostics.error(second.range, "`header` takes one name", help);
        return None;
    }
    let name = match name {
        AttributeArgument { key: None, value: Value::Text(name), .. } => name,
        AttributeArgument { key: None, value: Value::Ident(name), .. } => {
            let help = format!("write `header(\"{}\")`", name.unraw());
            diagnostics.error(name.span(), "the name of a header must be a string literal", help);
            return None;
        }
        other => {
            diagnostics.error(other.range, "the name of a header must be a string literal", HEADER);
            return None;
        }
    };
    safe_header(&name, diagnostics)
}

/// Returns the name in lower case, if it is safe to count by that header.
fn safe_header(name: &LitStr, diagnostics: &mut Diagnostics) -> Option<String> {
    let lower = name.value().to_ascii_lowercase();
    if !is_header_name(&lower) {
        let help = format!("{HEADER}: ASCII letters, digits and `-`");
        diagnostics.error(name.span(), format!("`{}` is not the name of a header", name.value()), help);
        return None;
    }
    match lower.as_str() {
        "authorization" | "cookie" | "proxy-authorization" | "x-api-key" => {
            let message = format!(
                "`{lower}` holds a credential that is not verified yet: a client that sends another one each time is never limited"
            );
            diagnostics.error(
                name.span(),
                message,
                "write `by = principal` or `by = api_key`, which count what was verified",
            );
            None
        }
        "forwarded" | "x-forwarded-for" => {
            let message = format!("a client can write any address into `{lower}`");
            let help = "write `by = ip`, and name your proxies with `.trusted_proxies(..)`: `ip` is then the address that they report";
            diagnostics.error(name.span(), message, help);
            None
        }
        _ => Some(lower),
    }
}

fn field(keyword: &Ident, inside: Option<&Group>, choice: Choice, diagnostics: &mut Diagnostics) -> Option<Field> {
    let tokens = inside.map(|group| flat(group.stream())).unwrap_or_default();
    let range = SourceRange::of(&tokens, keyword.span());
    let (message, help) = match tokens.as_slice() {
        [] => ("`field` needs a field", FIELD.to_owned()),
        // Whether this is an argument or a field is checked later, with the arguments of the handler.
        [TokenTree::Ident(argument)] => return Some(Field { argument: argument.clone(), path: Vec::new() }),
        several => match (quoted(several), several) {
            (Some(text), _) => {
                if let Ok(argument) = text.parse::<Ident>() {
                    return Some(Field { argument, path: Vec::new() });
                }
                ("a field is written without quotes", format!("write `field({})`", text.value()))
            }
            (None, [TokenTree::Ident(argument), path @ ..]) => match members(path) {
                Some(path) => return Some(Field { argument: argument.clone(), path }),
                None => not_one_field(several, choice),
            },
            _ => not_one_field(several, choice),
        },
    };
    diagnostics.error(range, message, help);
    None
}

fn not_one_field(tokens: &[TokenTree], choice: Choice) -> (&'static str, String) {
    ("`field` takes one field of an argument", suggested(tokens, choice).unwrap_or(FIELD.to_owned()))
}

/// Returns the string literal, if there is no other token.
fn quoted(tokens: &[TokenTree]) -> Option<LitStr> {
    let [TokenTree::Literal(literal)] = tokens else { return None };
    match Lit::new(literal.clone()) {
        Lit::Str(text) => Some(text),
        _ => None,
    }
}

/// Suggests the fields for `&body.email`, `body.email()`, `body["email"]`, or several of them.
fn suggested(tokens: &[TokenTree], choice: Choice) -> Option<String> {
    let parts = tokens.split(|token| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ','));
    let fields: Option<Vec<String>> =
        parts.filter(|part| !part.is_empty()).map(|part| Some(format!("field({})", field_text(part)?))).collect();
    match (fields?.as_slice(), choice.before) {
        ([], _) => None,
        ([only], _) => Some(format!("write `{only}`")),
        (several, "") => Some(format!("write `{}`", several.join(", "))),
        (several, before) => Some(format!("write `{before}[{}]`", several.join(", "))),
    }
}

/// Returns `body.email` for tokens such as `&body.email` or `body["email"]`.
pub(super) fn field_text(tokens: &[TokenTree]) -> Option<String> {
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
                // A method call on the field.
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

/// Reads `.email` or `.0.name`; `None` if it is anything else.
fn members(mut rest: &[TokenTree]) -> Option<Vec<Member>> {
    let mut members = Vec::new();
    while let [TokenTree::Punct(point), member, more @ ..] = rest {
        if point.as_char() != '.' {
            return None;
        }
        match member {
            // A Rust keyword, as in `.await`, is not a field.
            TokenTree::Ident(name) => {
                members.push(Member::Named(syn::parse2(name.to_token_stream()).ok()?));
            }
            TokenTree::Literal(literal) => {
                // The compiler reads `0.1` in `.0.1` as one literal.
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
