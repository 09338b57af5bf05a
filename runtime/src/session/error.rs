//! Why there are no tokens, or no end of them.
//!
//! Threat: an answer from which a thief learns what became of a stolen token (CWE-204). Promise: whatever is wrong with a refresh
//! token, its answer is the same; the reason is for the log.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};

use crate::jwt::IssueError;
use crate::problem::{Problem, answer_with_a_problem};
use crate::unavailable::Unavailable;

/// Why a session did not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BeginError {
    /// The grant can't be issued. A lifetime over 24 hours is refused too: that is what refreshing is for. 500.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// The store does not answer: 503 with `Retry-After`.
    #[error("the sessions can't be written now")]
    Unavailable,
}

/// Why a refresh token gave no tokens.
///
/// A handler that returns it, or a [`Problem`] that was made of it with `?`, answers with the status that is named here; what
/// the application itself refuses with answers as [`Problem`] too:
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
    /// No refresh token, or one of no session: 401, or 400 `invalid_grant` at a token endpoint (RFC 6749 §5.2).
    #[error("there is no session with this refresh token")]
    Unknown,
    /// Idle too long, or its session is too old: answered alike.
    #[error("the session is too old")]
    Expired,
    /// It was used before: its session is over now, and the audit trail has it. Answered alike.
    #[error("the refresh token was used before; its session is over")]
    Reused,
    /// The application grants nothing any more; the token is still good. What to answer is in it.
    #[error("the application grants nothing to this session")]
    Refused(E),
    /// The grant can't be issued, or is for another subject; the token is still good: 500.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// A store does not answer: 503 with `Retry-After`.
    #[error("the sessions can't be asked now")]
    Unavailable,
}

/// Why a session did not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndError {
    /// The principal is of another issuer, or came without a token that has a name, such as by an API key: 403.
    #[error("the caller came without a token that can be taken back here")]
    NoToken,
    /// A store does not answer: 503 with `Retry-After`.
    #[error("the sessions can't be written now")]
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
        }
    }
}

impl<E: Into<Problem>> From<RefreshError<E>> for Problem {
    fn from(error: RefreshError<E>) -> Self {
        let (problem, cause) = match error {
            RefreshError::Refused(refusal) => return refusal.into(),
            RefreshError::Issue(error) => return error.into(),
            RefreshError::Unavailable => (Self::unavailable(), RefreshError::<E>::Unavailable.to_string()),
            bad => (
                Self::new(StatusCode::UNAUTHORIZED).detail("The refresh token is not valid; log in again."),
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
                Self::new(StatusCode::FORBIDDEN).detail("The credential does not belong to a session.")
            }
            EndError::Unavailable => Self::unavailable(),
        };
        problem.caused_by(error)
    }
}

answer_with_a_problem!(BeginError, EndError);

/// Whatever the application refuses with must become a [`Problem`]. It has to be `Clone`, because an answer is made from a
/// reference; where it is not, return a [`Problem`] or an error of your own.
impl<E: Clone + std::fmt::Debug + Into<Problem>> ResponseError for RefreshError<E> {
    fn status_code(&self) -> StatusCode {
        Problem::from(self.clone()).status()
    }

    fn error_response(&self) -> HttpResponse {
        Problem::from(self.clone()).into_response()
    }
}
