//! Texts as they are stored.
//!
//! Threat: a text that the database does not accept (PostgreSQL: NUL, and keys of more than 2704 bytes) makes a token that cannot be
//! revoked. Promise: each text has a form that both databases accept, and different texts have different forms. The form of an ordinary
//! text is the text itself.

use std::borrow::Cow;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Texts up to this number of bytes are their own key. Subjects, and the ids that palisade makes, are never longer.
const LONGEST_KEY: usize = 255;

/// Begins what replaces a character, or a whole text.
const ESCAPE: char = '\u{1}';

/// The text with a replacement for each U+0000 and U+0001. [`restored`] is its inverse.
pub(crate) fn stored(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', ESCAPE]) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace(ESCAPE, "\u{1}1").replace('\0', "\u{1}0"))
}

/// The text whose form is `stored`.
pub(crate) fn restored(stored: String) -> String {
    if !stored.contains(ESCAPE) {
        return stored;
    }
    stored.replace("\u{1}0", "\0").replace("\u{1}1", "\u{1}")
}

/// A form of at most 255 bytes, for texts that are only compared: a long or unusual text is replaced by its SHA-256.
pub(crate) fn key(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST_KEY && !text.contains(['\0', ESCAPE]) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("{ESCAPE}{}", URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes()))))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ordinary_texts_are_their_own_form() {
        for text in ["", "ada", "it's", "\u{2}\n\u{10FFFF}", &"x".repeat(255)] {
            assert!(matches!(stored(text), Cow::Borrowed(same) if same == text), "{text:?}");
            assert!(matches!(key(text), Cow::Borrowed(same) if same == text), "{text:?}");
        }
    }

    #[test]
    fn keys_are_short_and_different() {
        let long = "x".repeat(256);
        let texts = [&*long, &"x".repeat(257), "\0", "\u{1}", "\u{1}0", &key(&long), &key("\0")];
        let keys: std::collections::BTreeSet<String> = texts.iter().map(|text| key(text).into_owned()).collect();
        assert_eq!(keys.len(), texts.len());
        assert!(keys.iter().all(|key| key.len() <= LONGEST_KEY && !key.contains('\0')), "{keys:?}");
    }

    proptest! {
        #[test]
        fn every_text_is_restored(text in "[\u{0}\u{1}01a]{0,12}", other in "[\u{0}\u{1}01a]{0,12}") {
            let form = stored(&text);
            prop_assert!(!form.contains('\0'));
            prop_assert_eq!(form == stored(&other), text == other);
            prop_assert_eq!(restored(form.into_owned()), text);
        }
    }
}
