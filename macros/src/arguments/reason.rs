//! The reason of `#[public("why")]`, `#[deny_all("why")]`, `#[allow_raw_sql("why")]` and `#[allow_cross_site("why")]`: a string literal.

use syn::LitStr;

use super::{Arguments, Value};
use crate::diagnostics::Diagnostics;

/// The same, for an attribute that must have a reason.
pub(crate) fn required(
    arguments: Arguments<'_>,
    subject: &str,
    help: &str,
    diagnostics: &mut Diagnostics,
) -> Option<LitStr> {
    if arguments.is_empty() {
        let message = format!("`{}` needs a reason", arguments.keyword);
        diagnostics.error(arguments.keyword.span(), message, help);
        return None;
    }
    parse(arguments, subject, help, diagnostics)
}

/// `subject` is what the reason is for, such as `a public route`. Returns `None` if there is no reason, or if it could not be understood, which was reported.
pub(crate) fn parse(
    mut arguments: Arguments<'_>,
    subject: &str,
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
            diagnostics.error(first.range, format!("the reason for {subject} must be a string literal"), help);
            None
        }
    });
    arguments.end(help, diagnostics);
    reason
}
