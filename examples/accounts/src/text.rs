//! Names that are shown to people.
//!
//! The threat is a name with characters that control a terminal or browser: they reverse the text direction, break the line, or
//! are invisible (CWE-150, CWE-451, CVE-2021-42574). Joiners are allowed, because Persian names and emoji need them.

use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{BidiControl, DefaultIgnorableCodePoint, GeneralCategory},
};
use validator::ValidationError;

/// Accepts a name with at least one visible character and without control characters.
pub fn printable(name: &str) -> Result<(), ValidationError> {
    let (category, bidi) = (CodePointMapData::<GeneralCategory>::new(), CodePointSetData::new::<BidiControl>());
    let invisible = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    let is_control = |c: char| {
        bidi.contains(c)
            || matches!(
                category.get(c),
                GeneralCategory::Control | GeneralCategory::LineSeparator | GeneralCategory::ParagraphSeparator
            )
    };
    let is_visible = |c: char| !c.is_whitespace() && !invisible.contains(c);
    if name.chars().any(is_control) || !name.chars().any(is_visible) {
        return Err(ValidationError::new("printable").with_message("is blank or contains control characters".into()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_rejected() {
        for c in "\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}\u{200e}\u{200f}\u{61c}\u{2028}\u{2029}\n\r\t\0\u{7}\u{1b}\u{7f}\u{85}\u{9b}".chars() {
            assert!(printable(&format!("Ada{c}Love")).is_err(), "{:x}", u32::from(c));
        }
    }

    #[test]
    fn blank_names_are_rejected() {
        for blank in
            ["", "   ", "\u{200b}\u{200b}", "\u{3164}\u{3164}", "\u{ad} \u{2060}", "\u{3000}", "\u{e0061}\u{e0062}"]
        {
            assert!(printable(blank).is_err(), "{blank:?}");
        }
        let names = [
            "Ada",
            "Jos\u{e9} \u{c1}lvarez",
            "\u{646}\u{627}\u{645}\u{647}\u{200c}\u{627}\u{6cc}",
            "\u{5e9}\u{5dc}\u{5d5}\u{5dd}",
            "\u{1f469}\u{200d}\u{1f4bb}",
            "\u{674e}",
        ];
        for name in names {
            assert!(printable(name).is_ok(), "{name}");
        }
    }
}
