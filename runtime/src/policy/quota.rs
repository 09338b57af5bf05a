//! How often a client may call, as data.

use std::time::Duration;

use super::HandlerPath;

/// Which answers a quota counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Count {
    /// Every request that the quota let through, whatever came of it.
    #[default]
    All,
    /// Requests that were answered with a status of 400 or above, and those whose client hung up before the answer.
    ///
    /// A request under way is charged until its answer is known, or concurrent tries would pass the quota: with a quota of
    /// 5, a sixth request *at the same time* from one address is refused, whatever becomes of the five.
    Failures,
}

/// Whom a quota counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum By {
    /// The client's address: the peer, or what a trusted proxy reports. IPv6 is counted by its /64.
    #[default]
    Ip,
    /// The authenticated principal (issuer and subject together).
    Principal,
}

/// At most `limit` requests of one client in any window of the given length.
///
/// Never one more, whatever the arrival pattern. Up to a limit of 16 nobody is refused too early either; above, requests are
/// counted in 32nds of the window, so a request may be held against a client for up to a 32nd longer.
///
/// ```
/// use std::time::Duration;
/// use palisade::{By, Count, Quota};
///
/// const LOGIN: Quota = Quota::new("login", 5, Duration::from_mins(15)).count(Count::Failures);
/// const EXPORTS: Quota = Quota::new("exports", 10, Duration::from_hours(24)).by(By::Principal);
/// # let _ = (LOGIN, EXPORTS);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    pub(crate) name: &'static str,
    pub(crate) limit: u32,
    pub(crate) window: Duration,
    pub(crate) count: Count,
    pub(crate) by: By,
    pub(crate) shared: bool,
}

impl Quota {
    /// A quota that counts every request by client address.
    ///
    /// `name` is what clients see in the `RateLimit` headers: ASCII letters, digits, `-`, `_`, `.` and `:`.
    ///
    /// # Panics
    ///
    /// If the limit is zero, the window is shorter than a second, longer than 366 days or no whole number of seconds,
    /// or the name has another character. In a constant this is a compile error.
    #[must_use]
    #[track_caller]
    pub const fn new(name: &'static str, limit: u32, window: Duration) -> Self {
        assert!(limit > 0, "a quota of zero admits nobody: use a limit of 1 or more");
        assert!(
            window.subsec_nanos() == 0 && window.as_secs() > 0 && window.as_secs() <= 366 * 86_400,
            "a quota's window is a whole number of seconds, from 1 second to 366 days"
        );
        assert!(is_token(name), "a quota's name has only ASCII letters, digits, `-`, `_`, `.` and `:`");
        Self { name, limit, window, count: Count::All, by: By::Ip, shared: false }
    }

    /// [`Quota::new`] with the window in seconds: what generated code writes.
    #[doc(hidden)]
    #[must_use]
    #[track_caller]
    pub const fn per_seconds(name: &'static str, limit: u32, seconds: u64) -> Self {
        Self::new(name, limit, Duration::from_secs(seconds))
    }

    /// Which answers are counted. Default: [`Count::All`].
    #[must_use]
    pub const fn count(mut self, count: Count) -> Self {
        self.count = count;
        self
    }

    /// Whom it counts. Default: [`By::Ip`].
    #[must_use]
    pub const fn by(mut self, by: By) -> Self {
        self.by = by;
        self
    }

    /// One bucket for every quota of this name, instead of one for each handler.
    #[must_use]
    pub const fn shared(mut self) -> Self {
        self.shared = true;
        self
    }

    /// The name that clients see.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// How many requests are admitted in any window.
    #[must_use]
    pub const fn limit(&self) -> u32 {
        self.limit
    }

    /// The length of the window.
    #[must_use]
    pub const fn window(&self) -> Duration {
        self.window
    }

    /// The bucket's identity: the name alone if shared, else whose it is and the name.
    ///
    /// Both are words of the developer, never of a client, so a plain hash is enough.
    pub(crate) const fn bucket_of_scope(&self, prefix: &str) -> u64 {
        let owner = if self.shared { FNV_OFFSET } else { fnv1a(fnv1a(FNV_OFFSET, "scope"), prefix) };
        fnv1a(owner, self.name)
    }

    /// See [`Quota::bucket_of_scope`].
    pub(crate) const fn bucket(&self, handler: HandlerPath) -> u64 {
        let owner = if self.shared { FNV_OFFSET } else { fnv1a(fnv1a(FNV_OFFSET, handler.module), handler.name) };
        fnv1a(owner, self.name)
    }
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// FNV-1a over the text and a terminator, so that `("ab", "c")` and `("a", "bc")` differ.
const fn fnv1a(mut hash: u64, text: &str) -> u64 {
    let mut bytes = text.as_bytes();
    while let [first, rest @ ..] = bytes {
        hash = (hash ^ *first as u64).wrapping_mul(FNV_PRIME);
        bytes = rest;
    }
    (hash ^ 0xff).wrapping_mul(FNV_PRIME)
}

const fn is_token(name: &str) -> bool {
    let mut bytes = name.as_bytes();
    if bytes.is_empty() {
        return false;
    }
    while let [first, rest @ ..] = bytes {
        if !(first.is_ascii_alphanumeric() || matches!(first, b'-' | b'_' | b'.' | b':')) {
            return false;
        }
        bytes = rest;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_apart_for_each_handler_unless_shared() {
        const fn handler(module: &'static str, name: &'static str) -> HandlerPath {
            HandlerPath { module, name }
        }
        let quota = Quota::per_seconds("login", 5, 900);
        assert_ne!(quota.bucket(handler("app", "login")), quota.bucket(handler("app", "token")));
        assert_ne!(quota.bucket(handler("a", "bc")), quota.bucket(handler("ab", "c")));
        assert_eq!(quota.shared().bucket(handler("app", "login")), quota.shared().bucket(handler("app", "token")));
    }

    #[test]
    #[should_panic(expected = "whole number of seconds")]
    fn a_window_of_half_a_second_is_refused() {
        let _ = Quota::new("x", 1, Duration::from_millis(500));
    }
}
