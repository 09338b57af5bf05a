//! Keys that the issuer publishes (RFC 7517 §5), and when they are asked for again.
//!
//! Threat: a rotated key that nobody notices, a compromised one that stays, an issuer whose outage is ours, and a stranger whose
//! made-up key names make this server call the issuer over and over (CWE-400, CWE-918, RFC 8725 §3.10). Promise: the document is
//! renewed before it expires, while requests go on with what there is; a key name that is not in it is asked for once, by one
//! request for all, and no more often than the cooldown allows; when the source is down the last keys stay, and what can't be
//! told then is 503 and not 401. Where to ask is configured, never taken from a token; redirects are not followed.

mod fetch;
mod flight;
mod state;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use self::fetch::{Fetched, Fetcher};
use self::flight::{Landing, Report};
use self::state::RemoteState;
use super::AuthError;
use super::key_set::KeySet;
use crate::config_error::{ConfigError, Mistakes};

/// Between two requests to the source that strangers can cause.
const COOLDOWN: Duration = Duration::from_secs(5);
/// How long a request waits for new keys that could go on with the last ones.
const GRACE: Duration = Duration::from_millis(500);
/// Longer than the fetch's own limit: a flight that takes longer is lost with its thread.
const LONGEST_WAIT: Duration = Duration::from_secs(8);

/// The keys behind the `jwks_uri` of an issuer (feature `jwks`), for [`JwtBuilder::keys`](crate::jwt::JwtBuilder::keys).
///
/// Fetched when the first token asks for them, and then kept as long as `Cache-Control: max-age` says (15 seconds to 24 hours;
/// 5 minutes where nothing is said); with a fifth of that left they are renewed in the background. A document has up to 512 KiB
/// and 64 keys; what can't be used of it is left out, secrets too. The source has 5 seconds to answer.
///
/// After a quiet time the first request waits for new keys, half a second at most, and then goes on with the last ones.
///
/// While the source is down the last keys stay in use, for as long as it takes, and each failure is a warning in the log. A token
/// whose key is unknown is then 503 and not 401. Cheap to clone; the clones share the keys.
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

/// Why keys are asked for.
pub(super) enum Wanted {
    /// There are none, or they are over.
    Usable,
    /// One of this name is not among them.
    Name(String),
    /// One without a name may have been replaced.
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
    /// An address that is none, has a user or a password in it, or is not protected by TLS.
    pub fn new(url: impl AsRef<str>) -> Result<Self, ConfigError> {
        super::backend::self_test()?;
        let fetcher = Fetcher::new(url.as_ref())?;
        Ok(Self(Arc::new(Remote { fetcher, cooldown: COOLDOWN, state: Mutex::default() })))
    }

    /// The shortest time between two requests to the source because of key names that it may not have: 1 second to 5 minutes.
    /// Default: 5 seconds. During this time a token with an unknown name is 503 with `Retry-After`, because the key may be new. A
    /// name that was asked for and was not found is 401 for as long.
    ///
    /// A key without a name is fetched again if a signature does not verify with it, no more often than this.
    ///
    /// Another time is a mistake of [`JwtBuilder::build`](super::JwtBuilder::build). Clones that were made before keep theirs.
    #[must_use]
    pub fn cooldown(self, cooldown: Duration) -> Self {
        let fetcher = self.0.fetcher.clone();
        Self(Arc::new(Remote { fetcher, cooldown, state: Mutex::default() }))
    }

    /// Reports a cooldown out of bounds.
    pub(super) fn check(&self, mistakes: &mut Mistakes) {
        if !(Duration::from_secs(1)..=Duration::from_secs(300)).contains(&self.0.cooldown) {
            mistakes.report("jwks cooldown", "must be 1 second to 5 minutes");
        }
    }

    /// The keys, if they can be used without waiting; renews them in the background when their time is near.
    pub(super) fn current(&self) -> Option<Arc<KeySet>> {
        let now = Instant::now();
        let mut state = self.state();
        state.give_up_a_lost_flight(now);
        let held = state.keys.as_ref()?;
        let (keys, renew) = (Arc::clone(&held.keys), held.renew);
        if now >= renew && state.flight.is_none() && state.may_be_asked(now, self.0.cooldown.min(COOLDOWN)) {
            self.take_off(&mut state);
        }
        state.usable(now).map(|_| keys)
    }

    /// Whether there is nothing to do about the keys before they are used.
    pub(super) fn is_fresh(&self) -> bool {
        self.current().is_some()
    }

    /// The keys, newly fetched if what is wanted asks for it.
    pub(super) async fn ask(&self, wanted: &Wanted) -> Result<Arc<KeySet>, AuthError> {
        let name = wanted.name();
        let (landing, own, patience) = {
            let now = Instant::now();
            let mut state = self.state();
            state.give_up_a_lost_flight(now);
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
            // Whoever can go on with the last keys does not wait long for the next.
            let patience = if name.is_none() && held.is_some() { GRACE } else { LONGEST_WAIT };
            match (&state.flight, held) {
                (Some(flight), _) => (flight.landing(), false, patience),
                (None, _) if state.may_be_asked(now, pause) => {
                    let landing = self.take_off(&mut state).ok_or(AuthError::Unavailable("jwks_no_runtime"))?;
                    (landing, true, patience)
                }
                (None, Some(keys)) if matches!(wanted, Wanted::Newer) => return Ok(keys),
                (None, _) => {
                    let word = if state.failures > 0 { "jwks_unavailable" } else { "jwks_cooldown" };
                    return Err(AuthError::Unavailable(word));
                }
            }
        };
        let fetched = landing.wait(patience).await;
        let mut state = self.state();
        let keys = state.keys.as_ref().map(|held| Arc::clone(&held.keys)).filter(|_| fetched || name.is_none());
        // Whatever a name may be, it can't be told while the source is down. Without one, the last keys have to do.
        let keys = keys.ok_or(AuthError::Unavailable("jwks_unavailable"))?;
        if let Some(name) = name.filter(|name| !keys.has_key_named(name)) {
            // A fetch that others began may have been under way when the name was published.
            if !own {
                return Err(AuthError::Unavailable("jwks_cooldown"));
            }
            state.remember_unknown(name, Instant::now(), self.0.cooldown);
        }
        Ok(keys)
    }

    fn state(&self) -> MutexGuard<'_, RemoteState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the one fetch, apart from the request that caused it: nobody who hangs up ends it for the others.
    fn take_off(&self, state: &mut RemoteState) -> Option<Landing> {
        let runtime = tokio::runtime::Handle::try_current().ok()?;
        let (landing, report) = state.take_off(Instant::now());
        let pilot = Pilot { remote: self.clone(), report: Some(report) };
        runtime.spawn(async move {
            let fetched = pilot.remote.0.fetcher.fetch().await;
            pilot.land(fetched);
        });
        Some(landing)
    }
}

/// Reports what came of a fetch, also that nothing did because its runtime ended.
struct Pilot {
    remote: RemoteKeySet,
    report: Option<Report>,
}

impl Pilot {
    fn land(mut self, fetched: Result<Fetched, String>) {
        self.arrive(fetched);
    }

    fn arrive(&mut self, fetched: Result<Fetched, String>) {
        let Some(report) = self.report.take() else { return };
        let Remote { fetcher: source, cooldown, .. } = &*self.remote.0;
        let mut state = self.remote.state();
        if !state.is_under_way(&report) {
            return;
        }
        match fetched {
            Ok(Fetched { keys, fresh_for }) => {
                if keys.skipped() > 0 {
                    tracing::debug!(%source, skipped = keys.skipped(), "some keys of the issuer can't be used here");
                }
                state.hold(keys, fresh_for, Instant::now(), *cooldown);
                report.landed(true);
            }
            Err(problem) => {
                state.fail();
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
