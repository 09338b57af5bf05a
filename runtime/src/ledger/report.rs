//! What a client is told about its quotas.
//!
//! Threat: a client that does not know when to come back comes back at once.
//! A stranger reads from the standing of a name that it chose what others did with that name (CWE-204).
//! Promise: every answer, admitted or refused, says where the client stands, in the style that the application chose. A limit by a
//! name that the caller chose reports nothing; only a refusal says when to come back.

use std::fmt::Write;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

use super::{Entry, Ledger, whole_seconds};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LEGACY_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const LEGACY_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const LEGACY_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// How answers tell a client where it stands. A refusal has its `Retry-After` in every style.
///
/// In no style is anything said of a limit by a name that the caller chose ([`By::Field`](crate::By::Field),
/// [`By::Header`](crate::By::Header), [`By::Key`](crate::By::Key)): it would tell a stranger how often that name has failed. Of a list
/// such as `by = [ip, field(body.email)]` only the address is reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RateLimitHeaders {
    /// `RateLimit-Policy: "login";q=5;w=900` and `RateLimit: "login";r=0;t=412`, one item for each quota
    /// (draft-ietf-httpapi-ratelimit-headers-10, sections 3 and 4): the quota and its window in seconds; what is left, and in how
    /// many seconds the next unit comes back.
    #[default]
    Draft10,
    /// `X-RateLimit-Limit`, `X-RateLimit-Remaining` and `X-RateLimit-Reset` (in seconds from now) of the quota that has the
    /// least left; of several such, of the one that takes the longest. No standard says what they mean: for clients that know
    /// nothing else.
    Legacy,
    /// None.
    None,
}

impl Ledger {
    /// Says where the client stands.
    pub(crate) fn report(&self, style: RateLimitHeaders, headers: &mut HeaderMap) {
        if self.reported().next().is_none() {
            return;
        }
        match style {
            RateLimitHeaders::Draft10 => self.draft10(headers),
            RateLimitHeaders::Legacy => self.legacy(headers),
            RateLimitHeaders::None => {}
        }
    }

    fn reported(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| !entry.by.is_chosen_by_caller())
    }

    fn draft10(&self, headers: &mut HeaderMap) {
        let (mut policy, mut state) = (String::with_capacity(48), String::with_capacity(48));
        for entry in self.reported() {
            let quota = &entry.quota;
            for text in [&mut policy, &mut state] {
                // Writing to a String can't fail, here and below.
                let _ = write!(text, "{}\"{}", if text.is_empty() { "" } else { ", " }, quota.name);
                if quota.has_several_keys() {
                    let _ = write!(text, ":{}", entry.by.word());
                }
            }
            let _ = write!(policy, "\";q={};w={}", quota.limit, quota.window.as_secs());
            let reset = whole_seconds(entry.standing.reset);
            let _ = write!(state, "\";r={};t={reset}", entry.standing.remaining);
        }
        for (name, value) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, state)] {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
    }

    fn legacy(&self, headers: &mut HeaderMap) {
        let reset = |entry: &Entry| whole_seconds(entry.standing.reset);
        let rank = |entry: &&Entry| (entry.standing.remaining, u32::MAX.saturating_sub(reset(entry)));
        let Some(tightest) = self.reported().min_by_key(rank) else { return };
        headers.insert(LEGACY_LIMIT, tightest.quota.limit.into());
        headers.insert(LEGACY_REMAINING, tightest.standing.remaining.into());
        headers.insert(LEGACY_RESET, reset(tightest).into());
    }
}
