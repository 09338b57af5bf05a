//! Configuring a verifier.
//!
//! Threat: a verifier that was never told whose tokens it accepts, or for whom they are (CWE-1188). Promise: without an issuer,
//! an audience and keys, `build` does not compile.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::cache::{Entries, TokenCache};
use super::claims::Expectations;
use super::header::TokenType;
use super::key::VerifyingKey;
use super::key_set::KeySet;
use super::paths::{ClaimPath, Paths};
#[cfg(feature = "jwks")]
use super::remote::RemoteKeySet;
use super::source::{JwtKeys, Source};
use super::{Jwt, LONGEST_TOKEN, Verifier};
use crate::authn::LONGEST_LEEWAY;
use crate::config_error::{ConfigError, Mistakes};
use crate::revocation::{ErasedRevocations, RevocationStore};

const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);

/// Type-state of [`JwtBuilder`]: the setting is still missing.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Unset;

/// Type-state of [`JwtBuilder`]: the setting was given.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Set;

/// Holds if an issuer was given.
#[diagnostic::on_unimplemented(
    message = "a `Jwt` needs the issuer of the tokens that it accepts",
    label = "no issuer was given",
    note = "add `.issuer(\"https://issuer.example\")`, exactly as tokens carry it in `iss`"
)]
pub trait HasIssuer {}
impl HasIssuer for Set {}

/// Holds if an audience was given.
#[diagnostic::on_unimplemented(
    message = "a `Jwt` needs the audience of the tokens that it accepts",
    label = "no audience was given",
    note = "add `.audience(\"my-api\")`: the name of this API, as tokens carry it in `aud`"
)]
pub trait HasAudience {}
impl HasAudience for Set {}

/// Holds if keys were given.
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
/// Its parameters tell the compiler whether issuer, audience and keys were given.
#[must_use]
pub struct JwtBuilder<Issuer = Unset, Audience = Unset, Keys = Unset> {
    expectations: Expectations,
    keys: Vec<KeySource>,
    cache: TokenCache,
    longest: usize,
    revocations: Option<Arc<dyn ErasedRevocations>>,
    mistakes: Mistakes,
    state: PhantomData<(Issuer, Audience, Keys)>,
}

impl JwtBuilder {
    pub(super) fn new() -> Self {
        Self {
            expectations: Expectations {
                issuer: String::new(),
                audiences: Vec::new(),
                revocable: false,
                leeway: DEFAULT_LEEWAY,
                token_type: TokenType::default(),
                paths: Paths::default(),
            },
            keys: Vec::new(),
            cache: TokenCache::default(),
            longest: LONGEST_TOKEN,
            revocations: None,
            mistakes: Mistakes::default(),
            state: PhantomData,
        }
    }
}

impl<I, A, K> JwtBuilder<I, A, K> {
    fn with_state<I2, A2, K2>(self) -> JwtBuilder<I2, A2, K2> {
        let Self { expectations, keys, cache, longest, revocations, mistakes, state: _ } = self;
        JwtBuilder { expectations, keys, cache, longest, revocations, mistakes, state: PhantomData }
    }

    /// [`keys`](Self::keys) that may have failed to be made; then that is a mistake of [`build`](Self::build).
    pub(super) fn keys_or_mistake(mut self, keys: Result<VerifyingKey, ConfigError>) -> JwtBuilder<I, A, Set> {
        match self.mistakes.note(keys) {
            Some(keys) => self.keys(keys),
            None => self.with_state(),
        }
    }

    /// The `iss` that every token must carry, compared exactly. Required. A blank text is a mistake.
    pub fn issuer(mut self, issuer: impl Into<String>) -> JwtBuilder<Set, A, K> {
        self.expectations.issuer = issuer.into();
        self.with_state()
    }

    /// The name of this API, which every token must carry in `aud`. Required. A blank text is a mistake.
    ///
    /// Repeatable: a token is accepted if it carries any of the audiences.
    pub fn audience(mut self, audience: impl Into<String>) -> JwtBuilder<I, Set, K> {
        self.expectations.audiences.push(audience.into());
        self.with_state()
    }

    /// The claim that holds the audience, for an issuer whose tokens have no `aud`: a text or a list of texts. Default: `aud`.
    ///
    /// A token without the claim is refused. So is a token that does have an `aud` without any of the audiences (RFC 7519 §4.1.3).
    ///
    /// Danger: a client is not an API. If the claim names a client, every token that the issuer gives to this client is accepted,
    /// also one that was meant for another API (RFC 8725 §3.9). Check scopes that belong to this API alone.
    ///
    /// The access tokens of Amazon Cognito name the client that asked for them, and no audience:
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
        self.expectations.paths.audience = Some(path.into());
        self
    }

    /// The keys that verify signatures: a [`VerifyingKey`], a [`KeySet`], or a `RemoteKeySet` (feature `jwks`). Required.
    ///
    /// Repeatable: a token is accepted if its signature verifies under any of the key sources. In each, the `alg` and `kid` of the
    /// token select one key. While one source is unavailable, tokens of the others are still accepted, and a token that none of
    /// the others verifies is 503 and not 401.
    ///
    /// Danger: with a secret beside public keys, such as while an issuer changes from one to the other, everybody who verifies
    /// with the secret can issue tokens too. No algorithm is used with a key of another kind (RFC 8725 §3.1).
    pub fn keys(mut self, keys: impl JwtKeys) -> JwtBuilder<I, A, Set> {
        self.keys.push(keys.into());
        self.with_state()
    }

    /// How far the clocks of issuer and verifier may differ: at most 60 seconds. Default: 30 seconds.
    ///
    /// A token is valid from `nbf - leeway` and `iat - leeway` on, and while `now < exp + leeway`.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.expectations.leeway = leeway;
        self
    }

    /// The `typ` that a token must have. Default: [`TokenType::Jwt`], which accepts `JWT`, `at+jwt` and a missing `typ`.
    pub fn token_type(mut self, token_type: TokenType) -> Self {
        self.expectations.token_type = token_type;
        self
    }

    /// The claim that holds roles: a list of texts, or one text, which is one role and is never split. Default: `roles`.
    ///
    /// An object whose values are objects counts as the list of its names, as in the tokens of Zitadel:
    /// `{"admin": {"273": "acme.example"}}`. Danger: the organisation for which such a role holds, here 273, is ignored.
    ///
    /// If the value has another type, the token is refused with `token_roles`. Unless this setter is called, such a value only
    /// gives no roles, and is an event at debug level: an issuer may use the name `roles` for something else. The same holds for
    /// [`permissions_at`](Self::permissions_at), [`scopes_at`](Self::scopes_at) and [`tenant_at`](Self::tenant_at).
    pub fn roles_at(mut self, path: impl Into<ClaimPath>) -> Self {
        self.expectations.paths.roles = Some(path.into());
        self
    }

    /// The claim that holds permissions: a list of texts, or one text, which is one permission and is never split. Default:
    /// `permissions`.
    pub fn permissions_at(mut self, path: impl Into<ClaimPath>) -> Self {
        self.expectations.paths.permissions = Some(path.into());
        self
    }

    /// The claim that holds scopes: a text, separated by spaces, or a list of texts. Default: `scope`; some issuers use `scp`.
    pub fn scopes_at(mut self, path: impl Into<ClaimPath>) -> Self {
        self.expectations.paths.scopes = Some(path.into());
        self
    }

    /// The claim that holds the tenant: a text. Default: `tenant`.
    pub fn tenant_at(mut self, path: impl Into<ClaimPath>) -> Self {
        self.expectations.paths.tenant = Some(path.into());
        self
    }

    /// The longest token that is accepted, in bytes: 256 to 65,536. Default: 8192, which fits beside other headers in every HTTP
    /// stack. actix-web itself ends a request whose head is over 128 KiB.
    pub fn longest_token(mut self, bytes: usize) -> Self {
        self.longest = bytes;
        self
    }

    /// How much memory the cache of verified tokens may take, so that a token is not verified again on each request. Default:
    /// [`TokenCache::DEFAULT`]. Revocations are checked on each request all the same.
    pub fn cache(mut self, cache: TokenCache) -> Self {
        self.cache = cache;
        self
    }

    /// The store of revocations, which is asked on every request. Default: none, and a token is valid until it expires (ASVS V7.4.1
    /// asks for more).
    ///
    /// With a store every token must carry `iat`, because all tokens of a subject that were issued before a moment can be
    /// revoked. Without a store `iat` may be absent (RFC 7519 §4.1.6 makes it optional); if it is present, it is checked.
    pub fn revocations(mut self, store: impl RevocationStore) -> Self {
        self.revocations = Some(Arc::new(store));
        self
    }

    /// The verifier.
    ///
    /// # Errors
    ///
    /// All settings that cannot be used: a blank issuer or audience, a leeway over 60 seconds, an empty name in a claim path, a
    /// token length out of bounds, or a mistake of a key source.
    pub fn build(self) -> Result<Jwt, ConfigError>
    where
        I: HasIssuer,
        A: HasAudience,
        K: HasKeys,
    {
        let Self { mut expectations, keys, cache, longest, revocations, mut mistakes, state: _ } = self;
        for audience in &expectations.audiences {
            check_names(&expectations.issuer, audience, &mut mistakes);
        }
        expectations.revocable = revocations.is_some();
        if expectations.leeway > LONGEST_LEEWAY {
            mistakes.report("jwt leeway", "is over 60 seconds; set the clocks instead");
        }
        if !expectations.paths.all().all(ClaimPath::is_sound) {
            mistakes.report("jwt claim path", "has an empty name; write it as \"realm_access.roles\"");
        }
        if !(256..=65_536).contains(&longest) {
            mistakes.report("jwt longest token", "must be 256 to 65536 bytes");
        }
        let sources: Vec<Source> = keys.into_iter().map(|keys| keys.0).collect();
        sources.iter().for_each(|source| source.check(&mut mistakes));
        mistakes.into_result()?;
        let cache = match cache {
            TokenCache::Off => None,
            TokenCache::Bytes(bytes) => Some(Entries::new(bytes)),
        };
        Ok(Jwt(Arc::new(Verifier { sources, expectations, cache, longest, revocations })))
    }
}

/// Checks that issuer and audience are not blank.
pub(super) fn check_names(issuer: &str, audience: &str, mistakes: &mut Mistakes) {
    if issuer.trim().is_empty() {
        mistakes.report("jwt issuer", "is blank; name who issues the tokens, such as the URL of the service");
    }
    if audience.trim().is_empty() {
        mistakes.report("jwt audience", "is blank; name the API that the tokens are for");
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
