//! When the metadata are fetched, and what is used meanwhile.

use std::sync::Arc;
use std::time::Duration;

use super::{Provider, ProviderMetadata, Source};
use crate::clock::Tick;
use crate::outgoing::single_flight::{Completion, Fetch, Waiter};
use crate::outgoing::{Address, Answer, BackOff, CallError, Freshness, OutgoingCall, freshness};
use crate::unavailable::Unavailable;

const MAX_DOCUMENT: usize = 128 * 1024;
const FRESHNESS: Freshness = Freshness {
    shortest: Duration::from_secs(5 * 60),
    otherwise: Duration::from_secs(60 * 60),
    longest: Duration::from_secs(24 * 60 * 60),
};
/// The pause after a failure, which doubles from the first to the longest one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long a caller waits for new metadata if it can use the last ones.
const GRACE: Duration = Duration::from_millis(500);

/// The metadata that are known, and the fetch of newer ones.
#[derive(Default)]
pub(super) struct Renewal {
    held: Option<Held>,
    fetch: Option<Fetch>,
    fetches: u64,
    back_off: BackOff,
}

struct Held {
    metadata: Arc<ProviderMetadata>,
    /// From this time on, they are renewed in the background.
    renew: Tick,
    /// From this time on, they are used only while newer ones cannot be fetched.
    expires: Tick,
}

impl Renewal {
    /// The metadata, if no caller must wait for newer ones.
    fn usable(&self, now: Tick) -> Option<Arc<ProviderMetadata>> {
        let held = self.held.as_ref()?;
        let slow = self.fetch.as_ref().is_some_and(|fetch| fetch.age(now) >= GRACE);
        (now < held.expires || self.back_off.is_failing() || slow).then(|| Arc::clone(&held.metadata))
    }

    fn is_due(&self, now: Tick) -> bool {
        self.held.as_ref().is_none_or(|held| now >= held.renew)
            && self.fetch.is_none()
            && self.back_off.may_try(now, FIRST_PAUSE, LONGEST_PAUSE)
    }
}

impl Provider {
    /// The metadata of the provider, after a fetch if none are known.
    ///
    /// # Errors
    ///
    /// If none are known, and they cannot be fetched now.
    pub async fn metadata(&self) -> Result<Arc<ProviderMetadata>, Unavailable> {
        let renewal = match &self.0.metadata {
            Source::Configured(metadata) => return Ok(Arc::clone(metadata)),
            Source::Discovered(renewal) => renewal,
        };
        let (waiter, longest) = {
            let (now, longest) = (self.0.clock.tick(), self.longest_fetch());
            let mut state = renewal.lock();
            if state.fetch.as_ref().is_some_and(|fetch| fetch.age(now) >= longest) {
                // The thread that ran it has ended.
                state.fetch = None;
                state.back_off.fail();
            }
            let started = if state.is_due(now) { self.start_fetch(&mut state, now) } else { None };
            if let Some(known) = state.usable(now) {
                return Ok(known);
            }
            let waiter = started.or_else(|| state.fetch.as_ref().map(Fetch::waiter)).ok_or(Unavailable)?;
            (waiter, if state.held.is_some() { GRACE } else { longest })
        };
        waiter.wait(longest).await;
        renewal.lock().held.as_ref().map(|held| Arc::clone(&held.metadata)).ok_or(Unavailable)
    }

    /// Lets the next caller renew the metadata, because an address in them did not work.
    pub(crate) fn doubt_metadata(&self) {
        if let Source::Discovered(renewal) = &self.0.metadata
            && let Some(held) = &mut renewal.lock().held
        {
            held.renew = Tick::default();
        }
    }

    /// The metadata after one more fetch, because what they say may have changed: the last ones, if that takes over half a second, or the
    /// last fetch was less than a second ago.
    pub(crate) async fn newer_metadata(&self) -> Result<Arc<ProviderMetadata>, Unavailable> {
        self.doubt_metadata();
        if let Source::Discovered(renewal) = &self.0.metadata {
            let waiter = {
                let now = self.0.clock.tick();
                let mut state = renewal.lock();
                let started = if state.is_due(now) { self.start_fetch(&mut state, now) } else { None };
                started.or_else(|| state.fetch.as_ref().map(Fetch::waiter))
            };
            if let Some(waiter) = waiter {
                waiter.wait(GRACE).await;
            }
        }
        self.metadata().await
    }

    /// Whether the last fetch of the metadata has failed, or one runs.
    pub(crate) fn has_old_metadata(&self) -> bool {
        let Source::Discovered(renewal) = &self.0.metadata else { return false };
        let state = renewal.lock();
        state.fetch.is_some() || state.back_off.is_failing()
    }

    /// Longer than a fetch of the metadata may take: two documents may be tried, each as long as one call may take with
    /// the wait for its turn.
    pub(crate) fn longest_fetch(&self) -> Duration {
        self.outgoing().longest_call().saturating_mul(2).saturating_add(GRACE)
    }

    /// Starts the fetch in its own task, so that it continues if the client that caused it disconnects.
    fn start_fetch(&self, state: &mut Renewal, now: Tick) -> Option<Waiter> {
        let runtime = tokio::runtime::Handle::try_current().ok()?;
        state.fetches = state.fetches.wrapping_add(1);
        let (fetch, completion) = Fetch::new(state.fetches, now);
        let waiter = fetch.waiter();
        state.fetch = Some(fetch);
        state.back_off.begin(now);
        let task = FetchTask { provider: self.clone(), completion: Some(completion) };
        runtime.spawn(async move {
            let fetched = task.provider.fetch().await;
            task.complete(fetched);
        });
        Some(waiter)
    }

    /// Fetches the document. The error is for the log, and contains no part of it.
    async fn fetch(&self) -> Result<(ProviderMetadata, Duration), String> {
        let [usual, other] = self.documents();
        let mut answer = self.fetch_from(&usual).await.map_err(|error| error.to_string())?;
        if answer.status == 404 {
            answer = self.fetch_from(&other).await.map_err(|error| error.to_string())?;
        }
        if answer.status != 200 {
            return Err(format!("the response has the status {}", answer.status));
        }
        let metadata = ProviderMetadata::read(&answer.body, self.issuer(), &self.0.address);
        let metadata = metadata.map_err(|problem| format!("the document {problem}"))?;
        Ok((metadata, freshness(&answer.headers, &FRESHNESS)))
    }

    async fn fetch_from(&self, address: &Address) -> Result<Answer, CallError> {
        let call = OutgoingCall::get(address, "application/json", MAX_DOCUMENT);
        self.outgoing().call(call).await
    }

    /// Where the document may be: appended to the issuer (OpenID Connect Discovery 1.0 §4), or between its host and its path (RFC 8414
    /// §3.1).
    fn documents(&self) -> [Address; 2] {
        let path = self.0.address.url().path().trim_end_matches('/');
        [
            self.0.address.with_path(&format!("{path}/.well-known/openid-configuration")),
            self.0.address.with_path(&format!("/.well-known/oauth-authorization-server{path}")),
        ]
    }
}

/// A running fetch. It reports its result, or a failure if its runtime ends first.
struct FetchTask {
    provider: Provider,
    completion: Option<Completion>,
}

impl FetchTask {
    fn complete(mut self, fetched: Result<(ProviderMetadata, Duration), String>) {
        self.report(fetched);
    }

    fn report(&mut self, fetched: Result<(ProviderMetadata, Duration), String>) {
        let Some(completion) = self.completion.take() else { return };
        let Source::Discovered(renewal) = &self.provider.0.metadata else { return };
        let now = self.provider.0.clock.tick();
        let mut state = renewal.lock();
        if state.fetch.as_ref().is_none_or(|fetch| fetch.number != completion.number) {
            return;
        }
        state.fetch = None;
        let succeeded = fetched.is_ok();
        match fetched {
            Ok((metadata, fresh_for)) => {
                state.back_off.succeed();
                let (renew, expires) = (now.after(fresh_for.mul_f32(0.8)), now.after(fresh_for));
                state.held = Some(Held { metadata: Arc::new(metadata), renew, expires });
            }
            Err(problem) => {
                state.back_off.fail();
                let (issuer, held) = (self.provider.issuer(), state.held.is_some());
                tracing::warn!(issuer, problem, held, "the metadata of a provider could not be fetched");
            }
        }
        drop(state);
        completion.finish(succeeded);
    }
}

impl Drop for FetchTask {
    fn drop(&mut self) {
        self.report(Err("the fetch was abandoned".to_owned()));
    }
}
