//! Error responses: RFC 9457 `application/problem+json`.
//!
//! Threat: errors that leak internals or echo hostile input (CWE-209, CWE-79).
//!
//! Promise: each error response of palisade has the same format, a text that was written for clients, and no value that the
//! client sent, except the path in `instance`. Internal causes are stored separately, for the log.
//!
//! ```
//! use actix_web::http::StatusCode;
//! use palisade::{Problem, post, public};
//!
//! #[post("/orders")]
//! #[public]
//! async fn order() -> Result<&'static str, Problem> {
//!     Err(Problem::new(StatusCode::CONFLICT).with_detail("The order was already sent."))
//! }
//! ```
//!
//! [`PalisadeBuilder::problems`](crate::PalisadeBuilder::problems) renders them in the style of the application.

mod field_error;
mod json;
mod texts;

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use serde_json::{Map, Value};

pub use self::field_error::FieldError;
pub(crate) use self::texts::{
    BAD_CREDENTIALS, FORBIDDEN, INTERNAL, INVALID, NOT_FOUND, OVER_RATE_LIMIT, PROBLEM_JSON, UNAVAILABLE, title_of,
    whole_seconds,
};

/// An error in the format of RFC 9457, for handlers that respond in the same way as palisade.
///
/// ```
/// use actix_web::http::StatusCode;
/// use palisade::Problem;
///
/// let response = Problem::new(StatusCode::CONFLICT).with_detail("The email is taken.").into_response();
/// assert_eq!(response.status(), 409);
/// ```
///
/// Every error that a function of palisade returns to a handler becomes a problem with `?`, with the status that the error's
/// documentation names. For an error of your own, implement `From`:
///
/// ```
/// use actix_web::http::StatusCode;
/// use actix_web::web::{Data, Json};
/// use palisade::{Principal, Problem, authenticated, post};
/// use palisade::api_key::{ApiKeys, MemoryApiKeys, NewApiKey};
///
/// #[derive(Debug, thiserror::Error)]
/// enum DbError {
///     #[error("the database is unavailable")]
///     Unavailable,
///     #[error("the database failed: {0}")]
///     Failed(String),
/// }
///
/// impl From<DbError> for Problem {
///     fn from(error: DbError) -> Self {
///         let status = match error {
///             DbError::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
///             DbError::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
///         };
///         // The client sees only the status; the log has the cause.
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

/// Boxed, so that a `Result` with a problem stays small.
#[derive(Clone, Debug)]
struct ProblemParts {
    kind: Cow<'static, str>,
    title: Cow<'static, str>,
    status: StatusCode,
    detail: Option<Cow<'static, str>>,
    instance: Option<String>,
    errors: Vec<FieldError>,
    extensions: Map<String, Value>,
    /// Whole seconds.
    retry_after: Option<u32>,
    cause: Option<Arc<dyn Error + Send + Sync>>,
    /// Whether the cause is an event of its own in the audit log, if the request has one.
    #[cfg(feature = "oauth")]
    has_own_event: bool,
}

impl Problem {
    /// Creates a problem of type `about:blank`, whose title is the reason phrase of the status (RFC 9457 §4.2.1).
    #[must_use]
    pub fn new(status: StatusCode) -> Self {
        Self(Box::new(ProblemParts {
            kind: Cow::Borrowed("about:blank"),
            title: Cow::Borrowed(title_of(status)),
            status,
            detail: None,
            instance: None,
            errors: Vec::new(),
            extensions: Map::new(),
            retry_after: None,
            cause: None,
            #[cfg(feature = "oauth")]
            has_own_event: false,
        }))
    }

    /// The type of the problem: a URI, or `about:blank` if the status says everything.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.0.kind
    }

    /// Sets a type of your own: an absolute URI, preferably of its documentation.
    #[must_use]
    pub fn with_kind(mut self, uri: impl Into<Cow<'static, str>>) -> Self {
        self.0.kind = uri.into();
        self
    }

    /// The title of the type. Default: the reason phrase of the status.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.0.title
    }

    /// Sets the title of the type.
    #[must_use]
    pub fn with_title(mut self, title: impl Into<Cow<'static, str>>) -> Self {
        self.0.title = title.into();
        self
    }

    /// The explanation of this occurrence.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// Sets the explanation of this occurrence, for the developer of the client. It must not contain input, secrets or internal
    /// names.
    ///
    /// The client sees it for every status. Only the text of *other* errors is withheld from a response of 500 and above.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// The path of the request. It is what the client sent: escape it where it is not JSON.
    #[must_use]
    pub fn instance(&self) -> Option<&str> {
        self.0.instance.as_deref()
    }

    /// Sets the path of the request.
    #[must_use]
    pub fn with_instance(mut self, path: impl Into<String>) -> Self {
        self.0.instance = Some(path.into());
        self
    }

    /// The errors of the fields. Empty unless input was rejected.
    #[must_use]
    pub fn errors(&self) -> &[FieldError] {
        &self.0.errors
    }

    /// Sets the errors of the fields.
    #[must_use]
    pub fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.0.errors = errors;
        self
    }

    /// The extension member of this name (RFC 9457 §3.2).
    #[must_use]
    pub fn extension(&self, name: &str) -> Option<&Value> {
        self.0.extensions.get(name)
    }

    /// Adds an extension member (RFC 9457 §3.2), such as a code of your API. The names of the members above are not extensions:
    /// such a member is left out, so that no name is there twice.
    ///
    /// ```
    /// use actix_web::http::StatusCode;
    /// use palisade::Problem;
    ///
    /// let problem = Problem::new(StatusCode::CONFLICT).with_extension("code", "email_taken").with_extension("status", 200);
    /// assert_eq!(problem.extension("code").and_then(|code| code.as_str()), Some("email_taken"));
    /// assert_eq!(problem.extension("status"), None);
    /// ```
    #[must_use]
    pub fn with_extension(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        let name = name.into();
        if !MEMBERS.contains(&name.as_str()) {
            self.0.extensions.insert(name, value.into());
        }
        self
    }

    /// When the client may retry, in whole seconds. Default: none.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after.map(|seconds| Duration::from_secs(seconds.into()))
    }

    /// Sets `Retry-After` (RFC 9110 §10.2.3): when the client may retry, in whole seconds, rounded up, at least 1.
    ///
    /// ```
    /// use std::time::Duration;
    /// use actix_web::http::StatusCode;
    /// use palisade::Problem;
    ///
    /// let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE).with_retry_after(Duration::from_secs(30));
    /// assert_eq!(problem.into_response().headers().get("retry-after").unwrap(), "30");
    /// ```
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(whole_seconds(wait));
        self
    }

    /// Sets the internal cause. Default: none.
    ///
    /// Clients do not see it. If a handler returns a problem of 500 and above, this error and its sources are logged, so its
    /// text must not contain secrets.
    #[must_use]
    pub fn caused_by(mut self, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.cause = Some(Arc::from(error.into()));
        self
    }

    /// Its cause is an event of its own in the audit log, which need not be repeated as a failure.
    #[cfg(feature = "oauth")]
    pub(crate) fn with_own_event(mut self) -> Self {
        self.0.has_own_event = true;
        self
    }

    pub(crate) fn has_own_event(&self) -> bool {
        #[cfg(feature = "oauth")]
        return self.0.has_own_event;
        #[cfg(not(feature = "oauth"))]
        false
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Sets the status. The title stays.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.0.status = status;
        self
    }

    /// The value of `Retry-After`.
    pub(crate) fn seconds_to_wait(&self) -> Option<u32> {
        self.0.retry_after
    }

    /// The response, with `Content-Type: application/problem+json`.
    #[must_use]
    pub fn into_response(self) -> HttpResponse {
        let mut response = self.response();
        // A problem in the extensions marks the text as written for clients, and lets the middleware render it in the style of
        // the application.
        response.extensions_mut().insert(self);
        response
    }

    /// The response, without the problem in its extensions.
    pub(crate) fn response(&self) -> HttpResponse {
        let mut response = HttpResponse::new(self.0.status);
        let headers = response.headers_mut();
        headers.append(CONTENT_TYPE, PROBLEM_JSON);
        if let Some(seconds) = self.0.retry_after {
            headers.append(RETRY_AFTER, seconds.into());
        }
        // Room for the usual texts, so that the body does not grow while it is written.
        let mut body = Vec::with_capacity(self.0.errors.len().saturating_mul(128).saturating_add(256));
        // The type has only strings and numbers, and writing to memory cannot fail.
        let _ = serde_json::to_writer(&mut body, self);
        response.set_body(body).map_into_boxed_body()
    }
}

/// A function that renders each problem in the application's style, or in that of a scope.
pub(crate) type Restyle = dyn Fn(Problem) -> HttpResponse + Send + Sync;

/// The members that a problem may have without an extension.
const MEMBERS: [&str; 6] = ["type", "title", "status", "detail", "instance", "errors"];

/// Lets a handler return these errors: each is converted into a [`Problem`] and its response.
macro_rules! respond_with_problem {
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
pub(crate) use respond_with_problem;

/// A handler may return `Result<_, Problem>`.
impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.0.status
    }

    fn error_response(&self) -> HttpResponse {
        self.clone().into_response()
    }
}

/// Shows the title and the detail.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.title)?;
        match &self.0.detail {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}

/// The same as [`Problem::into_response`], so that [`PalisadeBuilder::problems`](crate::PalisadeBuilder::problems) takes a function
/// that returns a problem.
impl From<Problem> for HttpResponse {
    fn from(problem: Problem) -> Self {
        problem.into_response()
    }
}

impl Error for Problem {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.cause.as_deref().map(|cause| cause as &(dyn Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_has_title_and_detail() {
        let problem = Problem::new(StatusCode::CONFLICT);
        assert_eq!(problem.to_string(), "Conflict");
        assert_eq!(problem.clone().with_detail("The email is taken.").to_string(), "Conflict: The email is taken.");
        assert_eq!(problem.with_title("Taken").with_detail("The email.").to_string(), "Taken: The email.");
    }

    #[test]
    fn cause_is_a_source_and_never_sent() {
        let problem = Problem::internal().caused_by("hunter2").with_retry_after(Duration::from_millis(1_001));
        assert_eq!(problem.source().unwrap().to_string(), "hunter2");
        assert_eq!(problem.to_string(), "Internal Server Error: The server failed to process the request.");
        assert!(!serde_json::to_string(&problem).unwrap().contains("hunter2"));
        assert_eq!(problem.into_response().headers().get(RETRY_AFTER).unwrap(), "2");
        assert!(!Problem::internal().into_response().headers().contains_key(RETRY_AFTER));
    }
}
