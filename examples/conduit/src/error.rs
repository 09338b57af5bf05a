//! Error responses in the format of the RealWorld API: `{"errors": {"body": ["..."]}}`.
//!
//! The threat is an error response that leaks internals (CWE-209). Handlers return [`Problem`]s, as palisade does, and [`restyle`]
//! renders both.

use actix_web::{HttpResponse, http::StatusCode};
use palisade::{Problem, problem::FieldError, resource::Unavailable};
use serde::Serialize;

use crate::db::DbError;

/// An error of a handler.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub enum ApiError {
    /// 401: the response does not reveal whether the email or the password is wrong.
    #[error("The email or the password is wrong.")]
    BadCredentials,
    /// 404.
    #[error("The user does not exist.")]
    NoSuchUser,
    /// 404.
    #[error("The article does not exist.")]
    NoSuchArticle,
    /// 404.
    #[error("The comment does not exist.")]
    NoSuchComment,
}

impl From<ApiError> for Problem {
    fn from(error: ApiError) -> Self {
        let status = match error {
            ApiError::BadCredentials => StatusCode::UNAUTHORIZED,
            ApiError::NoSuchUser | ApiError::NoSuchArticle | ApiError::NoSuchComment => StatusCode::NOT_FOUND,
        };
        Self::new(status).with_detail(error.to_string())
    }
}

/// The cause is logged, and is not sent to the client.
impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        let taken = |pointer| {
            let errors = vec![FieldError::new(pointer, "taken", "Is already taken.")];
            Self::new(StatusCode::UNPROCESSABLE_ENTITY).with_errors(errors)
        };
        match error {
            DbError::UsernameTaken => taken("/user/username"),
            DbError::EmailTaken => taken("/user/email"),
            DbError::Unavailable(_) => Self::from(Unavailable).caused_by(error),
            DbError::Failed(_) => Self::new(StatusCode::INTERNAL_SERVER_ERROR).caused_by(error),
        }
    }
}

#[derive(Serialize)]
struct ErrorBody {
    errors: Errors,
}

#[derive(Serialize)]
struct Errors {
    body: Vec<String>,
}

/// Renders a problem: one line for each wrong field, such as `user.email: ...`, or one line for the whole problem.
pub fn restyle(problem: Problem) -> HttpResponse {
    let line =
        |error: &FieldError| match error.pointer().or(error.parameter()).unwrap_or_default().trim_start_matches('/') {
            "" => error.detail().to_owned(),
            pointer => format!("{}: {}", pointer.replace('/', "."), error.detail()),
        };
    let body = match problem.errors() {
        [] => vec![problem.detail().unwrap_or(problem.title()).to_owned()],
        errors => errors.iter().map(line).collect(),
    };
    HttpResponse::build(problem.status()).json(ErrorBody { errors: Errors { body } })
}
