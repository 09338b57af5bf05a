//! `#[compressed_body("1MiB")]`.
//!
//! Threat: a few hundred bytes on the wire inflate to as many as the server can hold (CWE-409). Promise: the size is written
//! with its unit, and it is more than zero.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::quote;
use syn::Lit;

use super::{Attribute, Clause, Context, UncheckedClause, report_repeated};
use crate::arguments::{Arguments, AttributeArgument, Value};
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::hygiene::Names;
use crate::policy::Additions;
use crate::suggest::nearest;

const FORM: &str = "write a whole number and a unit: `#[compressed_body(\"1MiB\")]` or `#[compressed_body(\"64KiB\")]`";

/// A unit and its bytes (IEC 80000-13).
const UNITS: [(&str, u64); 4] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

pub(super) struct CompressedBody;

impl Attribute for CompressedBody {
    fn keyword(&self) -> &'static str {
        "compressed_body"
    }

    fn parse(&self, arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Clause {
        Clause::effect(size(arguments, diagnostics))
    }

    fn emit(&self, additions: &Additions, _: &mut Names) -> TokenStream {
        let Some(bytes) = additions.compressed_body else { return TokenStream::new() };
        let bytes = Literal::u64_unsuffixed(bytes);
        quote!(.compressed_body(#bytes))
    }
}

/// The maximum size of an inflated body, in bytes.
struct Size(u64);

impl UncheckedClause for Size {
    fn check(
        self: Box<Self>,
        keyword: &Ident,
        _: &Context<'_>,
        additions: &mut Additions,
        diagnostics: &mut Diagnostics,
    ) {
        if additions.compressed_body.replace(self.0).is_some() {
            report_repeated(keyword, diagnostics);
        }
    }
}

fn size(arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Option<Size> {
    let keyword = arguments.keyword;
    let mut sizes = Vec::new();
    for argument in arguments {
        match argument {
            AttributeArgument { key: None, value: Value::Text(text), .. } => match bytes(&text.value()) {
                Ok(size) => sizes.push((text.span(), size)),
                Err(diagnostic) => {
                    diagnostics.add(text.span(), diagnostic);
                    return None;
                }
            },
            AttributeArgument { key: None, value: Value::Literal(Lit::Int(number)), .. } => {
                let help =
                    format!("write `#[compressed_body(\"{}B\")]` if these are bytes; {FORM}", number.base10_digits());
                diagnostics.error(number.span(), "the size needs a unit", help);
                return None;
            }
            other => {
                let message = "expected the size to which a body may inflate";
                diagnostics.error(other.range, message, FORM);
                return None;
            }
        }
    }
    match *sizes.as_slice() {
        [] => {
            diagnostics.error(keyword.span(), "`compressed_body` needs the size to which a body may inflate", FORM);
            None
        }
        [(_, size)] => Some(Size(size)),
        [_, (span, _), ..] => {
            diagnostics.error(span, "duplicate size", "remove one of the two");
            None
        }
    }
}

fn bytes(text: &str) -> Result<u64, Diagnostic> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let unit = unit.strip_prefix(' ').unwrap_or(unit);
    if number.is_empty() {
        return Err(Diagnostic::new(format!("\"{text}\" is not a size: it does not start with a whole number"), FORM));
    }
    let Some((_, length)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(Diagnostic::new(
            format!("\"{text}\" is not a size: {}", describe_unknown_unit(unit)),
            suggested_size(number, unit),
        ));
    };
    match number.parse::<u64>().ok().and_then(|number| number.checked_mul(*length)) {
        Some(0) => Err(Diagnostic::new("a size of zero rejects every body", FORM)),
        Some(size) => Ok(size),
        None => Err(Diagnostic::new(format!("\"{text}\" is too large"), FORM)),
    }
}

fn describe_unknown_unit(unit: &str) -> String {
    if unit.is_empty() { "it needs a unit".to_owned() } else { format!("unknown unit `{unit}`") }
}

/// Suggests the same number with the unit that was probably meant.
fn suggested_size(number: &str, unit: &str) -> String {
    let letter = unit.trim().chars().next().map(|letter| letter.to_ascii_uppercase());
    let by_letter = UNITS.iter().map(|(name, _)| *name).find(|name| name.chars().next() == letter);
    match by_letter.or_else(|| nearest(unit, UNITS.iter().map(|(name, _)| *name))) {
        Some(unit) => format!("did you mean \"{number}{unit}\"? {FORM}"),
        None => FORM.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_whole_number_and_a_unit() {
        for (text, expected) in [("1B", 1), ("64KiB", 65_536), ("2 MiB", 2_097_152), ("1GiB", 1_073_741_824)] {
            assert_eq!(bytes(text), Ok(expected), "{text}");
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
            let diagnostic = bytes(text).unwrap_err();
            assert!(diagnostic.help.contains(help), "{text}: {diagnostic:?}");
        }
    }
}
