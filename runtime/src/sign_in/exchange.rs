//! The code is exchanged for tokens (RFC 6749 §4.1.3, OpenID Connect Core §3.1.3).
//!
//! Threat: a code that was stolen or injected (CWE-345), tokens of another sign-in. Promise: the code goes to the token endpoint of the
//! configured issuer together with the verifier of this sign-in. Nothing of the answer is used before its ID token is verified.

use super::SignInParts;
use super::error::{SignInError, rejected, unavailable};
use super::flow::Flow;
use super::id_token::Login;
use super::identity::UpstreamTokens;
use crate::audit;
use crate::client_auth::{RequestError, TokenAnswer};
use crate::outgoing::{Address, Answer};
use crate::provider::{ProviderEndpoint, ProviderMetadata};

impl SignInParts {
    pub(super) async fn exchange(
        &self,
        metadata: &ProviderMetadata,
        flow: &Flow,
        code: &str,
    ) -> Result<(Login, UpstreamTokens), SignInError> {
        let endpoint = metadata.address(ProviderEndpoint::Token).ok_or(unavailable("provider_garbage"))?;
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &*self.redirect_uri),
            ("code_verifier", &*flow.verifier),
        ];
        let answer = self.client.post(&self.provider, endpoint, &fields, &self.clock).await;
        let answer = answer.map_err(|error| self.code_refused(error))?;
        let answer = TokenAnswer::read(&answer.body).ok_or(unavailable("provider_garbage"))?;
        let id_token = answer.id_token.as_ref().ok_or(rejected("id_token_missing"))?;
        let login = self.id_tokens.verify(id_token).await?;
        login.is_of(flow, &answer.access_token)?;
        let tokens = UpstreamTokens::of(answer, login.principal.subject(), self.scopes.split(' '), &self.clock);
        let tokens = tokens.ok_or(unavailable("provider_garbage"))?;
        Ok((login, tokens))
    }

    /// The code comes from the browser, so anybody can present one that the provider cannot read. That is no refusal of the client.
    fn code_refused(&self, error: RequestError) -> SignInError {
        match error {
            RequestError::Refused(code) if matches!(&*code, "invalid_grant" | "invalid_request") => {
                tracing::warn!(issuer = self.provider.issuer(), %code, "a provider refused the code of a sign-in");
                rejected("code_refused")
            }
            other => {
                self.note_refusal(&other);
                other.into()
            }
        }
    }

    /// Pushes the request of a sign-in (RFC 9126 §2.1). What it demands may come from the query of a stranger. If a provider refuses that, it
    /// does not refuse the client.
    pub(super) async fn push(&self, endpoint: &Address, fields: &[(&str, &str)]) -> Result<Answer, SignInError> {
        let answer = self.client.post(&self.provider, endpoint, fields, &self.clock).await;
        answer.map_err(|error| match error {
            RequestError::Refused(code)
                if matches!(&*code, "invalid_request" | "unmet_authentication_requirements") =>
            {
                tracing::warn!(issuer = self.provider.issuer(), %code, "a provider refused the request of a sign-in");
                rejected("request_refused")
            }
            other => {
                self.note_refusal(&other);
                other.into()
            }
        })
    }

    /// Posts the fields as the client.
    pub(super) async fn post(&self, endpoint: &Address, fields: &[(&str, &str)]) -> Result<Answer, RequestError> {
        let answer = self.client.post(&self.provider, endpoint, fields, &self.clock).await;
        answer.inspect_err(|error| self.note_refusal(error))
    }

    /// A refusal of the client itself is an event, because only its operator can change it.
    fn note_refusal(&self, error: &RequestError) {
        if let RequestError::Refused(code) = error
            && **code != *"invalid_grant"
        {
            audit::provider_refused(self.provider.issuer(), self.client.id(), code);
        }
    }
}
