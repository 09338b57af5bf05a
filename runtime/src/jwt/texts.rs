//! A claim that is one string or several.
//!
//! Threat: a claim of an unexpected type that grants authority, or that hides a repeated name (CWE-436, CWE-863). Promise: a
//! value that is neither a string nor a list of strings is parsed as strictly as any other value, and grants nothing.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::json::{Reason, Skipped, Text};

pub(super) enum Texts<'de> {
    One(Text<'de>),
    Several(Vec<Text<'de>>),
    /// A value of another type, or a list that contains one.
    Other,
}

impl<'de> Texts<'de> {
    pub(super) fn each(&self) -> impl Iterator<Item = &str> {
        let (one, several) = match self {
            Self::One(text) => (Some(text), &[][..]),
            Self::Several(list) => (None, list.as_slice()),
            Self::Other => (None, &[][..]),
        };
        one.into_iter().chain(several).map(|text| &*text.0)
    }

    pub(super) fn into_strings(self) -> impl Iterator<Item = String> {
        let list = match self {
            Self::One(text) => vec![text],
            Self::Several(list) => list,
            Self::Other => Vec::new(),
        };
        list.into_iter().map(|text| text.0.into_owned())
    }
}

impl From<Vec<String>> for Texts<'_> {
    fn from(list: Vec<String>) -> Self {
        Self::Several(list.into_iter().map(|text| Text(text.into())).collect())
    }
}

/// Reads [`Texts`] from a value of any type.
pub(super) struct AnyValue<'r>(pub(super) Reason<'r>);

impl<'de> DeserializeSeed<'de> for AnyValue<'_> {
    type Value = Texts<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Texts<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AnyValue<'_> {
    type Value = Texts<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a list of strings")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Texts<'de>, E> {
        Ok(Texts::One(Text(Cow::Borrowed(text))))
    }

    fn visit_str<E>(self, text: &str) -> Result<Texts<'de>, E> {
        Ok(Texts::One(Text(Cow::Owned(text.to_owned()))))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Texts<'de>, A::Error> {
        // Most lists have one item.
        let (mut list, mut all_are_texts) = (Vec::with_capacity(1), true);
        while let Some(item) = seq.next_element_seed(AnyValue(self.0))? {
            match item {
                Texts::One(text) => list.push(text),
                Texts::Several(_) | Texts::Other => all_are_texts = false,
            }
        }
        Ok(if all_are_texts { Texts::Several(list) } else { Texts::Other })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Texts<'de>, A::Error> {
        Skipped(self.0).visit_map(map).map(|()| Texts::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Texts<'de>, E> {
        Ok(Texts::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Texts<'de>, E> {
        Ok(Texts::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Texts<'de>, E> {
        Ok(Texts::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Texts<'de>, E> {
        Ok(Texts::Other)
    }

    fn visit_unit<E>(self) -> Result<Texts<'de>, E> {
        Ok(Texts::Other)
    }
}
