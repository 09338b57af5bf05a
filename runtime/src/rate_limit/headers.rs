//! What a client is told about its rate limits.
//!
//! Threat: a client that does not know when to come back comes back at once.
//! A stranger reads from the standing of a name that it chose what others did with that name (CWE-204).
//! Promise: every answer, admitted or refused, says where the client stands, in the style that the application chose. A limit by a
//! name that the caller chose reports nothing; only a refusal says when to come back.

use crate::rate_limit::RateLimitHeaders;
use std::fmt::Write;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

use super::{Entry, Reservations, whole_seconds};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LEGACY_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const LEGACY_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const LEGACY_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

impl Reservations {
    /// Says where the client stands.
    pub(crate) fn report(&self, style: RateLimitHeaders, headers: &mut HeaderMap) {
        if self.reported().next().is_none() {
            return;
        }
        match style {
            RateLimitHeaders::Draft10 => self.draft10(headers),
            RateLimitHeaders::Legacy => self.legacy(headers),
            RateLimitHeaders::Omit => {}
        }
    }

    fn reported(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| !entry.by.is_chosen_by_caller())
    }

    fn draft10(&self, headers: &mut HeaderMap) {
        let (mut policy, mut state) = (String::with_capacity(48), String::with_capacity(48));
        for entry in self.reported() {
            let rate_limit = &entry.rate_limit;
            for text in [&mut policy, &mut state] {
                // Writing to a String can't fail, here and below.
                let _ = write!(text, "{}\"{}", if text.is_empty() { "" } else { ", " }, rate_limit.name);
                if rate_limit.has_several_keys() {
                    let _ = write!(text, ":{}", entry.by.word());
                }
            }
            let _ = write!(policy, "\";q={};w={}", rate_limit.limit, rate_limit.window.as_secs());
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
        headers.insert(LEGACY_LIMIT, tightest.rate_limit.limit.into());
        headers.insert(LEGACY_REMAINING, tightest.standing.remaining.into());
        headers.insert(LEGACY_RESET, reset(tightest).into());
    }
}
