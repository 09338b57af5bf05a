//! The window of a rate limit, such as `"15m"`: turns the errors of the grammar into diagnostics, with a suggested unit.

pub(super) use palisade_grammar::window::FORMS;
use palisade_grammar::window::{self, UNITS, WindowError};

use crate::diagnostics::Diagnostic;
use crate::suggest::nearest;

/// The seconds of a window.
pub(super) fn seconds(text: &str) -> Result<u64, Diagnostic> {
    window::seconds(text).map_err(|error| {
        let help = match error {
            WindowError::UnknownUnit { number, unit, .. } => {
                suggested_window(number, unit).unwrap_or_else(|| error.help())
            }
            _ => error.help(),
        };
        Diagnostic::new(error.message(), help)
    })
}

/// Suggests the same number with the unit that was probably meant.
fn suggested_window(number: &str, unit: &str) -> Option<String> {
    let unit = unit.trim();
    let names = || UNITS.iter().flat_map(|known| known.names.iter().copied());
    let letter = names().find(|name| name.len() == 1 && name.eq_ignore_ascii_case(unit));
    let suggested = letter.or_else(|| nearest(unit, names().filter(|name| name.len() > 1)))?;
    Some(format!("did you mean \"{number}{suggested}\"? {FORMS}"))
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
            let diagnostic = seconds(text).unwrap_err();
            assert!(diagnostic.message.contains(message), "{text}: {diagnostic:?}");
            assert!(diagnostic.help.contains(help), "{text}: {diagnostic:?}");
        }
    }
}
