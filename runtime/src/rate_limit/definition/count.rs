//! Which responses count against a rate limit, what happens while the store does not respond, and whether rate limits reject
//! requests.

use actix_web::http::StatusCode;

/// Which responses a rate limit counts.
///
/// In each case a request is charged before its handler runs, and refunded afterwards if its response does not count: otherwise
/// concurrent attempts would pass the rate limit. With `Failures` and a limit of 5, a sixth request of one client *at the same
/// time* waits until one of the five is answered. It waits at most for the time of
/// [`rate_limit_wait`](crate::PalisadeBuilder::rate_limit_wait) (default: 2 seconds). If no charge was refunded by then, it is
/// rejected with `Retry-After: 1`, because the rate limit is not used up. With `All` no request waits. A client that hangs up
/// before the response stays charged.
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
    /// Every request that the rate limit admitted, whatever its response.
    #[default]
    All,
    /// Requests that failed because of the client: the status is 400 to 499. A request that failed because of the server (500
    /// and above, also if a store does not respond or a handler panics) is refunded, so that an overload caused by others
    /// locks no client out.
    ///
    /// Danger: a handler that responds to a wrong password with 500 or above is not limited.
    Failures,
    /// Requests whose response has a status below 400.
    Successes,
    /// Requests for whose status the function returns `true`.
    ///
    /// Danger: if it protects passwords, add `on_outage = deny`. Only [`Count::Failures`] rejects by default while the shared
    /// store does not respond.
    When(fn(StatusCode) -> bool),
}

impl Count {
    /// Whether a request whose response has this status stays charged.
    #[must_use]
    pub fn counts(self, status: StatusCode) -> bool {
        match self {
            Count::All => true,
            Count::Failures => status.is_client_error(),
            Count::Successes => status.as_u16() < 400,
            Count::When(counts) => counts(status),
        }
    }

    /// Whether a charge may be refunded when the response is known.
    pub(crate) const fn may_refund(self) -> bool {
        !matches!(self, Count::All)
    }

    /// The keyword, as in `count = failures`.
    pub(crate) const fn keyword(self) -> &'static str {
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

/// What a rate limit does while the store that several processes share does not respond. The memory of a process always answers,
/// so this matters only with a shared store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnStoreFailure {
    /// Rejects with 503 and `Retry-After`. The default of a rate limit that counts [failures](Count::Failures), because such a
    /// limit stops the guessing of passwords.
    Deny,
    /// Admits every request, uncounted.
    ///
    /// Danger: an attacker who can bring the store down is not limited.
    Allow,
    /// Counts in the memory of this process. The default of all other rate limits.
    ///
    /// Danger: with P processes a client may get P times the limit, in addition to what the store had counted before. These
    /// counts are not used once the store answers again.
    Local,
}

impl OnStoreFailure {
    /// The keyword, as in `on_outage = deny`.
    pub(crate) const fn keyword(self) -> &'static str {
        match self {
            OnStoreFailure::Deny => "deny",
            OnStoreFailure::Allow => "allow",
            OnStoreFailure::Local => "local",
        }
    }
}

/// Whether rate limits reject requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RateLimitMode {
    /// A request over its rate limit is rejected with 429.
    #[default]
    Enforce,
    /// Requests are counted and reported, in headers and in the audit log, but none is rejected.
    ///
    /// Danger: brute force is not stopped. Use it to try out new rate limits under real traffic.
    Observe,
}
