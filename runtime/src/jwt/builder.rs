//! The configuration of a verifier.
//!
//! Threat: a verifier that does not check the issuer or the audience of a token (CWE-1188). Promise: without an issuer, an
//! audience and keys, `build` does not compile.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use palisade_grammar::names::is_token_byte;

use super::algorithms::AcceptedAlgorithms;
use super::bearer::BEARER;
use super::cache::{Entries, TokenCache};
use super::claims::Expectations;
use super::header::TokenType;
use super::key::VerifyingKey;
use super::key_set::KeySet;
use super::locations::Locations;
use super::paths::{ClaimPath, ClaimSource, Paths};
#[cfg(feature = "jwks")]
use super::remote::RemoteKeySet;
use super::source::{JwtKeys, Source};
use super::{Jwt, LONGEST_TOKEN, Verifier};
use crate::authn::LONGEST_LEEWAY;
use crate::clock::Clock;
use crate::config_error::{ConfigError, Mistakes};
use crate::revocation::{ErasedRevocations, RevocationStore};

const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);

/// Type-state of [`JwtBuilder`]: the setting is still missing.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Unset;

/// Type-state of [`JwtBuilder`]: the setting is present.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Set;

/// Implemented if an issuer was set.
#[diagnostic::on_unimplemented(
    message = "a `Jwt` needs the issuer of the tokens that it accepts",
    label = "no issuer was given",
    note = "add `.issuer(\"https://issuer.example\")`, exactly as tokens carry it in `iss`"
)]
pub trait HasIssuer {}
impl HasIssuer for Set {}

/// Implemented if an audience was set.
#[diagnostic::on_unimplemented(
    message = "a `Jwt` needs the audience of the tokens that it accepts",
    label = "no audience was given",
    note = "add `.audience(\"my-api\")`: the name of this API, as tokens carry it in `aud`"
)]
pub trait HasAudience {}
impl HasAudience for Set {}

/// Implemented if keys were set.
#[diagnostic::on_unimplemented(
    message = "a `Jwt` needs keys that verify tokens",
    label = "no key was given",
    note = "add `.keys(..)` with a `VerifyingKey`, a `KeySet`, or a `RemoteKeySet` (feature `jwks`)"
)]
pub trait HasKeys {}
impl HasKeys for Set {}

/// The keys of a [`Jwt`]: a [`VerifyingKey`], a [`KeySet`] or a `RemoteKeySet` (feature `jwks`).
#[derive(Clone, Debug)]
pub struct KeySource(pub(super) Source);

impl From<VerifyingKey> for KeySource {
    fn from(key: VerifyingKey) -> Self {
        KeySet::from(key).into()
    }
}

impl From<KeySet> for KeySource {
    fn from(keys: KeySet) -> Self {
        Self(Source::Fixed(Arc::new(keys)))
    }
}

#[cfg(feature = "jwks")]
impl From<RemoteKeySet> for KeySource {
    fn from(keys: RemoteKeySet) -> Self {
        Self(Source::Remote(keys))
    }
}

/// Settings of a [`Jwt`]: see [`Jwt::builder`].
///
/// Its type parameters record whether issuer, audience and keys were set.
#[must_use]
pub struct JwtBuilder<Issuer = Unset, Audience = Unset, Keys = Unset> {
    pub(super) expectations: Expectations,
    keys: Vec<KeySource>,
    cache: TokenCache,
    longest: usize,
    pub(super) locations: Locations,
    clock: Clock,
    pub(super) revocations: Option<Arc<dyn ErasedRevocations>>,
    mistakes: Mistakes,
    state: PhantomData<(Issuer, Audience, Keys)>,
}

impl JwtBuilder {
    pub(super) fn new() -> Self {
        Self {
            expectations: Expectations {
                scheme: BEARER,
                issuer: String::new(),
                audiences: Vec::new(),
                revocable: false,
                leeway: DEFAULT_LEEWAY,
                kind: TokenType::default().into(),
                algorithms: AcceptedAlgorithms::default(),
                needs_proof: false,
                paths: Paths::default(),
                assigned_tenant: None,
                clock: None,
            },
            keys: Vec::new(),
            cache: TokenCache::default(),
            longest: LONGEST_TOKEN,
            locations: Locations::default(),
            clock: Clock::system(),
            revocations: None,
            mistakes: Mistakes::default(),
            state: PhantomData,
        }
    }
}

#[cfg(feature = "oauth")]
impl<A, K> JwtBuilder<Set, A, K> {
    /// The same, as if an audience were set.
    pub(crate) fn audience_comes_later(self) -> JwtBuilder<Set, Set, K> {
        self.with_state()
    }

    pub(crate) fn has_no_audience(&self) -> bool {
        self.expectations.audiences.is_empty()
    }

    pub(crate) fn own_clock(&self) -> &Clock {
        &self.clock
    }
}

impl<I, A, K> JwtBuilder<I, A, K> {
    fn with_state<I2, A2, K2>(self) -> JwtBuilder<I2, A2, K2> {
        let Self { expectations, keys, cache, longest, locations, clock, revocations, mistakes, state: _ } = self;
        JwtBuilder { expectations, keys, cache, longest, locations, clock, revocations, mistakes, state: PhantomData }
    }

    /// Adds [`keys`](Self::keys) if they could be created. Otherwise, [`build`](Self::build) returns the error.
    pub(super) fn keys_or_mistake(mut self, keys: Result<VerifyingKey, ConfigError>) -> JwtBuilder<I, A, Set> {
        match self.mistakes.note(keys) {
            Some(keys) => self.keys(keys),
            None => self.with_state(),
        }
    }

    /// The `iss` that every token must carry, compared exactly. Required. A blank string is a configuration error.
    pub fn issuer(mut self, issuer: impl Into<String>) -> JwtBuilder<Set, A, K> {
        self.expectations.issuer = issuer.into();
        self.with_state()
    }

    /// The name of this API, which every token must carry in `aud`. Required. A blank string is a configuration error.
    ///
    /// Repeatable: a token is accepted if it carries any of the audiences.
    pub fn audience(mut self, audience: impl Into<String>) -> JwtBuilder<I, Set, K> {
        self.expectations.audiences.push(audience.into());
        self.with_state()
    }

    /// The claim that holds the audience, for an issuer whose tokens have no `aud`: a string or a list of strings. Default:
    /// `aud`.
    ///
    /// A token without the claim is rejected. So is a token with an `aud` that contains none of the audiences (RFC 7519
    /// §4.1.3).
    ///
    /// Danger: a client is not an API. If the claim names a client, every token that the issuer gives to this client is
    /// accepted, even if it was meant for another API (RFC 8725 §3.9). Check scopes that belong only to this API.
    ///
    /// The access tokens of Amazon Cognito have no audience, but name the client that requested them:
    ///
    /// ```
    /// # use palisade::Jwt;
    /// # use palisade::jwt::{Algorithm, VerifyingKey};
    /// # let key = VerifyingKey::hmac(Algorithm::Hs256, [7; 32])?;
    /// Jwt::builder()
    ///     .issuer("https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_example")
    ///     .audience("xxxxxxxxxxxxexample")
    ///     .danger_audience_at("client_id")
    ///     .keys(key)
    ///     .build()?;
    /// # Ok::<(), palisade::ConfigError>(())
    /// ```
    pub fn danger_audience_at(mut self, path: impl Into<ClaimPath>) -> Self {
        self.expectations.paths.audience = ClaimSource::At(path.into());
        self
    }

    /// The keys that verify signatures: a [`VerifyingKey`], a [`KeySet`], or a `RemoteKeySet` (feature `jwks`). Required.
    ///
    /// Repeatable: a token is accepted if its signature verifies under any of the key sources. In each, the `alg` and `kid` of
    /// the token select one key. While one source is unavailable, tokens that verify under the others are still accepted. Any
    /// other token is then rejected with 503 and not 401.
    ///
    /// Danger: with a secret beside public keys, such as during a migration, every service that verifies with the secret can
    /// also issue tokens. No algorithm is used with a key of another kind (RFC 8725 §3.1).
    pub fn keys(mut self, keys: impl JwtKeys) -> JwtBuilder<I, A, Set> {
        self.keys.push(keys.into());
        self.with_state()
    }

    /// The authentication scheme of the tokens: the word before the token in `Authorization`. Default: `Bearer`.
    ///
    /// For clients that send another word, as those of the RealWorld API do: `Authorization: Token <token>`. The word is
    /// compared without regard to case (RFC 9110 §11.1), and no other scheme is accepted, so `Bearer` is not either. The
    /// `WWW-Authenticate` challenge and [`Principal::scheme`](crate::Principal::scheme) have it as it is written here. A name
    /// that is not a token of RFC 9110 §5.6.2 is a configuration error.
    ///
    /// ```
    /// # use palisade::Jwt;
    /// # use palisade::jwt::{Algorithm, VerifyingKey};
    /// # let key = VerifyingKey::hmac(Algorithm::Hs256, [7; 32])?;
    /// Jwt::builder().issuer("https://issuer.example").audience("my-api").keys(key).scheme("Token").build()?;
    /// # Ok::<(), palisade::ConfigError>(())
    /// ```
    pub fn scheme(mut self, scheme: &'static str) -> Self {
        self.expectations.scheme = scheme;
        self
    }

    /// How much the clocks of issuer and verifier may differ: at most 60 seconds. Default: 30 seconds.
    ///
    /// A token is valid from `nbf - leeway` and `iat - leeway` on, and while `now < exp + leeway`.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.expectations.leeway = leeway;
        self
    }

    /// The `typ` that a token must have. Default: [`TokenType::Jwt`], which accepts `JWT`, `at+jwt` and a missing `typ`.
    pub fn token_type(mut self, token_type: TokenType) -> Self {
        self.expectations.kind = token_type.into();
        self
    }

    /// The claim that holds roles: a list of strings, or one string, which is one role and is never split. Default: `roles`.
    ///
    /// An object whose values are objects counts as the list of its names, as in the tokens of Zitadel: `{"admin": {"273":
    /// "acme.example"}}`. Danger: the organisation for which such a role was granted, here 273, is ignored.
    ///
    /// If the value has another type, the token is rejected with `token_roles`. Unless this setter is called, such a value is
    /// ignored and logged at debug level, because an issuer may use the name `roles` for something else. The same holds for
    /// [`permissions_at`](Self::permissions_at), [`scopes_at`](Self::scopes_at) and [`tenant_at`](Self::tenant_at).
    pub fn roles_at(mut self, path: impl Into<ClaimPath>) -> Self {
        self.expectations.paths.roles = ClaimSource::At(path.into());
        self
    }

    /// The claim that holds permissions: a list of strings, or one string, which is one permission and is never split. Default:
    /// `permissions`.
    pub fn permissions_at(mut self, path: impl Into<ClaimPath>) -> Self {
        self.expectations.paths.permissions = ClaimSource::At(path.into());
        self
    }

    /// The claim that holds scopes: a string, separated by spaces, or a list of strings. Default: `scope`; some issuers use
    /// `scp`.
    pub fn scopes_at(mut self, path: impl Into<ClaimPath>) -> Self {
        self.expectations.paths.scopes = ClaimSource::At(path.into());
        self
    }

    /// The claim that holds the tenant: a string. Default: `tenant`.
    pub fn tenant_at(mut self, path: impl Into<ClaimPath>) -> Self {
        self.expectations.paths.tenant = ClaimSource::At(path.into());
        self
    }

    /// The longest token that is accepted, in bytes: 256 to 65,536. Default: 8192, which leaves room for other headers in every
    /// common HTTP stack. actix-web itself rejects a request whose head is over 128 KiB.
    pub fn longest_token(mut self, bytes: usize) -> Self {
        self.longest = bytes;
        self
    }

    /// How much memory the cache of verified tokens may take, so that a token is not verified again on each request. Default:
    /// [`TokenCache::DEFAULT`]. Revocations are still checked on each request.
    pub fn cache(mut self, cache: TokenCache) -> Self {
        self.cache = cache;
        self
    }

    /// The clock by which tokens are valid and fetched keys are renewed. Default: the clock of the machine.
    ///
    /// Verifiers that share a `RemoteKeySet` must have the same clock.
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.clock = clock.into();
        self.expectations.clock = Some(self.clock.clone());
        self
    }

    /// The store of revocations, which is queried on every request. Default: none; a token is then valid until it expires (ASVS
    /// V7.4.1 requires more).
    ///
    /// With a store, every token must carry `iat`, because all tokens of a subject that were issued before a given time can be
    /// revoked. Without a store `iat` may be absent (RFC 7519 §4.1.6 makes it optional); if it is present, it is checked.
    pub fn revocations(mut self, store: impl RevocationStore) -> Self {
        self.revocations = Some(Arc::new(store));
        self
    }

    /// The verifier.
    ///
    /// # Errors
    ///
    /// All settings that cannot be used: a blank issuer or audience, an invalid name of a scheme, a query parameter, a protocol or a
    /// cookie, a leeway over 60 seconds, an empty name in a claim path, a
    /// token length out of bounds, algorithms that no key has, or an error of a key source.
    pub fn build(self) -> Result<Jwt, ConfigError>
    where
        I: HasIssuer,
        A: HasAudience,
        K: HasKeys,
    {
        self.checked()
    }

    /// The verifier, whether or not issuer, audience and keys were set.
    pub(super) fn checked(self) -> Result<Jwt, ConfigError> {
        let Self { mut expectations, keys, cache, longest, locations, clock, revocations, mut mistakes, state: _ } =
            self;
        for audience in &expectations.audiences {
            check_names(&expectations.issuer, audience, &mut mistakes);
        }
        if expectations.scheme.is_empty() || !expectations.scheme.bytes().all(is_token_byte) {
            mistakes.report("jwt scheme", "must be one word of letters, digits and hyphens, such as \"Token\"");
        }
        expectations.revocable = revocations.is_some();
        if expectations.leeway > LONGEST_LEEWAY {
            mistakes.report("jwt leeway", "must be at most 60 seconds; synchronize the clocks instead");
        }
        if !expectations.paths.all().all(ClaimPath::has_no_empty_name) {
            mistakes.report("jwt claim path", "must not contain an empty name; write it as \"realm_access.roles\"");
        }
        if !(256..=65_536).contains(&longest) {
            mistakes.report("jwt longest token", "must be 256 to 65536 bytes");
        }
        locations.check(&mut mistakes);
        let sources: Vec<Source> = keys.into_iter().map(|keys| keys.0).collect();
        sources.iter().for_each(|source| source.check(&mut mistakes));
        expectations.algorithms.check(&sources, &mut mistakes);
        mistakes.into_result()?;
        let cache = match cache {
            TokenCache::Off => None,
            TokenCache::Bytes(bytes) => Some(Entries::new(bytes)),
        };
        Ok(Jwt(Arc::new(Verifier {
            sources,
            expectations,
            cache,
            longest,
            locations: locations.configured(),
            clock,
            revocations,
        })))
    }
}

/// Checks that issuer and audience are not blank.
pub(super) fn check_names(issuer: &str, audience: &str, mistakes: &mut Mistakes) {
    if issuer.trim().is_empty() {
        mistakes.report("jwt issuer", "must not be blank; use the `iss` of the tokens, such as the URL of the issuer");
    }
    if audience.trim().is_empty() {
        mistakes.report("jwt audience", "must not be blank; use the `aud` of the tokens, the name of this API");
    }
}

impl<I, A, K> fmt::Debug for JwtBuilder<I, A, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtBuilder")
            .field("expectations", &self.expectations)
            .field("keys", &self.keys)
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}
