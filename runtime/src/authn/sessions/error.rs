//! Why there are no tokens, or no end of them.

use std::fmt;

use crate::authn::jwt::IssueError;
use crate::policy::Unavailable;

/// Why a session did not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BeginError {
    /// The grant can't be issued. A lifetime over 24 hours is refused too: that is what refreshing is for. 500.
    Issue(IssueError),
    /// The store does not answer: 503.
    Unavailable,
}

/// Why a refresh token gave no tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefreshError<E> {
    /// No refresh token, or one of no session: 401, or 400 `invalid_grant` at a token endpoint (RFC 6749 §5.2).
    Unknown,
    /// Idle too long, or its session is too old: answered alike.
    Expired,
    /// It was used before: its session is over now, and the audit trail has it. Answered alike.
    Reused,
    /// The application grants nothing any more; the token is still good. What to answer is in it.
    Refused(E),
    /// The grant can't be issued, or is for another subject; the token is still good: 500.
    Issue(IssueError),
    /// A store does not answer: 503.
    Unavailable,
}

/// Why a session did not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndError {
    /// The principal is of another issuer, or came without a token that has a name, such as by an API key: 403.
    NoToken,
    /// A store does not answer: 503.
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

impl From<IssueError> for BeginError {
    fn from(error: IssueError) -> Self {
        Self::Issue(error)
    }
}

impl<E> From<IssueError> for RefreshError<E> {
    fn from(error: IssueError) -> Self {
        Self::Issue(error)
    }
}

impl fmt::Display for BeginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Issue(error) => error.fmt(f),
            Self::Unavailable => f.write_str("the sessions can't be written now"),
        }
    }
}

impl<E> fmt::Display for RefreshError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("there is no session with this refresh token"),
            Self::Expired => f.write_str("the session is too old"),
            Self::Reused => f.write_str("the refresh token was used before; its session is over"),
            Self::Refused(_) => f.write_str("the application grants nothing to this session"),
            Self::Issue(error) => error.fmt(f),
            Self::Unavailable => f.write_str("the sessions can't be asked now"),
        }
    }
}

impl fmt::Display for EndError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoToken => "the caller came without a token that can be taken back here",
            Self::Unavailable => "the sessions can't be written now",
        })
    }
}

impl std::error::Error for BeginError {}
impl<E: fmt::Debug> std::error::Error for RefreshError<E> {}
impl std::error::Error for EndError {}
