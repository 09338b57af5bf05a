//! The window of a rate limit: `"15m"`.

use crate::diagnostics::Diagnostic;
use crate::suggest::nearest;

/// What a window looks like, for everybody who has to say so.
pub(super) const FORMS: &str =
    "write a whole number and a unit: \"900s\", \"15m\", \"15min\", \"15 minutes\", \"2h\" or \"1d\"";

/// A unit by all of its names, and its seconds.
const UNITS: [(&[&str], u64); 4] = [
    (&["s", "sec", "second", "seconds"], 1),
    (&["m", "min", "minute", "minutes"], 60),
    (&["h", "hour", "hours"], 3_600),
    (&["d", "day", "days"], 86_400),
];

/// A leap year. A longer window outlives every deployment and overflows the clocks of some stores.
const LONGEST: u64 = 366 * 86_400;

/// The seconds of a window.
pub(super) fn seconds(text: &str) -> Result<u64, Diagnostic> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let spaced = unit.strip_prefix(' ').unwrap_or(unit);
    if number.is_empty() {
        return Err(Diagnostic::new(format!("\"{text}\" is no window: it starts with no whole number"), FORMS));
    }
    if spaced.is_empty() {
        let cure = format!("write \"{number}s\" for seconds or \"{number}m\" for minutes");
        return Err(Diagnostic::new(format!("\"{text}\" is no window: it has no unit"), cure));
    }
    let Some((_, length)) = UNITS.iter().find(|(names, _)| names.contains(&spaced)) else {
        return Err(Diagnostic::new(format!("\"{text}\" is no window: `{spaced}` is no unit"), meant(number, spaced)));
    };
    match number.parse::<u64>().ok().and_then(|number| number.checked_mul(*length)) {
        Some(0) => Err(Diagnostic::new(format!("\"{text}\" is no window: it has no length"), FORMS)),
        Some(seconds) if seconds <= LONGEST => Ok(seconds),
        _ => Err(Diagnostic::new(
            format!("\"{text}\" is too long for a window"),
            "the longest window is 366 days: write \"366d\" or less",
        )),
    }
}

fn meant(number: &str, unit: &str) -> String {
    let unit = unit.trim();
    let words = UNITS.iter().flat_map(|(names, _)| names.iter().copied()).filter(|name| name.len() > 1);
    let letter = |letter: &&str| letter.len() == 1 && letter.eq_ignore_ascii_case(unit);
    let letters = UNITS.iter().flat_map(|(names, _)| names.iter().copied()).find(letter);
    match letters.or_else(|| nearest(unit, words)) {
        Some(meant) => format!("did you mean \"{number}{meant}\"? {FORMS}"),
        None => FORMS.to_owned(),
    }
}

#[cfg(test)]
mod tests {
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
    fn everything_else_is_refused_with_a_cure() {
        for (text, what, cure) in [
            ("", "no whole number", "\"15 minutes\""),
            ("m", "no whole number", "\"15 minutes\""),
            ("-1m", "no whole number", "\"15 minutes\""),
            (" 15m", "no whole number", "\"15 minutes\""),
            ("15", "no unit", "\"15s\" for seconds or \"15m\" for minutes"),
            ("15 ", "no unit", "\"15s\""),
            ("15 mins", "`mins` is no unit", "did you mean \"15min\"?"),
            ("15M", "`M` is no unit", "did you mean \"15m\"?"),
            ("30 secs", "`secs` is no unit", "did you mean \"30sec\"?"),
            ("2 Hours", "`Hours` is no unit", "did you mean \"2hours\"?"),
            ("15m ", "`m ` is no unit", "did you mean \"15m\"?"),
            ("15  m", "` m` is no unit", "did you mean \"15m\"?"),
            ("500ms", "`ms` is no unit", "\"15 minutes\""),
            ("1.5h", "`.5h` is no unit", "a whole number"),
            ("1w", "`w` is no unit", "\"1d\""),
            ("0s", "no length", "\"900s\""),
            ("00 days", "no length", "\"900s\""),
            ("367d", "too long", "\"366d\""),
            ("99999999999999999999d", "too long", "\"366d\""),
            ("9223372036854775807d", "too long", "\"366d\""),
        ] {
            let diagnostic = seconds(text).unwrap_err();
            assert!(diagnostic.message.contains(what), "{text}: {diagnostic:?}");
            assert!(diagnostic.help.contains(cure), "{text}: {diagnostic:?}");
        }
    }
}
