//! The timeouts of handlers: `500ms`, `5s`, `2 minutes`.
//!
//! Threat: a timeout in another unit than the developer meant, so that it is never reached, or always (CWE-1284). Promise: a timeout
//! has its unit, is more than zero and at most a day, and is printed with the units with which it is read. They are those of
//! [windows](crate::window), and `ms`, because a handler may have less than a second.

use crate::length::{self, LengthError, LengthKind};
use crate::window;

/// The syntax of a timeout, for error messages.
pub const FORMS: &str = "write a whole number and a unit: \"500ms\", \"5s\", \"90 seconds\" or \"2m\"";

/// The longest timeout, in milliseconds: a day.
pub const LONGEST: u64 = 86_400_000;

/// The names of milliseconds. The first is used for printing.
pub const MILLISECONDS: [&str; 3] = ["ms", "millisecond", "milliseconds"];

/// The milliseconds of a timeout: a whole number, at most one space, and a unit.
///
/// # Errors
///
/// If the text is not a timeout, or one of no length or of more than [`LONGEST`].
pub fn milliseconds(text: &str) -> Result<u64, LengthError<'_>> {
    length::read(LengthKind::Timeout, text)
}

/// Whether a timeout can have this many milliseconds: from 1 to [`LONGEST`].
#[must_use]
pub const fn is_length(milliseconds: u64) -> bool {
    0 < milliseconds && milliseconds <= LONGEST
}

/// A timeout in the largest unit that divides it, such as `2m` for 120,000 milliseconds and `1500ms` for 1,500.
#[must_use]
pub fn text(milliseconds: u64) -> String {
    match milliseconds.checked_div(1000) {
        Some(seconds) if seconds > 0 && milliseconds.is_multiple_of(1000) => window::text(seconds),
        _ => format!("{milliseconds}ms"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_form_is_read() {
        for (written, expected) in [
            ("1ms", 1),
            ("500 milliseconds", 500),
            ("5s", 5_000),
            ("1 second", 1_000),
            ("90sec", 90_000),
            ("2m", 120_000),
            ("1 hour", 3_600_000),
            ("24h", LONGEST),
            ("1d", LONGEST),
        ] {
            assert_eq!(milliseconds(written), Ok(expected), "{written}");
        }
    }

    #[test]
    fn other_texts_are_rejected_with_help() {
        for (written, message, help) in [
            ("", "whole number", "\"500ms\""),
            ("s", "whole number", "\"500ms\""),
            ("-5s", "whole number", "\"500ms\""),
            ("5", "no unit", "\"5s\" for seconds or \"5ms\" for milliseconds"),
            ("5  s", "` s` is not a unit", "\"500ms\""),
            ("5us", "`us` is not a unit", "\"500ms\""),
            ("1.5s", "`.5s` is not a unit", "a whole number"),
            ("5S", "`S` is not a unit", "\"5s\""),
            ("0s", "of zero", "\"500ms\""),
            ("0ms", "of zero", "\"500ms\""),
            ("25h", "too long", "\"24h\""),
            ("86400001ms", "too long", "\"24h\""),
            ("99999999999999999999ms", "too long", "\"24h\""),
            ("18446744073709551615d", "too long", "\"24h\""),
        ] {
            let error = milliseconds(written).unwrap_err();
            assert!(error.message().contains(message), "{written}: {error}");
            assert!(error.help().contains(help), "{written}: {error}");
        }
    }

    proptest! {
        #[test]
        fn printed_timeouts_are_parsed_back(length in 1..=LONGEST) {
            let written = text(length);
            prop_assert_eq!(milliseconds(&written), Ok(length));
            let whole = length / 1000 * 1000;
            prop_assert!(whole == 0 || milliseconds(&text(whole)) == Ok(whole));
        }

        #[test]
        fn any_text_is_read_or_rejected(written in "[0-9]{0,25} ?[a-z]{0,8}|.{0,12}") {
            match milliseconds(&written) {
                Ok(length) => prop_assert!(is_length(length)),
                Err(error) => prop_assert!(!error.message().is_empty() && !error.help().is_empty()),
            }
        }
    }
}
