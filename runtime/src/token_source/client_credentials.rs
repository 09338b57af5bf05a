//! Tokens of the application itself (RFC 6749 §4.4).
//!
//! Threat: a token with more rights, or for more services, than one kind of call needs (RFC 9700 §2.3). Promise: scopes, resource and
//! audience are configured, and are those of each token.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use palisade_grammar::names::is_scope;

use super::held::{HeldToken, Issued};
use super::{AccessToken, TokenError, longest_request};
use crate::audit;
use crate::client_auth::{OAuthClient, RequestError, TokenAnswer};
use crate::clock::Clock;
use crate::config_error::{ConfigError, Mistakes};
use crate::provider::{Provider, ProviderEndpoint};

/// If the provider does not say how long a token lives.
const ASSUMED_LIFETIME: Duration = Duration::from_secs(60);
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
    settings: Arc<CredentialSettings>,
    held: HeldToken,
}

struct CredentialSettings {
    provider: Provider,
    client: OAuthClient,
    scopes: Vec<String>,
    resource: Option<String>,
    audience: Option<String>,
    clock: Clock,
}

impl ClientCredentials {
    /// Starts a configuration: at this provider, as this client.
    pub fn builder(provider: &Provider, client: OAuthClient) -> ClientCredentialsBuilder {
        ClientCredentialsBuilder(CredentialSettings {
            provider: provider.clone(),
            client,
            scopes: Vec::new(),
            resource: None,
            audience: None,
            clock: Clock::system(),
        })
    }

    /// A token that is valid now. Waits only if there is none yet, or if it ends in a moment.
    ///
    /// # Errors
    ///
    /// There is no valid token, and the provider does not respond, or refuses: 503.
    pub async fn token(&self) -> Result<AccessToken, TokenError> {
        let settings = Arc::clone(&self.settings);
        let longest = longest_request(&self.settings.provider);
        self.held.token(&self.settings.clock, longest, || async move { settings.request().await }).await
    }

    /// Lets the next call of [`token`](Self::token) ask for another one. Call it if the service responds with 401, and try once again:
    /// the token may have been revoked. A token that is younger than five seconds stays.
    pub fn forget(&self, token: &AccessToken) {
        self.held.forget(token, &self.settings.clock);
    }
}

impl CredentialSettings {
    async fn request(&self) -> Result<Issued, TokenError> {
        let metadata = self.provider.metadata().await.map_err(|_| TokenError::Unavailable)?;
        let endpoint = metadata.address(ProviderEndpoint::Token).ok_or(TokenError::Garbage)?;
        let scopes = self.scopes.join(" ");
        let mut fields = vec![("grant_type", "client_credentials")];
        let optional = [
            ("scope", Some(scopes.as_str()).filter(|scopes| !scopes.is_empty())),
            ("resource", self.resource.as_deref()),
            ("audience", self.audience.as_deref()),
        ];
        fields.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
        let answer = self.client.post(&self.provider, endpoint, &fields, &self.clock).await.inspect_err(|error| {
            if let RequestError::Refused(code) = error {
                audit::provider_refused(self.provider.issuer(), self.client.id(), code);
            }
        })?;
        let answer = TokenAnswer::read(&answer.body).ok_or(TokenError::Garbage)?;
        let lives = lifetime(&answer).ok_or(TokenError::Garbage)?;
        let expires = self.clock.wall_time().checked_add(lives).ok_or(TokenError::Garbage)?;
        let scopes = answer.scopes.unwrap_or_else(|| self.scopes.clone());
        Ok(Issued { token: AccessToken::new(answer.access_token, expires, scopes), lives })
    }
}

/// How long the token lives, as far as it is believed. `None` for one that has ended already: it would be asked for again and again.
pub(super) fn lifetime(answer: &TokenAnswer) -> Option<Duration> {
    let lives = answer.lives.unwrap_or(ASSUMED_LIFETIME).min(LONGEST_LIFETIME);
    (!lives.is_zero()).then_some(lives)
}

impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.settings, f)
    }
}

impl fmt::Debug for CredentialSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredentials")
            .field("provider", &self.provider.issuer())
            .field("client", &self.client)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

/// Settings of [`ClientCredentials`]: see [`ClientCredentials::builder`].
#[derive(Debug)]
#[must_use]
pub struct ClientCredentialsBuilder(CredentialSettings);

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
        let Self(settings) = self;
        let mut mistakes = Mistakes::default();
        settings.client.check(&mut mistakes);
        if settings.client.is_public() {
            mistakes.report("client", "must prove who it is: without a credential, anybody could have its tokens");
        }
        settings.provider.check_endpoints(&[ProviderEndpoint::Token], &mut mistakes);
        if !settings.scopes.iter().all(|scope| is_scope(scope)) {
            mistakes.report("scopes", "must each be visible ASCII without spaces, quotes and backslashes");
        }
        if settings.resource.as_deref().is_some_and(|resource| url::Url::parse(resource).is_err()) {
            mistakes.report("resource", "must be an absolute URI, such as \"https://billing.example\"");
        }
        mistakes.into_result()?;
        Ok(ClientCredentials { settings: Arc::new(settings), held: HeldToken::default() })
    }
}
