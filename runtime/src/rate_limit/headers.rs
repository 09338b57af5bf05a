//! The headers that report rate limits to the client.
//!
//! Threat: a client that does not know when to retry retries at once. A stranger who sends the name of another person reads
//! from the headers how often that name has failed (CWE-204).
//! Promise: each response, admitted or rejected, has the headers of the style that the application chose. A rate limit by a
//! name that the caller chose reports nothing, except `Retry-After` when it rejects. No header names a time that is longer than
//! the window.

use std::time::Duration;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use smallvec::SmallVec;

use super::definition::{By, RateLimit};
use super::mounted::MountedRateLimits;
use super::reservations::{Entry, Reservations};
use super::status::RateLimitStatus;
use crate::headers::{Stays, insert};
use crate::problem::whole_seconds;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LEGACY_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const LEGACY_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const LEGACY_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// Which headers report rate limits to the client. A rejection has a `Retry-After` header in every style.
///
/// No style reports a rate limit by a name that the caller chose ([`By::Field`](crate::rate_limit::By::Field),
/// [`By::Header`](crate::rate_limit::By::Header), [`By::Key`](crate::rate_limit::By::Key)): the headers would reveal to a
/// stranger how often that name has failed. Of a list such as `by = [ip, field(body.email)]` only the address is reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RateLimitHeaders {
    /// `RateLimit-Policy: "login";q=5;w=900` and `RateLimit: "login";r=0;t=412`, with one item for each rate limit
    /// (draft-ietf-httpapi-ratelimit-headers-11 of 2026-05-23, sections 3 and 4): the limit `q` and its window `w` in seconds; how
    /// much is left (`r`), and for how many seconds the client can use no more than that (`t`).
    ///
    /// The syntax is that of draft 10. Only `t` differs, and only while no unit is used: it is then the whole window, within which the
    /// client can use no more than `r`. Otherwise it is the time until the next unit is available again. It is at least 1 and
    /// never more than `w`.
    ///
    /// The optional parameters are not sent: the unit `qu` is the default, requests, and a partition key `pk` would show the
    /// client how palisade identifies it.
    #[default]
    Draft11,
    /// The same fields as the expired draft-ietf-httpapi-ratelimit-headers-10 defines them. `t` is in how many seconds the next unit
    /// is available again, and 1 while no unit is used. Use it for clients that read `t` as the time of a reset.
    Draft10,
    /// `X-RateLimit-Limit`, `X-RateLimit-Remaining` and `X-RateLimit-Reset` (in seconds from now) of the rate limit that has
    /// the least left; if several have the same left, of the one whose reset takes the longest. No standard defines these
    /// headers. Use them for clients that understand no others.
    Legacy,
    /// No headers.
    Omit,
}

/// What the headers of a response report about one key of a rate limit, as far as it is known when the handler is mounted.
pub(crate) struct ReportedLimit {
    /// The start of its item in `RateLimit`: `"login";r=`.
    state: Box<[u8]>,
    /// Its item in `RateLimit-Policy`: `"login";q=5;w=900`.
    policy: Box<[u8]>,
}

impl ReportedLimit {
    /// `None` for a name that the caller chose.
    pub(super) fn of(rate_limit: &RateLimit, by: By) -> Option<Self> {
        if by.is_chosen_by_caller() {
            return None;
        }
        let key = if rate_limit.has_several_keys() { format!(":{}", by.label()) } else { String::new() };
        let label = format!("\"{}{key}\"", rate_limit.name);
        let policy = format!("{label};q={};w={}", rate_limit.limit(), rate_limit.window().as_secs());
        let bytes = |text: String| text.into_bytes().into_boxed_slice();
        Some(Self { state: bytes(format!("{label};r=")), policy: bytes(policy) })
    }
}

/// `RateLimit-Policy` with an item for each of these.
pub(super) fn policy_of<'r>(reported: impl Iterator<Item = &'r ReportedLimit>) -> Option<HeaderValue> {
    let items: Vec<&[u8]> = reported.map(|reported| &*reported.policy).collect();
    HeaderValue::from_bytes(&items.join(&b", "[..])).ok()
}

impl Reservations {
    /// Adds the headers that report what the client has left. `mounted` has all rate limits of the handler.
    pub(crate) fn report(&self, style: RateLimitHeaders, mounted: &MountedRateLimits, headers: &mut HeaderMap) {
        if self.reported().next().is_none() {
            return;
        }
        match style {
            RateLimitHeaders::Draft11 | RateLimitHeaders::Draft10 => self.draft(style, mounted, headers),
            RateLimitHeaders::Legacy => self.legacy(headers),
            RateLimitHeaders::Omit => {}
        }
    }

    fn reported(&self) -> impl Iterator<Item = (&ReportedLimit, &Entry)> {
        self.entries.iter().filter_map(|entry| Some((entry.mounted.reported.as_ref()?, entry)))
    }

    /// The syntax of both drafts: a list of strings with parameters (RFC 9651 §3.1).
    fn draft(&self, style: RateLimitHeaders, mounted: &MountedRateLimits, headers: &mut HeaderMap) {
        let (mut state, mut number) = (SmallVec::<[u8; 128]>::new(), itoa::Buffer::new());
        let mut items: usize = 0;
        for (reported, Entry { status, mounted: own, .. }) in self.reported() {
            if items > 0 {
                state.extend_from_slice(b", ");
            }
            items = items.saturating_add(1);
            state.extend_from_slice(&reported.state);
            state.extend_from_slice(number.format(status.remaining).as_bytes());
            state.extend_from_slice(b";t=");
            state.extend_from_slice(number.format(seconds(style, *status, &own.rate_limit)).as_bytes());
        }
        // A request that was rejected early was not charged for all of them.
        let policy = match &mounted.policy {
            Some((all, policy)) if *all == items => Some(policy.clone()),
            _ => policy_of(self.reported().map(|(reported, _)| reported)),
        };
        if let (Some(policy), Ok(state)) = (policy, HeaderValue::from_bytes(&state)) {
            insert(headers, &RATE_LIMIT_POLICY, policy, Stays::New);
            insert(headers, &RATE_LIMIT, state, Stays::New);
        }
    }

    fn legacy(&self, headers: &mut HeaderMap) {
        let reset = |entry: &Entry| seconds(RateLimitHeaders::Legacy, entry.status, &entry.mounted.rate_limit);
        let rank = |entry: &&Entry| (entry.status.remaining, u32::MAX.saturating_sub(reset(entry)));
        let Some(tightest) = self.reported().map(|(_, entry)| entry).min_by_key(rank) else { return };
        headers.insert(LEGACY_LIMIT, tightest.mounted.rate_limit.limit().into());
        headers.insert(LEGACY_REMAINING, tightest.status.remaining.into());
        headers.insert(LEGACY_RESET, reset(tightest).into());
    }
}

/// The time that a style reports. A large limit is counted in time slots, so a unit may return later than one window after it
/// was used, but no client needs to know that.
fn seconds(style: RateLimitHeaders, status: RateLimitStatus, rate_limit: &RateLimit) -> u32 {
    whole_seconds(time(style, status, rate_limit)).min(whole_seconds(rate_limit.window()))
}

/// Draft 11: if no unit is used, no more than the limit can be used in the whole window.
fn time(style: RateLimitHeaders, status: RateLimitStatus, rate_limit: &RateLimit) -> Duration {
    if style == RateLimitHeaders::Draft11 && is_unused(status, rate_limit) { Duration::MAX } else { status.reset }
}

/// Units in flight may be refunded at any time, so a limit with such units is not unused.
fn is_unused(RateLimitStatus { remaining, reset, .. }: RateLimitStatus, rate_limit: &RateLimit) -> bool {
    reset.is_zero() && remaining == rate_limit.limit()
}
