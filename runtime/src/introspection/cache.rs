//! Answers that are remembered.
//!
//! Threat: a good answer that outlives its token, a bad one that displaces good ones, and a memory of tokens that a thief could read
//! (CWE-613, CWE-400, CWE-312). Promise: the key of an entry is the SHA-256 of the token. A good answer is used until the token ends or the
//! configured time has passed, whichever is first. Bad answers have a cache of their own, and one that decides nothing is used for a second.
//! Both have a bounded number of entries.

use std::sync::Arc;
use std::time::Duration;

use quick_cache::sync::Cache;

use crate::authn::AuthError;
use crate::authn::digest::{Digest, sha256};
use crate::clock::Tick;
use crate::principal::Principal;

/// How long an answer counts that is no decision: the token is asked about again after that.
const UNDECIDED: Duration = Duration::from_secs(1);

pub(super) fn digest(token: &str) -> Digest {
    sha256(token.as_bytes())
}

pub(super) struct Answers {
    active: Cache<Digest, Arc<ActiveToken>>,
    inactive: Cache<Digest, InactiveToken>,
    /// How long an answer is used at most.
    longest: Duration,
    longest_inactive: Duration,
}

struct ActiveToken {
    principal: Principal,
    /// Since 1970.
    expires: Duration,
    until: Tick,
}

#[derive(Clone)]
struct InactiveToken {
    error: AuthError,
    until: Tick,
}

impl Answers {
    pub(super) fn new(entries: usize, longest: Duration, longest_inactive: Duration) -> Self {
        Self { active: Cache::new(entries), inactive: Cache::new(entries), longest, longest_inactive }
    }

    /// The answer, if it still counts. `wall` is the time since 1970.
    pub(super) fn find(&self, digest: &Digest, wall: Duration, now: Tick) -> Option<Result<Principal, AuthError>> {
        if let Some(active) = self.active.get(digest) {
            if now < active.until && wall < active.expires {
                return Some(Ok(active.principal.clone()));
            }
            self.active.remove(digest);
        }
        let inactive = self.inactive.get(digest)?;
        if now < inactive.until {
            return Some(Err(inactive.error));
        }
        self.inactive.remove(digest);
        None
    }

    /// Remembers an answer that came `now`. One that is not a decision is not remembered.
    pub(super) fn keep(&self, digest: Digest, answer: &Result<(Principal, Duration), AuthError>, now: Tick) {
        match answer {
            Ok((principal, expires)) if !self.longest.is_zero() => {
                let (principal, until) = (principal.clone(), now.after(self.longest));
                self.active.insert(digest, Arc::new(ActiveToken { principal, expires: *expires, until }));
            }
            Err(error @ AuthError::Invalid(_)) if !self.longest_inactive.is_zero() => {
                let until = now.after(self.longest_inactive);
                self.inactive.insert(digest, InactiveToken { error: *error, until });
            }
            _ => {}
        }
    }

    /// Remembers that the provider answered, but not whether the token is valid.
    pub(super) fn keep_undecided(&self, digest: Digest, reason: &'static str, now: Tick) {
        let error = AuthError::Unavailable(reason);
        self.inactive.insert(digest, InactiveToken { error, until: now.after(UNDECIDED) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_secs(60);

    fn answers() -> Answers {
        Answers::new(100, LONGEST, LONGEST)
    }

    fn active(expires: u64) -> Result<(Principal, Duration), AuthError> {
        Ok((Principal::new("Bearer", "https://issuer.example", "u-1"), Duration::from_secs(expires)))
    }

    #[test]
    fn entries_are_bounded_and_kept_apart() {
        let (answers, now) = (answers(), Tick::default());
        for number in 0..10 {
            answers.keep(digest(&format!("good {number}")), &active(100), now);
        }
        for number in 0..100_000 {
            answers.keep(digest(&format!("bad {number}")), &Err(AuthError::Invalid("token_inactive")), now);
        }
        assert!(answers.inactive.len() <= 100, "{}", answers.inactive.len());
        assert_eq!(answers.active.len(), 10);
        for number in 0..100_000 {
            answers.keep(digest(&format!("good {number}")), &active(100), now);
        }
        assert!(answers.active.len() <= 100, "{}", answers.active.len());
    }

    #[test]
    fn an_outage_is_not_remembered_and_a_newer_decision_replaces_an_older_one() {
        let (answers, now, wall) = (answers(), Tick::default(), Duration::from_secs(1));
        let token = digest("token");
        answers.keep(token, &Err(AuthError::Unavailable("introspection_unavailable")), now);
        assert!(answers.find(&token, wall, now).is_none());
        answers.keep(token, &active(100), now);
        assert!(answers.find(&token, wall, now).unwrap().is_ok());
        assert!(answers.find(&token, Duration::from_secs(100), now).is_none(), "the token has ended");
        answers.keep(token, &active(100), now);
        assert!(answers.find(&token, wall, now.after(LONGEST)).is_none(), "it is asked about again");
        answers.keep(token, &Err(AuthError::Invalid("token_inactive")), now.after(LONGEST));
        assert!(answers.find(&token, wall, now.after(LONGEST)).unwrap().is_err());
    }

    #[test]
    fn an_answer_that_decides_nothing_counts_for_a_second() {
        let (answers, now, wall) = (answers(), Tick::default(), Duration::from_secs(1));
        let token = digest("token");
        answers.keep_undecided(token, "introspection_answer", now);
        let almost = now.after(UNDECIDED - Duration::from_nanos(1));
        let found = answers.find(&token, wall, almost).unwrap().unwrap_err();
        assert_eq!(found, AuthError::Unavailable("introspection_answer"));
        assert!(answers.find(&token, wall, now.after(UNDECIDED)).is_none());
        answers.keep_undecided(token, "introspection_answer", now);
        answers.keep(token, &active(100), now);
        assert!(answers.find(&token, wall, now).unwrap().is_ok());
    }
}
