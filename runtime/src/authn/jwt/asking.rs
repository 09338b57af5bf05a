//! Key sources that have to be asked before a token can be judged.
//!
//! Threat: one source that is down, or slow, and takes the tokens of the others with it (CWE-400). Promise: all that may have the
//! key are asked at the same time; the first that has it decides; a token of another issuer makes nobody ask.

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::judgement::{Failure, Judgement, Refusals};
use super::remote::{RemoteKeySet, Wanted};
use super::{AuthError, Jwt, since_epoch};
use crate::principal::Principal;

/// What one of the sources is asked for.
pub(super) struct Ask<'a> {
    /// Its place among the sources.
    pub(super) place: usize,
    pub(super) remote: &'a RemoteKeySet,
    pub(super) wanted: Wanted,
}

impl Jwt {
    /// Once more, with keys that were asked for. `refusals` is what the other sources said; `named_key` is whether one of them has
    /// a key of the name in the header.
    pub(super) fn asked<'a>(
        &'a self,
        asks: Vec<Ask<'a>>,
        refusals: Refusals,
        token: &'a str,
        named_key: bool,
    ) -> Judgement<'a> {
        if self.is_of_another_issuer(token) {
            return Judgement::Done(Err(AuthError::Invalid("token_foreign_issuer")));
        }
        Judgement::Pending(Box::pin(self.ask_all(asks, refusals, token, named_key)))
    }

    async fn ask_all(
        &self,
        asks: Vec<Ask<'_>>,
        mut refusals: Refusals,
        token: &str,
        named_key: bool,
    ) -> Result<Principal, AuthError> {
        let mut asked: FuturesUnordered<_> = asks.into_iter().map(|ask| self.ask(ask, token, named_key)).collect();
        while let Some(verdict) = asked.next().await {
            match verdict {
                Ok(principal) => return self.unless_revoked(principal).verdict().await,
                Err(Failure::Refused(error)) => return Err(error),
                Err(failure) => refusals.add(failure),
            }
        }
        Err(refusals.into_error())
    }

    async fn ask(&self, ask: Ask<'_>, token: &str, named_key: bool) -> Result<Principal, Failure> {
        let Ask { place, remote, mut wanted } = ask;
        loop {
            // What this source can't tell, another may.
            let keys = remote.ask(&wanted).await.map_err(|error| Failure::NotTheKey { error, named: false })?;
            let now = since_epoch().ok_or(AuthError::Unavailable("clock"))?;
            match (self.verify_with(&keys, place, token, now), wanted) {
                (Err(Failure::UnknownKey { id: Some(id), secret: false }), Wanted::Usable) if !named_key => {
                    wanted = Wanted::Name(id);
                }
                (verdict, _) => return verdict,
            }
        }
    }
}
