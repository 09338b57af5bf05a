//! Email addresses, which identify accounts.
//!
//! The threats are several accounts for one mailbox, and an address that looks like that of another user (CWE-178, CWE-1007).
//! So each address is normalized: the local part in lower case, the domain in ASCII as in DNS (RFC 5890 §2.3.2.1, by the
//! mapping of UTS #46). Invisible characters are rejected, even if the mapping would remove them.

use std::borrow::Cow;

use icu_properties::{CodePointSetData, props::DefaultIgnorableCodePoint};
use idna::{
    AsciiDenyList,
    uts46::{DnsLength, Hyphens, Uts46},
};
use palisade::rate_limit::KeyText;
use serde::{Deserialize, Deserializer, Serialize};
use validator::{ValidateEmail, ValidateLength};

/// In bytes: the longest deliverable address (RFC 5321 §4.5.3.1.3, with its erratum).
pub const LONGEST_EMAIL: u64 = 254;

/// In bytes: longer text is rejected before normalization, which can make an address shorter.
const LONGEST_TEXT: usize = 4 * 254;

/// A normalized address. Empty if the text cannot be normalized; validation then rejects it as an invalid address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Email(String);

impl Email {
    /// Normalizes and validates the address of a setting.
    pub fn parse(text: &str) -> Result<Self, String> {
        let email = Self::normalize(text);
        if email.validate_email() && email.validate_length(None, Some(LONGEST_EMAIL), None) {
            Ok(email)
        } else {
            Err(format!("{text:?} is not an email address"))
        }
    }

    /// Returns the normalized address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Normalizes input. The result is empty if the text is not an address; validation rejects that.
    pub fn of_input(text: &str) -> Self {
        Self::normalize(text)
    }

    fn normalize(text: &str) -> Self {
        Self(normalize(text).unwrap_or_default())
    }
}

/// Returns the normalized address, or `None` if the text cannot be an address.
fn normalize(text: &str) -> Option<String> {
    if text.len() > LONGEST_TEXT || has_invisible(text) {
        return None;
    }
    let (local, domain) = text.rsplit_once('@')?;
    // Rejects address literals such as `[127.0.0.1]`, which have many spellings, and a final dot, which does not change the name.
    let domain = Uts46::new()
        .to_ascii(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify)
        .ok()?;
    // A label in Punycode may encode a character that is rejected above.
    let (unicode, valid) = idna::domain_to_unicode(&domain);
    if valid.is_err() || has_invisible(&unicode) {
        return None;
    }
    Some(format!("{}@{domain}", local.to_ascii_lowercase()))
}

/// Whether the text contains soft hyphens, joiners, variation selectors, fillers, tags or other invisible characters (UAX #44).
fn has_invisible(text: &str) -> bool {
    let invisible = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    text.chars().any(|c| invisible.contains(c))
}

impl<'de> Deserialize<'de> for Email {
    /// Accepts any text. Validation checks whether it is an address.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::normalize(&text))
    }
}

/// The key of the login rate limit of an account.
impl KeyText for Email {
    fn key_text(&self) -> Option<Cow<'_, str>> {
        self.0.key_text()
    }
}

impl ValidateEmail for Email {
    fn as_email_string(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(&self.0))
    }
}

impl ValidateLength<u64> for Email {
    fn length(&self) -> Option<u64> {
        self.0.length()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalize(text: &str) -> Option<String> {
        Email::parse(text).ok().map(|email| email.as_str().to_owned())
    }

    #[test]
    fn addresses_are_normalized() {
        for (normalized, spellings) in [
            ("ada@example.com", ["Ada@Example.COM", "ada@ex\u{ff41}mple\u{3002}com", "ada@example\u{ff0e}com"]),
            (
                "ada@xn--bcher-kva.example",
                ["ada@b\u{fc}cher.example", "ada@B\u{dc}CHER.example", "ada@bu\u{308}cher.example"],
            ),
            // Two different domains since IDNA 2008 (UTS #46 §4, non-transitional processing).
            (
                "ada@xn--strae-oqa.example",
                ["ada@stra\u{df}e.example", "ada@STRA\u{1e9e}E.example", "ada@XN--strae-oqa.example"],
            ),
        ] {
            assert_eq!(normalize(normalized).as_deref(), Some(normalized));
            for spelling in spellings {
                assert_eq!(normalize(spelling).as_deref(), Some(normalized), "{spelling}");
            }
        }
        assert_ne!(normalize("ada@strasse.example"), normalize("ada@stra\u{df}e.example"));
    }

    #[test]
    fn invisible_characters_are_rejected() {
        for c in [
            '\u{ad}',
            '\u{200b}',
            '\u{200c}',
            '\u{200d}',
            '\u{2060}',
            '\u{feff}',
            '\u{fe0f}',
            '\u{e0100}',
            '\u{180b}',
            '\u{115f}',
            '\u{1160}',
            '\u{3164}',
            '\u{ffa0}',
            '\u{34f}',
            '\u{e0061}',
            '\u{202e}',
            '\u{2066}',
            '\u{61c}',
        ] {
            for text in [format!("a{c}da@example.com"), format!("ada@ex{c}ample.com"), format!("ada@example.com{c}")] {
                assert_eq!(normalize(&text), None, "{:x}", u32::from(c));
            }
        }
        // A joiner that IDNA 2008 allows, encoded in Punycode.
        assert_eq!(normalize("ada@xn--mgba3gch31f060k.example"), None);
    }

    #[test]
    fn ambiguous_addresses_are_rejected() {
        for text in [
            "ada@[127.0.0.1]",
            "ada@[IPv6:::1]",
            "ada@example.com.",
            "ada@exam_ple.com",
            "ada@-example.com",
            "ada@xn--a.example",
            "ada@\u{fffd}.example",
            "\"ada\"@example.com",
            "\u{212a}evin@example.com",
            "ad\u{e4}@example.com",
            "ada\u{ff20}example.com",
            "ada@",
            "@example.com",
            "",
        ] {
            assert_eq!(normalize(text), None, "{text}");
        }
        assert_eq!(normalize(&format!("a@{}.example", "x.".repeat(125))), None);
        let longest = format!("{}@{}.example", "a".repeat(64), "b".repeat(63));
        assert_eq!(normalize(&longest), Some(longest.clone()), "the limits apply to the normalized address");
    }
}
