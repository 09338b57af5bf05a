//! `#[validate]`, `#[validate(a, b)]`.

use proc_macro2::Ident;

use super::argument::{Argument, Arguments, Value};
use crate::errors::Errors;
use crate::model::Validate;

/// `None` if no name could be understood: that is not the same as naming none, which means every argument.
pub(super) fn parse(arguments: Arguments<'_>, errors: &mut Errors) -> Option<Validate> {
    if arguments.is_empty() {
        return Some(Validate::Every);
    }
    let mut names: Vec<Ident> = Vec::new();
    for argument in arguments {
        match argument {
            Argument { key: None, value: Value::Word(name), .. } if names.contains(&name) => {
                errors.push(name.span(), format!("`{name}` stands here twice"), "remove one of the two");
            }
            Argument { key: None, value: Value::Word(name), .. } => names.push(name),
            Argument { key: None, value: Value::Text(text), .. } if syn::parse_str::<Ident>(&text.value()).is_ok() => {
                let cure = format!("write `#[validate({})]`", text.value());
                errors.push(text.span(), "an argument is named without quotes", cure);
            }
            other => errors.push(
                other.place,
                "`validate` takes the names of arguments",
                "write `#[validate]` for every input, or `#[validate(body)]` for the argument `body`",
            ),
        }
    }
    Some(names).filter(|names| !names.is_empty()).map(Validate::Only)
}
