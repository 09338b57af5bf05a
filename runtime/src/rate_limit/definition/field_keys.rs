//! The fields of the input that rate limits count by.
//!
//! Threat: an attacker who writes one name in many spellings gets one rate limit for each of them.
//! Promise: all spellings that people read as the same text are one key. An empty field gives no key.

use std::borrow::Cow;

use crate::document::InputSource;
use unicode_normalization::UnicodeNormalization as _;

/// A value of the input that `by = field(body.email)` can count by. Implement it for types of your own:
///
/// ```
/// use std::borrow::Cow;
///
/// struct Email(String);
///
/// impl palisade::rate_limit::KeyText for Email {
///     fn key_text(&self) -> Option<Cow<'_, str>> {
///         self.0.key_text()
///     }
/// }
///
/// assert_eq!(Email("ann@example.org".into()).key_text().as_deref(), Some("ann@example.org"));
/// # use palisade::rate_limit::KeyText;
/// ```
#[diagnostic::on_unimplemented(
    message = "a rate limit cannot count by a value of type `{Self}`",
    label = "neither text nor a number",
    note = "implement `palisade::rate_limit::KeyText` for the type, or count by a field of it"
)]
pub trait KeyText {
    /// The value as text, or `None` if there is no value.
    fn key_text(&self) -> Option<Cow<'_, str>>;
}

impl KeyText for str {
    fn key_text(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(self))
    }
}

impl KeyText for String {
    fn key_text(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(self))
    }
}

impl KeyText for Cow<'_, str> {
    fn key_text(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(self))
    }
}

impl<T: KeyText + ?Sized> KeyText for &T {
    fn key_text(&self) -> Option<Cow<'_, str>> {
        (**self).key_text()
    }
}

impl<T: KeyText + ?Sized> KeyText for Box<T> {
    fn key_text(&self) -> Option<Cow<'_, str>> {
        (**self).key_text()
    }
}

impl<T: KeyText> KeyText for Option<T> {
    fn key_text(&self) -> Option<Cow<'_, str>> {
        self.as_ref()?.key_text()
    }
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl KeyText for $number {
            fn key_text(&self) -> Option<Cow<'_, str>> {
                Some(Cow::Owned(self.to_string()))
            }
        }
    )*};
}

numbers!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);

/// A field of the input: where it is in the request, and what its type reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputPlace {
    pub(crate) source: InputSource,
    pub(crate) scalar: InputScalar,
}

/// What the type of a field reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InputScalar {
    Text,
    /// A whole number. `7`, `07` and `+7` are the same.
    Integer,
}

/// The fields of one request's input that its rate limits count by.
#[derive(Debug, Default)]
pub struct FieldKeys(Vec<(&'static str, Option<FieldKey>)>);

/// The value of a field.
#[derive(Debug)]
pub(crate) struct FieldKey {
    /// In the form that all spellings share.
    pub(crate) normal: String,
    /// As the caller wrote it.
    pub(crate) as_written: String,
}

impl FieldKeys {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a field. Generated code calls it.
    #[must_use]
    pub fn of(mut self, name: &'static str, value: &(impl KeyText + ?Sized)) -> Self {
        let key = value.key_text().map(|text| FieldKey { normal: normal(&text), as_written: text.into_owned() });
        self.0.push((name, key.filter(|key| !key.normal.is_empty())));
        self
    }

    /// `None` if the field was not collected, `Some(None)` if the input does not have it.
    pub(crate) fn find(&self, name: &str) -> Option<Option<&FieldKey>> {
        self.0.iter().find(|(own, _)| *own == name).map(|(_, key)| key.as_ref())
    }
}

/// One form for all spellings that people read as the same text: without space around it, with compatibility characters
/// composed (NFKC, Unicode Standard Annex 15), in lower case.
pub(crate) fn normal(text: &str) -> String {
    text.trim().nfkc().flat_map(char::to_lowercase).nfkc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_text_are_one_key() {
        for text in ["ann@example.org", " Ann@Example.ORG\t", "\u{ff21}nn@example.org", "ann@exa\u{ff4d}ple.org"] {
            assert_eq!(normal(text), "ann@example.org", "{text:?}");
        }
        assert_eq!(normal("Jose\u{301}"), normal("JOS\u{c9}"));
        assert_eq!(normal(&normal("\u{130}\u{3a3}")), normal("\u{130}\u{3a3}"));
        assert_ne!(normal("ann@example.org"), normal("ann+1@example.org"));
    }

    #[test]
    fn an_empty_field_gives_no_key() {
        let keys = FieldKeys::new().of("a", "").of("b", " \u{a0}").of("c", &None::<String>).of("d", &Some(7_u8));
        let found = |name| keys.find(name).map(|key| key.map(|key| key.normal.as_str()));
        assert_eq!(["a", "b", "c"].map(found), [Some(None); 3]);
        assert_eq!((found("d"), found("e")), (Some(Some("7")), None));
    }
}
