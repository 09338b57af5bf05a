//! Which answers count against a quota, and what holds while nobody can count.

use actix_web::http::StatusCode;

/// Which answers a quota counts.
///
/// Whatever is counted, a request is charged before its handler runs and given back after it where its answer does not count:
/// otherwise concurrent tries would pass the quota. With `Failures` and a quota of 5, a sixth request *at the same time* of
/// one client is refused, whatever becomes of the five. A client that hangs up before the answer stays charged.
///
/// ```
/// use palisade::Count;
/// use palisade::Count::{All, Failures, Successes, When};
/// use actix_web::http::StatusCode;
///
/// fn is_a_wrong_guess(status: StatusCode) -> bool {
///     status == StatusCode::UNAUTHORIZED || status == StatusCode::NOT_FOUND
/// }
///
/// assert!(Failures.counts(StatusCode::CONFLICT) && !Failures.counts(StatusCode::FOUND));
/// assert!(Successes.counts(StatusCode::FOUND) && All.counts(StatusCode::FOUND));
/// assert!(!When(is_a_wrong_guess).counts(StatusCode::CONFLICT));
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub enum Count {
    /// Every request that the quota let through, whatever came of it.
    #[default]
    All,
    /// Requests that were answered with a status of 400 or above.
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
        let failed = status.as_u16() >= 400;
        match self {
            Count::All => true,
            Count::Failures => failed,
            Count::Successes => !failed,
            Count::When(counts) => counts(status),
        }
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

/// What a quota does while the store that all processes share does not answer. It matters only where there is such a store:
/// the memory of the process always answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outage {
    /// Refuses with 503 and `Retry-After`: the default of a quota that counts [failures](Count::Failures), because that is
    /// where passwords are guessed.
    Deny,
    /// Lets everybody pass, uncounted. Danger: whoever can bring the store down is not limited.
    Allow,
    /// Counts in the memory of this process: the default of all other quotas. Danger: with P processes a client may get P
    /// quotas, beside what the store had counted before; what was counted so is forgotten when the store is back.
    Local,
}

impl Outage {
    /// As in `on_outage = deny`.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Outage::Deny => "deny",
            Outage::Allow => "allow",
            Outage::Local => "local",
        }
    }
}
