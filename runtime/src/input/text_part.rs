//! The parts of a `multipart/form-data` body that are not files: a text, and JSON.
//!
//! Threat: a part that is parsed without the limits of an input (CWE-770), or whose error has no place. Promise: a part is read as a
//! field of a form, or as a JSON body: with the same limits, and with pointers that start with the name of the part.

use actix_multipart::form::{FieldReader, Limits};
use actix_multipart::{Field, MultipartError};
use actix_web::HttpRequest;
use actix_web::web::BytesMut;
use futures_util::TryStreamExt as _;
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};

use super::extractors::{Json, extractor};
use super::multipart::{error_at, part_error};
use super::{parts, rules};
use crate::document::{Document, FaultKind, JsonFailure, read, read_path};
use crate::problem::FieldError;

extractor! {
    /// A part of a [`Multipart`](super::Multipart) that is text: a number, a boolean, a text, an enum, or a type that reads one.
    ///
    /// It is UTF-8, whatever the client states as its `Content-Type`, and has at most
    /// [`InputLimits::text`](super::InputLimits::text) bytes.
    ///
    /// ```
    /// use actix_multipart::form::MultipartForm;
    /// use palisade::input::Text;
    ///
    /// #[derive(MultipartForm)]
    /// struct Booking {
    ///     seats: Text<u8>,
    ///     #[multipart(rename = "guest[]")]
    ///     guests: Vec<Text<String>>,
    /// }
    /// ```
    Text;
}

/// The text as its inner value. The rules of `validator` need it, as in `#[validate(length(max = 40))]` above a part.
impl<T: Serialize> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'t, T: DeserializeOwned + 'static> FieldReader<'t> for Text<T> {
    type Future = LocalBoxFuture<'t, Result<Self, MultipartError>>;

    fn read_field(request: &'t HttpRequest, field: Field, limits: &'t mut Limits) -> Self::Future {
        Box::pin(async move {
            let pointer = parts::note(request, &field);
            let most = rules(request).limits.text;
            let failed = |kind: &FaultKind| part_error(pointer.clone(), vec![error_at(&pointer, kind)]);
            let bytes = match collect(field, limits, most).await? {
                Some(bytes) => bytes.freeze(),
                None => return Err(failed(&FaultKind::TooLong(most))),
            };
            let text = std::str::from_utf8(&bytes).map_err(|_| failed(&FaultKind::Format))?;
            let document = Document::from_path(std::iter::once(("", text.into())));
            let value = read_path(&document).map(Self).map_err(|(_, kind)| failed(&kind))?;
            parts::keep_text(request, bytes);
            Ok(value)
        })
    }
}

impl<'t, T: DeserializeOwned + 'static> FieldReader<'t> for Json<T> {
    type Future = LocalBoxFuture<'t, Result<Self, MultipartError>>;

    fn read_field(request: &'t HttpRequest, field: Field, limits: &'t mut Limits) -> Self::Future {
        Box::pin(async move {
            let part = parts::note(request, &field);
            // The whole body has a limit.
            let bytes = collect(field, limits, usize::MAX).await?.unwrap_or_default().freeze();
            let rules = rules(request);
            let document = match Document::from_json(&bytes, &rules.limits) {
                Ok(document) => document,
                Err(failure) => {
                    let errors = failures(&part, failure);
                    return Err(part_error(part, errors));
                }
            };
            let value = read(&document, rules.strict).map(Self).map_err(|faults| {
                let error =
                    |(at, kind): &(usize, FaultKind)| error_at(&format!("{part}{}", document.pointer(*at)), kind);
                let errors = faults.iter().map(error).collect();
                part_error(part, errors)
            })?;
            parts::keep_json(request, bytes);
            Ok(value)
        })
    }
}

fn failures(part: &str, failure: JsonFailure) -> Vec<FieldError> {
    match failure {
        JsonFailure::Syntax { line, column } => {
            let detail = format!("Is not valid JSON at line {line}, column {column}.");
            vec![FieldError::new(part, "json_syntax", detail).with_param("line", line).with_param("column", column)]
        }
        JsonFailure::Refused(faults) => {
            faults.iter().map(|(pointer, kind)| error_at(&format!("{part}{pointer}"), kind)).collect()
        }
    }
}

/// The bytes of a part. `None` if it has more than `most`; the rest of it is not read.
async fn collect(mut field: Field, limits: &mut Limits, most: usize) -> Result<Option<BytesMut>, MultipartError> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = field.try_next().await? {
        limits.try_consume_limits(chunk.len(), true)?;
        if chunk.len() > most.saturating_sub(bytes.len()) {
            return Ok(None);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Some(bytes))
}
