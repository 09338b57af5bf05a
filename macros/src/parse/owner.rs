//! `#[owner(id)]`, `#[owner_or_admin(id)]`.

use proc_macro2::Ident;

use super::argument::{Arguments, Value};
use crate::errors::Errors;

/// The path parameter.
pub(super) fn parse(mut arguments: Arguments<'_>, errors: &mut Errors) -> Option<Ident> {
    let word = arguments.word;
    let cure = format!("write `#[{word}(id)]` for a route such as \"/users/{{id}}\"");
    if arguments.is_empty() {
        errors.push(word.span(), format!("`{word}` names no path parameter"), cure);
        return None;
    }
    let parameter = arguments.positional().and_then(|first| match first.value {
        Value::Word(parameter) => Some(parameter),
        Value::Text(text) if syn::parse_str::<Ident>(&text.value()).is_ok() => {
            let cure = format!("write `#[{word}({})]`", text.value());
            errors.push(text.span(), "a path parameter is a name without quotes", cure);
            None
        }
        _ => {
            errors.push(first.place, "a path parameter is one name", &cure);
            None
        }
    });
    arguments.end(cure, errors);
    parameter
}
