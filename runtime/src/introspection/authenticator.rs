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
        let (token, proved) = match self.0.rules.presented(request) {
            FoundToken::Absent => return Attempt::Absent,
            FoundToken::Malformed(reason) => return Attempt::Done(Err(AuthError::Invalid(reason))),
            FoundToken::Token { token, proved } => (token, proved),
        };
        if let Err(error) = self.0.shape(token) {
            return Attempt::Done(Err(error));
        }
        let Some(now) = self.0.rules.since_1970() else {
            return Attempt::Done(Err(AuthError::Unavailable("clock")));
        };
        let digest = cache::digest(token);
        match self.0.remembered.find(&digest, now, self.0.clock.tick()) {
            Some(known) => match known.and_then(|principal| bound_if_proved(principal, proved)) {
                Ok(principal) => match self.0.rules.unless_revoked(principal) {
                    Judgement::Done(verdict) => Attempt::Done(verdict),
                    Judgement::Pending(verdict) => Attempt::Pending(verdict),
                },
                Err(error) => Attempt::Done(Err(error)),
            },
            None => Attempt::Pending(Box::pin(self.0.ask_for(request, token, digest, proved))),
        }
    }

    fn scheme(&self) -> &'static str {
        self.0.rules.jwt().scheme()
    }

    fn issuer(&self) -> Option<&str> {
        Some(self.0.provider.issuer())
    }

    fn requires_proof(&self) -> bool {
        self.0.rules.jwt().requires_proof()
    }

    fn disowns(&self, request: &HttpRequest) -> bool {
        matches!(self.0.rules.presented(request), FoundToken::Token { token, .. } if has_form_of_jwt(token))
    }

    fn authorization_server(&self) -> Option<&str> {
        Some(self.0.provider.issuer())
    }

    fn accepts_audience(&self, audience: &str) -> bool {
        !self.0.answers.any_audience && self.0.rules.jwt().accepts_audience(audience)
    }

    fn challenge(&self, context: &ChallengeContext<'_>, challenges: &mut Challenges) {
        self.0.rules.jwt().challenge(context, challenges);
    }
}

impl Asking {
    async fn ask_for(
        self: &Arc<Self>,
        request: &HttpRequest,
        token: &str,
        digest: Digest,
        proved: bool,
    ) -> Result<Principal, AuthError> {
        let principal = self.ask(token, digest, client(request)).await?;
        let principal = bound_if_proved(principal, proved)?;
        self.rules.unless_revoked(principal).verdict().await
    }
}

/// A token that is not bound to a key would make the proof one of nothing (RFC 9449 §7.1).
fn bound_if_proved(principal: Principal, proved: bool) -> Result<Principal, AuthError> {
    if proved { only_bound(principal) } else { Ok(principal) }
}

/// The address of the client, as rate limits count it.
fn client(request: &HttpRequest) -> Option<IpAddr> {
    let settings = &RequestState::of(request)?.settings;
    settings.proxies.client(request.head()).map(|address| settings.group.client_of(address))
}
