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
use palisade::{IssueError, Problem};

use crate::{db::DbError, passwords::PasswordError};

/// A refusal or a failure of a handler.
#[derive(Debug)]
pub enum ApiError {
    /// 401: unknown email, wrong password or no password at all; nothing tells which.
    BadCredentials,
    /// 403: an owner may change its account, but not its own rights.
    RoleNeedsAdmin,
    /// 404.
    NoSuchUser,
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
            Self::BadCredentials => StatusCode::UNAUTHORIZED,
            Self::RoleNeedsAdmin => StatusCode::FORBIDDEN,
            Self::NoSuchUser | Self::NoSuchDocument => StatusCode::NOT_FOUND,
            Self::EmailTaken => StatusCode::CONFLICT,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = Problem::new(self.status_code()).detail(self.detail()).into_response();
        match self {
            // RFC 9110 §15.5.2: a 401 has a challenge.
            Self::BadCredentials => {
                let challenge = HeaderValue::from_static("Bearer realm=\"api\"");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            }
            Self::Unavailable => {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
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

impl From<PasswordError> for ApiError {
    fn from(error: PasswordError) -> Self {
        tracing::error!(%error, "passwords");
        match error {
            PasswordError::Busy => Self::Unavailable,
            PasswordError::Failed(_) => Self::Failed,
        }
    }
}

impl From<IssueError> for ApiError {
    fn from(error: IssueError) -> Self {
        tracing::error!(%error, "token");
        Self::Failed
    }
}
