//! Parses identifiers from path parameters, as `web::Path` does.

use std::borrow::Cow;

use serde::de::value::{Error, SeqDeserializer};
use serde::de::{DeserializeOwned, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

/// One value is the identifier itself. Several values are a tuple.
pub(super) fn parse<Id: DeserializeOwned>(values: &[Cow<'_, str>]) -> Option<Id> {
    match values {
        [value] => Id::deserialize(ParameterText(value)).ok(),
        values => Id::deserialize(SeqDeserializer::new(values.iter().map(|value| ParameterText(value)))).ok(),
    }
}

/// A text that is parsed as the requested type.
struct ParameterText<'a>(&'a str);

impl IntoDeserializer<'_, Error> for ParameterText<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! parsed {
    ($($deserialize:ident $visit:ident)*) => {$(
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.$visit(self.0.parse().map_err(serde::de::Error::custom)?)
        }
    )*};
}

impl<'de> Deserializer<'de> for ParameterText<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(self.0)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(self.0.into_deserializer())
    }

    parsed! {
        deserialize_bool visit_bool deserialize_char visit_char
        deserialize_i8 visit_i8 deserialize_i16 visit_i16 deserialize_i32 visit_i32 deserialize_i64 visit_i64
        deserialize_u8 visit_u8 deserialize_u16 visit_u16 deserialize_u32 visit_u32 deserialize_u64 visit_u64
        deserialize_i128 visit_i128 deserialize_u128 visit_u128
    }

    forward_to_deserialize_any! {
        str string bytes byte_buf option unit unit_struct seq tuple tuple_struct map struct identifier ignored_any f32 f64
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize, Debug, PartialEq)]
    struct Number(u32);

    #[test]
    fn identifiers_are_parsed_like_path_parameters() {
        assert_eq!(parse::<u64>(&["7".into()]), Some(7));
        assert_eq!(parse::<String>(&["a b".into()]).as_deref(), Some("a b"));
        assert_eq!(parse::<Number>(&["7".into()]), Some(Number(7)));
        assert_eq!(parse::<(String, i64)>(&["x".into(), "-1".into()]), Some(("x".to_owned(), -1)));
    }

    #[test]
    fn invalid_identifiers_are_rejected() {
        for text in ["", "7 ", "+", "seven", "4294967296", "-1"] {
            assert_eq!(parse::<Number>(&[text.into()]), None, "{text}");
        }
        assert_eq!(parse::<(u8, u8)>(&["1".into()]), None);
        assert_eq!(parse::<(u8, u8)>(&["1".into(), "2".into(), "3".into()]), None);
        assert_eq!(parse::<u8>(&["1".into(), "2".into()]), None);
    }
}
