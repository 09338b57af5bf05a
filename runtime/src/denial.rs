//! Why a request was refused.
//!
//! Threat: a refusal that says too much (CWE-209) or nothing that an operator can use. Promise: a denial has a
//! status and a text for the client, and a stable reason code for the audit log; they never mix.

use actix_web::http::StatusCode;
use actix_web::http::header::HeaderValue;

use crate::problem::{self, FieldError};

/// A refusal of one request.
#[derive(Debug)]
pub(crate) struct Denial {
    pub(crate) status: StatusCode,
    /// A stable code for the audit log, such as `token_expired`.
    pub(crate) reason: &'static str,
    /// What the client may read.
    pub(crate) detail: &'static str,
    pub(crate) extra: Extra,
}

/// What some refusals carry besides.
#[derive(Debug)]
pub(crate) enum Extra {
    None,
    /// 401: whether credentials were presented, so that the challenge says `invalid_token` (RFC 6750 §3.1).
    Challenge {
        presented: bool,
    },
    /// 429 and 503: whole seconds, at least 1.
    RetryAfter(u32),
    /// 403: the scopes that a credential would need (RFC 6750 §3.1).
    Scopes(String),
    /// 415: what codings of a body are taken (RFC 9110 §12.5.3).
    AcceptEncoding(HeaderValue),
    /// 408: the rest of the body is not waited for, so the connection can't be used again.
    Close,
    /// 422: what is wrong with which field.
    Fields(Vec<FieldError>),
}

impl Denial {
    const fn new(status: StatusCode, reason: &'static str, detail: &'static str, extra: Extra) -> Self {
        Self { status, reason, detail, extra }
    }

    pub(crate) const fn bad_request(reason: &'static str, detail: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, reason, detail, Extra::None)
    }

    pub(crate) const fn no_credentials() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "no_credentials",
            "This resource needs credentials, and the request has none.",
            Extra::Challenge { presented: false },
        )
    }

    /// The same text for expired, forged and revoked: the difference is for the log alone.
    pub(crate) const fn bad_credentials(reason: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, reason, problem::BAD_CREDENTIALS, Extra::Challenge { presented: true })
    }

    pub(crate) const fn forbidden(reason: &'static str) -> Self {
        Self::new(StatusCode::FORBIDDEN, reason, problem::FORBIDDEN, Extra::None)
    }

    pub(crate) const fn insufficient_scope(scopes: String) -> Self {
        let detail = "The credential lacks a scope that this needs.";
        Self::new(StatusCode::FORBIDDEN, "insufficient_scope", detail, Extra::Scopes(scopes))
    }

    /// The same words as where nothing is mounted: what the caller may not know of does not exist.
    pub(crate) const fn absent(reason: &'static str) -> Self {
        Self::new(StatusCode::NOT_FOUND, reason, "There is no such resource.", Extra::None)
    }

    pub(crate) const fn origin(reason: &'static str) -> Self {
        let detail = "Cross-origin requests of this kind are not allowed here.";
        Self::new(StatusCode::FORBIDDEN, reason, detail, Extra::None)
    }

    pub(crate) const fn too_many_requests(retry_after: u32) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "rate_limited",
            problem::OVER_RATE_LIMIT,
            Extra::RetryAfter(retry_after),
        )
    }

    /// Nothing is used up: as many requests as the rate limit holds are at work.
    pub(crate) const fn in_flight() -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "rate_limited_in_flight",
            "Too many requests are in progress; try again in a moment.",
            Extra::RetryAfter(1),
        )
    }

    /// The same for the client; for the log an alarm: the store of rate limits is too small, or under attack.
    pub(crate) const fn crowded(retry_after: u32) -> Self {
        let mut denial = Self::too_many_requests(retry_after);
        denial.reason = "rate_limit_store_full";
        denial
    }

    pub(crate) const fn unavailable(reason: &'static str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, reason, problem::UNAVAILABLE, Extra::RetryAfter(1))
    }

    pub(crate) const fn invalid(fields: Vec<FieldError>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_input", problem::INVALID, Extra::Fields(fields))
    }

    pub(crate) const fn input(status: StatusCode, reason: &'static str, detail: &'static str) -> Self {
        Self::new(status, reason, detail, Extra::None)
    }

    /// RFC 6585 §5.
    pub(crate) const fn too_many_fields() -> Self {
        let detail = "The request has more than 96 header fields.";
        Self::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "too_many_fields", detail, Extra::None)
    }

    /// RFC 9110 §15.5.16.
    pub(crate) const fn content_coding(accepted: HeaderValue) -> Self {
        let detail = "The content coding of the body is not supported here; see `Accept-Encoding`.";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_coding", detail, Extra::AcceptEncoding(accepted))
    }

    /// RFC 9110 §15.5.9.
    pub(crate) const fn body_too_slow() -> Self {
        let detail = "The body did not arrive in time.";
        Self::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", detail, Extra::Close)
    }

    pub(crate) const fn internal(reason: &'static str) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, reason, problem::INTERNAL, Extra::None)
    }
}
