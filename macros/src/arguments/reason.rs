//! The reason of `#[public("why")]` and `#[deny_all("why")]`: a string literal.

use syn::LitStr;

use super::{Arguments, Value};
use crate::diagnostics::Diagnostics;

/// Returns `None` if there is no reason, or if it could not be understood, which was reported.
pub(crate) fn parse(
    mut arguments: Arguments<'_>,
    route: &str,
    help: &str,
    diagnostics: &mut Diagnostics,
) -> Option<LitStr> {
    let reason = arguments.positional().and_then(|first| match first.value {
        Value::Text(reason) if reason.value().trim().is_empty() => {
            diagnostics.error(reason.span(), "the reason is empty", help);
            None
        }
        Value::Text(reason) => Some(reason),
        _ => {
            diagnostics.error(first.range, format!("the reason for a {route} route must be a string literal"), help);
            None
        }
    });
    arguments.end(help, diagnostics);
    reason
}
