//! Windows such as `15m`.

pub(crate) const FORMS: &str =
    "write a whole number and a unit, such as \"30s\", \"15m\", \"15 minutes\", \"2h\" or \"1d\"";

const UNITS: [(&[&str], u64); 4] = [
    (&["s", "sec", "second", "seconds"], 1),
    (&["m", "min", "minute", "minutes"], 60),
    (&["h", "hour", "hours"], 3_600),
    (&["d", "day", "days"], 86_400),
];

const LONGEST: u64 = 366 * 86_400;

/// The seconds of a window, or what is wrong with it.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let unit = unit.strip_prefix(' ').unwrap_or(unit);
    if number.is_empty() {
        return Err(format!("\"{text}\" is no window: {FORMS}"));
    }
    let Some((_, seconds)) = UNITS.iter().find(|(names, _)| names.contains(&unit)) else {
        let cure = match unit {
            "" => "it has no unit".to_owned(),
            "mins" | "m." | "minuts" => format!("`{unit}` is no unit: did you mean \"{number} min\"?"),
            "secs" => format!("`secs` is no unit: did you mean \"{number} sec\"?"),
            "hrs" | "hr" => format!("`{unit}` is no unit: did you mean \"{number}h\"?"),
            _ => format!("`{unit}` is no unit"),
        };
        return Err(format!("\"{text}\" is no window: {cure}; {FORMS}"));
    };
    match number.parse::<u64>().ok().and_then(|number| number.checked_mul(*seconds)) {
        Some(0) => Err(format!("\"{text}\" is no window: it has no length; {FORMS}")),
        Some(total) if total <= LONGEST => Ok(total),
        _ => Err(format!("\"{text}\" is too long for a window: the longest is 366 days")),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn every_form_is_read() {
        for (text, seconds) in [
            ("900s", 900),
            ("1sec", 1),
            ("2 seconds", 2),
            ("15m", 900),
            ("15min", 900),
            ("15 minutes", 900),
            ("1 minute", 60),
            ("2h", 7_200),
            ("1 hour", 3_600),
            ("1d", 86_400),
            ("366 days", 31_622_400),
        ] {
            assert_eq!(parse(text), Ok(seconds), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_the_forms() {
        for text in [
            "",
            "m",
            "15",
            "15 mins",
            "0s",
            "-1m",
            "1.5h",
            "15  m",
            " 15m",
            "15m ",
            "15M",
            "367d",
            "99999999999999999999d",
            "1w",
        ] {
            let message = parse(text).unwrap_err();
            assert!(message.contains("366 days") || message.contains("such as"), "{text}: {message}");
        }
        assert!(parse("15 mins").unwrap_err().contains("did you mean \"15 min\"?"));
    }
}
