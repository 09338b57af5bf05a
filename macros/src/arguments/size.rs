//! A size in bytes: `"1MiB"`.
//!
//! Threat: a limit that is a thousand times what was meant (CWE-1284). Promise: a size is written with its unit, and it is more
//! than zero.

use syn::Lit;

use super::{Arguments, AttributeArgument, Value};
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::suggest::nearest;

/// A unit and its bytes (IEC 80000-13).
const UNITS: [(&str, u64); 4] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// Reads the one size of an attribute, in bytes. `what` is what the size is in a message: `the size to which a body may inflate`.
pub(crate) fn size(arguments: Arguments<'_>, what: &str, diagnostics: &mut Diagnostics) -> Option<u64> {
    let keyword = arguments.keyword;
    let form = form(&keyword.to_string());
    let mut sizes = Vec::new();
    for argument in arguments {
        match argument {
            AttributeArgument { key: None, value: Value::Text(text), .. } => match bytes(&text.value(), &form) {
                Ok(size) => sizes.push((text.span(), size)),
                Err(diagnostic) => {
                    diagnostics.add(text.span(), diagnostic);
                    return None;
                }
            },
            AttributeArgument { key: None, value: Value::Literal(Lit::Int(number)), .. } => {
                let help = format!("write `#[{keyword}(\"{}B\")]` if these are bytes; {form}", number.base10_digits());
                diagnostics.error(number.span(), "the size needs a unit", help);
                return None;
            }
            other => {
                diagnostics.error(other.range, format!("expected {what}"), form);
                return None;
            }
        }
    }
    match *sizes.as_slice() {
        [] => {
            diagnostics.error(keyword.span(), format!("`{keyword}` needs {what}"), form);
            None
        }
        [(_, size)] => Some(size),
        [_, (span, _), ..] => {
            diagnostics.error(span, "duplicate size", "remove one of the two");
            None
        }
    }
}

fn form(keyword: &str) -> String {
    format!("write a whole number and a unit: `#[{keyword}(\"1MiB\")]` or `#[{keyword}(\"64KiB\")]`")
}

fn bytes(text: &str, form: &str) -> Result<u64, Diagnostic> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let unit = unit.strip_prefix(' ').unwrap_or(unit);
    if number.is_empty() {
        return Err(Diagnostic::new(format!("\"{text}\" is not a size: it does not start with a whole number"), form));
    }
    let Some((_, length)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(Diagnostic::new(
            format!("\"{text}\" is not a size: {}", describe_unknown_unit(unit)),
            suggested_size(number, unit, form),
        ));
    };
    match number.parse::<u64>().ok().and_then(|number| number.checked_mul(*length)) {
        Some(0) => Err(Diagnostic::new("a size of zero rejects every body", form)),
        Some(size) => Ok(size),
        None => Err(Diagnostic::new(format!("\"{text}\" is too large"), form)),
    }
}

fn describe_unknown_unit(unit: &str) -> String {
    if unit.is_empty() { "it needs a unit".to_owned() } else { format!("unknown unit `{unit}`") }
}

/// Suggests the same number with the unit that was probably meant.
fn suggested_size(number: &str, unit: &str, form: &str) -> String {
    let letter = unit.trim().chars().next().map(|letter| letter.to_ascii_uppercase());
    let by_letter = UNITS.iter().map(|(name, _)| *name).find(|name| name.chars().next() == letter);
    match by_letter.or_else(|| nearest(unit, UNITS.iter().map(|(name, _)| *name))) {
        Some(unit) => format!("did you mean \"{number}{unit}\"? {form}"),
        None => form.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_whole_number_and_a_unit() {
        for (text, expected) in [("1B", 1), ("64KiB", 65_536), ("2 MiB", 2_097_152), ("1GiB", 1_073_741_824)] {
            assert_eq!(bytes(text, &form("body_limit")), Ok(expected), "{text}");
        }
    }

    #[test]
    fn other_sizes_are_rejected_with_help() {
        for (text, help) in [
            ("", "write a whole number"),
            ("MiB", "write a whole number"),
            ("0MiB", "write a whole number"),
            ("-1MiB", "write a whole number"),
            ("64", "write a whole number"),
            ("64kb", "did you mean \"64KiB\"?"),
            ("1M", "did you mean \"1MiB\"?"),
            ("1mib", "did you mean \"1MiB\"?"),
            ("1.5MiB", "write a whole number"),
            ("99999999999GiB", "write a whole number"),
        ] {
            let diagnostic = bytes(text, &form("body_limit")).unwrap_err();
            assert!(diagnostic.help.contains(help), "{text}: {diagnostic:?}");
        }
    }
}
