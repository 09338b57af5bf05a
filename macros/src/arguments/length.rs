//! A length of time, such as `"15m"`: turns the errors of the grammar into diagnostics, with a suggested unit.

use palisade_grammar::length::{self, LengthKind, LengthProblem};

use crate::diagnostics::Diagnostic;
use crate::suggest::nearest;

/// The seconds of a window, or the milliseconds of a timeout.
pub(crate) fn length(kind: LengthKind, text: &str) -> Result<u64, Diagnostic> {
    length::read(kind, text).map_err(|error| {
        let suggested = match error.problem {
            LengthProblem::UnknownUnit(number, unit) => suggested(kind, number, unit),
            _ => None,
        };
        Diagnostic::new(error.message(), suggested.unwrap_or_else(|| error.help()))
    })
}

/// Suggests the same number with the unit that was probably meant.
fn suggested(kind: LengthKind, number: &str, unit: &str) -> Option<String> {
    let unit = unit.trim();
    let letters = kind.unit_names().find(|name| name.len() <= 2 && name.eq_ignore_ascii_case(unit));
    let suggested = letters.or_else(|| nearest(unit, kind.unit_names().filter(|name| name.len() > 2)))?;
    Some(format!("did you mean \"{number}{suggested}\"? {}", kind.forms()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similar_unit_is_suggested() {
        for (text, message, help) in [
            ("15", "no unit", "\"15s\" for seconds or \"15m\" for minutes"),
            ("15 mins", "`mins` is not a unit", "did you mean \"15min\"?"),
            ("15M", "`M` is not a unit", "did you mean \"15m\"?"),
            ("30 secs", "`secs` is not a unit", "did you mean \"30sec\"?"),
            ("2 Hours", "`Hours` is not a unit", "did you mean \"2hours\"?"),
            ("15m ", "`m ` is not a unit", "did you mean \"15m\"?"),
            ("15  m", "` m` is not a unit", "did you mean \"15m\"?"),
            ("500ms", "`ms` is not a unit", "\"15 minutes\""),
            ("1w", "`w` is not a unit", "\"1d\""),
            ("367d", "too long", "\"366d\""),
        ] {
            let diagnostic = length(LengthKind::Window, text).unwrap_err();
            assert!(diagnostic.message.contains(message), "{text}: {diagnostic:?}");
            assert!(diagnostic.help.contains(help), "{text}: {diagnostic:?}");
        }
    }
}
