//! Tokens of the application itself (RFC 6749 §4.4).
//!
//! Threat: a token with more rights, or for more services, than one kind of call needs (RFC 9700 §2.3). Promise: scopes, resource and
//! audience are configured, and are those of each token.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::held::{HeldToken, Issued};
use super::request::TokenRequest;
use super::{AccessToken, TokenError, longest_request};
use crate::client_auth::OAuthClient;
use crate::clock::Clock;
use crate::config_error::{ConfigError, Mistakes};
use crate::provider::Provider;

/// A longer life is cut to this.
const LONGEST_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// The token with which the application calls another service as itself: the client credentials grant (RFC 6749 §4.4).
///
/// The first caller causes the first request. The token is then held until shortly before its end: until a tenth of its life, and at least
/// 30 seconds, are left. From four fifths of its life on, it is renewed in the background, and callers go on with the old one. All
/// callers share one request. After a failure the provider is asked again after a second, then after two, up to half a minute. While the
/// provider is down, the token is used until its very end. Cheap to clone; the clones share the token.
///
/// ```no_run
/// use palisade::oauth::{ClientCredentials, OAuthClient, Provider};
///
/// # fn secret() -> String { "from the environment".to_owned() }
/// # async fn call(_: &str) {}
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let provider = Provider::discover("https://issuer.example")?;
/// let billing = ClientCredentials::builder(&provider, OAuthClient::secret_basic("orders", secret()))
///     .scopes(["invoices:write"])
///     .build()?;
///
/// let token = billing.token().await?;
/// call(token.expose()).await; // with reqwest: `http.post(url).bearer_auth(token.expose())`
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct ClientCredentials {
    request: Arc<TokenRequest>,
    held: HeldToken,
}

impl ClientCredentials {
    /// Starts a configuration: at this provider, as this client.
    pub fn builder(provider: &Provider, client: OAuthClient) -> ClientCredentialsBuilder {
        ClientCredentialsBuilder(TokenRequest::new(provider, client))
    }

    /// A token that is valid now. Waits only if there is none yet, or if it ends in a moment.
    ///
    /// # Errors
    ///
    /// There is no valid token, and the provider does not respond, or refuses: 503.
    pub async fn token(&self) -> Result<AccessToken, TokenError> {
        let request = Arc::clone(&self.request);
        let longest = longest_request(&self.request.provider);
        self.held.token(&self.request.clock, longest, || async move { ask(&request).await }).await
    }

    /// Lets the next call of [`token`](Self::token) ask for another one. Call it if the service responds with 401, and try once again:
    /// the token may have been revoked. A token that is younger than five seconds stays.
    pub fn forget(&self, token: &AccessToken) {
        self.held.forget(token, &self.request.clock);
    }
}

async fn ask(request: &TokenRequest) -> Result<Issued, TokenError> {
    let answer = request.send(&[("grant_type", "client_credentials")]).await.inspect_err(|error| {
        if let TokenError::Refused(code) = error {
            request.audit_refusal(code);
        }
    })?;
    request.issued(answer, LONGEST_LIFETIME)
}

impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClientCredentials").field(&self.request).finish()
    }
}

/// Settings of [`ClientCredentials`]: see [`ClientCredentials::builder`].
#[derive(Debug)]
#[must_use]
pub struct ClientCredentialsBuilder(TokenRequest);

impl ClientCredentialsBuilder {
    /// The scopes to ask for. Default: none, so the provider decides. Ask for no more than the calls need.
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.0.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// The address of the service that the token is for (RFC 8707 §2): an absolute URI. Default: none.
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.0.resource = Some(resource.into());
        self
    }

    /// The name of the service that the token is for, at a provider that takes `audience` in place of `resource`. Default: none.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.0.audience = Some(audience.into());
        self
    }

    /// The clock by which tokens end. Default: the clock of the machine.
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.0.clock = clock.into();
        self
    }

    /// The token source. It asks the provider for nothing yet.
    ///
    /// # Errors
    ///
    /// The client cannot be used or is public (RFC 6749 §4.4), the endpoints of the provider are configured and the one for tokens is missing, a scope has characters that a scope may not have, or the resource is not an absolute URI.
    pub fn build(self) -> Result<ClientCredentials, ConfigError> {
        let Self(request) = self;
        let mut mistakes = Mistakes::default();
        request.check(": without a credential, anybody could have its tokens", &mut mistakes);
        mistakes.into_result()?;
        Ok(ClientCredentials { request: Arc::new(request), held: HeldToken::default() })
    }
}
