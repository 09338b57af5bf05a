//! A number of requests in an attribute: a literal, or a constant that the compiler checks.

use syn::Lit;

use crate::arguments::Value;
use crate::diagnostics::Diagnostics;
use crate::policy::Number;

/// Reads a `u32` or a constant. Reports `message` if it is neither.
pub(super) fn number(
    value: &Value,
    noun: &str,
    message: &str,
    help: &str,
    diagnostics: &mut Diagnostics,
) -> Option<Number> {
    let parsed = match value {
        Value::Literal(Lit::Int(number)) => number.base10_parse::<u32>().ok().map(|parsed| (parsed, number.suffix())),
        _ => None,
    };
    match (parsed, value.constant()) {
        (_, Some(path)) => Some(Number::Constant(path)),
        (Some((number, "" | "u32")), _) => Some(Number::Literal(number)),
        (Some((number, suffix)), _) => {
            let message = format!("{noun} must be a `u32`, not a `{suffix}`");
            diagnostics.error(value.range(), message, format!("write `{number}`"));
            None
        }
        (None, None) => {
            diagnostics.error(value.range(), message, help);
            None
        }
    }
}
