//! The constant parts of problems, and the problems that consist of them.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::HeaderValue;

use super::{FieldError, Problem};

/// The reason phrase, in which no character needs an escape.
pub(crate) fn title_of(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or("Error")
}

pub(crate) const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// The texts that clients see for each kind of error.
pub(crate) const INTERNAL: &str = "The server failed to process the request.";
pub(crate) const UNAVAILABLE: &str = "A required service is unavailable; try again later.";
pub(crate) const FORBIDDEN: &str = "You do not have permission to do this.";
pub(crate) const NOT_FOUND: &str = "The resource does not exist.";
pub(crate) const INVALID: &str = "The input is invalid; see `errors`.";
pub(crate) const OVER_RATE_LIMIT: &str = "The rate limit is exceeded; try again later.";
/// The same text for expired, forged and revoked credentials: only the log shows the difference.
pub(crate) const BAD_CREDENTIALS: &str = "The credentials are not valid.";

/// Problems with the texts of palisade.
///
/// ```
/// use palisade::Problem;
///
/// assert_eq!(Problem::forbidden().status(), 403);
/// assert_eq!(Problem::unavailable().into_response().headers().get("retry-after").unwrap(), "1");
/// ```
impl Problem {
    /// 500, with the standard text of palisade.
    pub(crate) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR).with_detail(INTERNAL)
    }

    /// 503 with `Retry-After` and the standard text of palisade.
    #[must_use]
    pub fn unavailable() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE).with_detail(UNAVAILABLE).with_retry_after(Duration::from_secs(1))
    }

    /// 403, with the standard text of palisade.
    #[must_use]
    pub fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN).with_detail(FORBIDDEN)
    }

    /// 422, with the standard text of palisade.
    pub(crate) fn invalid(errors: Vec<FieldError>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY).with_detail(INVALID).with_errors(errors)
    }
}

/// Rounds up to whole seconds, at least 1, so that a client that waits this long is not too early. A fraction under a
/// millisecond is ignored: it is within the rounding error of a store, and requests take longer to arrive.
pub(crate) fn whole_seconds(duration: Duration) -> u32 {
    let seconds = duration.as_secs().saturating_add(u64::from(duration.subsec_millis() > 0));
    u32::try_from(seconds).unwrap_or(u32::MAX).max(1)
}
