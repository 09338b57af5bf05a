//! The keys of an issuer of our own: one is active and signs, one may be next, and some may be retired.
//!
//! Threat: a key that can never be replaced, because verifiers do not know the new one, or because tokens of the old one are rejected
//! (CWE-324); a stolen key that stays valid. Promise: a key is published before it signs, at least for the time for which a verifier may
//! keep the published set. A key that no longer signs stays public until the last of its tokens has expired, and no longer. Secrets are
//! never published.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::algorithm::{Algorithm, Family};
use super::header;
use super::key::VerifyingKey;
use super::key_set::{KeySet, MOST_KEYS};
use super::published::PublishedKeys;
use super::signing::SigningKey;
use crate::authn::LONGEST_LEEWAY;
use crate::clock::{Clock, Tick};
use crate::config_error::ConfigError;
use crate::problem::{Problem, respond_with_problem};

/// For how long a verifier may keep the published keys, unless the application says otherwise.
const DEFAULT_PUBLISHED_FOR: Duration = Duration::from_secs(300);
/// The lifetime of tokens after which a retired key is removed, unless longer ones were issued.
const DEFAULT_LONGEST_LIFETIME: Duration = Duration::from_secs(3600);
/// No key ends.
const NEVER: u64 = u64::MAX;
/// How many names of removed keys are remembered.
const MOST_FORMER: usize = 1024;

/// Why the keys of a [`TokenIssuer`](crate::jwt::TokenIssuer) were not rotated. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RotationError {
    /// No key is next: give one to [`with_next`](crate::jwt::TokenIssuer::with_next) at startup.
    #[error("no key is next: add one with `.with_next(..)` at startup")]
    NoNextKey,
    /// A verifier may still have a published set without the next key. Try again after this time.
    #[error("the next key was published too recently; try again in {} seconds", .0.as_secs().saturating_add(1))]
    TooSoon(Duration),
    /// So many keys are retired that a verifier would ignore some: rotate less often, or issue tokens with a shorter lifetime.
    #[error("too many keys are retired; rotate less often, or shorten the lifetime of tokens")]
    TooManyKeys,
    /// The clock of this machine is before 1970, so it is unknown until when the key must stay public.
    #[error("the clock of this machine is before 1970")]
    Clock,
    /// The new key cannot be used.
    #[error("{0}")]
    Key(#[from] ConfigError),
}

/// A rotation that came too soon, or without a clock, is 503 with `Retry-After`, and the others are 500.
impl From<RotationError> for Problem {
    fn from(error: RotationError) -> Self {
        match error {
            RotationError::TooSoon(wait) => Self::unavailable().with_retry_after(wait),
            RotationError::Clock => Self::unavailable(),
            RotationError::Key(error) => error.into(),
            error => Self::internal().caused_by(error),
        }
    }
}

respond_with_problem!(RotationError);

/// A key of our own, prepared for signing.
pub(super) struct OwnKey {
    pub(super) signing: SigningKey,
    /// The encoded header of its tokens.
    pub(super) header: String,
    /// `None` if the key cannot be published.
    verifying: Option<Arc<VerifyingKey>>,
}

impl OwnKey {
    pub(super) fn new(signing: SigningKey) -> Result<Self, ConfigError> {
        let verifying = match publishable(&signing) {
            Ok(()) => Some(Arc::new(signing.verifying_key()?)),
            Err(_) => None,
        };
        Ok(Self { header: header::encoded(signing.algorithm(), signing.id()), signing, verifying })
    }
}

/// # Errors
///
/// If the key is a secret, or has no name.
fn publishable(key: &SigningKey) -> Result<(), ConfigError> {
    if key.algorithm().family() == Family::Hmac {
        return Err(ConfigError::new("jwt keys", "must not be secrets to be published; use private keys in PEM"));
    }
    named(key.id())
}

/// # Errors
///
/// If the key has no name, so that a verifier could not tell it from others.
fn named(id: Option<&str>) -> Result<(), ConfigError> {
    match id {
        Some(id) if !id.is_empty() => Ok(()),
        _ => Err(ConfigError::new("jwt keys", "must have names to be published; name each with `.with_id(..)`")),
    }
}

/// All keys of one issuer.
pub(super) struct KeyRing {
    state: Mutex<RingState>,
    /// The time since 1970, in seconds, at which the first retired key is removed. [`NEVER`] without one.
    first_end: AtomicU64,
    /// In seconds.
    longest_lifetime: AtomicU64,
}

#[derive(Clone)]
struct RingState {
    active: Arc<OwnKey>,
    next: Option<NextKey>,
    retired: Vec<RetiredKey>,
    /// The names of keys that were removed. A verifier may still have one under its name.
    former: VecDeque<Box<str>>,
    published_for: Duration,
    /// `None` if the active key cannot be published. There are no other keys then.
    public: Option<PublicKeys>,
}

#[derive(Clone)]
struct NextKey {
    key: Arc<OwnKey>,
    since: Tick,
}

#[derive(Clone)]
struct RetiredKey {
    key: Arc<VerifyingKey>,
    /// Since 1970.
    until: Duration,
}

#[derive(Clone)]
struct PublicKeys {
    set: Arc<KeySet>,
    document: PublishedKeys,
}

impl RingState {
    fn verifying(&self) -> impl Iterator<Item = &Arc<VerifyingKey>> {
        let signing = [Some(&self.active), self.next.as_ref().map(|next| &next.key)];
        let signing = signing.into_iter().flatten().filter_map(|key| key.verifying.as_ref());
        signing.chain(self.retired.iter().map(|retired| &retired.key))
    }

    /// # Errors
    ///
    /// If the active key is not one that can be published beside others, or another key has this name.
    fn check_new(&self, id: Option<&str>) -> Result<(), ConfigError> {
        publishable(&self.active.signing)?;
        named(id)?;
        let is_former = |id: &str| self.former.iter().any(|former| **former == *id);
        if self.verifying().any(|key| key.id() == id) || id.is_some_and(is_former) {
            return Err(ConfigError::new("jwt keys", "must have different names; a name is never used again"));
        }
        Ok(())
    }

    /// # Errors
    ///
    /// If a verifier would ignore one more key.
    fn check_room(&self) -> Result<(), ConfigError> {
        if self.verifying().count() < MOST_KEYS {
            return Ok(());
        }
        Err(ConfigError::new("jwt keys", "must be at most 64, because verifiers ignore those after"))
    }

    /// Remembers the name of a key that is removed.
    fn note_former(&mut self, key: &VerifyingKey) {
        self.former.extend(key.id().map(Into::into));
        if self.former.len() > MOST_FORMER {
            self.former.pop_front();
        }
    }

    /// Publishes what the keys are now.
    fn publish(&mut self) {
        self.public = self.active.verifying.is_some().then(|| {
            let keys: Vec<Arc<VerifyingKey>> = self.verifying().map(Arc::clone).collect();
            let document = PublishedKeys::new(&keys, self.published_for);
            PublicKeys { set: Arc::new(KeySet::of_issuer(keys)), document }
        });
    }
}

impl KeyRing {
    pub(super) fn new(active: OwnKey) -> Self {
        let active = Arc::new(active);
        let (next, retired, former) = (None, Vec::new(), VecDeque::new());
        let mut state = RingState { active, next, retired, former, published_for: DEFAULT_PUBLISHED_FOR, public: None };
        state.publish();
        Self::of(state, DEFAULT_LONGEST_LIFETIME.as_secs())
    }

    fn of(state: RingState, longest_lifetime: u64) -> Self {
        let (first_end, longest_lifetime) = (AtomicU64::new(NEVER), AtomicU64::new(longest_lifetime));
        let ring = Self { state: Mutex::new(state), first_end, longest_lifetime };
        ring.note_first_end(&ring.state());
        ring
    }

    /// A ring of the same keys that does not follow this one. Its next key counts as published now, by this clock.
    pub(super) fn copied(&self, clock: &Clock) -> Self {
        let mut state = self.state().clone();
        if let Some(next) = &mut state.next {
            next.since = clock.tick();
        }
        Self::of(state, self.longest_lifetime.load(Ordering::Relaxed))
    }

    fn state(&self) -> MutexGuard<'_, RingState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_first_end(&self, state: &RingState) {
        let first = state.retired.iter().map(|retired| retired.until.as_secs()).min();
        self.first_end.store(first.unwrap_or(NEVER), Ordering::Release);
    }

    /// Whether its public halves can be published.
    pub(super) fn is_public(&self) -> bool {
        self.state().public.is_some()
    }

    /// Whether a key of this algorithm is active, or may be one day.
    pub(super) fn may_have(&self, algorithm: Algorithm) -> bool {
        let state = self.state();
        let may_rotate = state.public.is_some() && algorithm.family() != Family::Hmac;
        may_rotate || state.active.signing.algorithm() == algorithm
    }

    /// The key that signs. A token with this lifetime is about to be issued.
    pub(super) fn signing(&self, lifetime: Duration) -> Arc<OwnKey> {
        // Noted before the key is taken, so that a rotation in between keeps the key for long enough.
        self.longest_lifetime.fetch_max(lifetime.as_secs(), Ordering::SeqCst);
        Arc::clone(&self.state().active)
    }

    pub(super) fn set_longest_lifetime(&self, lifetime: Duration) {
        self.longest_lifetime.store(lifetime.as_secs(), Ordering::SeqCst);
    }

    pub(super) fn set_published_for(&self, time: Duration) {
        let mut state = self.state();
        state.published_for = time;
        state.publish();
    }

    pub(super) fn set_next(&self, key: SigningKey, clock: &Clock) -> Result<(), ConfigError> {
        publishable(&key)?;
        let mut state = self.state();
        state.next = None;
        state.check_new(key.id())?;
        state.check_room()?;
        state.next = Some(NextKey { key: Arc::new(OwnKey::new(key)?), since: clock.tick() });
        state.publish();
        Ok(())
    }

    pub(super) fn add_retired(&self, key: VerifyingKey, until: Duration) -> Result<(), ConfigError> {
        if key.algorithms().iter().any(|algorithm| algorithm.family() == Family::Hmac) {
            return Err(ConfigError::new("jwt keys", "must not be secrets to be published"));
        }
        let mut state = self.state();
        state.check_new(key.id())?;
        state.check_room()?;
        state.retired.push(RetiredKey { key: Arc::new(key), until });
        state.publish();
        self.note_first_end(&state);
        Ok(())
    }

    /// The next key becomes active, and this one next.
    pub(super) fn rotate(&self, new: SigningKey, clock: &Clock) -> Result<(), RotationError> {
        let now = clock.since_1970().ok_or(RotationError::Clock)?;
        self.remove_ended(now);
        let mut state = self.state();
        let next = state.next.clone().ok_or(RotationError::NoNextKey)?;
        let (needed, public) = (state.published_for, clock.tick().since(next.since));
        if public < needed {
            return Err(RotationError::TooSoon(needed.saturating_sub(public)));
        }
        state.check_room().map_err(|_| RotationError::TooManyKeys)?;
        let new = Self::checked_new(&state, new)?;
        if let Some(key) = state.active.verifying.clone() {
            // A verifier accepts a token for a little longer than until its `exp`.
            let longest = Duration::from_secs(self.longest_lifetime.load(Ordering::SeqCst));
            let until = now.saturating_add(longest).saturating_add(LONGEST_LEEWAY);
            state.retired.push(RetiredKey { key, until });
        }
        self.activate(&mut state, next, new, clock);
        Ok(())
    }

    /// The same at once, and the key that was active is no longer trusted.
    pub(super) fn replace_stolen(&self, new: SigningKey, clock: &Clock) -> Result<(), RotationError> {
        let mut state = self.state();
        let next = state.next.clone().ok_or(RotationError::NoNextKey)?;
        let new = Self::checked_new(&state, new)?;
        if let Some(stolen) = state.active.verifying.clone() {
            stolen.retire();
            state.note_former(&stolen);
        }
        self.activate(&mut state, next, new, clock);
        Ok(())
    }

    fn checked_new(state: &RingState, new: SigningKey) -> Result<OwnKey, ConfigError> {
        publishable(&new)?;
        state.check_new(new.id())?;
        OwnKey::new(new)
    }

    fn activate(&self, state: &mut RingState, next: NextKey, new: OwnKey, clock: &Clock) {
        state.active = next.key;
        state.next = Some(NextKey { key: Arc::new(new), since: clock.tick() });
        state.publish();
        self.note_first_end(state);
    }

    /// Removes the retired keys whose time is over. Cached verifications by them end too.
    fn remove_ended(&self, now: Duration) {
        if now.as_secs() < self.first_end.load(Ordering::Acquire) {
            return;
        }
        let mut state = self.state();
        let (kept, ended): (Vec<_>, Vec<_>) = state.retired.drain(..).partition(|retired| now < retired.until);
        for RetiredKey { key, .. } in &ended {
            key.retire();
            state.note_former(key);
        }
        state.retired = kept;
        if !ended.is_empty() {
            state.publish();
        }
        self.note_first_end(&state);
    }

    /// Whether a cached verification by any key that is not [retired](VerifyingKey::is_retired) is valid: always, once those are
    /// marked whose time is over.
    pub(super) fn is_fresh(&self, clock: &Clock) -> bool {
        if self.first_end.load(Ordering::Acquire) == NEVER {
            return true;
        }
        match clock.since_1970() {
            Some(now) => {
                self.remove_ended(now);
                true
            }
            None => false,
        }
    }

    /// The keys that verify tokens now. `None` if they cannot be published.
    pub(super) fn current(&self, clock: &Clock) -> Option<Arc<KeySet>> {
        self.is_fresh(clock).then(|| self.state().public.as_ref().map(|public| Arc::clone(&public.set)))?
    }

    /// # Errors
    ///
    /// If the active key is a secret or has no name.
    pub(super) fn published(&self, clock: &Clock) -> Result<PublishedKeys, ConfigError> {
        self.is_fresh(clock);
        let state = self.state();
        match &state.public {
            Some(public) => Ok(public.document.clone()),
            None => publishable(&state.active.signing)
                .and(Err(ConfigError::new("jwt keys", "must be private keys with names to be published"))),
        }
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("KeyRing")
            .field("active", &state.active.signing)
            .field("next", &state.next.as_ref().map(|next| &next.key.signing))
            .field("retired", &state.retired.iter().map(|retired| &retired.key).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
