//! Configuring a verifier.
//!
//! Threat: a verifier that was never told whose tokens it accepts, or for whom they are (CWE-1188). Promise: without issuer,
//! audience and keys there is none: it does not compile.

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
use crate::config_error::ConfigError;
use crate::revocation::{ErasedRevocations, RevocationStore};

const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);

/// Not said yet.
#[derive(Clone, Copy, Debug)]
pub struct Unset;
/// Set.
#[derive(Clone, Copy, Debug)]
pub struct Set;

/// Whether an issuer was given.
#[diagnostic::on_unimplemented(
    message = "a `Jwt` needs the issuer of the tokens that it accepts",
    label = "no issuer was given",
    note = "add `.issuer(\"https://issuer.example\")`, exactly as tokens carry it in `iss`"
)]
pub trait HasIssuer {}
impl HasIssuer for Set {}

/// Whether an audience was given.
#[diagnostic::on_unimplemented(
    message = "a `Jwt` needs the audience of the tokens that it accepts",
    label = "no audience was given",
    note = "add `.audience(\"my-api\")`: the name of this API, as tokens carry it in `aud`"
)]
pub trait HasAudience {}
impl HasAudience for Set {}

/// Whether keys were given.
#[diagnostic::on_unimplemented(
    message = "a `Jwt` needs keys that verify tokens",
    label = "no key was given",
    note = "add `.keys(..)` with a `VerifyingKey`, a `KeySet`, or a `RemoteKeySet` (feature `jwks`)"
)]
pub trait HasKeys {}
impl HasKeys for Set {}

/// Where a [`Jwt`] takes its keys from.
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

/// See [`Jwt::builder`].
#[must_use]
pub struct JwtBuilder<Issuer = Unset, Audience = Unset, Keys = Unset> {
    expectations: Expectations,
    keys: Vec<KeySource>,
    cache: TokenCache,
    longest: usize,
    revocations: Option<Arc<dyn ErasedRevocations>>,
    said: PhantomData<(Issuer, Audience, Keys)>,
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
            said: PhantomData,
        }
    }
}

impl<I, A, K> JwtBuilder<I, A, K> {
    fn now_said<I2, A2, K2>(self) -> JwtBuilder<I2, A2, K2> {
        let Self { expectations, keys, cache, longest, revocations, said: _ } = self;
        JwtBuilder { expectations, keys, cache, longest, revocations, said: PhantomData }
    }

    /// What every token must carry as `iss`, compared exactly. Required.
    pub fn issuer(mut self, issuer: impl Into<String>) -> JwtBuilder<Set, A, K> {
        self.expectations.issuer = issuer.into();
        self.now_said()
    }

    /// What every token must carry in `aud`: the name of this API. Required.
    ///
    /// Repeatable: a token is accepted if it carries any of the audiences.
    pub fn audience(mut self, audience: impl Into<String>) -> JwtBuilder<I, Set, K> {
        self.expectations.audiences.push(audience.into());
        self.now_said()
    }

    /// Where the audience is, for an issuer whose tokens have no `aud`: a text or a list of texts. Default: `aud`.
    ///
    /// A token without the claim is refused, and so is one that does have an `aud` without any of the audiences (RFC 7519
    /// §4.1.3).
    ///
    /// Danger: a client is not an API. Every token that the issuer gives to this client is accepted, also one that was meant for
    /// another API (RFC 8725 §3.9): use scopes that belong to this API alone.
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
    ///     .audience_at("client_id")
    ///     .keys(key)
    ///     .build()?;
    /// # Ok::<(), palisade::ConfigError>(())
    /// ```
    pub fn audience_at(mut self, path: impl Into<ClaimPath>) -> Self {
        self.expectations.paths.audience = Some(path.into());
        self
    }

    /// What verifies the signatures: a [`VerifyingKey`], a [`KeySet`], or a `RemoteKeySet` (feature `jwks`). Required.
    ///
    /// Repeatable: a token is accepted if its signature verifies under any of them. Of each, the token's `alg` and `kid` choose
    /// one key. While one of them can't be asked, the tokens of the others are accepted as ever, and a token that none of the
    /// others verifies is 503 and not 401.
    ///
    /// Danger: a secret beside public keys, such as while an issuer changes from one to the other, lets everybody who verifies
    /// with the secret issue tokens as well. No algorithm is used with a key of another kind (RFC 8725 §3.1).
    pub fn keys(mut self, keys: impl JwtKeys) -> JwtBuilder<I, A, Set> {
        self.keys.push(keys.into());
        self.now_said()
    }

    /// How far the clocks of issuer and verifier may be apart, at most 60 seconds. Default: 30 seconds.
    ///
    /// A token is good while `now < exp + leeway`, and from `nbf - leeway` and `iat - leeway` on.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.expectations.leeway = leeway;
        self
    }

    /// What `typ` must say. Default: [`TokenType::Jwt`], which is `JWT`, `at+jwt` or nothing.
    pub fn token_type(mut self, token_type: TokenType) -> Self {
        self.expectations.token_type = token_type;
        self
    }

    /// Where roles are: a list of texts, or one text, which is one role and is never split. Default: `roles`.
    ///
    /// An object whose values are objects counts as the list of its names, as in the tokens of Zitadel:
    /// `{"admin": {"273": "acme.example"}}`. Danger: for whom such a role holds, here the organisation 273, is not looked at.
    ///
    /// A value of another type refuses the token with `token_roles`. Where this is not called, it only gives no roles, and is an
    /// event at the level of debugging: an issuer may use the name `roles` for something else. The same holds for
    /// [`permissions_at`](Self::permissions_at), [`scopes_at`](Self::scopes_at) and [`tenant_at`](Self::tenant_at).
    pub fn roles_at(mut self, path: impl Into<ClaimPath>) -> Self {
        self.expectations.paths.roles = Some(path.into());
        self
    }

    /// Where permissions are that the token brings along: a list of texts, or one text, which is one permission and is never split.
    /// Default: `permissions`.
    pub fn permissions_at(mut self, path: impl Into<ClaimPath>) -> Self {
        self.expectations.paths.permissions = Some(path.into());
        self
    }

    /// Where scopes are: a text, separated by spaces, or a list of texts. Default: `scope`; some issuers use `scp`.
    pub fn scopes_at(mut self, path: impl Into<ClaimPath>) -> Self {
        self.expectations.paths.scopes = Some(path.into());
        self
    }

    /// Where the tenant is: a text. Default: `tenant`.
    pub fn tenant_at(mut self, path: impl Into<ClaimPath>) -> Self {
        self.expectations.paths.tenant = Some(path.into());
        self
    }

    /// The longest token that is looked at, in bytes, from 256 to 65,536. Default: 8192, what fits beside other headers in
    /// every HTTP stack. actix-web itself ends a request whose head is over 128 KiB.
    pub fn longest_token(mut self, bytes: usize) -> Self {
        self.longest = bytes;
        self
    }

    /// Whether tokens that were verified are remembered, so that they are not verified again. Default:
    /// [`TokenCache::DEFAULT`].
    pub fn cache(mut self, cache: TokenCache) -> Self {
        self.cache = cache;
        self
    }

    /// Where tokens that do not count any more are looked up, on every request. Default: nowhere, and a token is good until
    /// it expires (ASVS V7.4.1 asks for more).
    ///
    /// With it every token must carry `iat`: all tokens of a subject that were issued before a moment can be revoked, and of a
    /// token without a time of issue nobody could tell whether it is one of them. Without it `iat` may be absent (RFC 7519
    /// §4.1.6 makes it optional); one that is there is checked either way.
    pub fn revocations(mut self, store: impl RevocationStore) -> Self {
        self.revocations = Some(Arc::new(store));
        self
    }

    /// The verifier.
    ///
    /// # Errors
    ///
    /// A blank issuer or audience, a leeway over 60 seconds, an empty name in a path, or a token length out of bounds.
    pub fn build(self) -> Result<Jwt, ConfigError>
    where
        I: HasIssuer,
        A: HasAudience,
        K: HasKeys,
    {
        let Self { mut expectations, keys, cache, longest, revocations, said: _ } = self;
        for audience in &expectations.audiences {
            names_are_said(&expectations.issuer, audience)?;
        }
        expectations.revocable = revocations.is_some();
        if expectations.leeway > LONGEST_LEEWAY {
            return Err(ConfigError::new("jwt leeway", "is over 60 seconds; set the clocks instead"));
        }
        if !expectations.paths.all().all(ClaimPath::is_sound) {
            return Err(ConfigError::new("jwt claim path", "has an empty name; write it as \"realm_access.roles\""));
        }
        if !(256..=65_536).contains(&longest) {
            return Err(ConfigError::new("jwt longest token", "is outside of 256 to 65536 bytes"));
        }
        let sources: Vec<Source> = keys.into_iter().map(|keys| keys.0).collect();
        let cache = match cache {
            TokenCache::Off => None,
            TokenCache::Bytes(bytes) => Some(Entries::new(bytes)),
        };
        Ok(Jwt(Arc::new(Verifier { sources, expectations, cache, longest, revocations })))
    }
}

pub(super) fn names_are_said(issuer: &str, audience: &str) -> Result<(), ConfigError> {
    if issuer.trim().is_empty() {
        let cure = "is blank; name who issues the tokens, such as the URL of the service";
        return Err(ConfigError::new("jwt issuer", cure));
    }
    if audience.trim().is_empty() {
        return Err(ConfigError::new("jwt audience", "is blank; name the API that the tokens are for"));
    }
    Ok(())
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
