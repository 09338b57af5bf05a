//! What a handler answers when it can not do what was asked.
//!
//! The threat is an error that tells internals (CWE-209, OWASP ASVS V16.5.1): the client gets a fixed sentence in the
//! shape of every other refusal, the cause goes to the log.

use std::fmt;

use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{self, HeaderValue},
    },
};
use palisade::{ApiKeyError, BeginError, EndError, IssueError, PasswordError, Problem, RefreshError, Unavailable};

use crate::db::DbError;

/// A refusal or a failure of a handler.
#[derive(Debug)]
pub enum ApiError {
    /// 401: unknown email, wrong password or no password at all; nothing tells which.
    BadCredentials,
    /// 403: an owner may change its account, but not its own rights.
    RoleNeedsAdmin,
    /// 404.
    NoSuchUser,
    /// 401: no refresh token of a session that goes on; nothing tells why.
    BadRefreshToken,
    /// 403: the caller is no account of this server.
    NoAccount,
    /// 403: a credential that can't be logged out.
    NoSession,
    /// 403: a key for what its maker may not do.
    ScopeNotHeld,
    /// 404.
    NoSuchKey,
    /// 409.
    TooManyKeys,
    /// 404.
    NoSuchDocument,
    /// 409.
    EmailTaken,
    /// 503: it may work again later.
    Unavailable,
    /// 500.
    Failed,
}

impl ApiError {
    fn detail(&self) -> &'static str {
        match self {
            Self::BadCredentials => "Email and password do not belong together.",
            Self::BadRefreshToken => "The refresh token is not valid; log in again.",
            Self::NoAccount => "The caller has no account here.",
            Self::NoSession => "This credential did not come from a login here.",
            Self::ScopeNotHeld => "A key can't have a scope that its maker lacks.",
            Self::NoSuchKey => "There is no such key.",
            Self::TooManyKeys => "The account has as many keys as it can have; remove one.",
            Self::RoleNeedsAdmin => "Only an administrator may change a role.",
            Self::NoSuchUser => "There is no such user.",
            // The words of palisade, where it finds out itself.
            Self::NoSuchDocument => "There is no such resource.",
            Self::EmailTaken => "Another account has this email.",
            Self::Unavailable => "The server is too busy; try again later.",
            Self::Failed => "The server failed to answer.",
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.detail())
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::BadCredentials | Self::BadRefreshToken => StatusCode::UNAUTHORIZED,
            Self::RoleNeedsAdmin | Self::NoAccount | Self::NoSession | Self::ScopeNotHeld => StatusCode::FORBIDDEN,
            Self::NoSuchUser | Self::NoSuchDocument | Self::NoSuchKey => StatusCode::NOT_FOUND,
            Self::EmailTaken | Self::TooManyKeys => StatusCode::CONFLICT,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = Problem::new(self.status_code()).detail(self.detail()).into_response();
        // The challenges of a 401 are palisade's to add.
        if let Self::Unavailable = self {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<DbError> for ApiError {
    fn from(error: DbError) -> Self {
        match &error {
            DbError::EmailTaken => Self::EmailTaken,
            DbError::Unavailable(_) => {
                tracing::error!(%error, "database");
                Self::Unavailable
            }
            DbError::Failed(_) => {
                tracing::error!(%error, "database");
                Self::Failed
            }
        }
    }
}

impl From<Unavailable> for ApiError {
    /// What it was is in the log already.
    fn from(_: Unavailable) -> Self {
        Self::Unavailable
    }
}

impl From<PasswordError> for ApiError {
    fn from(error: PasswordError) -> Self {
        tracing::error!(%error, "passwords");
        match error {
            PasswordError::Busy => Self::Unavailable,
            _ => Self::Failed,
        }
    }
}

impl From<IssueError> for ApiError {
    fn from(error: IssueError) -> Self {
        tracing::error!(%error, "token");
        Self::Failed
    }
}

impl From<BeginError> for ApiError {
    fn from(error: BeginError) -> Self {
        match error {
            BeginError::Issue(error) => error.into(),
            _ => Self::Unavailable,
        }
    }
}

impl From<RefreshError<ApiError>> for ApiError {
    fn from(error: RefreshError<ApiError>) -> Self {
        match error {
            RefreshError::Refused(error) => error,
            RefreshError::Issue(error) => error.into(),
            RefreshError::Unavailable => Self::Unavailable,
            _ => Self::BadRefreshToken,
        }
    }
}

impl From<EndError> for ApiError {
    fn from(error: EndError) -> Self {
        match error {
            EndError::NoToken => Self::NoSession,
            _ => Self::Unavailable,
        }
    }
}

impl From<ApiKeyError> for ApiError {
    fn from(error: ApiKeyError) -> Self {
        match error {
            ApiKeyError::ForeignOwner => Self::NoAccount,
            ApiKeyError::OwnerFull => Self::TooManyKeys,
            ApiKeyError::Unavailable | ApiKeyError::StoreFull => Self::Unavailable,
            error => {
                tracing::error!(%error, "api key");
                Self::Failed
            }
        }
    }
}
