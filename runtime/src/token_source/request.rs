//! The request for a token for another service, whatever grant it is made with.
//!
//! Threat: a token with more rights, or for more services, than one kind of call needs (RFC 9700 §2.3). Promise: scopes, resource and
//! audience are configured, and are those of each request. A token that has ended already is not held.

use std::fmt;
use std::time::Duration;

use palisade_grammar::names::is_scope;

use super::held::Issued;
use super::{AccessToken, TokenError};
use crate::audit;
use crate::client_auth::{OAuthClient, TokenAnswer};
use crate::clock::Clock;
use crate::config_error::Mistakes;
use crate::provider::{Provider, ProviderEndpoint};

/// If the provider does not say how long a token lives.
const ASSUMED_LIFETIME: Duration = Duration::from_secs(60);

/// What the application is at the provider, and what it asks for.
pub(super) struct TokenRequest {
    pub(super) provider: Provider,
    pub(super) client: OAuthClient,
    pub(super) scopes: Vec<String>,
    pub(super) resource: Option<String>,
    pub(super) audience: Option<String>,
    pub(super) clock: Clock,
}

impl TokenRequest {
    pub(super) fn new(provider: &Provider, client: OAuthClient) -> Self {
        let (provider, clock) = (provider.clone(), Clock::system());
        Self { provider, client, scopes: Vec::new(), resource: None, audience: None, clock }
    }

    /// Reports what cannot be used. `why` says what a public client could do.
    pub(super) fn check(&self, why: &str, mistakes: &mut Mistakes) {
        self.client.check(mistakes);
        if self.client.is_public() {
            mistakes.report("client", format!("must prove who it is{why}"));
        }
        self.provider.check_endpoints(&[ProviderEndpoint::Token], mistakes);
        if !self.scopes.iter().all(|scope| is_scope(scope)) {
            mistakes.report("scopes", "must each be visible ASCII without spaces, quotes and backslashes");
        }
        if self.resource.as_deref().is_some_and(|resource| url::Url::parse(resource).is_err()) {
            mistakes.report("resource", "must be an absolute URI, such as \"https://billing.example\"");
        }
    }

    /// Sends the request with the fields of its grant.
    pub(super) async fn send(&self, grant: &[(&str, &str)]) -> Result<TokenAnswer, TokenError> {
        let metadata = self.provider.metadata().await.map_err(|_| TokenError::Unavailable)?;
        let endpoint = metadata.address(ProviderEndpoint::Token).ok_or(TokenError::Garbage)?;
        let scopes = self.scopes.join(" ");
        let optional = [
            ("scope", Some(scopes.as_str()).filter(|scopes| !scopes.is_empty())),
            ("resource", self.resource.as_deref()),
            ("audience", self.audience.as_deref()),
        ];
        let optional = optional.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let fields: Vec<_> = grant.iter().copied().chain(optional).collect();
        let answer = self.client.post(&self.provider, endpoint, &fields, &self.clock).await?;
        TokenAnswer::read(&answer.body).ok_or(TokenError::Garbage)
    }

    /// The token of the answer, which is held for no longer than this.
    pub(super) fn issued(&self, answer: TokenAnswer, longest: Duration) -> Result<Issued, TokenError> {
        let lives = answer.lives.unwrap_or(ASSUMED_LIFETIME).min(longest);
        if lives.is_zero() {
            // It would be asked for again and again.
            return Err(TokenError::Garbage);
        }
        let expires = self.clock.wall_time().checked_add(lives).ok_or(TokenError::Garbage)?;
        let scopes = answer.scopes.unwrap_or_else(|| self.scopes.clone());
        Ok(Issued { token: AccessToken::new(answer.access_token, expires, scopes), lives })
    }

    /// A refusal of this application is an event, because only its operator can change it.
    pub(super) fn audit_refusal(&self, code: &str) {
        audit::provider_refused(self.provider.issuer(), self.client.id(), code);
    }
}

impl fmt::Debug for TokenRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRequest")
            .field("provider", &self.provider.issuer())
            .field("client", &self.client)
            .field("scopes", &self.scopes)
            .field("resource", &self.resource)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}
