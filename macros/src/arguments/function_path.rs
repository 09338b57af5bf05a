//! The path of a function of the application: `check(path::to::function)`.

use proc_macro2::{Group, Ident};

use super::{Arguments, AttributeArgument, Value, is_path};
use crate::diagnostics::{Diagnostics, SourceRange};
use crate::gather::flat;
use crate::user_path::UserPath;

/// Returns `None` if it is missing or something else, which was reported.
pub(crate) fn parse(
    keyword: &Ident,
    group: Option<&Group>,
    help: &str,
    diagnostics: &mut Diagnostics,
) -> Option<UserPath> {
    let tokens = group.map(|group| flat(group.stream())).unwrap_or_default();
    if tokens.is_empty() {
        diagnostics.error(keyword.span(), format!("`{keyword}` needs a function"), help);
        return None;
    }
    if is_path(&tokens) {
        return Some(UserPath(tokens.into_iter().collect()));
    }
    let message = match Arguments::in_expression(keyword, tokens.iter().cloned().collect()).next() {
        Some(AttributeArgument { value: Value::Call(..), .. }) => {
            format!("`{keyword}` takes the function itself, not a call of it")
        }
        _ => format!("`{keyword}` takes the path of a function"),
    };
    diagnostics.error(SourceRange::of(&tokens, keyword.span()), message, help);
    None
}
