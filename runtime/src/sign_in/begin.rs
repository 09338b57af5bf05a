//! The begin of a sign-in: the browser is sent to the provider.
//!
//! Threat: a code that an attacker injects into another sign-in (RFC 9700 §4.5), a provider that does not check its verifier (downgraded
//! PKCE), an authorization request that the browser changes (RFC 9126). Promise: each request has an S256 challenge. A provider whose
//! metadata list other methods only is not used, and a public client uses none whose metadata do not list S256. Where the provider takes
//! pushed requests, the browser carries only a reference. What the browser could delete is checked at the end.

use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse};
use url::Url;

use super::demands::SignInDemands;
use super::error::{FOREIGN_RETURN, SignInError, unavailable};
use super::flow::Flow;
use super::{SignIn, SignInParts};
use crate::client_auth::PushedRequest;
use crate::provider::{ProviderEndpoint, ProviderMetadata};
use crate::session::ReturnPath;
use crate::settings::RequestState;

/// RFC 7636 §4.2.
const S256: &str = "S256";

impl SignIn {
    /// Sends the browser to the provider: 303, with a cookie that binds the sign-in to this browser. After the sign-in, the browser comes
    /// back to `return_to`; a path over 1,024 bytes becomes `/`, and a text that leads to another site is refused.
    ///
    /// A browser keeps at most four sign-ins that were begun and not completed, each for ten minutes.
    ///
    /// # Errors
    ///
    /// `return_to` was read from a text that leads to another site (CWE-601): 400. The provider does not respond, or does not support
    /// S256 (for a [public](crate::oauth::OAuthClient::public) client also: does not say that it does): 503. The handler is not behind
    /// palisade: 500.
    pub async fn begin(&self, request: &HttpRequest, return_to: &ReturnPath) -> Result<HttpResponse, SignInError> {
        self.begin_with(request, return_to, &SignInDemands::new()).await
    }

    /// [`begin`](Self::begin) with demands, such as an authentication that is not older than a minute.
    ///
    /// # Errors
    ///
    /// Those of [`begin`](Self::begin), and 400 if the provider takes pushed requests and refuses what this one demands.
    pub async fn begin_with(
        &self,
        request: &HttpRequest,
        return_to: &ReturnPath,
        demands: &SignInDemands,
    ) -> Result<HttpResponse, SignInError> {
        let location = self.0.begun(request, return_to, demands).await;
        location.map(|location| see_other(location.as_str())).map_err(|error| self.rejected(request, error))
    }
}

pub(super) fn see_other(location: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, location)).finish()
}

impl SignInParts {
    async fn begun(
        &self,
        request: &HttpRequest,
        return_to: &ReturnPath,
        demands: &SignInDemands,
    ) -> Result<Url, SignInError> {
        let state = RequestState::of(request).ok_or(SignInError::NotGuarded)?;
        if return_to.is_foreign() {
            return Err(FOREIGN_RETURN);
        }
        let metadata = self.provider.metadata().await?;
        if !self.may_rely_on_pkce(&metadata) {
            return Err(unavailable("pkce_unsupported"));
        }
        let now = self.clock.since_1970().ok_or(unavailable("clock"))?;
        let flow = Flow::begin(return_to, demands, now).ok_or(unavailable("random"))?;
        let location = self.location(&metadata, &flow, demands).await?;
        self.set_cookie(request, state, &flow).ok_or(unavailable("crypto_backend"))?;
        Ok(location)
    }

    /// Whether the provider supports S256, as far as its metadata say it. RFC 8414 §2: metadata without the member say that it does not, but
    /// some providers that do leave it out. A client that authenticates is protected by the nonce as well (RFC 9700 §2.1.1), so it may
    /// take the chance. A public one is protected by PKCE alone. An application that configures the endpoints knows the provider.
    fn may_rely_on_pkce(&self, metadata: &ProviderMetadata) -> bool {
        match metadata.list("code_challenge_methods_supported") {
            Some(methods) => methods.contains(&S256),
            None => !self.client.is_public() || metadata.is_configured(),
        }
    }

    /// The address to which the browser is sent.
    async fn location(
        &self,
        metadata: &ProviderMetadata,
        flow: &Flow,
        demands: &SignInDemands,
    ) -> Result<Url, SignInError> {
        let endpoint = metadata.address(ProviderEndpoint::Authorization).ok_or(unavailable("provider_garbage"))?;
        let mut location = endpoint.url().clone();
        let (challenge, max_age) = (flow.challenge(), flow.max_age.map(|seconds| seconds.to_string()));
        let mut fields = vec![
            ("response_type", "code"),
            ("client_id", self.client.id()),
            ("redirect_uri", &self.redirect_uri),
            ("scope", &self.scopes),
            ("state", &flow.state),
            ("nonce", &flow.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", S256),
        ];
        let optional = [
            ("prompt", demands.prompt.as_deref()),
            ("max_age", max_age.as_deref()),
            ("acr_values", demands.acr_values.as_deref()),
            ("login_hint", demands.login_hint.as_deref()),
            ("ui_locales", demands.ui_locales.as_deref()),
        ];
        fields.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
        let Some(endpoint) = metadata.address(ProviderEndpoint::PushedAuthorization) else {
            if metadata.says("require_pushed_authorization_requests") {
                return Err(unavailable("provider_garbage"));
            }
            location.query_pairs_mut().extend_pairs(fields);
            return Ok(location);
        };
        let answer = self.push(endpoint, &fields).await?;
        let pushed = PushedRequest::read(&answer.body).ok_or(unavailable("provider_garbage"))?;
        let fields = [("client_id", self.client.id()), ("request_uri", &pushed.request_uri)];
        location.query_pairs_mut().extend_pairs(fields);
        Ok(location)
    }
}
