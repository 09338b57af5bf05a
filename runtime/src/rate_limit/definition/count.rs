//! Which answers count against a rate limit, and what holds while nobody can count.

use actix_web::http::StatusCode;

/// Which answers a rate limit counts.
///
/// Whatever is counted, a request is charged before its handler runs and given back after it where its answer does not count:
/// otherwise concurrent tries would pass the rate limit. With `Failures` and a rate limit of 5, a sixth request of one client *at the same
/// time* waits until one of the five is answered, for as long as the
/// [builder](crate::PalisadeBuilder::rate_limit_wait) says (default: 2 seconds). If none was given back by then, it is refused with
/// `Retry-After: 1`, because the rate limit is not used up. With `All` there is nothing to wait for. A client that hangs up before the
/// answer stays charged.
///
/// ```
/// use palisade::rate_limit::Count;
/// use palisade::rate_limit::Count::{All, Failures, Successes, When};
/// use actix_web::http::StatusCode;
///
/// fn is_a_wrong_guess(status: StatusCode) -> bool {
///     status == StatusCode::UNAUTHORIZED || status == StatusCode::NOT_FOUND
/// }
///
/// assert!(Failures.counts(StatusCode::CONFLICT) && !Failures.counts(StatusCode::FOUND));
/// assert!(!Failures.counts(StatusCode::SERVICE_UNAVAILABLE));
/// assert!(Successes.counts(StatusCode::FOUND) && All.counts(StatusCode::FOUND));
/// assert!(!When(is_a_wrong_guess).counts(StatusCode::CONFLICT));
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub enum Count {
    /// Every request that the rate limit let through, whatever came of it.
    #[default]
    All,
    /// Requests that failed through the client: those answered with a status of 400 to 499. What failed through the server (500
    /// and above, also where a store or a queue is away, or a handler panics) is given back, so that an overload by others
    /// locks out nobody.
    ///
    /// Danger: a handler that answers a wrong password with 500 or above is not limited.
    Failures,
    /// Requests that were answered with a status below 400.
    Successes,
    /// Requests whose status the function says yes to. Danger: where that is about passwords, say
    /// `on_outage = deny` beside it: only [`Count::Failures`] is closed by default while the shared store is away.
    When(fn(StatusCode) -> bool),
}

impl Count {
    /// Whether a request with this answer stays charged.
    #[must_use]
    pub fn counts(self, status: StatusCode) -> bool {
        match self {
            Count::All => true,
            Count::Failures => status.is_client_error(),
            Count::Successes => status.as_u16() < 400,
            Count::When(counts) => counts(status),
        }
    }

    /// Whether a charge may be given back when the request is answered.
    pub(crate) const fn gives_back(self) -> bool {
        !matches!(self, Count::All)
    }

    /// As in `count = failures`.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Count::All => "all",
            Count::Failures => "failures",
            Count::Successes => "successes",
            Count::When(_) => "by status",
        }
    }
}

impl PartialEq for Count {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Count::When(one), Count::When(other)) => std::ptr::fn_addr_eq(*one, *other),
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

impl Eq for Count {}

/// What a rate limit does while the store that all processes share does not answer. It matters only where there is such a store:
/// the memory of the process always answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnStoreFailure {
    /// Refuses with 503 and `Retry-After`: the default of a rate limit that counts [failures](Count::Failures), because that is
    /// where passwords are guessed.
    Deny,
    /// Lets everybody pass, uncounted. Danger: whoever can bring the store down is not limited.
    Allow,
    /// Counts in the memory of this process: the default of all other rate limits. Danger: with P processes a client may get P
    /// rate limits, beside what the store had counted before; what was counted so is forgotten when the store is back.
    Local,
}

impl OnStoreFailure {
    /// As in `on_outage = deny`.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            OnStoreFailure::Deny => "deny",
            OnStoreFailure::Allow => "allow",
            OnStoreFailure::Local => "local",
        }
    }
}
