//! Error responses of the handlers.
//!
//! The threat is an error response that leaks internals (CWE-209, OWASP ASVS V16.5.1). The client gets a fixed sentence as a
//! [`Problem`], like every other error, and the cause is logged. The errors of palisade and of `sqlx` already convert into responses; this file
//! adds the errors of the application.

use actix_web::http::StatusCode;
use palisade::Problem;

/// An error of a handler.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub enum ApiError {
    /// 401: unknown email, wrong password, or an account without a password. The response does not reveal which.
    #[error("Invalid email or password.")]
    BadCredentials,
    /// 409.
    #[error("Another account has this email.")]
    EmailTaken,
    /// 403: an account needs an email, and the provider of a new account has verified none.
    #[error("An account needs an email address, and the provider has verified none of you.")]
    NoEmail,
    /// 403: owners may change their account, but not their role.
    #[error("Only an administrator may change a role.")]
    RoleNeedsAdmin,
    /// 404.
    #[error("User not found.")]
    NoSuchUser,
    /// 403: the caller is not an account of this server.
    #[error("The caller has no account on this server.")]
    NoAccount,
    /// 403: a key cannot have a scope that its creator does not have.
    #[error("A key cannot have a scope that you do not have.")]
    ScopeNotHeld,
    /// 404.
    #[error("API key not found.")]
    NoSuchKey,
    /// 404, with the text that palisade uses.
    #[error("The resource does not exist.")]
    NoSuchDocument,
}

impl From<ApiError> for Problem {
    fn from(error: ApiError) -> Self {
        let status = match error {
            // palisade adds the challenges of a 401.
            ApiError::BadCredentials => StatusCode::UNAUTHORIZED,
            ApiError::EmailTaken => StatusCode::CONFLICT,
            ApiError::NoEmail | ApiError::RoleNeedsAdmin | ApiError::NoAccount | ApiError::ScopeNotHeld => {
                StatusCode::FORBIDDEN
            }
            ApiError::NoSuchUser | ApiError::NoSuchDocument | ApiError::NoSuchKey => StatusCode::NOT_FOUND,
        };
        Self::new(status).with_detail(error.to_string())
    }
}
