//! Introspection as the authentication of a request.
//!
//! Threat and promise: see [`introspection`](super).

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::HttpRequest;

use super::{Asking, Introspection, cache};
use crate::authn::digest::Digest;
use crate::authn::{Attempt, AuthError, Authenticator, ChallengeContext, Challenges};
use crate::jwt::{FoundToken, Judgement, has_form_of_jwt, only_bound};
use crate::principal::Principal;
use crate::settings::RequestState;

impl Authenticator for Introspection {
    fn authenticate<'a>(&'a self, request: &'a HttpRequest) -> Attempt<'a> {
        match self.0.rules.presented(request) {
            FoundToken::Absent => Attempt::Absent,
            FoundToken::Malformed(reason) => Attempt::Done(Err(AuthError::Invalid(reason))),
            FoundToken::Token(token) => self.judge(request, token),
            FoundToken::Proved(token) => Attempt::Pending(Box::pin(async move {
                only_bound(match self.judge(request, token) {
                    Attempt::Absent => return Err(AuthError::Invalid("bearer_malformed")),
                    Attempt::Done(verdict) => verdict?,
                    Attempt::Pending(verdict) => verdict.await?,
                })
            })),
        }
    }

    fn scheme(&self) -> &'static str {
        self.0.rules.jwt().scheme()
    }

    fn issuer(&self) -> Option<&str> {
        Some(self.0.provider.issuer())
    }

    fn authorization_server(&self) -> Option<&str> {
        self.issuer()
    }

    fn disowns(&self, request: &HttpRequest) -> bool {
        let (FoundToken::Token(token) | FoundToken::Proved(token)) = self.0.rules.presented(request) else {
            return false;
        };
        has_form_of_jwt(token)
    }

    fn challenge(&self, context: &ChallengeContext<'_>, challenges: &mut Challenges) {
        self.0.rules.jwt().challenge(context, challenges);
    }
}

impl Introspection {
    fn judge<'a>(&'a self, request: &'a HttpRequest, token: &'a str) -> Attempt<'a> {
        if let Err(error) = self.0.shape(token) {
            return Attempt::Done(Err(error));
        }
        let Some(now) = self.0.rules.since_1970() else {
            return Attempt::Done(Err(AuthError::Unavailable("clock")));
        };
        let digest = cache::digest(token);
        match self.0.remembered.find(&digest, now, self.0.clock.tick()) {
            Some(Ok(principal)) => match self.0.rules.unless_revoked(principal) {
                Judgement::Done(verdict) => Attempt::Done(verdict),
                Judgement::Pending(verdict) => Attempt::Pending(verdict),
            },
            Some(Err(error)) => Attempt::Done(Err(error)),
            None => Attempt::Pending(Box::pin(self.0.ask_for(request, token, digest))),
        }
    }
}

impl Asking {
    async fn ask_for(
        self: &Arc<Self>,
        request: &HttpRequest,
        token: &str,
        digest: Digest,
    ) -> Result<Principal, AuthError> {
        let principal = self.ask(token, digest, client(request)).await?;
        self.rules.unless_revoked(principal).verdict().await
    }
}

/// The address of the client, as rate limits count it.
fn client(request: &HttpRequest) -> Option<IpAddr> {
    let settings = &RequestState::of(request)?.settings;
    settings.proxies.client(request.head()).map(|address| settings.group.client_of(address))
}
