//! Which refresh tokens are being exchanged, and what others were exchanged for.
//!
//! Threat: two exchanges of the same refresh token at once, which a provider takes for a theft (RFC 9700 §4.14); new tokens that are lost because
//! the application could not save them; a provider that is down and is asked by each request of each user (CWE-400). Promise: an
//! exchange is forgotten only by the task that runs it, and at most 1,024 run at once. What a refresh token was exchanged for is
//! remembered for ten minutes, and so is one that the provider does not accept any more. After a failure there is a pause of one second for this refresh token, which doubles up to half a
//! minute. Of those that have ended or failed, or whose tokens are not verified yet, at most 1,024 each are remembered.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::identity::UpstreamTokens;
use super::refresh::UpstreamError;
use crate::authn::digest::{Digest, sha256};
use crate::clock::{Clock, Tick};
use crate::token_source::pause_after;

/// How many exchanges run at once, and how many of each kind are remembered.
const MOST: usize = 1_024;
/// How long an outcome is remembered.
const REMEMBERED: Duration = Duration::from_secs(600);
/// Tokens are not returned again in this last part of their life, and at most in its second half.
const MARGIN: Duration = Duration::from_secs(30);

pub(super) type Renewed = Result<UpstreamTokens, UpstreamError>;
pub(super) type RenewalOutcome = watch::Receiver<Option<RenewalReport>>;

/// How an exchange ended.
#[derive(Clone)]
pub(super) struct RenewalReport {
    pub(super) renewed: Renewed,
    /// The tokens were received in an earlier attempt, and their access token ends soon or has ended: they must be renewed.
    pub(super) ends_soon: bool,
}

/// The exchanges of one process, by the digest of the refresh token.
#[derive(Clone, Default)]
pub(super) struct Renewals(Arc<Mutex<RenewalState>>);

#[derive(Default)]
struct RenewalState {
    running: HashMap<Digest, RenewalOutcome>,
    /// There are no circles: what a token was exchanged for is forgotten when the provider issues that token again.
    rotated: RecentRenewals<RotatedTokens>,
    failed: RecentRenewals<FailedRenewal>,
    /// Failures after the provider has issued tokens, which plain failures must not push out.
    unverified: RecentRenewals<FailedRenewal>,
    /// Those that the provider does not accept any more.
    ended: RecentRenewals<()>,
}

/// What a refresh token was exchanged for.
#[derive(Clone)]
struct RotatedTokens {
    tokens: UpstreamTokens,
    /// From this instant on, the access token must be renewed.
    ends_soon: Tick,
}

/// Why a refresh token is not exchanged again at once.
#[derive(Clone, Default)]
struct FailedRenewal {
    failures: u32,
    /// What the provider has already issued. It could not be verified yet, and no second exchange would give it again.
    unverified: Option<UnverifiedTokens>,
}

#[derive(Clone)]
pub(super) struct UnverifiedTokens {
    pub(super) tokens: UpstreamTokens,
    /// Since 1970. The ID token must be valid at this time, however long its keys cannot be fetched.
    pub(super) received: Duration,
}

/// What there is to do for a caller.
pub(super) enum RenewalTurn {
    /// It was exchanged a short time ago.
    Known(UpstreamTokens),
    /// It was exchanged for these, whose access token ends soon or has ended: they must be renewed.
    EndsSoon(UpstreamTokens),
    /// It is being exchanged.
    Running(RenewalOutcome),
    /// It is not being exchanged yet: the caller must run the task.
    Begun(RenewalOutcome, RenewalTask),
    /// The provider has refused it for good.
    Ended,
    /// The provider is not asked now: this refresh token has just failed, or too many exchanges run.
    Refused,
}

impl Renewals {
    pub(super) fn of(&self, refresh_token: &str, clock: &Clock) -> RenewalTurn {
        let (digest, now) = (sha256(refresh_token.as_bytes()), clock.tick());
        let mut state = self.state();
        if let Some(outcome) = state.running.get(&digest) {
            return RenewalTurn::Running(outcome.clone());
        }
        if let Some((_, RotatedTokens { tokens, ends_soon })) = state.rotated.find(&digest, now) {
            return if now < ends_soon { RenewalTurn::Known(tokens) } else { RenewalTurn::EndsSoon(tokens) };
        }
        if state.ended.find(&digest, now).is_some() {
            return RenewalTurn::Ended;
        }
        let failed = state.unverified.find(&digest, now).or_else(|| state.failed.find(&digest, now));
        if failed.as_ref().is_some_and(|(since, failed)| now.since(*since) < pause_after(failed.failures)) {
            return RenewalTurn::Refused;
        }
        if state.running.len() >= MOST {
            tracing::warn!("too many refresh tokens are being exchanged at once");
            return RenewalTurn::Refused;
        }
        let (sender, outcome) = watch::channel(None);
        state.running.insert(digest, outcome.clone());
        let FailedRenewal { failures, unverified } = failed.map(|(_, failed)| failed).unwrap_or_default();
        let (renewals, clock, sender, is_late) = (self.clone(), clock.clone(), Some(sender), unverified.is_some());
        RenewalTurn::Begun(outcome, RenewalTask { renewals, digest, clock, failures, unverified, is_late, sender })
    }

    fn state(&self) -> MutexGuard<'_, RenewalState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running exchange. It reports its outcome, or a failure if its runtime ends first.
pub(super) struct RenewalTask {
    renewals: Renewals,
    digest: Digest,
    clock: Clock,
    failures: u32,
    /// What the provider has issued, until it is verified.
    pub(super) unverified: Option<UnverifiedTokens>,
    /// The tokens were received in an earlier attempt.
    is_late: bool,
    sender: Option<watch::Sender<Option<RenewalReport>>>,
}

impl RenewalTask {
    pub(super) fn end(mut self, renewed: Renewed) {
        self.report(renewed);
    }

    fn report(&mut self, renewed: Renewed) {
        let Some(sender) = self.sender.take() else { return };
        let now = self.clock.tick();
        let mut state = self.renewals.state();
        state.running.remove(&self.digest);
        state.failed.forget(&self.digest);
        state.unverified.forget(&self.digest);
        match &renewed {
            // RFC 6749 §6: a provider need not rotate. A token that stays must be exchanged again when the access token ends.
            Ok(tokens) => {
                let new = tokens.refresh.as_ref().map(|new| sha256(new.as_bytes()));
                if let Some(new) = new.filter(|new| *new != self.digest) {
                    state.rotated.forget(&new);
                    state.ended.forget(&new);
                    state.rotated.keep(self.digest, RotatedTokens::new(tokens, &self.clock), now);
                }
            }
            Err(UpstreamError::Ended) => state.ended.keep(self.digest, (), now),
            Err(UpstreamError::Unavailable) => {
                let (failures, unverified) = (self.failures.saturating_add(1), self.unverified.take());
                let kind = if unverified.is_some() { &mut state.unverified } else { &mut state.failed };
                kind.keep(self.digest, FailedRenewal { failures, unverified }, now);
            }
        }
        drop(state);
        let ends_soon = self.is_late && renewed.as_ref().is_ok_and(|tokens| lives(tokens, &self.clock) < MARGIN);
        sender.send_replace(Some(RenewalReport { renewed, ends_soon }));
    }
}

impl RotatedTokens {
    fn new(tokens: &UpstreamTokens, clock: &Clock) -> Self {
        let lives = lives(tokens, clock);
        let usable = lives.saturating_sub(MARGIN.min(lives.div_f32(2.0)));
        Self { tokens: tokens.clone(), ends_soon: clock.tick().after(usable) }
    }
}

/// For how long the access token lives from now on.
fn lives(tokens: &UpstreamTokens, clock: &Clock) -> Duration {
    tokens.access.expires().duration_since(clock.wall_time()).unwrap_or_default()
}

impl Drop for RenewalTask {
    fn drop(&mut self) {
        self.report(Err(UpstreamError::Unavailable));
    }
}

/// Values that are kept for a while. If there are too many, the oldest is dropped.
struct RecentRenewals<T>(HashMap<Digest, (Tick, T)>);

impl<T> Default for RecentRenewals<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T: Clone> RecentRenewals<T> {
    fn find(&mut self, digest: &Digest, now: Tick) -> Option<(Tick, T)> {
        self.0.retain(|_, (since, _)| now.since(*since) < REMEMBERED);
        self.0.get(digest).cloned()
    }

    fn keep(&mut self, digest: Digest, value: T, now: Tick) {
        if self.0.len() >= MOST
            && let Some(oldest) = self.0.iter().min_by_key(|(_, (since, _))| *since).map(|(digest, _)| *digest)
        {
            self.0.remove(&oldest);
        }
        self.0.insert(digest, (now, value));
    }

    fn forget(&mut self, digest: &Digest) {
        self.0.remove(digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::manual::ManualClock;
    use crate::token_source::AccessToken;

    fn tokens(refresh: &str) -> UpstreamTokens {
        let expires = std::time::SystemTime::now() + Duration::from_secs(365 * 24 * 60 * 60);
        let access = AccessToken::new(String::from("at").into(), expires, Vec::new());
        UpstreamTokens { access, subject: "ada".into(), refresh: Some(refresh.to_owned().into()), id_token: None }
    }

    fn begun(renewals: &Renewals, refresh: &str, clock: &Clock) -> RenewalTask {
        let RenewalTurn::Begun(_, task) = renewals.of(refresh, clock) else { panic!("{refresh} did not begin") };
        task
    }

    #[test]
    fn running_exchanges_are_bounded_and_are_not_pushed_out() {
        let (renewals, clock) = (Renewals::default(), Clock::from(&ManualClock::new()));
        let mut running: Vec<_> = (0..MOST).map(|number| begun(&renewals, &number.to_string(), &clock)).collect();
        assert!(matches!(renewals.of("one more", &clock), RenewalTurn::Refused));
        assert!(matches!(renewals.of("0", &clock), RenewalTurn::Running(_)));
        running.pop().unwrap().end(Ok(tokens("new")));
        let task = begun(&renewals, "one more", &clock);
        assert!(matches!(renewals.of(&(MOST - 1).to_string(), &clock), RenewalTurn::Known(_)));
        drop(task);
        assert!(matches!(renewals.of("one more", &clock), RenewalTurn::Refused), "its runtime has ended: a failure");
    }

    /// A provider may issue the same refresh token again.
    #[test]
    fn refresh_token_that_is_issued_again_is_exchanged_again() {
        let (renewals, clock) = (Renewals::default(), Clock::from(&ManualClock::new()));
        begun(&renewals, "a", &clock).end(Ok(tokens("b")));
        begun(&renewals, "b", &clock).end(Ok(tokens("a")));
        assert!(matches!(renewals.of("b", &clock), RenewalTurn::Known(_)));
        begun(&renewals, "a", &clock).end(Err(UpstreamError::Ended));
        assert!(matches!(renewals.of("a", &clock), RenewalTurn::Ended));
    }

    /// The provider has issued them, and would take a second use of the refresh token for a theft.
    #[test]
    fn tokens_that_are_not_verified_yet_are_not_pushed_out_by_plain_failures() {
        let manual = ManualClock::new();
        let (renewals, clock) = (Renewals::default(), Clock::from(&manual));
        let mut task = begun(&renewals, "rt-1", &clock);
        task.unverified = Some(UnverifiedTokens { tokens: tokens("rt-2"), received: Duration::ZERO });
        task.end(Err(UpstreamError::Unavailable));
        for number in 0..2 * MOST {
            manual.advance(Duration::from_millis(1));
            begun(&renewals, &number.to_string(), &clock).end(Err(UpstreamError::Unavailable));
        }
        let task = begun(&renewals, "rt-1", &clock);
        assert!(task.unverified.is_some() && task.is_late && task.failures == 1);
    }

    #[test]
    fn memory_is_bounded_by_number_and_time() {
        let manual = ManualClock::new();
        let (renewals, clock) = (Renewals::default(), Clock::from(&manual));
        for number in 0..2 * MOST {
            manual.advance(Duration::from_millis(1));
            begun(&renewals, &number.to_string(), &clock).end(Ok(tokens("new")));
            begun(&renewals, &format!("failed {number}"), &clock).end(Err(UpstreamError::Unavailable));
            begun(&renewals, &format!("ended {number}"), &clock).end(Err(UpstreamError::Ended));
            begun(&renewals, &format!("stays {number}"), &clock).end(Ok(tokens(&format!("stays {number}"))));
        }
        let lengths = |state: &RenewalState| {
            (state.running.len(), state.rotated.0.len(), state.failed.0.len(), state.ended.0.len())
        };
        assert_eq!(lengths(&renewals.state()), (0, MOST, MOST, MOST));
        assert!(matches!(renewals.of(&(2 * MOST - 1).to_string(), &clock), RenewalTurn::Known(_)));
        manual.advance(REMEMBERED);
        drop(begun(&renewals, "0", &clock));
        assert_eq!(lengths(&renewals.state()), (0, 0, 1, 0));
    }
}
