//! The address that an account is known by.
//!
//! The threat is one mailbox with several accounts, or an address that looks like somebody else's (CWE-178, CWE-1007). So an
//! address has one spelling here: the local part in lower case, the domain as DNS knows it, in ASCII (RFC 5890 §2.3.2.1,
//! by the mapping of UTS #46). A character that nobody sees is refused, even where the mapping would drop it.

use std::borrow::Cow;

use icu_properties::{CodePointSetData, props::DefaultIgnorableCodePoint};
use idna::{
    AsciiDenyList,
    uts46::{DnsLength, Hyphens, Uts46},
};
use palisade::rate_limit::KeyText;
use serde::{Deserialize, Deserializer, Serialize};
use validator::{ValidateEmail, ValidateLength};

/// RFC 5321 §4.5.3.1.3, with the erratum: the longest address that can be delivered to.
pub const LONGEST_EMAIL: u64 = 254;

/// Bytes that no address needs, whatever its domain looks like before it is mapped.
const LONGEST_TEXT: usize = 4 * 254;

/// An address in its one spelling. Text that has none is empty here, and validation refuses it as no address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Email(String);

impl Email {
    /// For a setting: brought to its one spelling and checked.
    pub fn parse(text: &str) -> Result<Self, String> {
        let email = Self::spelt(text);
        if email.validate_email() && email.validate_length(None, Some(LONGEST_EMAIL), None) {
            Ok(email)
        } else {
            Err(format!("{text:?} is no email address"))
        }
    }

    /// The one spelling.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn spelt(text: &str) -> Self {
        Self(spelling(text).unwrap_or_default())
    }
}

/// `None` for what can't be an address.
fn spelling(text: &str) -> Option<String> {
    if text.len() > LONGEST_TEXT || holds_invisible(text) {
        return None;
    }
    let (local, domain) = text.rsplit_once('@')?;
    // A literal such as `[127.0.0.1]` has many spellings, and a name that ends in a dot is the name without it: both are refused.
    let domain = Uts46::new()
        .to_ascii(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify)
        .ok()?;
    // A label that came in ASCII may stand for one with a character that is refused above.
    let (shown, sound) = idna::domain_to_unicode(&domain);
    if sound.is_err() || holds_invisible(&shown) {
        return None;
    }
    Some(format!("{}@{domain}", local.to_ascii_lowercase()))
}

/// Soft hyphens, joiners, variation selectors, fillers, tags, and all else that is drawn as nothing (UAX #44).
fn holds_invisible(text: &str) -> bool {
    let invisible = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    text.chars().any(|c| invisible.contains(c))
}

impl<'de> Deserialize<'de> for Email {
    /// Whether it is an address is for validation to say.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::spelt(&text))
    }
}

/// Logins are counted by it.
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

    fn spelt(text: &str) -> Option<String> {
        Email::parse(text).ok().map(|email| email.as_str().to_owned())
    }

    #[test]
    fn addresses_are_normalized() {
        for (one, others) in [
            ("ada@example.com", ["Ada@Example.COM", "ada@ex\u{ff41}mple\u{3002}com", "ada@example\u{ff0e}com"]),
            (
                "ada@xn--bcher-kva.example",
                ["ada@b\u{fc}cher.example", "ada@B\u{dc}CHER.example", "ada@bu\u{308}cher.example"],
            ),
            // Two domains since IDNA 2008, which must never be treated as one (UTS #46 §4, not transitional).
            (
                "ada@xn--strae-oqa.example",
                ["ada@stra\u{df}e.example", "ada@STRA\u{1e9e}E.example", "ada@XN--strae-oqa.example"],
            ),
        ] {
            assert_eq!(spelt(one).as_deref(), Some(one));
            for other in others {
                assert_eq!(spelt(other).as_deref(), Some(one), "{other}");
            }
        }
        assert_ne!(spelt("ada@strasse.example"), spelt("ada@stra\u{df}e.example"));
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
                assert_eq!(spelt(&text), None, "{:x}", u32::from(c));
            }
        }
        // A joiner that IDNA 2008 allows, in the ASCII form that hides it.
        assert_eq!(spelt("ada@xn--mgba3gch31f060k.example"), None);
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
            assert_eq!(spelt(text), None, "{text}");
        }
        assert_eq!(spelt(&format!("a@{}.example", "x.".repeat(125))), None);
        let longest = format!("{}@{}.example", "a".repeat(64), "b".repeat(63));
        assert_eq!(spelt(&longest), Some(longest.clone()), "the limits apply to the normalized address");
    }
}
