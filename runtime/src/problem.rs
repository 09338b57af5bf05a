//! Errors on the wire: RFC 9457 `application/problem+json`.
//!
//! Threat: errors that leak internals or echo hostile input (CWE-209, CWE-79). Promise: every error that palisade makes
//! has one shape, a text that was written for clients, and no value that the client sent, but the path in `instance`.

use std::borrow::Cow;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;

/// An error in the shape of RFC 9457, for handlers that want to answer as palisade does.
///
/// ```
/// use actix_web::http::StatusCode;
/// use palisade::Problem;
///
/// let response = Problem::new(StatusCode::CONFLICT).detail("The email is taken.").into_response();
/// assert_eq!(response.status(), 409);
/// ```
#[derive(Clone, Debug, Serialize)]
pub struct Problem {
    #[serde(rename = "type")]
    kind: Cow<'static, str>,
    title: Cow<'static, str>,
    #[serde(serialize_with = "as_number")]
    status: StatusCode,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<Cow<'static, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}

/// What is wrong with one field of the input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    pointer: String,
    code: Cow<'static, str>,
    detail: Cow<'static, str>,
}

impl FieldError {
    /// `pointer` is an RFC 6901 JSON pointer (`/address/city`, empty for the whole input), `code` a stable word such as
    /// `length`, `detail` a sentence. Neither may hold the refused value.
    pub fn new(
        pointer: impl Into<String>,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { pointer: pointer.into(), code: code.into(), detail: detail.into() }
    }

    /// The JSON pointer of the field.
    #[must_use]
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }
}

impl Problem {
    /// A problem of type `about:blank`, whose title is the status' own phrase (RFC 9457 §4.2.1).
    #[must_use]
    pub fn new(status: StatusCode) -> Self {
        Self {
            kind: Cow::Borrowed("about:blank"),
            title: Cow::Borrowed(status.canonical_reason().unwrap_or("Error")),
            status,
            detail: None,
            instance: None,
            errors: Vec::new(),
        }
    }

    /// A type of your own: an absolute URI, best one that answers with documentation.
    #[must_use]
    pub fn kind(mut self, uri: impl Into<Cow<'static, str>>) -> Self {
        self.kind = uri.into();
        self
    }

    /// A title that belongs to the type.
    #[must_use]
    pub fn title(mut self, title: impl Into<Cow<'static, str>>) -> Self {
        self.title = title.into();
        self
    }

    /// What happened this time, for the client's developer. Put no input, secret or internal name in it.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The path of the request that it answers.
    #[must_use]
    pub fn instance(mut self, path: impl Into<String>) -> Self {
        self.instance = Some(path.into());
        self
    }

    /// What is wrong with which field.
    #[must_use]
    pub fn errors(mut self, errors: Vec<FieldError>) -> Self {
        self.errors = errors;
        self
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The response, with `Content-Type: application/problem+json`.
    #[must_use]
    pub fn into_response(self) -> HttpResponse {
        let mut response = HttpResponse::new(self.status);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        // The type has only strings and numbers, so there is nothing that serde_json could fail on; an empty body is
        // the answer if there were.
        response.set_body(serde_json::to_vec(&self).unwrap_or_default()).map_into_boxed_body()
    }
}

/// A handler may return `Result<_, Problem>`.
impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        self.clone().into_response()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)
    }
}

impl std::error::Error for Problem {}

fn as_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}
