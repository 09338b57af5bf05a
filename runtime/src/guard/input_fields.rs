//! The fields of the input that the rate limits of scopes count by.
//!
//! Threat: a client chooses the text that is counted, apart from the one that the handler gets (CWE-348). Promise: the field is
//! read from the same bytes as the argument of the handler, after the argument was extracted and validated.

use std::borrow::Cow;

use serde_json::Value;
use url::form_urlencoded;

use super::GuardedRequest;
use crate::body::Reading;
use crate::rate_limit::{FieldKey, FieldKeys, InputPlace};

impl GuardedRequest<'_, '_> {
    /// Reads the fields by which the scopes of the handler count, before the body is forgotten.
    pub(super) fn read_input_fields(&mut self) {
        let fields = self.mounted.input_fields.iter();
        let keys = fields.fold(FieldKeys::new(), |keys, (name, place)| keys.of(name, &self.field(name, *place)));
        self.fields_of_scopes = Some(Box::new(keys));
    }

    /// A field of the input: of the handler's own rate limits, or of those of its scopes. `None` if it was not read, `Some(None)` if
    /// the input does not have it.
    pub(super) fn find_field<'k>(&'k self, own: &'k FieldKeys, name: &str) -> Option<Option<&'k FieldKey>> {
        own.find(name).or_else(|| self.fields_of_scopes.as_ref()?.find(name))
    }

    fn field(&self, name: &str, place: InputPlace) -> Option<Cow<'_, str>> {
        match place {
            InputPlace::Query => in_form(name, self.request.query_string().as_bytes()).map(Cow::Owned),
            InputPlace::Form => in_form(name, &self.sent()?).map(Cow::Owned),
            InputPlace::Json => {
                let sent: Value = serde_json::from_slice(&self.sent()?).ok()?;
                let pointer = format!("/{}", name.replace('.', "/"));
                match sent.pointer(&pointer)? {
                    Value::String(text) => Some(Cow::Owned(text.clone())),
                    Value::Number(number) => Some(Cow::Owned(number.to_string())),
                    _ => None,
                }
            }
        }
    }

    fn sent(&self) -> Option<Vec<u8>> {
        self.reading.as_ref().and_then(Reading::sent)
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
