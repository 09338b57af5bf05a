//! Judges a token after its key sources have fetched keys.
//!
//! Threat: one slow or unavailable source that makes the tokens of the other sources fail (CWE-400). Promise: all sources that
//! may have the key fetch it at the same time, and the first one that has it decides. A token of another issuer, or a text that is no JWT,
//! causes no fetch.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::judgement::{Failures, Judgement, VerificationFailure, has_form_of_jwt};
use super::remote::{RemoteKeySet, Wanted};
use super::{AuthError, Jwt};
use crate::principal::Principal;

/// What one source must fetch.
pub(super) struct KeyRequest<'a> {
    /// The index of the source among all sources.
    pub(super) index: usize,
    pub(super) remote: &'a RemoteKeySet,
    pub(super) wanted: Wanted,
}

impl Jwt {
    /// Fetches keys and judges the token with them. `failures` holds the failures with the current keys. `named_key` is whether
    /// a source has a key of the name in the header. The token is judged by the time `now`, also if the keys take a while.
    pub(super) fn judge_once_fetched<'a>(
        &'a self,
        requests: Vec<KeyRequest<'a>>,
        failures: Failures,
        token: &'a str,
        now: Duration,
        named_key: bool,
    ) -> Judgement<'a> {
        if !has_form_of_jwt(token) {
            return Judgement::Done(Err(AuthError::Invalid("token_malformed")));
        }
        if self.is_of_another_issuer(token) {
            return Judgement::Done(Err(AuthError::Invalid("token_foreign_issuer")));
        }
        Judgement::Pending(Box::pin(self.fetch_from_all(requests, failures, token, now, named_key)))
    }

    async fn fetch_from_all(
        &self,
        requests: Vec<KeyRequest<'_>>,
        mut failures: Failures,
        token: &str,
        now: Duration,
        named_key: bool,
    ) -> Result<Principal, AuthError> {
        let mut verdicts: FuturesUnordered<_> =
            requests.into_iter().map(|request| self.fetch_from(request, token, now, named_key)).collect();
        while let Some(verdict) = verdicts.next().await {
            match verdict {
                Ok(principal) => return self.unless_revoked(principal).verdict().await,
                Err(VerificationFailure::Rejected(error)) => return Err(error),
                Err(failure) => failures.add(failure),
            }
        }
        Err(failures.into_error())
    }

    async fn fetch_from(
        &self,
        request: KeyRequest<'_>,
        token: &str,
        now: Duration,
        named_key: bool,
    ) -> Result<Principal, VerificationFailure> {
        let KeyRequest { index, remote, mut wanted } = request;
        loop {
            // Another source may have the key that this one cannot fetch.
            let keys = remote
                .ask(&wanted, &self.0.clock)
                .await
                .map_err(|error| VerificationFailure::NotTheKey { error, named: false })?;
            match (self.verify_with(&keys, index, token, now), wanted) {
                (Err(VerificationFailure::UnknownKey { id: Some(id), secret: false }), Wanted::Usable)
                    if !named_key =>
                {
                    wanted = Wanted::Name(id);
                }
                (verdict, _) => return verdict,
            }
        }
    }
}
