//! Keys that the issuer publishes (RFC 7517 §5), and when they are asked for again.
//!
//! Threat: a rotated key that nobody notices, a compromised one that stays, an issuer whose outage is ours, and a stranger whose
//! made-up key names make this server call the issuer over and over (CWE-400, CWE-918, RFC 8725 §3.10). Promise: the document is
//! renewed before it expires, while requests go on with what there is; a key name that is not in it is asked for once, by one
//! request for all, and no more often than the cooldown allows; when the source is down the last keys stay, and what can't be
//! told then is 503 and not 401. Where to ask is configured, never taken from a token; redirects are not followed.

mod fetch;
mod flight;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use self::fetch::{Fetched, Fetcher};
use self::flight::{Flight, Landing};
use super::AuthError;
use super::key_set::KeySet;
use crate::error::ConfigError;

/// Between two requests to the source that strangers can cause.
const COOLDOWN: Duration = Duration::from_secs(5);
/// After failures: doubled from the cooldown up to this.
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);
/// How long a key name is known not to exist.
const UNKNOWN_FOR: Duration = Duration::from_secs(30);
/// Key names that are known not to exist, at once.
const MOST_UNKNOWN: usize = 1024;

/// The keys behind the `jwks_uri` of an issuer, for [`JwtBuilder::keys`](crate::JwtBuilder::keys).
///
/// Fetched when the first token asks for them, and then kept as long as `Cache-Control: max-age` says (15 seconds to 24 hours;
/// 5 minutes where nothing is said); with a fifth of that left they are renewed in the background. A document has up to 512 KiB
/// and 64 keys; what can't be used of it is left out, secrets too. The source has 5 seconds to answer.
///
/// While the source is down the last keys stay in use, for as long as it takes, and each failure is a warning in the log. A token
/// whose key is unknown is then 503 and not 401. Cheap to clone; the clones share the keys.
///
/// ```
/// use palisade::{Jwt, RemoteKeySet};
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
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    keys: Option<Held>,
    flight: Option<Flight>,
    /// When the last attempt began that ended, and how many have failed since one succeeded.
    last_attempt: Option<Instant>,
    failures: u32,
    unknown: HashMap<Box<str>, Instant>,
}

struct Held {
    keys: Arc<KeySet>,
    /// From here on they are renewed in the background.
    renew: Instant,
    /// From here on they count only while the source is down.
    over: Instant,
}

impl RemoteKeySet {
    /// The keys at this address: `https`, or `http` on the loopback interface.
    ///
    /// # Errors
    ///
    /// An address that is none, has a user or a password in it, or is not protected by TLS.
    pub fn new(url: impl AsRef<str>) -> Result<Self, ConfigError> {
        super::backend::self_test()?;
        let fetcher = Fetcher::new(url.as_ref())?;
        Ok(Self(Arc::new(Remote { fetcher, cooldown: COOLDOWN, state: Mutex::default() })))
    }

    /// How long at least between two requests to the source because of key names that it may not have, 1 second to 5 minutes.
    /// Default: 5 seconds. While it lasts, a token with a name that is not known is 503 with `Retry-After`: it may be a new one.
    ///
    /// # Errors
    ///
    /// A time out of these bounds.
    pub fn cooldown(self, cooldown: Duration) -> Result<Self, ConfigError> {
        if !(Duration::from_secs(1)..=Duration::from_secs(300)).contains(&cooldown) {
            return Err(ConfigError::new("jwks cooldown", "is outside of 1 second to 5 minutes"));
        }
        let fetcher = self.0.fetcher.clone();
        Ok(Self(Arc::new(Remote { fetcher, cooldown, state: Mutex::default() })))
    }

    /// The keys, if they can be used without waiting; renews them in the background when their time is near.
    pub(super) fn current(&self) -> Option<Arc<KeySet>> {
        let now = Instant::now();
        let mut state = self.state();
        let held = state.keys.as_ref()?;
        let (keys, renew, over) = (Arc::clone(&held.keys), held.renew, held.over);
        if now >= renew && state.flight.is_none() && state.may_be_asked(now, self.0.cooldown.min(COOLDOWN)) {
            self.take_off(&mut state);
        }
        // With the source down they are all there is.
        (now < over || state.failures > 0).then_some(keys)
    }

    /// Whether there is nothing to do about the keys: none has to be renewed.
    pub(super) fn is_fresh(&self) -> bool {
        self.current().is_some()
    }

    /// The keys, newly fetched if there are none, they are over, or this name is not among them.
    pub(super) async fn ask(&self, name: Option<&str>) -> Result<Arc<KeySet>, AuthError> {
        let pause = if name.is_some() { self.0.cooldown } else { self.0.cooldown.min(COOLDOWN) };
        let (landing, own) = {
            let now = Instant::now();
            let mut state = self.state();
            if let Some(name) = name {
                match state.unknown.get(name) {
                    Some(until) if now < *until => return Err(AuthError::Invalid("token_kid")),
                    _ => {}
                }
            } else if let Some(keys) = state.usable(now) {
                return Ok(keys);
            }
            if let Some(flight) = &state.flight {
                (flight.landing(), false)
            } else if !state.may_be_asked(now, pause) {
                let word = if state.failures > 0 { "jwks_unavailable" } else { "jwks_cooldown" };
                return Err(AuthError::Unavailable(word));
            } else {
                (self.take_off(&mut state).ok_or(AuthError::Unavailable("jwks_no_runtime"))?, true)
            }
        };
        let fetched = landing.wait().await;
        let mut state = self.state();
        let keys = state.keys.as_ref().map(|held| Arc::clone(&held.keys));
        match (fetched, keys) {
            (true, Some(keys)) => {
                if let Some(name) = name.filter(|name| !keys.keys().iter().any(|key| key.id() == Some(name))) {
                    if !own {
                        return Err(AuthError::Unavailable("jwks_cooldown"));
                    }
                    state.remember_unknown(name, Instant::now());
                }
                Ok(keys)
            }
            // Whatever the name may be, it can't be told now. Without one, the last keys have to do.
            (false, Some(keys)) if name.is_none() => Ok(keys),
            _ => Err(AuthError::Unavailable("jwks_unavailable")),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the one fetch, apart from the request that caused it: nobody who hangs up ends it for the others.
    fn take_off(&self, state: &mut State) -> Option<Landing> {
        let runtime = tokio::runtime::Handle::try_current().ok()?;
        let (flight, report) = Flight::new();
        let landing = flight.landing();
        state.flight = Some(flight);
        state.last_attempt = Some(Instant::now());
        let pilot = Pilot { remote: self.clone(), report: Some(report) };
        runtime.spawn(async move {
            let fetched = pilot.remote.0.fetcher.fetch().await;
            pilot.land(fetched);
        });
        Some(landing)
    }
}

impl State {
    fn usable(&self, now: Instant) -> Option<Arc<KeySet>> {
        let held = self.keys.as_ref()?;
        (now < held.over || self.failures > 0).then(|| Arc::clone(&held.keys))
    }

    /// Whether the pause after the last attempt is over.
    fn may_be_asked(&self, now: Instant, cooldown: Duration) -> bool {
        let Some(last) = self.last_attempt else { return true };
        let doublings = self.failures.saturating_sub(1).min(16);
        let pause = cooldown.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX));
        now.saturating_duration_since(last) >= pause.min(LONGEST_BACKOFF.max(cooldown))
    }

    fn remember_unknown(&mut self, name: &str, now: Instant) {
        if self.unknown.len() >= MOST_UNKNOWN {
            self.unknown.retain(|_, until| now < *until);
        }
        if self.unknown.len() < MOST_UNKNOWN
            && let Some(until) = now.checked_add(UNKNOWN_FOR)
        {
            self.unknown.insert(name.into(), until);
        }
    }
}

/// Reports what came of a fetch, also that nothing did because its runtime ended.
struct Pilot {
    remote: RemoteKeySet,
    report: Option<flight::Report>,
}

impl Pilot {
    fn land(mut self, fetched: Result<Fetched, String>) {
        self.arrive(fetched);
    }

    fn arrive(&mut self, fetched: Result<Fetched, String>) {
        let Some(report) = self.report.take() else { return };
        let source = &self.remote.0.fetcher;
        let mut state = self.remote.state();
        state.flight = None;
        let now = Instant::now();
        match fetched {
            Ok(Fetched { keys, fresh_for }) => {
                let former = state.keys.take().map(|held| held.keys);
                let keys = match &former {
                    Some(former) => former.succeeded_by(keys),
                    None => keys,
                };
                if keys.skipped() > 0 {
                    tracing::debug!(%source, skipped = keys.skipped(), "some keys of the issuer can't be used here");
                }
                let (renew, over) = (now.checked_add(fresh_for.mul_f32(0.8)), now.checked_add(fresh_for));
                state.keys =
                    Some(Held { keys: Arc::new(keys), renew: renew.unwrap_or(now), over: over.unwrap_or(now) });
                state.failures = 0;
                state.unknown.clear();
                // What left the set is known not to be in it.
                for gone in former.iter().flat_map(|former| former.keys()).filter(|key| key.is_retired()) {
                    if let Some(name) = gone.id() {
                        state.remember_unknown(name, now);
                    }
                }
                report.landed(true);
            }
            Err(problem) => {
                state.failures = state.failures.saturating_add(1);
                let keys_held = state.keys.as_ref().map_or(0, |held| held.keys.len());
                tracing::warn!(%source, problem, keys_held, "the keys of an issuer can't be fetched");
                report.landed(false);
            }
        }
    }
}

impl Drop for Pilot {
    fn drop(&mut self) {
        self.arrive(Err("the fetch was given up".to_owned()));
    }
}

impl fmt::Debug for RemoteKeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteKeySet").field("source", &format_args!("{}", self.0.fetcher)).finish_non_exhaustive()
    }
}
