//! JSON Web Tokens as bearer credentials.
//!
//! Threat: a token that is forged, altered, meant for another audience, or no longer valid (CWE-347, CWE-287), and a token
//! whose header dictates the key or the algorithm (RFC 8725 §2).
//!
//! Promise: [`Jwt`] trusts the claims of a token only after its signature is verified with a configured key, with an algorithm
//! of that key (ASVS V9.1.1 to V9.1.3). `iss`, `aud`, `exp` and `sub` are required and typed, and so is `iat` if revocations
//! are configured; `nbf` is honoured (ASVS V9.2.1 to V9.2.4). The header selects among the configured keys by name and
//! algorithm, and has no other effect. A verified token is cached no longer than it is valid.
//!
//! [`Jwt`] verifies tokens, [`TokenIssuer`] issues them, and `RemoteKeySet` (feature `jwks`) fetches the keys of an identity
//! provider. [`session`](crate::session) adds refresh tokens and logout.
//!
//! ```
//! use palisade::{Jwt, Palisade};
//!
//! let secret = b"at least 32 bytes, from a file or the environment";
//! let jwt = Jwt::hs256("https://issuer.example", "my-api", secret)?;
//! Palisade::builder().authenticator(jwt).build()?;
//! # Ok::<(), palisade::ConfigError>(())
//! ```
//!
//! Each rejection has a stable reason in the audit log, which never contains text from the token:
//!
//! | reason | the token was rejected because |
//! |---|---|
//! | `authorization_repeated`, `bearer_malformed` | the `Authorization` header is not one bearer credential |
//! | `token_repeated` | it is in two places, or the cookie is there twice |
//! | `token_too_long`, `token_malformed` | it is longer than the limit; it does not have three parts |
//! | `token_header`, `token_claims` | the part is not base64url of a UTF-8 JSON object of acceptable depth |
//! | `token_duplicate_member` | a name occurs twice in one object |
//! | `token_alg`, `token_typ`, `token_crit`, `token_b64` | the header parameter is missing, wrong or forbidden |
//! | `token_kid` | no key source has a key of this name, or several keys match a token without a name |
//! | `token_signature` | the signature does not verify |
//! | `token_iss`, `token_aud`, `token_exp`, `token_iat`, `token_nbf`, `token_sub`, `token_jti`, `token_sid`, `token_roles`, `token_permissions`, `token_scope`, `token_tenant`, `token_cnf`, `token_act` | the claim is missing or malformed |
//! | `token_foreign_issuer`, `token_foreign_audience` | another issuer issued it; it is for another API |
//! | `token_cnf_unsupported`, `token_not_bound` | it is bound in a way that nobody here can check; it is not bound, but was presented as if it were, or must be |
//! | `token_expired`, `token_not_yet_valid`, `token_issued_in_future` | it is not valid now |
//! | `token_revoked` | it was revoked, alone or with all tokens of its subject |
//!
//! If a token cannot be verified now, the response is 503, and the reason is one of `jwks_unavailable`, `jwks_cooldown`, `revocations`, `clock`,
//! `crypto_backend`.

mod actor;
mod algorithm;
mod algorithms;
mod backend;
mod base64url;
mod bearer;
mod builder;
mod cache;
mod claims;
#[cfg(feature = "oauth")]
mod compact;
mod confirmation;
#[cfg(feature = "oauth")]
mod discover;
#[cfg(feature = "oauth")]
pub(crate) mod dpop_proof;
mod grant;
mod header;
#[cfg(feature = "oauth")]
mod introspected;
mod issue;
mod issuer_keys;
#[cfg(feature = "oauth")]
pub(crate) mod issuers;
mod json;
mod judgement;
mod jwk;
mod key;
#[cfg(feature = "jwks")]
mod key_requests;
mod key_ring;
mod key_set;
mod locations;
mod login;
mod paths;
mod published;
#[cfg(feature = "jwks")]
mod remote;
mod roca;
mod session_claims;
mod signing;
mod source;
mod texts;
#[cfg(feature = "oauth")]
mod upstream;
#[cfg(feature = "testing")]
mod vectors;
mod verifier_cache;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

pub use self::algorithm::Algorithm;
#[cfg(feature = "oauth")]
pub(crate) use self::bearer::{only_bound, only_unbound};
pub use self::builder::{HasAudience, HasIssuer, HasKeys, JwtBuilder, KeySource, Set, Unset};
use self::cache::Entries;
pub use self::cache::TokenCache;
use self::claims::Expectations;
pub use self::grant::{Grant, IssueError};
#[cfg(feature = "oauth")]
pub(crate) use self::header::TokenKind;
pub use self::header::TokenType;
#[cfg(feature = "oauth")]
pub(crate) use self::introspected::{FoundToken, TokenRules};
pub use self::issue::TokenIssuer;
#[cfg(feature = "oauth")]
pub(crate) use self::judgement::Judgement;
#[cfg(feature = "oauth")]
pub(crate) use self::judgement::has_form_of_jwt;
pub use self::key::VerifyingKey;
pub use self::key_ring::RotationError;
pub use self::key_set::KeySet;
use self::locations::Locations;
pub use self::paths::ClaimPath;
pub use self::published::PublishedKeys;
#[cfg(feature = "jwks")]
pub use self::remote::RemoteKeySet;
pub(crate) use self::session_claims::SessionClaims;
pub use self::signing::SigningKey;
pub use self::source::JwtKeys;
use self::source::Source;
#[cfg(feature = "oauth")]
pub(crate) use self::upstream::{Upstream, UpstreamLogin, upstream_principal};
#[cfg(feature = "testing")]
pub use self::vectors::verify_signature;
use crate::authn::AuthError;
use crate::clock::Clock;
use crate::config_error::ConfigError;
use crate::principal::Principal;
use crate::revocation::ErasedRevocations;

/// The longest token that is accepted by default, and the longest that is issued, in bytes.
const LONGEST_TOKEN: usize = 8 * 1024;

/// Verifies JSON Web Tokens (RFC 7519) of one issuer for this API, and authenticates requests that carry one as
/// `Authorization: Bearer <token>` (RFC 6750 §2.1). A token is never read from a body, and from a query, a WebSocket protocol or a
/// cookie only if the [builder](JwtBuilder) says so.
///
/// Cheap to clone; the clones share keys and cache. `Debug` shows no secret. For several issuers, add several authenticators:
/// each handles the tokens of its own issuer. For several audiences or key sources of one issuer, configure all of them in one
/// `Jwt`.
///
/// ```
/// use palisade::Jwt;
/// use palisade::jwt::{KeySet, TokenType};
///
/// # fn main() -> Result<(), palisade::ConfigError> {
/// # let document = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"2026-11","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
/// let jwt = Jwt::builder()
///     .issuer("https://issuer.example")
///     .audience("my-api")
///     .keys(KeySet::from_jwks(document)?)
///     .roles_at("realm_access.roles")
///     .token_type(TokenType::AccessToken)
///     .build()?;
/// # let _ = jwt;
/// # Ok(()) }
/// ```
///
/// Without issuer, audience or keys it does not compile:
///
/// ```compile_fail,E0277
/// let jwt = palisade::Jwt::builder().issuer("https://issuer.example").build();
/// ```
#[derive(Clone)]
pub struct Jwt(Arc<Verifier>);

struct Verifier {
    /// At least one.
    sources: Vec<Source>,
    expectations: Expectations,
    cache: Option<Entries>,
    longest: usize,
    /// Where a token may be besides the header. `None` if only the header is read.
    locations: Option<Box<Locations>>,
    clock: Clock,
    revocations: Option<Arc<dyn ErasedRevocations>>,
}

impl Jwt {
    /// Starts a configuration. It needs an issuer, an audience and keys; the other settings have safe defaults.
    pub fn builder() -> JwtBuilder {
        JwtBuilder::new()
    }

    /// Verifies tokens of one issuer that are signed with HMAC-SHA-256 (`HS256`): short for the [builder](Self::builder) with
    /// [`VerifyingKey::hmac`]. A [`TokenIssuer`] with the same three arguments issues them.
    ///
    /// Every token must carry `issuer` as `iss` and `audience`, the name of this API, in `aud`. `secret` must be at least 32
    /// bytes from a random number generator, never a password (RFC 8725 §3.5). Every service that can verify with it can also
    /// issue tokens. It is copied; zeroing the original is up to the caller.
    ///
    /// Danger: it checks no revocations. For the tokens of [`Sessions`](crate::session::Sessions), use their
    /// [`verifier`](crate::session::Sessions::verifier); otherwise a logout has no effect.
    ///
    /// # Errors
    ///
    /// If the secret is under 32 bytes (RFC 7518 §3.2), the issuer or the audience is blank, or the crypto backend fails its
    /// self-test.
    pub fn hs256(
        issuer: impl Into<String>,
        audience: impl Into<String>,
        secret: impl AsRef<[u8]>,
    ) -> Result<Self, ConfigError> {
        let key = VerifyingKey::hmac(Algorithm::Hs256, secret);
        Self::builder().issuer(issuer).audience(audience).keys_or_mistake(key).build()
    }

    /// The issuer whose tokens are accepted.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.0.expectations.issuer
    }

    /// Verifies a token in compact form and returns its principal, if the token is not revoked.
    ///
    /// It is for code outside of a request, such as for a token in the first message of a WebSocket. There is no proof there, so a token
    /// that is bound to a key of the client (the claim `cnf`) is rejected as `token_bound`.
    ///
    /// # Errors
    ///
    /// [`AuthError::Invalid`] with the reason for the audit log; respond to the client only with `invalid_token`.
    /// [`AuthError::Unavailable`] if the keys or the revocations cannot be queried, the clock of the machine is before 1970, or
    /// the crypto backend fails.
    pub async fn verify(&self, token: &str) -> Result<Principal, AuthError> {
        bearer::only_unbound(self.danger_verify_without_proof(token).await?)
    }

    /// [`verify`](Self::verify) that also returns the principal of a token that is bound to a key of the client.
    ///
    /// Danger: a stolen token is accepted, although its issuer bound it so that it cannot be used. Check yourself that the client has the
    /// key of [`Principal::confirmation`].
    ///
    /// # Errors
    ///
    /// Those of [`verify`](Self::verify), without `token_bound`.
    pub async fn danger_verify_without_proof(&self, token: &str) -> Result<Principal, AuthError> {
        let Some(now) = self.0.clock.since_1970() else {
            return Err(AuthError::Unavailable("clock"));
        };
        let judgement = match self.cached(token.as_bytes(), now) {
            Some(principal) => self.unless_revoked(principal),
            None => self.judge(token, now),
        };
        judgement.verdict().await
    }

    /// The same for a token that was received at this time since 1970, without the cache.
    #[cfg(feature = "oauth")]
    pub(crate) async fn verify_as_of(
        &self,
        token: &str,
        received: std::time::Duration,
    ) -> Result<Principal, AuthError> {
        self.judge(token, received).verdict().await
    }

    /// Whether a source may have newer keys, which cannot be fetched now.
    #[cfg(feature = "oauth")]
    pub(crate) fn has_old_keys(&self) -> bool {
        self.0.sources.iter().filter_map(Source::remote).any(RemoteKeySet::is_old)
    }
}

impl fmt::Debug for Jwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwt")
            .field("keys", &self.0.sources)
            .field("expectations", &self.0.expectations)
            .field("cache", &self.0.cache)
            .finish_non_exhaustive()
    }
}
