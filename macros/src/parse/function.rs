//! The path of a function of the application: `check(path::to::function)`.

use proc_macro2::{Group, Ident};

use super::argument::{Argument, Arguments, Value, is_path};
use crate::clause::flat;
use crate::errors::{Errors, Place};
use crate::model::UserPath;

/// `None` if there is none, or something else: it was reported.
pub(super) fn parse(word: &Ident, group: Option<&Group>, cure: &str, errors: &mut Errors) -> Option<UserPath> {
    let tokens = group.map(|group| flat(group.stream())).unwrap_or_default();
    if tokens.is_empty() {
        errors.push(word.span(), format!("`{word}` names no function"), cure);
        return None;
    }
    if is_path(&tokens) {
        return Some(UserPath(tokens.into_iter().collect()));
    }
    let what = match Arguments::of_term(word, tokens.iter().cloned().collect()).next() {
        Some(Argument { value: Value::Call(..), .. }) => {
            format!("`{word}` takes the function itself, not a call of it")
        }
        _ => format!("`{word}` takes the path of one function"),
    };
    errors.push(Place::of(&tokens, word.span()), what, cure);
    None
}
