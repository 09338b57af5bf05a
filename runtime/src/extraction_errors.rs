//! Arguments that could not be extracted from the request.
//!
//! Threat: an extractor's error text quotes hostile input or internals (CWE-209). Promise: an error of actix-web's own
//! extractors gets the status of RFC 9110 (413, 415, 400; 422 if the syntax is valid and the content is not) and a text of
//! palisade. An extractor of the application keeps its own response, except for the error text if the status is 500 or above.

use actix_web::error::{
    InternalError, JsonPayloadError, ParseError, PathError, PayloadError, QueryPayloadError, UrlencodedError,
};
use actix_web::http::StatusCode;
use actix_web::{Error, HttpResponse};

use crate::denial::Denial;
use crate::document::InputSource;
use crate::document::{self, InputError, json_syntax, not_a_resource, payload};
use crate::principal::ArgumentError;
use crate::problem::FieldError;

/// The result of a failed extraction.
pub(crate) enum ExtractionFailure {
    Denied(Denial),
    /// The content of this input is wrong. The denial does not tell where.
    Shape(InputSource, Denial),
    /// The application has a defect. The text explains how to fix it.
    Misconfigured(&'static str),
    /// An extractor that is not actix-web's made its own response.
    Responded(HttpResponse),
}

pub(crate) fn failed(error: Error) -> ExtractionFailure {
    if let Some(error) = error.as_error::<InputError>() {
        return ExtractionFailure::Denied(error.denial().clone());
    }
    if let Some(error) = error.as_error::<JsonPayloadError>() {
        return json(error);
    }
    if let Some(error) = error.as_error::<UrlencodedError>() {
        return form(error);
    }
    if error.as_error::<QueryPayloadError>().is_some() {
        let errors = vec![FieldError::of_parameter("", "query", "The query parameters are invalid.")];
        return ExtractionFailure::Shape(InputSource::Query, Denial::invalid(errors));
    }
    // Without a `PathConfig`, actix-web returns serde's error with a status, and has no own type for it.
    if error.as_error::<PathError>().is_some() || error.as_error::<InternalError<serde::de::value::Error>>().is_some() {
        if no_path_fits(&error.to_string()) {
            return ExtractionFailure::Misconfigured(
                "a handler takes a `Path` that does not match the parameters of its route: give both the same number of \
                 parameters, or the same names",
            );
        }
        return ExtractionFailure::Denied(not_a_resource());
    }
    // The error of `web::Header`. It does not tell which header it is.
    if error.as_error::<ParseError>().is_some() {
        return ExtractionFailure::Denied(Denial::bad_request("header", "A required header is missing or malformed."));
    }
    if let Some(error) = error.as_error::<PayloadError>() {
        return ExtractionFailure::Denied(payload(error));
    }
    if let Some(error) = error.as_error::<ArgumentError>() {
        return if error.status == StatusCode::FORBIDDEN {
            ExtractionFailure::Denied(Denial::forbidden("owner_of_nothing"))
        } else {
            ExtractionFailure::Misconfigured(error.help)
        };
    }
    // actix-web has no own type for this error.
    if error.as_error::<InternalError<&'static str>>().is_some_and(|error| error.to_string().starts_with(DATA_MISSING))
    {
        return ExtractionFailure::Misconfigured(
            "an argument of the handler could not be extracted: register its `Data` on the `App` with `.app_data(..)`",
        );
    }
    ExtractionFailure::Responded(HttpResponse::from_error(error))
}

/// The beginning of the error text of `web::Data`.
const DATA_MISSING: &str = "Requested application data is not configured correctly";

/// Whether the type of the `Path` is wrong, not the client's input: no request could fill it. (actix-web returns only this text. It
/// contains only names and numbers from the source code.)
fn no_path_fits(text: &str) -> bool {
    let text = text.strip_prefix("Path deserialize error: ").unwrap_or(text);
    ["wrong number of parameters", "missing field", "unsupported type", "expected at least one parameter"]
        .iter()
        .any(|start| text.starts_with(start))
}

fn json(error: &JsonPayloadError) -> ExtractionFailure {
    ExtractionFailure::Denied(match error {
        JsonPayloadError::ContentType => document::media_type("The `Content-Type` must be `application/json`."),
        JsonPayloadError::Deserialize(error) if error.is_data() => {
            return ExtractionFailure::Shape(InputSource::Json, Denial::invalid(vec![data_error(error)]));
        }
        JsonPayloadError::Payload(error) => payload(error),
        JsonPayloadError::Overflow { .. } | JsonPayloadError::OverflowKnownLength { .. } => Denial::body_too_large(),
        JsonPayloadError::Deserialize(error) => json_syntax(error.line(), error.column().max(1)),
        _ => Denial::bad_request("json_syntax", "The body is not valid JSON."),
    })
}

fn form(error: &UrlencodedError) -> ExtractionFailure {
    ExtractionFailure::Denied(match error {
        UrlencodedError::ContentType => {
            document::media_type("The `Content-Type` must be `application/x-www-form-urlencoded`.")
        }
        UrlencodedError::Overflow { .. } => Denial::body_too_large(),
        UrlencodedError::Payload(error) => payload(error),
        UrlencodedError::Parse(_) => {
            let errors = vec![FieldError::new("", "form", "The fields of the form are invalid.")];
            return ExtractionFailure::Shape(InputSource::Form, Denial::invalid(errors));
        }
        _ => Denial::bad_request("form_syntax", "The body is not a valid form."),
    })
}

/// serde's message quotes the rejected value for a wrong type or an unknown variant. So only the name of a missing or a duplicate
/// field is kept, which comes from the source code.
fn data_error(error: &serde_json::Error) -> FieldError {
    let text = error.to_string();
    let position = format!("at line {} column {}", error.line(), error.column());
    if let Some(field) = quoted_after(&text, "missing field ") {
        return FieldError::new("", "missing", format!("The field `{field}` is required {position}."));
    }
    if text.starts_with("unknown field ") {
        return FieldError::new("", "unknown_field", format!("The field {position} is unknown."));
    }
    if let Some(field) = quoted_after(&text, "duplicate field ") {
        return FieldError::new("", "duplicate", format!("The field `{field}` is repeated {position}."));
    }
    FieldError::new("", "type", format!("The value {position} has the wrong type."))
}

fn quoted_after<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    text.strip_prefix(start)?.strip_prefix('`')?.split_once('`').map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Shape {
        name: String,
        age: u8,
    }

    fn described(body: &str) -> String {
        let error = serde_json::from_str::<Shape>(body).unwrap_err();
        serde_json::to_string(&data_error(&error)).unwrap()
    }

    #[test]
    fn the_rejected_value_is_never_quoted() {
        for body in [
            r#"{"name": 31337, "age": 1}"#,
            r#"{"name": "x", "age": "31337"}"#,
            r#"{"name": "x", "age": 31337}"#,
            r#"{"name": "x", "age": 1, "x31337": 1}"#,
            r#"[31337]"#,
        ] {
            assert!(!described(body).contains("31337"), "{body}: {}", described(body));
        }
    }

    #[test]
    fn a_missing_field_is_named_without_a_pointer() {
        let text = described(r#"{"age": 1}"#);
        assert!(text.contains(r#""pointer":"","code":"missing""#) && text.contains("`name`"), "{text}");
    }
}
