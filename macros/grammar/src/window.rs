//! The windows of rate limits: `15m`, `15 minutes`.
//!
//! Threat: a window is read in another unit than the developer meant, so that a rate limit admits more requests than intended
//! (CWE-799). Promise: windows are parsed and printed with the same table of units.

use crate::length::{self, LengthError, LengthKind};

/// The syntax of a window, for error messages.
pub const FORMS: &str =
    "write a whole number and a unit: \"900s\", \"15m\", \"15min\", \"15 minutes\", \"2h\" or \"1d\"";

/// The longest window, in seconds: a leap year. A longer one would outlive every deployment, and overflow the clocks of some
/// stores.
pub const LONGEST: u64 = 366 * 86_400;

/// One unit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its names. The first is the shortest and is used for printing.
    pub names: &'static [&'static str],
    /// Its length in seconds.
    pub seconds: u64,
}

/// Every unit, from the shortest to the longest.
pub const UNITS: [Unit; 4] = [
    Unit { names: &["s", "sec", "second", "seconds"], seconds: 1 },
    Unit { names: &["m", "min", "minute", "minutes"], seconds: 60 },
    Unit { names: &["h", "hour", "hours"], seconds: 3_600 },
    Unit { names: &["d", "day", "days"], seconds: 86_400 },
];

/// The seconds of a window: a whole number, at most one space, and a unit.
///
/// # Errors
///
/// If the text is not a window, or a window of no length or of more than [`LONGEST`].
pub fn seconds(text: &str) -> Result<u64, LengthError<'_>> {
    length::read(LengthKind::Window, text)
}

/// Whether a window can have this many seconds: from 1 to [`LONGEST`].
#[must_use]
pub const fn is_length(seconds: u64) -> bool {
    0 < seconds && seconds <= LONGEST
}

/// A window in the largest unit that divides it, such as `15m` for 900 seconds and `90s` for 90.
#[must_use]
pub fn text(seconds: u64) -> String {
    let in_unit = |unit: &Unit| {
        let name = unit.names.first()?;
        let count = seconds.checked_div(unit.seconds)?;
        (count > 0 && seconds.is_multiple_of(unit.seconds)).then(|| format!("{count}{name}"))
    };
    UNITS.iter().rev().find_map(in_unit).unwrap_or_else(|| format!("{seconds}s"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_form_is_read() {
        for (text, expected) in [
            ("900s", 900),
            ("1sec", 1),
            ("1 second", 1),
            ("2 seconds", 2),
            ("15m", 900),
            ("15min", 900),
            ("1 minute", 60),
            ("15 minutes", 900),
            ("15minutes", 900),
            ("2h", 7_200),
            ("1 hour", 3_600),
            ("24 hours", 86_400),
            ("1d", 86_400),
            ("1 day", 86_400),
            ("366 days", 31_622_400),
        ] {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn other_texts_are_rejected_with_help() {
        for (text, message, help) in [
            ("", "whole number", "\"15 minutes\""),
            ("m", "whole number", "\"15 minutes\""),
            ("-1m", "whole number", "\"15 minutes\""),
            (" 15m", "whole number", "\"15 minutes\""),
            ("15", "no unit", "\"15s\" for seconds or \"15m\" for minutes"),
            ("15 ", "no unit", "\"15s\""),
            ("15  m", "` m` is not a unit", "\"15 minutes\""),
            ("500ms", "`ms` is not a unit", "\"15 minutes\""),
            ("1.5h", "`.5h` is not a unit", "a whole number"),
            ("1w", "`w` is not a unit", "\"1d\""),
            ("0s", "no length", "\"900s\""),
            ("00 days", "no length", "\"900s\""),
            ("367d", "too long", "\"366d\""),
            ("99999999999999999999d", "too long", "\"366d\""),
            ("9223372036854775807d", "too long", "\"366d\""),
        ] {
            let error = seconds(text).unwrap_err();
            assert!(error.message().contains(message), "{text}: {error}");
            assert!(error.help().contains(help), "{text}: {error}");
        }
    }

    #[test]
    fn a_window_is_printed_in_its_largest_whole_unit() {
        for (length, expected) in
            [(0, "0s"), (1, "1s"), (60, "1m"), (90, "90s"), (900, "15m"), (7_200, "2h"), (86_400, "1d")]
        {
            assert_eq!(text(length), expected);
        }
    }

    proptest! {
        #[test]
        fn printed_windows_are_parsed_back(length in prop_oneof![1..=LONGEST, (1..=366_u64).prop_map(|days| days * 86_400)]) {
            let written = text(length);
            prop_assert_eq!(seconds(&written), Ok(length));
        }

        #[test]
        fn any_text_is_read_or_rejected(text in "[0-9]{0,25} ?[a-z]{0,8}|.{0,12}") {
            match seconds(&text) {
                Ok(length) => prop_assert!(is_length(length)),
                Err(error) => prop_assert!(!error.message().is_empty() && !error.help().is_empty()),
            }
        }
    }
}
