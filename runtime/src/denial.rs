//! The rejection of a request.
//!
//! Threat: an error response that leaks internals to the client (CWE-209), or a rejection that the operator cannot explain.
//! Promise: a denial has a status and a text for the client, and a separate stable reason for the audit log.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::HeaderValue;

use crate::challenge::ChallengeCause;
use crate::problem::{self, FieldError};

pub(crate) const CROSS_SITE: &str = "cross_site";

/// The rejection of a request.
#[derive(Clone, Debug)]
pub(crate) struct Denial {
    pub(crate) status: StatusCode,
    /// A stable code for the audit log, such as `token_expired`.
    pub(crate) reason: &'static str,
    /// The text for the client.
    pub(crate) detail: &'static str,
    pub(crate) extra: Extra,
}

/// Additional data of some denials.
#[derive(Clone, Debug)]
pub(crate) enum Extra {
    None,
    /// 401: the cause that the challenge tells.
    Challenge(ChallengeCause<'static>),
    /// 429 and 503: whole seconds, at least 1.
    RetryAfter(u32),
    /// 403: the scheme of the caller's credential, and the scopes that the route needs (RFC 6750 §3.1).
    Scopes {
        scheme: &'static str,
        scopes: Vec<&'static str>,
    },
    /// 415: the accepted content codings (RFC 9110 §12.5.3).
    AcceptEncoding(HeaderValue),
    /// 408 and 413: the rest of the body is not read, so the connection must be closed.
    Close,
    /// The places that are wrong: of 422, 404 and 400.
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
            "Credentials are required.",
            Extra::Challenge(ChallengeCause::NoCredentials),
        )
    }

    /// The text is the same for expired, forged and revoked credentials. Only the log shows the difference.
    pub(crate) const fn bad_credentials(reason: &'static str) -> Self {
        let extra = Extra::Challenge(ChallengeCause::Rejected);
        Self::new(StatusCode::UNAUTHORIZED, reason, problem::BAD_CREDENTIALS, extra)
    }

    /// The client must present a credential with the proof of its key.
    pub(crate) const fn unproved(reason: &'static str, cause: ChallengeCause<'static>) -> Self {
        let detail = "The proof for the credential is missing or not valid.";
        Self::new(StatusCode::UNAUTHORIZED, reason, detail, Extra::Challenge(cause))
    }

    /// RFC 9470 §3: the caller must log in again, in this way.
    pub(crate) const fn insufficient_authentication(
        reason: &'static str,
        acr_values: &'static [&'static str],
        max_age: Option<Duration>,
    ) -> Self {
        let detail = "A more recent or stronger login is required.";
        let cause = ChallengeCause::InsufficientAuthentication { acr_values, max_age };
        Self::new(StatusCode::UNAUTHORIZED, reason, detail, Extra::Challenge(cause))
    }

    pub(crate) const fn forbidden(reason: &'static str) -> Self {
        Self::new(StatusCode::FORBIDDEN, reason, problem::FORBIDDEN, Extra::None)
    }

    pub(crate) const fn insufficient_scope(scheme: &'static str, scopes: Vec<&'static str>) -> Self {
        let detail = "The credential lacks a required scope.";
        Self::new(StatusCode::FORBIDDEN, "insufficient_scope", detail, Extra::Scopes { scheme, scopes })
    }

    /// The text is the same as for an unknown path, so that the client cannot tell whether the row exists.
    pub(crate) const fn absent(reason: &'static str) -> Self {
        Self::new(StatusCode::NOT_FOUND, reason, problem::NOT_FOUND, Extra::None)
    }

    pub(crate) const fn origin(reason: &'static str) -> Self {
        let detail = "This cross-origin request is not allowed.";
        Self::new(StatusCode::FORBIDDEN, reason, detail, Extra::None)
    }

    pub(crate) const fn cross_site() -> Self {
        let detail = "A page of another origin may not cause this request.";
        Self::new(StatusCode::FORBIDDEN, CROSS_SITE, detail, Extra::None)
    }

    /// Whether it gives the client the nonce for its next proof (RFC 9449 §9), which is how each client gets one.
    pub(crate) fn is_request_for_nonce(&self) -> bool {
        matches!(self.extra, Extra::Challenge(ChallengeCause::NonceRequired))
    }

    /// Whether the page of another site caused the request, and not the caller.
    pub(crate) fn is_cross_site(&self) -> bool {
        self.reason == CROSS_SITE
    }

    pub(crate) const fn too_many_requests(retry_after: u32) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "rate_limited",
            problem::OVER_RATE_LIMIT,
            Extra::RetryAfter(retry_after),
        )
    }

    /// The rate limit is full of requests in flight, so units may be refunded at any time.
    pub(crate) const fn in_flight() -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "rate_limited_in_flight",
            "Too many requests are in progress; try again in a moment.",
            Extra::RetryAfter(1),
        )
    }

    /// The client gets the same response as for an exceeded rate limit. The reason tells the operator that the store of rate
    /// limits is too small, or under attack.
    pub(crate) const fn store_full(retry_after: u32) -> Self {
        let mut denial = Self::too_many_requests(retry_after);
        denial.reason = "rate_limit_store_full";
        denial
    }

    pub(crate) const fn unavailable(reason: &'static str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, reason, problem::UNAVAILABLE, Extra::RetryAfter(1))
    }

    pub(crate) const fn handler_timeout() -> Self {
        let detail = "The request took too long to process; try again later.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "handler_timeout", detail, Extra::RetryAfter(1))
    }

    pub(crate) const fn concurrency_exhausted() -> Self {
        let detail = "Too many requests are being processed; try again in a moment.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "concurrency_exhausted", detail, Extra::RetryAfter(1))
    }

    pub(crate) const fn invalid(fields: Vec<FieldError>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_input", problem::INVALID, Extra::Fields(fields))
    }

    pub(crate) const fn input(status: StatusCode, reason: &'static str, detail: &'static str) -> Self {
        Self::new(status, reason, detail, Extra::None)
    }

    /// RFC 9110 §15.5.20.
    pub(crate) const fn misdirected(detail: &'static str) -> Self {
        Self::new(StatusCode::MISDIRECTED_REQUEST, "host_not_allowed", detail, Extra::None)
    }

    /// RFC 6585 §5.
    pub(crate) const fn too_many_fields() -> Self {
        let detail = "The request has more than 96 header fields.";
        Self::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "too_many_fields", detail, Extra::None)
    }

    /// RFC 6585 §5.
    pub(crate) const fn head_too_large() -> Self {
        let detail = "The header fields and the target of the request are too large.";
        Self::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "head_too_large", detail, Extra::None)
    }

    /// RFC 9110 §15.5.16.
    pub(crate) const fn content_coding(accepted: HeaderValue) -> Self {
        let detail = "The content coding of the body is not supported; see `Accept-Encoding`.";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_coding", detail, Extra::AcceptEncoding(accepted))
    }

    /// RFC 9110 §15.5.14.
    pub(crate) const fn body_too_large() -> Self {
        let detail = "The body is too large for this resource.";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail, Extra::Close)
    }

    pub(crate) const fn body_broken() -> Self {
        Self::bad_request("body_broken", "The body is incomplete.")
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
