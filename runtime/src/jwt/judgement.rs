//! The verdict on a token, using all keys of its issuer.
//!
//! Threat: a forged token that is accepted because many keys are tried, and a genuine one that is rejected because the wrong
//! keys are tried (CWE-347, RFC 8725 §3.10). Promise: the header selects one key of each configured source. The first signature
//! that verifies decides, and the claims are judged once. While a source that may have the key is unavailable, the result is
//! "unavailable" and not "rejected".

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::BoxFuture;

use super::algorithm::{Algorithm, Family};
use super::cache::Verified;
use super::claims::{self, RawClaims};
use super::header::{self, TokenKind};
use super::key::VerifyingKey;
#[cfg(feature = "jwks")]
use super::key_requests::KeyRequest;
use super::key_set::{KeyChoice, KeySet};
#[cfg(feature = "jwks")]
use super::remote::Wanted;
use super::verifier_cache::VerifierCache;
use super::{AuthError, Jwt, base64url};
use crate::authn::REVOKED;
use crate::principal::Principal;

const SIGNATURE: AuthError = AuthError::Invalid("token_signature");
const ALGORITHM: AuthError = AuthError::Invalid("token_alg");

/// A verdict on a token, or a future that returns it.
pub(crate) enum Judgement<'a> {
    Done(Result<Principal, AuthError>),
    Pending(BoxFuture<'a, Result<Principal, AuthError>>),
}

impl Judgement<'_> {
    pub(crate) async fn verdict(self) -> Result<Principal, AuthError> {
        match self {
            Self::Done(verdict) => verdict,
            Self::Pending(verdict) => verdict.await,
        }
    }
}

/// Why a token was not verified with the keys of one source.
pub(super) enum VerificationFailure {
    /// The token is rejected, and other keys cannot change that.
    Rejected(AuthError),
    /// The token was not signed with the chosen key. `named` is whether the source has a key of the name in the header.
    NotTheKey { error: AuthError, named: bool },
    /// The header names a key that is not in the set. `secret` is whether the algorithm needs a secret, which no published set
    /// contains.
    #[cfg_attr(not(feature = "jwks"), expect(dead_code, reason = "only remote key sets read the name"))]
    UnknownKey { id: Option<String>, secret: bool },
    /// The signature is not valid for the chosen key, and the key has no name. The issuer may have replaced it.
    UnnamedKeyMismatch,
}

impl VerificationFailure {
    /// What to request from a remote source, if that could change the verdict.
    #[cfg(feature = "jwks")]
    fn wants(&mut self) -> Option<Wanted> {
        match self {
            Self::UnknownKey { id, secret: false } => id.take().map(Wanted::Name),
            Self::UnnamedKeyMismatch => Some(Wanted::Newer),
            _ => None,
        }
    }
}

impl From<VerificationFailure> for AuthError {
    fn from(failure: VerificationFailure) -> Self {
        match failure {
            VerificationFailure::Rejected(error) | VerificationFailure::NotTheKey { error, .. } => error,
            VerificationFailure::UnknownKey { .. } => Self::Invalid("token_kid"),
            VerificationFailure::UnnamedKeyMismatch => SIGNATURE,
        }
    }
}

impl From<AuthError> for VerificationFailure {
    fn from(error: AuthError) -> Self {
        Self::Rejected(error)
    }
}

/// The failures of all sources for one token. The most specific one is reported, by its weight.
#[derive(Default)]
pub(super) struct Failures(Option<(u8, AuthError)>);

impl Failures {
    pub(super) fn add(&mut self, failure: VerificationFailure) {
        let named = matches!(failure, VerificationFailure::NotTheKey { named: true, .. });
        let error = AuthError::from(failure);
        let weight = match error {
            AuthError::Unavailable(_) => 4,
            SIGNATURE => 3,
            ALGORITHM if named => 2,
            // If the keys of a source have no names, it is unknown whether the source has this key.
            ALGORITHM => 0,
            AuthError::Invalid(_) => 1,
        };
        if self.0.is_none_or(|(so_far, _)| so_far < weight) {
            self.0 = Some((weight, error));
        }
    }

    pub(super) fn into_error(self) -> AuthError {
        self.0.map_or(AuthError::Invalid("token_kid"), |(_, error)| error)
    }
}

impl Jwt {
    /// Returns the principal of a token that was verified before, if that verification is still valid. The token may be revoked.
    pub(super) fn cached(&self, token: &[u8], now: Duration) -> Option<Principal> {
        let cache = self.0.cache.as_ref()?;
        let cached = cache.find(token)?;
        // For a token that is not in the cache, `judge` checks the source. It may retire the key.
        if !self.0.sources.get(cached.source)?.is_fresh(&self.0.clock) {
            return None;
        }
        if now < cached.from || cached.until <= now || cached.key.is_retired() {
            cache.remove(token);
            return None;
        }
        Some(cached.principal.clone())
    }

    /// Judges a token. The verdict is immediate unless keys or revocations must be awaited.
    pub(super) fn judge<'a>(&'a self, token: &'a str, now: Duration) -> Judgement<'a> {
        let mut failures = Failures::default();
        #[cfg(feature = "jwks")]
        let (mut requests, mut named_key) = (Vec::new(), false);
        for (index, source) in self.0.sources.iter().enumerate() {
            let Some(keys) = source.current(&self.0.clock) else {
                #[cfg(feature = "jwks")]
                requests.extend(source.remote().map(|remote| KeyRequest { index, remote, wanted: Wanted::Usable }));
                continue;
            };
            #[cfg_attr(not(feature = "jwks"), expect(unused_mut, reason = "`wants` takes the name out of the failure"))]
            let mut failure = match self.verify_with(&keys, index, token, now) {
                Ok(principal) => return self.unless_revoked(principal),
                Err(VerificationFailure::Rejected(error)) => return Judgement::Done(Err(error)),
                Err(failure) => failure,
            };
            #[cfg(feature = "jwks")]
            {
                named_key |= matches!(failure, VerificationFailure::NotTheKey { named: true, .. });
                if let (Some(remote), Some(wanted)) = (source.remote(), failure.wants()) {
                    requests.push(KeyRequest { index, remote, wanted });
                }
            }
            failures.add(failure);
        }
        #[cfg(feature = "jwks")]
        {
            if named_key {
                // A source has a key of this name, so no source is asked for it.
                requests.retain(|request| !matches!(request.wanted, Wanted::Name(_)));
            }
            if !requests.is_empty() {
                return self.judge_once_fetched(requests, failures, token, now, named_key);
            }
        }
        Judgement::Done(Err(failures.into_error()))
    }

    pub(super) fn unless_revoked<'a>(&'a self, principal: Principal) -> Judgement<'a> {
        let Some(revocations) = &self.0.revocations else {
            return Judgement::Done(Ok(principal));
        };
        let verdict = |revoked: bool, principal| if revoked { Err(REVOKED) } else { Ok(principal) };
        if let Some(revoked) = revocations.now(&principal) {
            return Judgement::Done(verdict(revoked, principal));
        }
        Judgement::Pending(Box::pin(async move {
            let revoked = revocations.ask(&principal).await.map_err(|_| AuthError::Unavailable("revocations"))?;
            verdict(revoked, principal)
        }))
    }

    /// Verifies the token with the keys of one source.
    pub(super) fn verify_with(
        &self,
        keys: &KeySet,
        index: usize,
        token: &str,
        now: Duration,
    ) -> Result<Principal, VerificationFailure> {
        if token.len() > self.0.longest {
            return Err(AuthError::Invalid("token_too_long").into());
        }
        let verified = self.verified(keys, index, token, now)?;
        Ok(match &self.0.cache {
            Some(cache) => cache.keep(token, verified),
            None => verified.principal,
        })
    }

    fn verified(
        &self,
        keys: &KeySet,
        index: usize,
        token: &str,
        now: Duration,
    ) -> Result<Verified, VerificationFailure> {
        let expected = &self.0.expectations;
        let parts = TokenParts::split(token).ok_or(AuthError::Invalid("token_malformed"))?;
        VerifierCache::borrow(|verifiers| {
            let (key, algorithm) = choose_key(keys, parts.header, expected.kind, verifiers)?;
            if !expected.algorithms.accept(algorithm) {
                return Err(ALGORITHM.into());
            }
            verifiers.check_signature((&key, algorithm), parts.signed, parts.signature).map_err(
                |error| match error {
                    SIGNATURE if key.id().is_none() => VerificationFailure::UnnamedKeyMismatch,
                    SIGNATURE => VerificationFailure::NotTheKey { error, named: true },
                    error => error.into(),
                },
            )?;
            // ASVS V9.1.1: claims are trusted only after the signature is verified.
            let text = base64url::decode_text(parts.claims, &mut verifiers.decoded, "token_claims")?;
            let judged = RawClaims::read(text, &expected.paths)?.judge(expected, text, now)?;
            Ok(Verified { principal: judged.principal, from: judged.from, until: judged.until, key, source: index })
        })
    }

    /// Returns whether the token names another issuer. The result only decides which authenticator verifies the token.
    pub(super) fn is_of_another_issuer(&self, token: &str) -> bool {
        let Some(parts) = TokenParts::split(token) else { return false };
        token.len() <= self.0.longest
            && VerifierCache::borrow(|verifiers| {
                let text = base64url::decode(parts.claims, &mut verifiers.decoded, "token_claims").ok()?;
                Some(claims::names_issuer(text)? == self.0.expectations.issuer)
            }) == Some(false)
    }
}

/// Returns the key and the algorithm that the header selects.
pub(super) fn choose_key(
    keys: &KeySet,
    header: &str,
    expected: impl Into<TokenKind>,
    verifiers: &mut VerifierCache,
) -> Result<(Arc<VerifyingKey>, Algorithm), VerificationFailure> {
    let expected = expected.into();
    // The usual header is that of an access token.
    if expected.is_access() {
        let usual = keys.keys().iter().find_map(|key| Some((Arc::clone(key), key.by_usual_header(header)?)));
        if let Some(usual) = usual {
            return Ok(usual);
        }
    }
    let header = header::read(header, expected, &mut verifiers.decoded)?;
    let id = header.key_id.as_ref().map(|id| &*id.0);
    match keys.choose(header.algorithm, id) {
        KeyChoice::Key(key) => Ok((Arc::clone(key), header.algorithm)),
        KeyChoice::WrongAlgorithm => {
            Err(VerificationFailure::NotTheKey { error: ALGORITHM, named: id.is_some_and(|id| keys.has_key_named(id)) })
        }
        KeyChoice::Unknown => Err(VerificationFailure::UnknownKey {
            id: id.map(str::to_owned),
            secret: header.algorithm.family() == Family::Hmac,
        }),
    }
}

/// The three parts of a token in compact form (RFC 7515 §7.1), and the text that the signature covers.
pub(super) struct TokenParts<'t> {
    pub(super) signed: &'t str,
    pub(super) header: &'t str,
    pub(super) claims: &'t str,
    pub(super) signature: &'t str,
}

impl<'t> TokenParts<'t> {
    pub(super) fn split(token: &'t str) -> Option<Self> {
        let (header, rest) = token.split_once('.')?;
        let (claims, signature) = rest.split_once('.')?;
        let signed = token.get(..header.len().checked_add(claims.len())?.checked_add(1)?)?;
        (!signature.contains('.')).then_some(Self { signed, header, claims, signature })
    }
}

/// Whether the text has the form of a JWT: three parts, of which the first is a JSON object. A token that only its provider can read may
/// have dots too.
pub(crate) fn has_form_of_jwt(token: &str) -> bool {
    let Some(parts) = TokenParts::split(token) else { return false };
    URL_SAFE_NO_PAD.decode(parts.header).is_ok_and(|header| header.trim_ascii_start().starts_with(b"{"))
}
