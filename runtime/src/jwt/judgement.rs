//! The verdict on a token, out of all the keys of its issuer.
//!
//! Threat: a token that is taken for genuine because it was held against keys until one fitted, and one that is refused because
//! it was held against the wrong ones (CWE-347, RFC 8725 §3.10). Promise: the header chooses one key of each configured source;
//! what is not about the keys is decided once, by the first signature that verifies; as long as a source that may have the key
//! can't be asked, a token is not refused but can't be judged.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;

use super::algorithm::{Algorithm, Family};
use super::cache::Verified;
use super::claims::{self, RawClaims};
use super::header::{self, TokenType};
use super::key::VerifyingKey;
#[cfg(feature = "jwks")]
use super::key_requests::KeyRequest;
use super::key_set::{KeyChoice, KeySet};
#[cfg(feature = "jwks")]
use super::remote::Wanted;
use super::workbench::Workbench;
use super::{AuthError, Jwt};
use crate::authn::REVOKED;
use crate::principal::Principal;

const SIGNATURE: AuthError = AuthError::Invalid("token_signature");
const ALGORITHM: AuthError = AuthError::Invalid("token_alg");

/// A verdict on a token, or the way to one.
pub(super) enum Judgement<'a> {
    Done(Result<Principal, AuthError>),
    Pending(LocalBoxFuture<'a, Result<Principal, AuthError>>),
}

impl Judgement<'_> {
    pub(super) async fn verdict(self) -> Result<Principal, AuthError> {
        match self {
            Self::Done(verdict) => verdict,
            Self::Pending(verdict) => verdict.await,
        }
    }
}

/// Why a token was not verified with the keys of one source.
pub(super) enum VerificationFailure {
    /// Whatever other keys there are.
    Refused(AuthError),
    /// The key that was chosen is not the one. `named` is whether there is a key of the name in the header.
    NotTheKey { error: AuthError, named: bool },
    /// It names a key that is not in the set. `secret` is whether it is to be a secret, which no published set has.
    #[cfg_attr(not(feature = "jwks"), expect(dead_code, reason = "only a source that can be asked wants the name"))]
    UnknownKey { id: Option<String>, secret: bool },
    /// Its signature is not of the key, which has no name by which a newer one could be told.
    NotOfTheNameless,
}

impl VerificationFailure {
    /// What a source can be asked for to do better.
    #[cfg(feature = "jwks")]
    fn wants(&mut self) -> Option<Wanted> {
        match self {
            Self::UnknownKey { id, secret: false } => id.take().map(Wanted::Name),
            Self::NotOfTheNameless => Some(Wanted::Newer),
            _ => None,
        }
    }
}

impl From<VerificationFailure> for AuthError {
    fn from(failure: VerificationFailure) -> Self {
        match failure {
            VerificationFailure::Refused(error) | VerificationFailure::NotTheKey { error, .. } => error,
            VerificationFailure::UnknownKey { .. } => Self::Invalid("token_kid"),
            VerificationFailure::NotOfTheNameless => SIGNATURE,
        }
    }
}

impl From<AuthError> for VerificationFailure {
    fn from(error: AuthError) -> Self {
        Self::Refused(error)
    }
}

/// What the sources said of a token that none of them has verified: the most telling counts, with its weight.
#[derive(Default)]
pub(super) struct Refusals(Option<(u8, AuthError)>);

impl Refusals {
    pub(super) fn add(&mut self, failure: VerificationFailure) {
        let named = matches!(failure, VerificationFailure::NotTheKey { named: true, .. });
        let error = AuthError::from(failure);
        let weight = match error {
            AuthError::Unavailable(_) => 4,
            SIGNATURE => 3,
            ALGORITHM if named => 2,
            // A source without names has nothing to say about a name.
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
    /// Whom a token that was verified before speaks for, if that still counts. It may be revoked.
    pub(super) fn known(&self, token: &[u8], now: Duration) -> Option<Principal> {
        let known = self.0.cache.as_ref()?.find(token, now)?;
        // Only then: whoever is not known asks for the keys anyhow.
        let source = self.0.sources.get(known.source)?;
        source.is_fresh().then(|| known.principal.clone())
    }

    /// The verdict, at once where nothing has to be awaited.
    pub(super) fn judge<'a>(&'a self, token: &'a str, now: Duration) -> Judgement<'a> {
        let mut refusals = Refusals::default();
        #[cfg(feature = "jwks")]
        let (mut requests, mut named_key) = (Vec::new(), false);
        for (index, source) in self.0.sources.iter().enumerate() {
            let Some(keys) = source.current() else {
                #[cfg(feature = "jwks")]
                requests.extend(source.remote().map(|remote| KeyRequest { index, remote, wanted: Wanted::Usable }));
                continue;
            };
            #[cfg_attr(not(feature = "jwks"), expect(unused_mut, reason = "what it wants is taken out of it"))]
            let mut failure = match self.verify_with(&keys, index, token, now) {
                Ok(principal) => return self.unless_revoked(principal),
                Err(VerificationFailure::Refused(error)) => return Judgement::Done(Err(error)),
                Err(failure) => failure,
            };
            #[cfg(feature = "jwks")]
            {
                named_key |= matches!(failure, VerificationFailure::NotTheKey { named: true, .. });
                if let (Some(remote), Some(wanted)) = (source.remote(), failure.wants()) {
                    requests.push(KeyRequest { index, remote, wanted });
                }
            }
            refusals.add(failure);
        }
        #[cfg(feature = "jwks")]
        {
            if named_key {
                // The name is known, so nobody has to be asked for it.
                requests.retain(|request| !matches!(request.wanted, Wanted::Name(_)));
            }
            if !requests.is_empty() {
                return self.judge_once_fetched(requests, refusals, token, named_key);
            }
        }
        Judgement::Done(Err(refusals.into_error()))
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

    /// The verdict by the keys of the source of this index.
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
        let verified = Arc::new(self.verified(keys, index, token, now)?);
        if let Some(cache) = &self.0.cache {
            cache.keep(token, &verified);
        }
        Ok(verified.principal.clone())
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
        Workbench::borrow(|bench| {
            let (key, algorithm) = chosen(keys, parts.header, expected.token_type, bench)?;
            bench.check_signature((&key, algorithm), parts.signed, parts.signature).map_err(|error| match error {
                SIGNATURE if key.id().is_none() => VerificationFailure::NotOfTheNameless,
                SIGNATURE => VerificationFailure::NotTheKey { error, named: true },
                error => error.into(),
            })?;
            // ASVS V9.1.1: only here, behind the signature, is a claim believed.
            let text = bench.decode(parts.claims, "token_claims")?;
            let judged = RawClaims::read(text, &expected.paths)?.judge(expected, text, now)?;
            Ok(Verified { principal: judged.principal, from: judged.from, until: judged.until, key, source: index })
        })
    }

    /// Whether the token says itself that it is for another verifier. Nothing is believed of it for that.
    pub(super) fn is_of_another_issuer(&self, token: &str) -> bool {
        let Some(parts) = TokenParts::split(token) else { return false };
        token.len() <= self.0.longest
            && Workbench::borrow(|bench| {
                let text = bench.decode(parts.claims, "token_claims").ok()?;
                Some(claims::names_issuer(text)? == self.0.expectations.issuer)
            }) == Some(false)
    }
}

/// The key and the algorithm that the header chooses.
pub(super) fn chosen(
    keys: &KeySet,
    header: &str,
    expected: TokenType,
    bench: &mut Workbench,
) -> Result<(Arc<VerifyingKey>, Algorithm), VerificationFailure> {
    let usual = keys.keys().iter().find_map(|key| Some((Arc::clone(key), key.by_usual_header(header)?)));
    if let Some(usual) = usual {
        return Ok(usual);
    }
    let header = header::read(header, expected, bench)?;
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

/// The three parts of a token in compact form (RFC 7515 §7.1), and what the signature covers.
pub(super) struct TokenParts<'t> {
    pub(super) signed: &'t str,
    pub(super) header: &'t str,
    pub(super) claims: &'t str,
    pub(super) signature: &'t str,
}

impl<'t> TokenParts<'t> {
    pub(super) fn split(token: &'t str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        (!claims.contains('.')).then_some(Self { signed, header, claims, signature })
    }
}
