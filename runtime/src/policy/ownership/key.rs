//! What an owner is compared by.
//!
//! Threat: two spellings of one id, such as `7` and `07`, of which only one is compared (CWE-178, CWE-639). Promise: a key has
//! exactly one text, and it is compared byte by byte with the subject that the authenticator verified.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

/// The owner of a row, as [`Resource::owner`](super::Resource::owner) returns it: a text, an integer, a `Uuid` (feature `uuid`),
/// or an `Option` of these for rows that may belong to nobody.
///
/// It is compared as text with the subject of the caller, and nothing is allocated for that. An integer is compared in decimal,
/// without leading zeros or a plus sign. A `Uuid` is compared in its hyphenated form in lower case (RFC 9562 §4), so an issuer
/// that writes subjects in another form, such as in capitals, owns nothing by it. An empty text and `None` belong to nobody.
///
/// Implement it for a type of your own by the key that is inside:
///
/// ```
/// use palisade::resource::OwnerKey;
///
/// struct UserId(i64);
///
/// impl OwnerKey for UserId {
///     fn is_subject(&self, subject: &str) -> bool {
///         self.0.is_subject(subject)
///     }
/// }
///
/// assert!(UserId(7).is_subject("7"));
/// assert!(!UserId(7).is_subject("07"));
/// assert!(!None::<UserId>.is_subject(""));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be compared with the subject of a caller",
    label = "not the key of an owner",
    note = "the key of an owner is a text, an integer, a `Uuid` (feature `uuid` of palisade), or an `Option` or a reference of \
            these; for a type of your own, implement `palisade::resource::OwnerKey`"
)]
pub trait OwnerKey {
    /// Whether the text of this key is the subject. Danger: whoever has a subject for which this is `true` owns the row.
    fn is_subject(&self, subject: &str) -> bool;
}

impl OwnerKey for str {
    fn is_subject(&self, subject: &str) -> bool {
        !self.is_empty() && self == subject
    }
}

impl OwnerKey for String {
    fn is_subject(&self, subject: &str) -> bool {
        self.as_str().is_subject(subject)
    }
}

/// `None` belongs to nobody.
impl<K: OwnerKey> OwnerKey for Option<K> {
    fn is_subject(&self, subject: &str) -> bool {
        self.as_ref().is_some_and(|key| key.is_subject(subject))
    }
}

impl<K: OwnerKey + ToOwned + ?Sized> OwnerKey for Cow<'_, K> {
    fn is_subject(&self, subject: &str) -> bool {
        (**self).is_subject(subject)
    }
}

macro_rules! pointers {
    ($($pointer:ty)*) => {$(
        impl<K: OwnerKey + ?Sized> OwnerKey for $pointer {
            fn is_subject(&self, subject: &str) -> bool {
                (**self).is_subject(subject)
            }
        }
    )*};
}

pointers! { &K Box<K> Rc<K> Arc<K> }

macro_rules! integers {
    ($($integer:ty)*) => {$(
        impl OwnerKey for $integer {
            fn is_subject(&self, subject: &str) -> bool {
                itoa::Buffer::new().format(*self) == subject
            }
        }
    )*};
}

integers! { i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize }

#[cfg(feature = "uuid")]
impl OwnerKey for uuid::Uuid {
    fn is_subject(&self, subject: &str) -> bool {
        self.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()) == subject
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(key: impl OwnerKey, subject: &str) -> bool {
        key.is_subject(subject)
    }

    #[test]
    fn texts_are_compared_exactly() {
        let text = "alice".to_owned();
        let boxed: Box<str> = "alice".into();
        let (shared, local): (Arc<str>, Rc<str>) = ("alice".into(), "alice".into());
        for subject in ["alice", "Alice", "alice ", "alic", ""] {
            let expected = subject == "alice";
            assert_eq!(is("alice", subject), expected, "{subject}");
            assert_eq!(is(&text, subject), expected, "{subject}");
            assert_eq!(is(text.clone(), subject), expected, "{subject}");
            assert_eq!(is(&boxed, subject), expected, "{subject}");
            assert_eq!(is(&shared, subject), expected, "{subject}");
            assert_eq!(is(&local, subject), expected, "{subject}");
            assert_eq!(is(Cow::Borrowed("alice"), subject), expected, "{subject}");
            assert_eq!(is(Some(&text), subject), expected, "{subject}");
        }
    }

    #[test]
    fn nobody_owns_a_row_without_owner() {
        for subject in ["", "None", "0", "null"] {
            assert!(!is("", subject) && !is(String::new(), subject), "{subject}");
            assert!(!is(None::<&str>, subject) && !is(None::<i64>, subject) && !is(Some(""), subject), "{subject}");
        }
    }

    #[test]
    fn integers_have_one_spelling() {
        assert!(is(0_u8, "0") && is(7_i32, "7") && is(-7_i64, "-7") && is(Some(7_usize), "7"));
        assert!(is(i128::MIN, &i128::MIN.to_string()) && is(u128::MAX, &u128::MAX.to_string()));
        assert!(is(i64::MIN, &i64::MIN.to_string()) && is(u64::MAX, &u64::MAX.to_string()));
        for other in ["07", "+7", "7.0", " 7", "7 ", "-7", "0x7", "\u{667}", "8", "77", ""] {
            assert!(!is(7_u32, other) && !is(7_i128, other), "{other}");
        }
    }

    #[cfg(feature = "uuid")]
    #[test]
    fn uuids_are_hyphenated_in_lower_case() {
        let text = "67e55044-10b1-426f-9247-bb680e5fe0c8";
        let id: uuid::Uuid = text.parse().unwrap();
        assert!(is(id, text) && is(Some(&id), text));
        for other in [text.to_uppercase(), text.replace('-', ""), format!("{{{text}}}"), format!("urn:uuid:{text}")] {
            assert!(!is(id, &other), "{other}");
        }
    }
}
