//! The fields of the input that the rate limits of scopes count by.
//!
//! Threat: a client chooses the text that is counted, apart from the one that the handler gets (CWE-348). Promise: the field is
//! read from the same bytes as the one argument of the handler that has it, after that was extracted and validated. What two
//! parsers might read differently counts as missing, and the request is rejected.

use std::fmt;

use actix_web::HttpMessage as _;
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor};
use url::form_urlencoded;

use super::GuardedRequest;
use crate::body::Reading;
use crate::document::InputSource;
use crate::rate_limit::{FieldKey, FieldKeys, InputPlace, InputScalar};

impl GuardedRequest<'_, '_> {
    /// Reads the fields by which the scopes of the handler count, before the body is forgotten.
    pub(super) fn read_input_fields(&mut self) {
        let sent = self.reading.as_ref().and_then(Reading::sent).unwrap_or_default();
        let fields = self.mounted.input_fields.iter();
        let keys = fields.fold(FieldKeys::new(), |keys, (name, place)| keys.of(name, &self.field(name, *place, &sent)));
        self.fields_of_scopes = Some(Box::new(keys));
    }

    /// A field by which a scope counts. `None` if it was not read, `Some(None)` if the input does not have it.
    pub(super) fn field_of_scope(&self, name: &str) -> Option<Option<&FieldKey>> {
        self.fields_of_scopes.as_ref()?.find(name)
    }

    fn field(&self, name: &str, place: InputPlace, sent: &[u8]) -> Option<String> {
        let text = match place.source {
            InputSource::Query => in_form(name, self.request.query_string().as_bytes()),
            // The extractor decodes the charset, and this does not.
            InputSource::Form => self.is_utf8().then(|| in_form(name, sent)).flatten(),
            InputSource::Json => in_json(name, sent),
            // No rate limit of a scope counts by a header of an argument.
            InputSource::Header => None,
        }?;
        match place.scalar {
            InputScalar::Text => Some(text),
            // One number has many spellings: `7`, `07`, `+7`.
            InputScalar::Integer => match text.parse::<i128>() {
                Ok(number) => Some(number.to_string()),
                Err(_) => text.parse::<u128>().ok().map(|number| number.to_string()),
            },
        }
    }

    fn is_utf8(&self) -> bool {
        self.request.encoding().is_ok_and(|encoding| encoding.name() == "UTF-8")
    }
}

/// The value of a form field. A field that is there twice counts as missing, because another parser may take the other value.
fn in_form(name: &str, form: &[u8]) -> Option<String> {
    let mut values = form_urlencoded::parse(form).filter(|(key, _)| key == name).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value.into_owned()),
        _ => None,
    }
}

/// The text or the whole number at `user.email`. Nothing else of the document is kept.
fn in_json(name: &str, document: &[u8]) -> Option<String> {
    let path: Vec<&str> = name.split('.').collect();
    let mut document = serde_json::Deserializer::from_slice(document);
    ScalarAt(&path).deserialize(&mut document).ok().flatten()
}

/// Reads the scalar at the path, and ignores the rest of the document.
struct ScalarAt<'p>(&'p [&'p str]);

impl<'de> DeserializeSeed<'de> for ScalarAt<'_> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl ScalarAt<'_> {
    fn scalar(&self, text: impl fmt::Display) -> Option<String> {
        self.0.is_empty().then(|| text.to_string())
    }
}

impl<'de> Visitor<'de> for ScalarAt<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(self.scalar(text))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(self.scalar(number))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(self.scalar(number))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let (mut found, mut times) = (None, 0_u8);
        while let Some(name) = members.next_key::<std::borrow::Cow<'de, str>>()? {
            match self.0 {
                [first, rest @ ..] if *first == name => {
                    found = members.next_value_seed(ScalarAt(rest))?;
                    times = times.saturating_add(1);
                }
                _ => _ = members.next_value::<IgnoredAny>()?,
            }
        }
        Ok(found.filter(|_| times == 1))
    }

    /// What is not a text, a number or an object cannot be the field.
    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}
