//! JSON Web Tokens as bearer credentials.
//!
//! Threat: a token that is forged, altered, meant for somebody else, or no longer good (CWE-347, CWE-287), and a token
//! whose reader is made to follow the token's own advice about keys and algorithms (RFC 8725 §2). Promise: [`Jwt`]
//! believes a token only if its signature verifies under one configured key with an algorithm of that key, and only then
//! believes its claims (ASVS V9.1.1 to V9.1.3); `iss`, `aud`, `exp`, `iat` and `sub` are then required and typed, `nbf` is
//! honoured (ASVS V9.2.1 to V9.2.4). A header chooses among configured keys by name, and does nothing else; what was
//! verified is remembered no longer than it holds.
//!
//! Every refusal is a stable word for the audit log, never text of the token:
//!
//! | word | refused because |
//! |---|---|
//! | `authorization_repeated`, `bearer_malformed` | the `Authorization` header is not one bearer credential |
//! | `token_too_long`, `token_malformed` | over the length that is looked at; not three parts |
//! | `token_header`, `token_claims` | not base64url of a UTF-8 JSON object of acceptable size |
//! | `token_duplicate_member` | a name occurs twice in one object |
//! | `token_alg`, `token_typ`, `token_crit`, `token_b64` | the header parameter is missing, foreign, or must not be there |
//! | `token_kid` | no key of that name, or several without one |
//! | `token_signature` | it is not ours |
//! | `token_iss`, `token_aud`, `token_exp`, `token_iat`, `token_nbf`, `token_sub`, `token_jti`, `token_sid`, `token_roles`, `token_permissions`, `token_scope`, `token_tenant` | the claim is missing or of a wrong shape |
//! | `token_foreign_issuer`, `token_foreign_audience` | not from the issuer, not for this API |
//! | `token_expired`, `token_not_yet_valid`, `token_issued_in_future` | not now |
//! | `token_revoked` | taken back, alone or with all of its subject |
//!
//! And why one could not be judged, which is 503: `jwks_unavailable`, `jwks_cooldown`, `revocations`, `clock`,
//! `crypto_backend`.

mod algorithm;
mod backend;
mod bearer;
mod builder;
mod cache;
mod claims;
mod header;
mod issue;
mod json;
mod key;
mod key_set;
mod paths;
#[cfg(feature = "jwks")]
mod remote;
mod roca;
mod signing;
mod source;
#[cfg(feature = "testing")]
mod vectors;
mod workbench;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::LocalBoxFuture;

pub use self::algorithm::Algorithm;
pub use self::builder::{JwtBuilder, KeySource, Said, Unsaid};
pub use self::cache::TokenCache;
use self::cache::{Entries, Verified};
use self::claims::{Claims, Expectations};
pub use self::header::TokenType;
pub use self::issue::{Grant, IssueError, TokenIssuer};
pub use self::key::VerifyingKey;
use self::key_set::Choice;
pub use self::key_set::KeySet;
pub use self::paths::ClaimPath;
#[cfg(feature = "jwks")]
pub use self::remote::RemoteKeySet;
#[cfg(feature = "jwks")]
use self::remote::Wanted;
pub use self::signing::SigningKey;
use self::source::Source;
#[cfg(feature = "testing")]
pub use self::vectors::verify_signature;
use self::workbench::Workbench;
use super::AuthError;
use super::revocation::ErasedRevocations;
use crate::error::ConfigError;
use crate::principal::Principal;

/// The longest token that is looked at by default, and the longest that is issued, in bytes.
const LONGEST_TOKEN: usize = 8 * 1024;

/// Verifies JSON Web Tokens (RFC 7519) of one issuer for one audience, and authenticates requests that carry one as
/// `Authorization: Bearer <token>` (RFC 6750 §2.1; never from a query or a body).
///
/// Cheap to clone; the clones share keys and cache. `Debug` shows no secret. Several issuers at once are several
/// authenticators: each takes the tokens of its own issuer.
///
/// ```
/// use palisade::{Jwt, KeySet, TokenType};
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
    keys: Source,
    expectations: Expectations,
    cache: Option<Entries>,
    longest: usize,
    revocations: Option<Arc<dyn ErasedRevocations>>,
}

/// A verdict on a token, or the way to one.
enum Judgement<'a> {
    Done(Result<Principal, AuthError>),
    Pending(LocalBoxFuture<'a, Result<Principal, AuthError>>),
}

/// Why a token was not verified.
enum Failure {
    Refused(AuthError),
    /// It names a key that is not in the set.
    #[cfg_attr(not(feature = "jwks"), expect(dead_code, reason = "only a source that can be asked wants the name"))]
    UnknownKey(Option<String>),
    /// Its signature is not of the key, which has no name by which a newer one could be told.
    NotOfTheNameless,
}

impl From<Failure> for AuthError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(error) => error,
            Failure::UnknownKey(_) => Self::Invalid("token_kid"),
            Failure::NotOfTheNameless => SIGNATURE,
        }
    }
}

const SIGNATURE: AuthError = AuthError::Invalid("token_signature");

impl From<AuthError> for Failure {
    fn from(error: AuthError) -> Self {
        Self::Refused(error)
    }
}

impl Jwt {
    /// Starts a configuration, which needs an issuer, an audience and keys; the rest has safe defaults.
    pub fn builder() -> JwtBuilder {
        JwtBuilder::new()
    }

    /// Tokens of one issuer, signed with HMAC-SHA-256 (`HS256`): short for the [builder](Self::builder) with
    /// [`VerifyingKey::hmac`]. A [`TokenIssuer`] with the same three arguments issues them.
    ///
    /// `issuer` is what every token must carry as `iss`, `audience` what it must carry in `aud`: the name of this API.
    /// `secret` is at least 32 bytes out of a random number generator, never a password (RFC 8725 §3.5); whoever
    /// verifies with it can also issue. It is copied; wiping the caller's own copy is up to the caller.
    ///
    /// Danger: it knows of no revocations. For the tokens of [`Sessions`](crate::Sessions) use their
    /// [`verifier`](crate::Sessions::verifier), or a logout ends nothing.
    ///
    /// # Errors
    ///
    /// A secret under 32 bytes (RFC 7518 §3.2), a blank issuer or audience, or a crypto backend that fails its self-test.
    pub fn hs256(
        issuer: impl Into<String>,
        audience: impl Into<String>,
        secret: impl AsRef<[u8]>,
    ) -> Result<Self, ConfigError> {
        let (issuer, audience) = (issuer.into(), audience.into());
        builder::names_are_said(&issuer, &audience)?;
        let key = VerifyingKey::hmac(Algorithm::Hs256, secret)?;
        Self::builder().issuer(issuer).audience(audience).keys(key).build()
    }

    /// Whose tokens it accepts.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.0.expectations.issuer
    }

    /// Verifies a token in compact form and gives the principal it speaks for, if the token is not revoked.
    ///
    /// # Errors
    ///
    /// [`AuthError::Invalid`] with the reason for the audit log; tell the client no more than `invalid_token`.
    /// [`AuthError::Unavailable`] if the keys or the revocations can't be asked, the clock of the machine is before 1970, or
    /// the crypto backend fails.
    pub async fn verify(&self, token: &str) -> Result<Principal, AuthError> {
        let Some(now) = since_epoch() else {
            return Err(AuthError::Unavailable("clock"));
        };
        let judgement = match self.known(token.as_bytes(), now) {
            Some(principal) => self.unless_revoked(principal),
            None => self.judge(token, now),
        };
        match judgement {
            Judgement::Done(verdict) => verdict,
            Judgement::Pending(verdict) => verdict.await,
        }
    }

    /// Whom a token that was verified before speaks for, if that still counts. It may be revoked.
    fn known(&self, token: &[u8], now: Duration) -> Option<Principal> {
        let known = self.0.cache.as_ref()?.find(token, now)?;
        // Only then: whoever is not known asks for the keys anyhow.
        self.0.keys.is_fresh().then(|| known.principal.clone())
    }

    /// The verdict, at once where nothing has to be awaited.
    fn judge<'a>(&'a self, token: &'a str, now: Duration) -> Judgement<'a> {
        let Some(keys) = self.0.keys.current() else {
            #[cfg(feature = "jwks")]
            if let Some(remote) = self.0.keys.remote() {
                return self.asked(remote.clone(), token, Wanted::Usable);
            }
            return Judgement::Done(Err(AuthError::Unavailable("jwks_unavailable")));
        };
        match self.verify_with(&keys, token, now) {
            Ok(principal) => self.unless_revoked(principal),
            Err(Failure::Refused(error)) => Judgement::Done(Err(error)),
            #[cfg(feature = "jwks")]
            Err(failure) => match (failure, self.0.keys.remote()) {
                (Failure::UnknownKey(Some(id)), Some(remote)) => self.asked(remote.clone(), token, Wanted::Name(id)),
                (Failure::NotOfTheNameless, Some(remote)) => self.asked(remote.clone(), token, Wanted::Newer),
                (failure, _) => Judgement::Done(Err(failure.into())),
            },
            #[cfg(not(feature = "jwks"))]
            Err(failure) => Judgement::Done(Err(failure.into())),
        }
    }

    /// Once more, with keys that were asked for. A token of another issuer makes nobody ask ours.
    #[cfg(feature = "jwks")]
    fn asked<'a>(&'a self, remote: RemoteKeySet, token: &'a str, wanted: Wanted) -> Judgement<'a> {
        if self.is_of_another_issuer(token) {
            return Judgement::Done(Err(AuthError::Invalid("token_foreign_issuer")));
        }
        Judgement::Pending(Box::pin(self.ask(remote, token, wanted)))
    }

    #[cfg(feature = "jwks")]
    async fn ask(&self, remote: RemoteKeySet, token: &str, mut wanted: Wanted) -> Result<Principal, AuthError> {
        loop {
            let keys = remote.ask(&wanted).await?;
            let now = since_epoch().ok_or(AuthError::Unavailable("clock"))?;
            match (self.verify_with(&keys, token, now), wanted) {
                (Ok(principal), _) => return self.unless_revoked(principal).verdict().await,
                (Err(Failure::UnknownKey(Some(id))), Wanted::Usable) => wanted = Wanted::Name(id),
                (Err(failure), _) => return Err(failure.into()),
            }
        }
    }

    fn unless_revoked<'a>(&'a self, principal: Principal) -> Judgement<'a> {
        let Some(revocations) = &self.0.revocations else {
            return Judgement::Done(Ok(principal));
        };
        let verdict =
            |revoked: bool, principal| if revoked { Err(AuthError::Invalid("token_revoked")) } else { Ok(principal) };
        if let Some(revoked) = revocations.now(&principal) {
            return Judgement::Done(verdict(revoked, principal));
        }
        Judgement::Pending(Box::pin(async move {
            let revoked = revocations.ask(&principal).await.map_err(|_| AuthError::Unavailable("revocations"))?;
            verdict(revoked, principal)
        }))
    }

    fn verify_with(&self, keys: &KeySet, token: &str, now: Duration) -> Result<Principal, Failure> {
        if token.len() > self.0.longest {
            return Err(AuthError::Invalid("token_too_long").into());
        }
        let verified = Arc::new(self.verified(keys, token, now)?);
        if let Some(cache) = &self.0.cache {
            cache.keep(token, &verified);
        }
        Ok(verified.principal.clone())
    }

    fn verified(&self, keys: &KeySet, token: &str, now: Duration) -> Result<Verified, Failure> {
        let expected = &self.0.expectations;
        let parts = Parts::split(token).ok_or(AuthError::Invalid("token_malformed"))?;
        Workbench::borrow(|bench| {
            let (key, algorithm) = chosen(keys, parts.header, expected.token_type, bench)?;
            bench.check_signature((&key, algorithm), parts.signed, parts.signature).map_err(|error| match error {
                SIGNATURE if key.id().is_none() => Failure::NotOfTheNameless,
                error => error.into(),
            })?;
            // ASVS V9.1.1: only here, behind the signature, is a claim believed.
            let text = bench.decode(parts.claims, "token_claims")?;
            let judged = Claims::read(text, &expected.paths)?.judge(expected, text, now)?;
            Ok(Verified { principal: judged.principal, from: judged.from, until: judged.until, key })
        })
    }

    /// Whether the token says itself that it is for another verifier. Nothing is believed of it for that.
    fn is_of_another_issuer(&self, token: &str) -> bool {
        let Some(parts) = Parts::split(token) else { return false };
        token.len() <= self.0.longest
            && Workbench::borrow(|bench| {
                let text = bench.decode(parts.claims, "token_claims").ok()?;
                Some(claims::names_issuer(text)? == self.0.expectations.issuer)
            }) == Some(false)
    }
}

impl<'a> Judgement<'a> {
    #[cfg(feature = "jwks")]
    async fn verdict(self) -> Result<Principal, AuthError> {
        match self {
            Self::Done(verdict) => verdict,
            Self::Pending(verdict) => verdict.await,
        }
    }
}

/// The key and the algorithm that the header chooses.
fn chosen(
    keys: &KeySet,
    header: &str,
    expected: TokenType,
    bench: &mut Workbench,
) -> Result<(Arc<VerifyingKey>, Algorithm), Failure> {
    let usual = keys.keys().iter().find_map(|key| Some((Arc::clone(key), key.by_usual_header(header)?)));
    if let Some(usual) = usual {
        return Ok(usual);
    }
    let header = header::read(header, expected, bench)?;
    let id = header.key_id.as_ref().map(|id| &*id.0);
    match keys.choose(header.algorithm, id) {
        Choice::Key(key) => Ok((Arc::clone(key), header.algorithm)),
        Choice::WrongAlgorithm => Err(AuthError::Invalid("token_alg").into()),
        Choice::Unknown => Err(Failure::UnknownKey(id.map(str::to_owned))),
    }
}

/// The three parts of a token in compact form (RFC 7515 §7.1), and what the signature covers.
struct Parts<'t> {
    signed: &'t str,
    header: &'t str,
    claims: &'t str,
    signature: &'t str,
}

impl<'t> Parts<'t> {
    fn split(token: &'t str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        (!claims.contains('.')).then_some(Self { signed, header, claims, signature })
    }
}

pub(super) fn since_epoch() -> Option<Duration> {
    SystemTime::now().duration_since(UNIX_EPOCH).ok()
}

impl fmt::Debug for Jwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwt")
            .field("keys", &self.0.keys)
            .field("expectations", &self.0.expectations)
            .field("cache", &self.0.cache)
            .finish_non_exhaustive()
    }
}
