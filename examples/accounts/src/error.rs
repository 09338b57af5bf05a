//! What a handler answers when it can not do what was asked.
//!
//! The threat is an error that tells internals (CWE-209, OWASP ASVS V16.5.1): the client gets a fixed sentence in the
//! shape of every other refusal, the cause goes to the log. palisade's own errors are answers already; here are the
//! application's.

use actix_web::http::StatusCode;
use palisade::Problem;
use palisade::resource::Unavailable;

use crate::db::DbError;

/// A refusal of a handler.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub enum ApiError {
    /// 401: unknown email, wrong password or no password at all; nothing tells which.
    #[error("Email and password do not belong together.")]
    BadCredentials,
    /// 403: an owner may change its account, but not its own rights.
    #[error("Only an administrator may change a role.")]
    RoleNeedsAdmin,
    /// 404.
    #[error("There is no such user.")]
    NoSuchUser,
    /// 403: the caller is no account of this server.
    #[error("The caller has no account here.")]
    NoAccount,
    /// 403: a key for what its maker may not do.
    #[error("A key can't have a scope that its maker lacks.")]
    ScopeNotHeld,
    /// 404.
    #[error("There is no such key.")]
    NoSuchKey,
    /// 404, in the words of palisade, where it finds out itself.
    #[error("The resource does not exist.")]
    NoSuchDocument,
}

impl From<ApiError> for Problem {
    fn from(error: ApiError) -> Self {
        let status = match error {
            // The challenges of a 401 are palisade's to add.
            ApiError::BadCredentials => StatusCode::UNAUTHORIZED,
            ApiError::RoleNeedsAdmin | ApiError::NoAccount | ApiError::ScopeNotHeld => StatusCode::FORBIDDEN,
            ApiError::NoSuchUser | ApiError::NoSuchDocument | ApiError::NoSuchKey => StatusCode::NOT_FOUND,
        };
        Self::new(status).detail(error.to_string())
    }
}

/// The cause is for the log, which has it once.
impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        let problem = match &error {
            DbError::EmailTaken => Self::new(StatusCode::CONFLICT).detail("Another account has this email."),
            DbError::Unavailable(_) => Unavailable.into(),
            DbError::Failed(_) => Self::new(StatusCode::INTERNAL_SERVER_ERROR),
        };
        problem.caused_by(error)
    }
}
