//! Keys that the issuer publishes (RFC 7517 §5), and when they are fetched again.
//!
//! Threat: a rotated key that goes unnoticed, a compromised key that stays in use, an outage of the issuer that also stops this
//! service, and invented key names that cause many requests to the issuer (CWE-400, CWE-918, RFC 8725 §3.10).
//!
//! Promise: the document is renewed before it expires, and requests use the current keys meanwhile. An unknown key name causes
//! one fetch for all waiting requests, at most once per cooldown. While the source is down, the last keys stay in use, and a
//! token that needs another key gets 503 and not 401. The address is configured and never taken from a token. Redirects are not
//! followed.

mod fetch;
mod state;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use self::fetch::{Fetched, Fetcher};
use self::state::RemoteState;
use super::AuthError;
use super::key_set::KeySet;
use crate::clock::Clock;
use crate::config_error::{ConfigError, Mistakes};
use crate::outgoing::single_flight::{Completion, Waiter};
#[cfg(feature = "oauth")]
use crate::provider::{Provider, ProviderEndpoint};

/// The minimum time between two fetches that unauthenticated clients can cause.
const COOLDOWN: Duration = Duration::from_secs(5);
/// How long a request waits for new keys if it can use the last ones.
const GRACE: Duration = Duration::from_millis(500);
/// How long a request waits for new keys if there are no other ones. The fetch may take longer.
const LONGEST_WAIT: Duration = Duration::from_secs(8);

/// The keys behind the `jwks_uri` of an issuer (feature `jwks`), for [`JwtBuilder::keys`](crate::jwt::JwtBuilder::keys).
///
/// The first token causes the first fetch. The keys are then kept for the `max-age` of `Cache-Control` (at least 15 seconds, at
/// most 24 hours; 5 minutes without the header). When a fifth of that time is left, the next token starts a fetch in the
/// background. A document may have up to 512 KiB and 64 keys. Keys that cannot be used are skipped, and secrets are never used.
/// The source must respond within 5 seconds.
///
/// If the keys have expired because no token arrived for some time, the next request waits for new keys. It waits for at most
/// half a second, and then uses the last keys.
///
/// While the source is down, the last keys stay in use without a time limit, and each failed fetch is logged as a warning. A
/// token whose key is unknown is then rejected with 503 and not 401. A clone is cheap and shares the keys.
///
/// ```
/// use palisade::Jwt;
/// use palisade::jwt::RemoteKeySet;
///
/// # fn main() -> Result<(), palisade::ConfigError> {
/// let jwt = Jwt::builder()
///     .issuer("https://issuer.example")
///     .audience("my-api")
///     .keys(RemoteKeySet::new("https://issuer.example/.well-known/jwks.json")?)
///     .build()?;
/// # let _ = jwt;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RemoteKeySet(Arc<Remote>);

struct Remote {
    fetcher: Fetcher,
    cooldown: Duration,
    state: Mutex<RemoteState>,
}

/// Why keys are requested.
pub(super) enum Wanted {
    /// There are no keys yet, or they have expired.
    Usable,
    /// No key has this name.
    Name(String),
    /// A key without a name may have been replaced.
    Newer,
}

impl Wanted {
    fn name(&self) -> Option<&str> {
        match self {
            Self::Name(name) => Some(name),
            Self::Usable | Self::Newer => None,
        }
    }
}

impl RemoteKeySet {
    /// The keys at this address: `https`, or `http` on the loopback interface.
    ///
    /// # Errors
    ///
    /// If the address is invalid, has a user or a password, or is not protected by TLS.
    pub fn new(url: impl AsRef<str>) -> Result<Self, ConfigError> {
        super::backend::self_test()?;
        let fetcher = Fetcher::new(url.as_ref())?;
        Ok(Self(Arc::new(Remote { fetcher, cooldown: COOLDOWN, state: Mutex::default() })))
    }

    /// The keys where the metadata of the provider say.
    #[cfg(feature = "oauth")]
    pub(super) fn of(provider: Provider) -> Self {
        Self(Arc::new(Remote { fetcher: Fetcher::Of(provider), cooldown: COOLDOWN, state: Mutex::default() }))
    }

    /// The minimum time between two fetches because of unknown key names, from 1 second to 5 minutes. Default: 5 seconds. Until
    /// then, a token with an unknown key name is rejected with 503 and `Retry-After`, because the key may be new. If a fetch
    /// did not return the name, tokens with that name are rejected with 401 for the same time.
    ///
    /// If a signature does not verify with a key that has no name, the keys are fetched again, at most once in this time.
    ///
    /// A time out of bounds is a configuration error. Existing clones keep their cooldown.
    #[must_use]
    pub fn cooldown(self, cooldown: Duration) -> Self {
        let fetcher = self.0.fetcher.clone();
        Self(Arc::new(Remote { fetcher, cooldown, state: Mutex::default() }))
    }

    /// Reports a cooldown out of bounds, and configured endpoints without one for keys.
    pub(super) fn check(&self, mistakes: &mut Mistakes) {
        #[cfg(feature = "oauth")]
        if let Fetcher::Of(provider) = &self.0.fetcher {
            provider.check_endpoints(&[ProviderEndpoint::Keys], mistakes);
        }
        if !(Duration::from_secs(1)..=Duration::from_secs(300)).contains(&self.0.cooldown) {
            mistakes.report("jwks cooldown", "must be 1 second to 5 minutes");
        }
    }

    /// Returns the keys if no request must wait for newer ones. Starts a fetch in the background shortly before they expire.
    pub(super) fn current(&self, clock: &Clock) -> Option<Arc<KeySet>> {
        let now = clock.tick();
        let mut state = self.state();
        state.abandon_stuck_fetch(now, &self.0.fetcher);
        let held = state.keys.as_ref()?;
        let (keys, renew) = (Arc::clone(&held.keys), held.renew);
        if now >= renew && state.fetch.is_none() && state.may_fetch(now, self.0.cooldown.min(COOLDOWN)) {
            self.start_fetch(&mut state, clock);
        }
        state.usable(now).map(|_| keys)
    }

    /// Returns whether the keys can be used without a wait.
    pub(super) fn is_fresh(&self, clock: &Clock) -> bool {
        self.current(clock).is_some()
    }

    /// Returns whether the last fetch of the keys has failed, or one runs.
    #[cfg(feature = "oauth")]
    pub(super) fn is_old(&self) -> bool {
        let state = self.state();
        state.fetch.is_some() || state.back_off.is_failing()
    }

    /// Returns the keys, after a fetch if one is needed.
    pub(super) async fn ask(&self, wanted: &Wanted, clock: &Clock) -> Result<Arc<KeySet>, AuthError> {
        let name = wanted.name();
        let (waiter, own, max_wait) = {
            let now = clock.tick();
            let mut state = self.state();
            state.abandon_stuck_fetch(now, &self.0.fetcher);
            let held = state.keys.as_ref().map(|held| Arc::clone(&held.keys));
            let pause = match wanted {
                Wanted::Usable => self.0.cooldown.min(COOLDOWN),
                Wanted::Name(_) | Wanted::Newer => self.0.cooldown,
            };
            match wanted {
                Wanted::Usable => {
                    if let Some(keys) = state.usable(now) {
                        return Ok(keys);
                    }
                }
                Wanted::Name(name) => {
                    if state.unknown.get(name.as_str()).is_some_and(|until| now < *until) {
                        return Err(AuthError::Invalid("token_kid"));
                    }
                }
                Wanted::Newer => {}
            }
            // A request that can use the last keys does not wait long for new ones.
            let max_wait = if name.is_none() && held.is_some() { GRACE } else { LONGEST_WAIT };
            match (&state.fetch, held) {
                (Some(fetch), _) => (fetch.waiter(), false, max_wait),
                (None, _) if state.may_fetch(now, pause) => {
                    let waiter =
                        self.start_fetch(&mut state, clock).ok_or(AuthError::Unavailable("jwks_no_runtime"))?;
                    (waiter, true, max_wait)
                }
                (None, Some(keys)) if matches!(wanted, Wanted::Newer) => return Ok(keys),
                (None, _) => {
                    let reason = if state.back_off.is_failing() { "jwks_unavailable" } else { "jwks_cooldown" };
                    return Err(AuthError::Unavailable(reason));
                }
            }
        };
        let fetched = waiter.wait(max_wait).await;
        let mut state = self.state();
        let keys = state.keys.as_ref().map(|held| Arc::clone(&held.keys)).filter(|_| fetched || name.is_none());
        // While the source is down, it is undecided whether an unknown name is valid. A token without a name is judged with the
        // last keys.
        let keys = keys.ok_or(AuthError::Unavailable("jwks_unavailable"))?;
        if let Some(name) = name.filter(|name| !keys.has_key_named(name)) {
            // Another request may have started the fetch before the name was published.
            if !own {
                return Err(AuthError::Unavailable("jwks_cooldown"));
            }
            state.remember_unknown(name, clock.tick(), self.0.cooldown);
        }
        Ok(keys)
    }

    fn state(&self) -> MutexGuard<'_, RemoteState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the fetch in its own task, so that it continues if the client that caused it disconnects.
    fn start_fetch(&self, state: &mut RemoteState, clock: &Clock) -> Option<Waiter> {
        let runtime = tokio::runtime::Handle::try_current().ok()?;
        let (waiter, completion) = state.start_fetch(clock.tick());
        let task = FetchTask { remote: self.clone(), clock: clock.clone(), completion: Some(completion) };
        runtime.spawn(async move {
            let fetched = task.remote.0.fetcher.fetch().await;
            task.complete(fetched);
        });
        Some(waiter)
    }
}

/// A running fetch. It reports its result, or a failure if its runtime ends first.
struct FetchTask {
    remote: RemoteKeySet,
    clock: Clock,
    completion: Option<Completion>,
}

impl FetchTask {
    fn complete(mut self, fetched: Result<Fetched, String>) {
        self.report(fetched);
    }

    fn report(&mut self, fetched: Result<Fetched, String>) {
        let Some(completion) = self.completion.take() else { return };
        let Remote { fetcher: source, cooldown, .. } = &*self.remote.0;
        let mut state = self.remote.state();
        if !state.is_current(&completion) {
            return;
        }
        match fetched {
            Ok(Fetched { keys, fresh_for }) => {
                if keys.skipped() > 0 {
                    tracing::debug!(%source, skipped = keys.skipped(), "some keys of the issuer cannot be used and were skipped");
                }
                state.hold(keys, fresh_for, self.clock.tick(), *cooldown);
                completion.finish(true);
            }
            Err(problem) => {
                state.fail();
                let keys_held = state.keys.as_ref().map_or(0, |held| held.keys.len());
                tracing::warn!(%source, problem, keys_held, "the keys of an issuer could not be fetched");
                completion.finish(false);
            }
        }
    }
}

impl Drop for FetchTask {
    fn drop(&mut self) {
        self.report(Err("the fetch was abandoned".to_owned()));
    }
}

impl fmt::Debug for RemoteKeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteKeySet").field("source", &format_args!("{}", self.0.fetcher)).finish_non_exhaustive()
    }
}
