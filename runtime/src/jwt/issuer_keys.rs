//! Replacing and publishing the keys of a [`TokenIssuer`].
//!
//! Threat and promise: see [`key_ring`](super::key_ring).

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::key::VerifyingKey;
use super::key_ring::{KeyRing, RotationError};
use super::published::PublishedKeys;
use super::signing::SigningKey;
use crate::config_error::ConfigError;
use crate::jwt::TokenIssuer;

const PUBLISHED_FOR: RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(24 * 60 * 60);

/// # Several keys
///
/// A key is replaced in steps, so that no verifier meets a key that it does not know:
///
/// 1. [`with_next`](TokenIssuer::with_next): the next key is public, and the active one signs.
/// 2. After [`published_for`](TokenIssuer::published_for), [`rotate`](TokenIssuer::rotate): the next key signs, and the old one is
///    retired. It stays public until the last of its tokens has expired.
///
/// If several processes issue tokens, give all of them the same keys: first publish the next key in each process, wait for
/// `published_for`, and then rotate in each.
impl TokenIssuer {
    /// Publishes the key that will sign after the next [rotation](Self::rotate).
    ///
    /// Call this at startup, before the issuer is cloned: a clone made before keeps its own keys.
    ///
    /// ```
    /// use palisade::jwt::{Algorithm, SigningKey, TokenIssuer};
    ///
    /// # fn main() -> Result<(), palisade::ConfigError> {
    /// # let active = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
    /// # let next = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIEzNCJso/5baxuYo8ymAWMM4f4x/dXb2PEVFAFyKZdQh\n-----END PRIVATE KEY-----\n";
    /// let active = SigningKey::pem(Algorithm::EdDsa, active)?.with_id("2026-11");
    /// let next = SigningKey::pem(Algorithm::EdDsa, next)?.with_id("2026-12");
    /// let issuer = TokenIssuer::new("https://accounts.example", "orders-api", active)?.with_next(next)?;
    /// assert!(issuer.key_set()?.as_json().contains("2026-12"));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// If this key or the active one is a secret or has no [name](SigningKey::with_id), or if another key has the same name.
    pub fn with_next(mut self, key: SigningKey) -> Result<Self, ConfigError> {
        let clock = self.0.clock.clone();
        self.own_keys().set_next(key, &clock)?;
        Ok(self)
    }

    /// Publishes a key that signed tokens before this process started. Tokens of it are accepted until this time.
    ///
    /// At a restart, `until` is the time of the rotation that retired the key, and after it the
    /// [longest lifetime](Self::longest_lifetime) of a token and 1 minute: keep it with the key. Leave out a key whose time is over.
    ///
    /// # Errors
    ///
    /// If this key or the active one is a secret or has no name, if another key has the same name, or if `until` is before 1970.
    pub fn with_retired(mut self, key: VerifyingKey, until: SystemTime) -> Result<Self, ConfigError> {
        let until = until.duration_since(UNIX_EPOCH);
        let until = until.map_err(|_| ConfigError::new("jwt keys", "must be retired after 1970"))?;
        self.own_keys().add_retired(key, until)?;
        Ok(self)
    }

    /// For how long a verifier may keep the published keys: the `max-age` of [`key_set`](Self::key_set), and the time that the next
    /// key must have been public before it signs. 1 minute to 24 hours. Default: 5 minutes.
    ///
    /// # Errors
    ///
    /// If the time is out of bounds.
    pub fn published_for(mut self, time: Duration) -> Result<Self, ConfigError> {
        if !PUBLISHED_FOR.contains(&time) {
            return Err(ConfigError::new("jwt published_for", "must be 1 minute to 24 hours"));
        }
        self.own_keys().set_published_for(time);
        Ok(self)
    }

    /// The longest lifetime of a token, for which [`rotate`](Self::rotate) keeps the retired key public. Default: one hour. If this
    /// issuer issued a token with a longer lifetime, that lifetime counts. Set it if another process issues such tokens with the same
    /// keys, such as this one before a restart.
    #[must_use]
    pub fn longest_lifetime(mut self, lifetime: Duration) -> Self {
        self.own_keys().set_longest_lifetime(lifetime);
        self
    }

    /// Makes the next key the active one, and `next` the next one. The key that was active no longer signs. It is retired, and
    /// removed after the [longest lifetime](Self::longest_lifetime) of a token. All clones of this issuer and its verifiers follow.
    ///
    /// # Errors
    ///
    /// [`RotationError`]; then nothing has changed.
    pub fn rotate(&self, next: SigningKey) -> Result<(), RotationError> {
        self.0.keys.rotate(next, &self.0.clock)
    }

    /// Replaces a stolen key at once: the next key becomes the active one without a wait, `next` the next one, and tokens of the key
    /// that was active are rejected from now on.
    ///
    /// Danger: other verifiers know the new set only when they fetch it. Until then they accept tokens of the stolen key, and those
    /// that do not fetch it for an unknown key name reject the new tokens. If the next key was stolen too, call this twice.
    ///
    /// # Errors
    ///
    /// [`RotationError`], but never `TooSoon`; then nothing has changed. A new key with the name of the stolen one is such an error.
    pub fn danger_rotate_now(&self, next: SigningKey) -> Result<(), RotationError> {
        self.0.keys.replace_stolen(next, &self.0.clock)
    }

    /// The public halves of all keys as a JWK set (RFC 7517 §5), for the route behind the `jwks_uri` of this issuer.
    ///
    /// ```
    /// use actix_web::web::Data;
    /// use palisade::jwt::{PublishedKeys, TokenIssuer};
    /// use palisade::{ConfigError, cors, get, public};
    ///
    /// #[get("/.well-known/jwks.json")]
    /// #[public("verification keys")]
    /// #[cors(any)]
    /// async fn keys(issuer: Data<TokenIssuer>) -> Result<PublishedKeys, ConfigError> {
    ///     issuer.key_set()
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// If the active key is a secret, which must not be published, or has no name. Call it once at startup, so that the application does
    /// not start then.
    pub fn key_set(&self) -> Result<PublishedKeys, ConfigError> {
        self.0.keys.published(&self.0.clock)
    }

    /// The keys of this issuer alone, which no clone follows.
    fn own_keys(&mut self) -> &KeyRing {
        let issuing = Arc::make_mut(&mut self.0);
        if Arc::get_mut(&mut issuing.keys).is_none() {
            issuing.keys = Arc::new(issuing.keys.copied(&issuing.clock));
        }
        &issuing.keys
    }
}
