//! The errors of beginning, refreshing and ending sessions.
//!
//! Threat: a response from which a thief learns the state of a stolen token (CWE-204). Promise: all invalid refresh tokens
//! get the same response; the reason is only logged.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};

use crate::jwt::IssueError;
use crate::problem::{Problem, respond_with_problem};
use crate::unavailable::Unavailable;

/// Why a session did not begin, or was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BeginError {
    /// The grant cannot be issued: 500. This includes a lifetime over 24 hours; longer access must use the refresh token.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// The store does not respond: 503 with `Retry-After`.
    #[error("the session store is unavailable")]
    Unavailable,
    /// The page of another origin caused the request: 403.
    #[error("the page of another origin caused the request")]
    CrossSite,
    /// The request has no valid cookie of a session, or its id was replaced meanwhile: 401.
    #[error("the request has no session")]
    NoSession,
    /// The request did not come through palisade, so the response cannot set a cookie: 500.
    #[error("the handler is not behind palisade, so its response cannot set a cookie")]
    NotGuarded,
}

/// Why a refresh returned no tokens.
///
/// A handler that returns it, or a [`Problem`] that was made from it with `?`, responds with the status that is given here.
/// An error of the application's `grant` closure becomes a [`Problem`], too:
///
/// ```
/// use actix_web::web::{Data, Json};
/// use palisade::{Problem, post, public};
/// use palisade::jwt::Grant;
/// use palisade::resource::Unavailable;
/// use palisade::revocation::MemoryRevocations;
/// use palisade::session::{MemorySessions, RefreshError, Sessions, TokenPair};
///
/// # async fn grant_for(subject: &str) -> Result<Grant, Unavailable> {
/// #     Ok(Grant::new(subject, std::time::Duration::from_secs(900)))
/// # }
/// #[post("/refresh")]
/// #[public]
/// async fn refresh(
///     token: String,
///     sessions: Data<Sessions<MemorySessions, MemoryRevocations>>,
/// ) -> Result<Json<TokenPair>, RefreshError<Problem>> {
///     let grant = async |session: &palisade::session::SessionRecord| Ok(grant_for(&session.subject).await?);
///     sessions.refresh(&token, grant).await.map(Json)
/// }
/// # let _ = palisade::scope("").service(refresh);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RefreshError<E> {
    /// Not a refresh token, or its session does not exist: 401, or 400 `invalid_grant` at a token endpoint (RFC 6749 §5.2).
    #[error("no session has this refresh token")]
    Unknown,
    /// The session was idle for too long, or is too old: the same response.
    #[error("the session has expired")]
    Expired,
    /// The token was used before: its session is revoked, and the audit log records it. The same response.
    #[error("the refresh token was used before; its session is revoked")]
    Reused,
    /// The `grant` closure of the application rejected, with this error. The token stays valid.
    #[error("the application rejected the grant for this session")]
    Rejected(E),
    /// The grant cannot be issued, or is for another subject: 500. The token stays valid.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// A store does not respond: 503 with `Retry-After`.
    #[error("the session store or the revocation store is unavailable")]
    Unavailable,
}

/// Why a session did not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndError {
    /// The principal is of another issuer, or its credential is not of a session that can end (for example an API key):
    /// 403.
    #[error("the caller has no token that can be revoked here")]
    NoToken,
    /// A store does not respond: 503 with `Retry-After`.
    #[error("the session store or the revocation store is unavailable")]
    Unavailable,
}

macro_rules! from_unavailable {
    ($($error:ty $(, $generic:ident)?);+) => {$(
        impl$(<$generic>)? From<Unavailable> for $error {
            fn from(_: Unavailable) -> Self {
                Self::Unavailable
            }
        }
    )+};
}
from_unavailable!(BeginError; RefreshError<E>, E; EndError);

impl From<BeginError> for Problem {
    fn from(error: BeginError) -> Self {
        match error {
            BeginError::Issue(error) => error.into(),
            BeginError::Unavailable => Self::unavailable().caused_by(error),
            BeginError::CrossSite => Self::forbidden().caused_by(error),
            BeginError::NoSession => Self::new(StatusCode::UNAUTHORIZED)
                .with_detail("The session is not valid any more; log in again.")
                .caused_by(error),
            BeginError::NotGuarded => Self::internal().caused_by(error),
        }
    }
}

impl<E: Into<Problem>> From<RefreshError<E>> for Problem {
    fn from(error: RefreshError<E>) -> Self {
        let (problem, cause) = match error {
            RefreshError::Rejected(rejection) => return rejection.into(),
            RefreshError::Issue(error) => return error.into(),
            RefreshError::Unavailable => (Self::unavailable(), RefreshError::<E>::Unavailable.to_string()),
            bad => (
                Self::new(StatusCode::UNAUTHORIZED).with_detail("The refresh token is not valid; log in again."),
                bad.to_string(),
            ),
        };
        problem.caused_by(cause)
    }
}

impl From<EndError> for Problem {
    fn from(error: EndError) -> Self {
        let problem = match error {
            EndError::NoToken => {
                Self::new(StatusCode::FORBIDDEN).with_detail("The credential does not belong to a session.")
            }
            EndError::Unavailable => Self::unavailable(),
        };
        problem.caused_by(error)
    }
}

respond_with_problem!(BeginError, EndError);

/// The error of the `grant` closure must convert into a [`Problem`]. It must be `Clone`, because the response is made from a
/// reference; if it is not, return a [`Problem`] or an error of your own.
impl<E: Clone + std::fmt::Debug + Into<Problem>> ResponseError for RefreshError<E> {
    fn status_code(&self) -> StatusCode {
        Problem::from(self.clone()).status()
    }

    fn error_response(&self) -> HttpResponse {
        Problem::from(self.clone()).into_response()
    }
}
