//! One token that is held, and the one request that renews it.
//!
//! Threat: many requests at once for the same token, and a provider that is asked again and again while it is down (CWE-400). Promise: at
//! most one request for the token is on its way; all callers wait for it. After a failure there is a pause of one second, which doubles up
//! to half a minute. The request goes on if the caller that began it is gone.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::{AccessToken, TokenError};
use crate::clock::{Clock, Tick};

/// The pause after the first failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Of the lifetime: the part in which nobody waits, because the token is renewed in the background near its end.
const CALM_PART: f32 = 0.8;
/// A token is not used in this last part of its life, unless the provider is down: the call may take a while, and clocks differ.
const MARGIN: Duration = Duration::from_secs(30);
/// A token that is younger is not forgotten: another one would be refused for the same reason.
const YOUNGEST: Duration = Duration::from_secs(5);

type TokenOutcome = Result<AccessToken, TokenError>;

/// A token, how long it lives, and the instant before it was asked for.
pub(super) struct Issued {
    pub(super) token: AccessToken,
    pub(super) lives: Duration,
}

#[derive(Clone, Default)]
pub(super) struct HeldToken(Arc<Mutex<HeldState>>);

#[derive(Default)]
struct HeldState {
    token: Option<TokenInUse>,
    request: Option<Running>,
    requests: u64,
    last_failure: Option<(Tick, u32, TokenError)>,
}

struct TokenInUse {
    token: AccessToken,
    since: Tick,
    /// From this instant on, it is renewed in the background.
    renew: Tick,
    /// From this instant on, callers wait for another one.
    wait: Tick,
    ends: Tick,
}

struct Running {
    number: u64,
    began: Tick,
    outcome: watch::Receiver<Option<TokenOutcome>>,
}

impl HeldToken {
    /// The token, or another one if it ends soon. `request` asks the provider. If it takes `longest`, the thread that ran it has ended.
    pub(super) async fn token<F>(&self, clock: &Clock, longest: Duration, request: impl FnOnce() -> F) -> TokenOutcome
    where
        F: Future<Output = Result<Issued, TokenError>> + Send + 'static,
    {
        let mut outcome = {
            let now = clock.tick();
            let mut state = self.state();
            state.abandon_stuck_request(now, longest);
            let usable = state.token.as_ref().filter(|held| now < held.wait).map(|held| held.token.clone());
            let renews = state.token.as_ref().is_none_or(|held| now >= held.renew);
            match (usable, &state.request, state.may_ask(now)) {
                (Some(token), running, may_ask) => {
                    if renews && running.is_none() && may_ask.is_ok() {
                        let _ = self.start(&mut state, clock, request());
                    }
                    return Ok(token);
                }
                (None, Some(running), _) => running.outcome.clone(),
                (None, None, Ok(())) => self.start(&mut state, clock, request()).ok_or(TokenError::Unavailable)?,
                (None, None, Err(error)) => return state.last_resort(now, error),
            }
        };
        let outcome = match timeout(longest, outcome.wait_for(Option::is_some)).await {
            Ok(Ok(outcome)) => outcome.clone().unwrap_or(Err(TokenError::Unavailable)),
            _ => Err(TokenError::Unavailable),
        };
        outcome.or_else(|error| self.state().last_resort(clock.tick(), error))
    }

    /// Lets the next caller ask for another token, if this one is held and not very young.
    pub(super) fn forget(&self, token: &AccessToken, clock: &Clock) {
        let now = clock.tick();
        let mut state = self.state();
        if state.token.as_ref().is_some_and(|held| held.token.is(token) && now.since(held.since) >= YOUNGEST) {
            state.token = None;
        }
    }

    /// Whether a request for it is on its way.
    pub(super) fn is_requested(&self) -> bool {
        self.state().request.is_some()
    }

    fn state(&self) -> MutexGuard<'_, HeldState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the request in its own task, so that it continues if the client that caused it disconnects.
    fn start(
        &self,
        state: &mut HeldState,
        clock: &Clock,
        request: impl Future<Output = Result<Issued, TokenError>> + Send + 'static,
    ) -> Option<watch::Receiver<Option<TokenOutcome>>> {
        let runtime = tokio::runtime::Handle::try_current().ok()?;
        let (sender, outcome) = watch::channel(None);
        let began = clock.tick();
        state.requests = state.requests.wrapping_add(1);
        state.request = Some(Running { number: state.requests, began, outcome: outcome.clone() });
        let task = RequestTask {
            held: self.clone(),
            number: state.requests,
            began,
            clock: clock.clone(),
            sender: Some(sender),
        };
        runtime.spawn(async move {
            let issued = request.await;
            task.end(issued);
        });
        Some(outcome)
    }
}

/// The pause after so many failures.
pub(crate) fn pause_after(failures: u32) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
    doubled.min(LONGEST_PAUSE)
}

impl HeldState {
    /// Whether the pause after the last failure is over. Otherwise, the failure.
    fn may_ask(&self, now: Tick) -> Result<(), TokenError> {
        let Some((when, failures, error)) = &self.last_failure else { return Ok(()) };
        if now.since(*when) >= pause_after(*failures) { Ok(()) } else { Err(error.clone()) }
    }

    /// While no other token can be had: the token of which callers would rather not use the last seconds.
    fn last_resort(&self, now: Tick, error: TokenError) -> TokenOutcome {
        self.token.as_ref().filter(|held| now < held.ends).map(|held| held.token.clone()).ok_or(error)
    }

    fn abandon_stuck_request(&mut self, now: Tick, longest: Duration) {
        if self.request.as_ref().is_some_and(|running| now.since(running.began) >= longest) {
            tracing::warn!("a request for a token did not end and was abandoned");
            self.fail(now, TokenError::Unavailable);
        }
    }

    fn fail(&mut self, now: Tick, error: TokenError) {
        self.request = None;
        let failures = self.last_failure.as_ref().map_or(0, |(_, failures, _)| *failures);
        self.last_failure = Some((now, failures.saturating_add(1), error));
    }

    fn hold(&mut self, issued: &Issued, began: Tick) {
        (self.request, self.last_failure) = (None, None);
        let margin = issued.lives.div_f32(10.0).max(MARGIN).min(issued.lives.div_f32(2.0));
        let wait = began.after(issued.lives.saturating_sub(margin));
        let renew = began.after(issued.lives.mul_f32(CALM_PART)).min(wait);
        let ends = began.after(issued.lives);
        self.token = Some(TokenInUse { token: issued.token.clone(), since: began, renew, wait, ends });
    }
}

/// A running request. It reports its outcome, or a failure if its runtime ends first.
struct RequestTask {
    held: HeldToken,
    number: u64,
    began: Tick,
    clock: Clock,
    sender: Option<watch::Sender<Option<TokenOutcome>>>,
}

impl RequestTask {
    fn end(mut self, issued: Result<Issued, TokenError>) {
        self.report(issued);
    }

    fn report(&mut self, issued: Result<Issued, TokenError>) {
        let Some(sender) = self.sender.take() else { return };
        let mut state = self.held.state();
        // The outcome of an abandoned request is ignored.
        if state.request.as_ref().is_some_and(|running| running.number == self.number) {
            match &issued {
                Ok(issued) => state.hold(issued, self.began),
                Err(error) => state.fail(self.clock.tick(), error.clone()),
            }
        }
        drop(state);
        sender.send_replace(Some(issued.map(|issued| issued.token)));
    }
}

impl Drop for RequestTask {
    fn drop(&mut self) {
        self.report(Err(TokenError::Unavailable));
    }
}
