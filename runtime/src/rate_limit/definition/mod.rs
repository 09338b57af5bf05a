//! The definition of a rate limit: plain constant data.

mod by;
mod configured;
mod count;
mod field_keys;

use std::slice;
use std::time::Duration;

use palisade_grammar::names::{LABEL, is_label};
use palisade_grammar::window;

pub(crate) use self::by::Stage;
pub use self::by::{By, KeyAnswer, KeyFn, pending_key};
pub(crate) use self::configured::ConfiguredRateLimits;
pub use self::count::{Count, OnStoreFailure, RateLimitMode};
pub(crate) use self::field_keys::{FieldKey, InputScalar, normal};
pub use self::field_keys::{FieldKeys, InputPlace, KeyText};
use super::limit::Limit;
use crate::handler_path::HandlerPath;

/// At most `limit` requests of one client in any window of the given length.
///
/// The limit is never exceeded, whatever the arrival pattern. Up to a limit of 16, no client is rejected too early either.
/// Above 16, requests are counted in 32nds of the window, so a request may count up to a 32nd of the window longer. If a
/// request has several rate limits, all of them must admit it; if one rejects, the others are not charged.
///
/// **A lock-out cannot be used against a victim.** If the name alone were counted, an attacker who fails often enough with
/// the name of another person would lock that person out. So a rate limit [by a field](By::Field) that counts failures (or
/// [`Count::When`]) remembers for 30 days from which addresses requests with a name succeeded. Such a known address is
/// counted by itself, with the same numbers, while the name is at its rate limit. (This holds for the name as it was written,
/// at the same handler. A full store evicts known addresses first.) Use it beside a rate limit by address, as in
/// `by = [ip, field(body.email)]`: the address stops one attacker with many names, the name stops many attackers with one
/// name.
///
/// ```
/// use std::time::Duration;
/// use palisade::RateLimit;
/// use palisade::rate_limit::{By, Count};
///
/// const LOGIN: RateLimit = RateLimit::new("login", 5, Duration::from_secs(15 * 60)).count(Count::Failures);
/// const EXPORTS: RateLimit = RateLimit::new("exports", 10, Duration::from_secs(24 * 60 * 60)).by(By::Principal);
/// # let _ = (LOGIN, EXPORTS);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    pub(crate) name: &'static str,
    /// How many units in which window.
    pub(crate) numbers: Limit,
    pub(crate) count: Count,
    keys: Keys,
    pub(crate) cost: u32,
    pub(crate) shared: bool,
    pub(crate) observe: bool,
    outage: Option<OnStoreFailure>,
    /// Whether the numbers are placeholders, and the configuration of the application has the numbers of this name.
    is_configured: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keys {
    One(By),
    Each(&'static [By]),
}

impl RateLimit {
    /// A rate limit that counts every request by client address.
    ///
    /// Clients see `name` in the `RateLimit` headers. It may have ASCII letters, digits, `-`, `_`, `.` and `:`.
    ///
    /// # Panics
    ///
    /// If the limit is zero; if the window is shorter than a second, longer than 366 days or not a whole number of seconds; or if
    /// the name has another character. In a constant this is a compile error.
    #[must_use]
    #[track_caller]
    #[allow(clippy::panic, reason = "documented above, and a compile error in a constant")]
    pub const fn new(name: &'static str, limit: u32, window: Duration) -> Self {
        assert!(limit > 0, "a rate limit of zero rejects every request: use a limit of 1 or more");
        assert!(
            window.subsec_nanos() == 0 && window::is_length(window.as_secs()),
            "the window of a rate limit must be a whole number of seconds, from 1 second to 366 days"
        );
        assert!(is_label(name), "{}", LABEL);
        let Some(numbers) = Limit::new(limit, window) else { panic!("the numbers were checked above") };
        Self {
            name,
            numbers,
            count: Count::All,
            keys: Keys::One(By::Ip),
            cost: 1,
            shared: false,
            observe: false,
            outage: None,
            is_configured: false,
        }
    }

    /// [`RateLimit::new`] with the window in seconds.
    ///
    /// # Panics
    ///
    /// As [`RateLimit::new`].
    #[must_use]
    #[track_caller]
    pub const fn per_seconds(name: &'static str, limit: u32, seconds: u64) -> Self {
        Self::new(name, limit, Duration::from_secs(seconds))
    }

    /// Which responses are counted. Default: [`Count::All`].
    #[must_use]
    pub const fn count(mut self, count: Count) -> Self {
        self.count = count;
        self
    }

    /// What it counts by. Default: [`By::Ip`].
    #[must_use]
    pub const fn by(mut self, by: By) -> Self {
        self.keys = Keys::One(by);
        self
    }

    /// Counts by each of these keys separately, with the same numbers; all of them must admit a request. Clients see each
    /// under the name, a colon and the key, such as `login:ip`.
    ///
    /// # Panics
    ///
    /// If `keys` is empty. In a constant this is a compile error.
    #[must_use]
    #[track_caller]
    pub const fn by_each(mut self, keys: &'static [By]) -> Self {
        assert!(!keys.is_empty(), "a rate limit needs at least one key to count by");
        self.keys = Keys::Each(keys);
        self
    }

    /// How many units one request costs. Default: 1.
    ///
    /// # Panics
    ///
    /// If it is zero or more than the limit. In a constant this is a compile error.
    #[must_use]
    #[track_caller]
    pub const fn cost(mut self, units: u32) -> Self {
        assert!(
            units > 0 && units <= self.numbers.limit(),
            "the cost of a request must be at least 1 unit, and at most the whole rate limit"
        );
        self.cost = units;
        self
    }

    /// What it does while the shared store does not respond. Default: [`OnStoreFailure::Deny`] if it counts failures, otherwise
    /// [`OnStoreFailure::Local`].
    #[must_use]
    pub const fn on_outage(mut self, outage: OnStoreFailure) -> Self {
        self.outage = Some(outage);
        self
    }

    /// Counts and reports, in headers and in the audit log, but rejects nothing.
    ///
    /// Danger: brute force is not stopped. Use it to try out new numbers under real traffic.
    #[must_use]
    pub const fn observe(mut self) -> Self {
        self.observe = true;
        self
    }

    /// All rate limits with this name share one bucket, instead of one bucket for each handler.
    #[must_use]
    pub const fn shared(mut self) -> Self {
        self.shared = true;
        self
    }

    /// The name, as clients see it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// How many requests are admitted in any window.
    #[must_use]
    pub const fn limit(&self) -> u32 {
        self.numbers.limit()
    }

    /// The length of the window.
    #[must_use]
    pub const fn window(&self) -> Duration {
        self.numbers.window()
    }

    /// The keys that it counts by. Each is counted separately.
    #[must_use]
    pub const fn counted_by(&self) -> &[By] {
        match &self.keys {
            Keys::One(by) => slice::from_ref(by),
            Keys::Each(keys) => keys,
        }
    }

    /// What it does while the shared store does not respond.
    #[must_use]
    pub const fn action_on_outage(&self) -> OnStoreFailure {
        match (self.outage, self.count) {
            (Some(outage), _) => outage,
            (None, Count::Failures) => OnStoreFailure::Deny,
            (None, _) => OnStoreFailure::Local,
        }
    }

    /// How many units one request costs.
    #[must_use]
    pub const fn request_cost(&self) -> u32 {
        self.cost
    }

    pub(crate) const fn is_shared(&self) -> bool {
        self.shared
    }

    pub(crate) const fn is_observed(&self) -> bool {
        self.observe
    }

    /// The value that was passed to [`on_outage`](Self::on_outage), if any.
    pub(crate) const fn declared_on_outage(&self) -> Option<OnStoreFailure> {
        self.outage
    }

    /// Whether the other one has the same name and different numbers.
    pub(crate) fn contradicts(&self, other: &Self) -> bool {
        self.name == other.name && self.numbers != other.numbers
    }

    /// The number of its bucket in a scope. It is a hash of the name, of the scope (unless the bucket is shared), and of the limit and the
    /// window, so that two limits are never counted in one bucket.
    ///
    /// The developer wrote all of these, never a client, so a plain hash is enough.
    pub(crate) const fn bucket_of_scope(&self, prefix: &str) -> u64 {
        self.numbered(if self.shared { FNV_OFFSET } else { fnv1a(fnv1a(FNV_OFFSET, "scope"), prefix) })
    }

    /// The number of its bucket at a handler: see [`RateLimit::bucket_of_scope`].
    pub(crate) const fn bucket(&self, handler: HandlerPath) -> u64 {
        self.numbered(if self.shared { FNV_OFFSET } else { fnv1a(fnv1a(FNV_OFFSET, handler.module), handler.name) })
    }

    const fn numbered(&self, owner: u64) -> u64 {
        mixed(mixed(fnv1a(owner, self.name), self.limit() as u64), self.window().as_secs())
    }

    /// The bucket of one of its keys. Keys of different kinds are different clients, so only several fields of one list need
    /// separate buckets.
    pub(crate) fn bucket_of(&self, bucket: u64, by: By) -> u64 {
        let is_field = |by: &&By| matches!(by, By::Field(_) | By::InputField(_));
        if is_field(&&by) && self.counted_by().iter().filter(is_field).count() > 1 {
            fnv1a(bucket, by.label())
        } else {
            bucket
        }
    }

    /// The bucket of the addresses that are known at this handler.
    pub(crate) const fn bucket_of_known_addresses(handler: HandlerPath) -> u64 {
        fnv1a(fnv1a(fnv1a(FNV_OFFSET, "record"), handler.module), handler.name)
    }

    /// The fields, by their names on the wire, that it counts by in a scope.
    pub(crate) fn input_fields(self) -> impl Iterator<Item = &'static str> {
        let (one, keys): (Option<By>, &'static [By]) = match self.keys {
            Keys::One(by) => (Some(by), &[]),
            Keys::Each(keys) => (None, keys),
        };
        one.into_iter()
            .chain(keys.iter().copied())
            .filter_map(|by| if let By::InputField(name) = by { Some(name) } else { None })
    }

    /// Whether it counts by several keys, which clients see separately.
    pub(crate) const fn has_several_keys(&self) -> bool {
        matches!(self.keys, Keys::Each([_, _, ..]))
    }
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// FNV-1a of the text and a terminator, so that `("ab", "c")` and `("a", "bc")` differ.
const fn fnv1a(mut hash: u64, text: &str) -> u64 {
    let mut bytes = text.as_bytes();
    while let [first, rest @ ..] = bytes {
        hash = (hash ^ *first as u64).wrapping_mul(FNV_PRIME);
        bytes = rest;
    }
    (hash ^ 0xff).wrapping_mul(FNV_PRIME)
}

const fn mixed(hash: u64, number: u64) -> u64 {
    let mut hash = hash;
    let mut shift = 0_u32;
    while shift < 64 {
        hash = (hash ^ ((number >> shift) & 0xff)).wrapping_mul(FNV_PRIME);
        shift = shift.saturating_add(8);
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_handler_has_its_own_bucket_unless_shared() {
        const fn handler(module: &'static str, name: &'static str) -> HandlerPath {
            HandlerPath { module, name }
        }
        let rate_limit = RateLimit::per_seconds("login", 5, 900);
        assert_ne!(rate_limit.bucket(handler("app", "login")), rate_limit.bucket(handler("app", "token")));
        assert_ne!(rate_limit.bucket(handler("a", "bc")), rate_limit.bucket(handler("ab", "c")));
        assert_eq!(
            rate_limit.shared().bucket(handler("app", "login")),
            rate_limit.shared().bucket(handler("app", "token"))
        );
    }

    #[test]
    fn other_numbers_have_another_bucket() {
        let at = HandlerPath { module: "app", name: "login" };
        let buckets = [(5, 900), (6, 900), (5, 901), (900, 5)].map(|(limit, seconds)| {
            let rate_limit = RateLimit::per_seconds("login", limit, seconds).shared();
            assert_eq!(rate_limit.bucket(at), rate_limit.bucket_of_scope("/api"));
            rate_limit.bucket(at)
        });
        assert!((1..4).all(|at| !buckets[..at].contains(&buckets[at])), "{buckets:?}");
    }

    #[test]
    #[should_panic(expected = "at most the whole rate limit")]
    fn a_cost_above_the_limit_is_rejected() {
        let _ = RateLimit::per_seconds("x", 5, 1).cost(6);
    }

    #[test]
    fn counting_failures_denies_on_store_failure_by_default() {
        let rate_limit = RateLimit::per_seconds("x", 5, 1);
        assert_eq!(rate_limit.action_on_outage(), OnStoreFailure::Local);
        assert_eq!(rate_limit.count(Count::Failures).action_on_outage(), OnStoreFailure::Deny);
        assert_eq!(
            rate_limit.count(Count::Failures).on_outage(OnStoreFailure::Allow).action_on_outage(),
            OnStoreFailure::Allow
        );
    }

    #[test]
    #[should_panic(expected = "whole number of seconds")]
    fn a_window_of_half_a_second_is_rejected() {
        let _ = RateLimit::new("x", 1, Duration::from_millis(500));
    }
}
