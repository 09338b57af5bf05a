//! Error responses: RFC 9457 `application/problem+json`.
//!
//! Threat: errors that leak internals or echo hostile input (CWE-209, CWE-79).
//!
//! Promise: each error response of palisade has one shape, a text that was written for clients, and no value that the client sent,
//! except the path in `instance`. Internal causes are kept apart from it, for the log.
//!
//! ```
//! use actix_web::http::StatusCode;
//! use palisade::{Problem, post, public};
//!
//! #[post("/orders")]
//! #[public]
//! async fn order() -> Result<&'static str, Problem> {
//!     Err(Problem::new(StatusCode::CONFLICT).detail("The order was already sent."))
//! }
//! ```
//!
//! [`PalisadeBuilder::problems`](crate::PalisadeBuilder::problems) renders them in the style of the application.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
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
///
/// Every error that a function of palisade returns to a handler becomes a problem with `?`, with the status that the error's
/// documentation names. An error of your own does the same with a `From`:
///
/// ```
/// use actix_web::http::StatusCode;
/// use actix_web::web::{Data, Json};
/// use palisade::{Principal, Problem, authenticated, post};
/// use palisade::api_key::{ApiKeys, MemoryApiKeys, NewApiKey};
///
/// #[derive(Debug, thiserror::Error)]
/// enum DbError {
///     #[error("the database does not answer")]
///     Away,
///     #[error("the database failed: {0}")]
///     Failed(String),
/// }
///
/// impl From<DbError> for Problem {
///     fn from(error: DbError) -> Self {
///         let status = match error {
///             DbError::Away => StatusCode::SERVICE_UNAVAILABLE,
///             DbError::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
///         };
///         // The client reads the status alone; the log has the cause.
///         Problem::new(status).caused_by(error)
///     }
/// }
///
/// async fn count_key(owner: &str) -> Result<(), DbError> {
///     # let _ = owner;
///     Ok(())
/// }
///
/// #[post("/keys")]
/// #[authenticated]
/// async fn create_key(caller: Principal, keys: Data<ApiKeys<MemoryApiKeys>>) -> Result<Json<String>, Problem> {
///     let key = keys.create(NewApiKey::of(&caller)).await?;
///     count_key(caller.subject()).await?;
///     Ok(Json(key.expose().to_owned()))
/// }
/// # let _ = palisade::scope("").service(create_key);
/// ```
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Problem(Box<ProblemParts>);

/// They are boxed, so that a `Result` with a problem is no larger than one without.
#[derive(Clone, Debug, Serialize)]
struct ProblemParts {
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
    /// Whole seconds.
    #[serde(skip)]
    retry_after: Option<u32>,
    #[serde(skip)]
    cause: Option<Arc<dyn Error + Send + Sync>>,
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

    pub(crate) fn at(mut self, pointer: String) -> Self {
        self.pointer = pointer;
        self
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
        Self(Box::new(ProblemParts {
            kind: Cow::Borrowed("about:blank"),
            title: Cow::Borrowed(status.canonical_reason().unwrap_or("Error")),
            status,
            detail: None,
            instance: None,
            errors: Vec::new(),
            retry_after: None,
            cause: None,
        }))
    }

    /// 500, in the words of every 500 of palisade's.
    pub(crate) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR).detail(INTERNAL)
    }

    /// 503 with `Retry-After`, in the words of every 503 of palisade's.
    pub(crate) fn unavailable() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE).detail(UNAVAILABLE).retry_after(Duration::from_secs(1))
    }

    /// 403, in the words of every 403 of palisade's.
    pub(crate) fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN).detail(FORBIDDEN)
    }

    /// 422, in the words of every 422 of palisade's.
    pub(crate) fn invalid(errors: Vec<FieldError>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY).detail(INVALID).errors(errors)
    }

    /// A type of your own: an absolute URI, best one that answers with documentation.
    #[must_use]
    pub fn kind(mut self, uri: impl Into<Cow<'static, str>>) -> Self {
        self.0.kind = uri.into();
        self
    }

    /// A title that belongs to the type.
    #[must_use]
    pub fn title(mut self, title: impl Into<Cow<'static, str>>) -> Self {
        self.0.title = title.into();
        self
    }

    /// What happened this time, for the client's developer. Put no input, secret or internal name in it.
    ///
    /// The client reads it whatever the status is: only the text of *other* errors is withheld from a response of 500 and above.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// The path of the request that it answers.
    #[must_use]
    pub fn instance(mut self, path: impl Into<String>) -> Self {
        self.0.instance = Some(path.into());
        self
    }

    /// What is wrong with which field.
    #[must_use]
    pub fn errors(mut self, errors: Vec<FieldError>) -> Self {
        self.0.errors = errors;
        self
    }

    /// When the client may try again: `Retry-After` (RFC 9110 §10.2.3), in whole seconds, rounded up, at least 1. Default: none.
    ///
    /// ```
    /// use std::time::Duration;
    /// use actix_web::http::StatusCode;
    /// use palisade::Problem;
    ///
    /// let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE).retry_after(Duration::from_secs(30));
    /// assert_eq!(problem.into_response().headers().get("retry-after").unwrap(), "30");
    /// ```
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(whole_seconds(wait));
        self
    }

    /// What went wrong inside of the server. Default: nothing.
    ///
    /// No client reads it. A problem of 500 and above that a handler returns is one event in the log, with this error and its own
    /// causes, so its text must hold no secret.
    #[must_use]
    pub fn caused_by(mut self, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.cause = Some(Arc::from(error.into()));
        self
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The value of `Retry-After`.
    pub(crate) fn seconds_to_wait(&self) -> Option<u32> {
        self.0.retry_after
    }

    /// The response, with `Content-Type: application/problem+json`.
    #[must_use]
    pub fn into_response(self) -> HttpResponse {
        let mut response = self.response();
        // Whoever finds it there knows that the text was written for clients, and can give it the application's style.
        response.extensions_mut().insert(self);
        response
    }

    /// The response alone.
    pub(crate) fn response(&self) -> HttpResponse {
        let mut response = HttpResponse::new(self.0.status);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.0.retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        // The type has only strings and numbers, so there is nothing that serde_json could fail on; an empty body is
        // the answer if there were.
        response.set_body(serde_json::to_vec(self).unwrap_or_default()).map_into_boxed_body()
    }
}

/// What clients read of every such refusal.
pub(crate) const INTERNAL: &str = "The server failed to process the request.";
pub(crate) const UNAVAILABLE: &str = "A required service is unavailable; try again later.";
pub(crate) const FORBIDDEN: &str = "You do not have permission to do this.";
pub(crate) const INVALID: &str = "The input is invalid; see `errors`.";
pub(crate) const OVER_RATE_LIMIT: &str = "The rate limit is exceeded; try again later.";
/// The same text for expired, forged and revoked: the difference is for the log alone.
pub(crate) const BAD_CREDENTIALS: &str = "The credentials are not valid.";

/// Rounded up, at least 1: a client that comes back then is not too early. Less than a millisecond is no part of a second: a
/// store rounds instants by less, and a client that waits so long comes later than that.
pub(crate) fn whole_seconds(duration: Duration) -> u32 {
    let seconds = duration.as_secs().saturating_add(u64::from(duration.subsec_millis() > 0));
    u32::try_from(seconds).unwrap_or(u32::MAX).max(1)
}

/// Lets a handler return these errors: each answers with the [`Problem`] that it becomes.
macro_rules! answer_with_a_problem {
    ($($error:ty),+ $(,)?) => {$(
        impl ::actix_web::ResponseError for $error {
            fn status_code(&self) -> ::actix_web::http::StatusCode {
                $crate::problem::Problem::from(self.clone()).status()
            }

            fn error_response(&self) -> ::actix_web::HttpResponse {
                $crate::problem::Problem::from(self.clone()).into_response()
            }
        }
    )+};
}
pub(crate) use answer_with_a_problem;

/// A handler may return `Result<_, Problem>`.
impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.0.status
    }

    fn error_response(&self) -> HttpResponse {
        self.clone().into_response()
    }
}

/// Title and detail.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.title)?;
        match &self.0.detail {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}

impl Error for Problem {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.cause.as_deref().map(|cause| cause as &(dyn Error + 'static))
    }
}

fn as_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_has_title_and_detail() {
        let problem = Problem::new(StatusCode::CONFLICT);
        assert_eq!(problem.to_string(), "Conflict");
        assert_eq!(problem.clone().detail("The email is taken.").to_string(), "Conflict: The email is taken.");
        assert_eq!(problem.title("Taken").detail("The email.").to_string(), "Taken: The email.");
    }

    #[test]
    fn a_cause_is_a_source_and_never_on_the_wire() {
        let problem = Problem::internal().caused_by("hunter2").retry_after(Duration::from_millis(1_001));
        assert_eq!(problem.source().unwrap().to_string(), "hunter2");
        assert_eq!(problem.to_string(), "Internal Server Error: The server failed to process the request.");
        assert!(!serde_json::to_string(&problem).unwrap().contains("hunter2"));
        assert_eq!(problem.into_response().headers().get(RETRY_AFTER).unwrap(), "2");
        assert!(!Problem::internal().into_response().headers().contains_key(RETRY_AFTER));
    }
}
