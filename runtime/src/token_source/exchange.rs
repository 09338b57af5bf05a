//! Tokens for calls on behalf of the caller (RFC 8693).
//!
//! Threat: the token of the caller is sent on to another service, which can then act as the caller everywhere (RFC 9700 §4.9, CWE-441), or
//! a caller chooses for which service a token is issued. Promise: the token goes to the token endpoint of the provider that issued it and to
//! nobody else, unless the application names other issuers. The target is configured. What is issued is held for this very token, and for
//! no longer than either lives.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::held::Issued;
use super::held_tokens::HeldTokens;
use super::presented::CallerToken;
use super::request::TokenRequest;
use super::{AccessToken, TokenError, longest_request};
use crate::authn::digest::sha256;
use crate::client_auth::OAuthClient;
use crate::clock::Clock;
use crate::config_error::{ConfigError, Mistakes};
use crate::provider::Provider;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
/// The longest time that an exchanged token is held: the token of the caller may end, or be revoked, before.
const LONGEST_HELD: Duration = Duration::from_secs(300);

/// Exchanges the token of the caller for one with which the application calls another service on behalf of the caller (RFC 8693).
///
/// The token of the caller is never sent to that service, and only a token that this provider issued is sent to the provider: a caller
/// with a token of another issuer, such as one of a [`TokenIssuer`](crate::jwt::TokenIssuer) of the application, gets 403. A token that was issued is held for the same token of the caller, at most
/// five minutes and at most a thousand of them, and is renewed as that of [`ClientCredentials`](crate::oauth::ClientCredentials).
///
/// ```no_run
/// use actix_web::web::Data;
/// use palisade::oauth::{OAuthClient, CallerToken, Provider, TokenExchange};
/// use palisade::{Problem, authenticated, get};
///
/// # async fn call(_: &str) -> String { String::new() }
/// #[get("/invoices")]
/// #[authenticated]
/// async fn invoices(caller: CallerToken, billing: Data<TokenExchange>) -> Result<String, Problem> {
///     let token = billing.token(&caller).await?;
///     Ok(call(token.expose()).await)
/// }
///
/// # fn secret() -> String { String::new() }
/// # fn main() -> Result<(), palisade::ConfigError> {
/// let provider = Provider::discover("https://issuer.example")?;
/// let billing = TokenExchange::builder(&provider, OAuthClient::secret_basic("orders", secret()))
///     .resource("https://billing.example")
///     .build()?;
/// # let _ = (billing, palisade::scope("").service(invoices));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct TokenExchange(Arc<ExchangeParts>);

struct ExchangeParts {
    settings: Arc<ExchangeSettings>,
    held: HeldTokens,
}

#[derive(Debug)]
struct ExchangeSettings {
    request: TokenRequest,
    /// Besides the provider.
    issuers: Vec<String>,
}

impl TokenExchange {
    /// Starts a configuration: at this provider, as this client.
    pub fn builder(provider: &Provider, client: OAuthClient) -> TokenExchangeBuilder {
        TokenExchangeBuilder(ExchangeSettings { request: TokenRequest::new(provider, client), issuers: Vec::new() })
    }

    /// A token for the configured service, on behalf of the caller. Callers with the same token share one request.
    ///
    /// # Errors
    ///
    /// The provider does not respond, or refuses: 503. It refuses the token of the caller: 403, one event in the audit log. The token is of
    /// another issuer: 403, one event, and the provider is not asked. If a thousand tokens are being exchanged at once, there is no place for another
    /// one: 503.
    pub async fn token(&self, caller: &CallerToken) -> Result<AccessToken, TokenError> {
        self.0.settings.check_issuer(caller)?;
        let digest = sha256(caller.text().as_bytes());
        let held = self.0.held.of(digest, self.0.settings.request.clock.tick()).ok_or(TokenError::Unavailable)?;
        let (settings, caller) = (Arc::clone(&self.0.settings), caller.clone());
        let longest = longest_request(&self.0.settings.request.provider);
        held.token(&self.0.settings.request.clock, longest, || async move { settings.exchange(&caller).await }).await
    }

    /// Lets the next call of [`token`](Self::token) for this caller ask for another one. Call it if the service responds with 401, and try once
    /// again: the token may have been revoked. A token that is younger than five seconds stays.
    pub fn forget(&self, caller: &CallerToken, token: &AccessToken) {
        if let Some(held) = self.0.held.known(&sha256(caller.text().as_bytes())) {
            held.forget(token, &self.0.settings.request.clock);
        }
    }
}

impl ExchangeSettings {
    /// A provider that receives the token of another issuer could use it as its subject, wherever that issuer is accepted.
    fn check_issuer(&self, caller: &CallerToken) -> Result<(), TokenError> {
        let (code, issuer) = ("token_foreign_issuer", self.request.provider.issuer());
        if caller.issuer() == issuer || self.issuers.iter().any(|one| one == caller.issuer()) {
            return Ok(());
        }
        tracing::warn!(issuer, code, "the token of a caller is of another issuer, and was not sent to the provider");
        Err(TokenError::CallerRefused(code.into()))
    }

    async fn exchange(&self, caller: &CallerToken) -> Result<Issued, TokenError> {
        let grant = [
            ("grant_type", GRANT),
            ("subject_token", caller.text()),
            ("subject_token_type", ACCESS_TOKEN),
            ("requested_token_type", ACCESS_TOKEN),
        ];
        let answer = self.request.send(&grant).await.map_err(|error| self.refused(error))?;
        // RFC 8693 §2.2.1: required. Another kind, such as a refresh token, is not what was asked for.
        if !matches!(answer.issued_token_type.as_deref(), Some(ACCESS_TOKEN | JWT)) {
            return Err(TokenError::Garbage);
        }
        self.request.issued(answer, LONGEST_HELD)
    }

    /// The refusal of a caller is an event by its status.
    fn refused(&self, error: TokenError) -> TokenError {
        match error {
            // RFC 8693 §2.2.2: `invalid_request` is about the token of the caller.
            TokenError::Refused(code) if matches!(&*code, "invalid_request" | "invalid_grant") => {
                let issuer = self.request.provider.issuer();
                tracing::warn!(issuer, %code, "a provider refused the token of a caller");
                TokenError::CallerRefused(code)
            }
            TokenError::Refused(code) => {
                self.request.audit_refusal(&code);
                TokenError::Refused(code)
            }
            other => other,
        }
    }
}

impl fmt::Debug for TokenExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TokenExchange").field(&self.0.settings).finish()
    }
}

/// Settings of [`TokenExchange`]: see [`TokenExchange::builder`].
#[derive(Debug)]
#[must_use]
pub struct TokenExchangeBuilder(ExchangeSettings);

impl TokenExchangeBuilder {
    /// The address of the service that the tokens are for (RFC 8707 §2): an absolute URI.
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.0.request.resource = Some(resource.into());
        self
    }

    /// The name of the service that the tokens are for, at a provider that takes `audience`.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.0.request.audience = Some(audience.into());
        self
    }

    /// The scopes to ask for. Default: none, so the provider decides.
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.0.request.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Also sends tokens of this issuer to the provider, which must accept it: an exchange between two of them (RFC 8693). The issuer is compared
    /// exactly. Repeatable. Default: only tokens that the provider itself issued.
    ///
    /// Danger: the provider can use such a token as its subject, wherever that issuer is accepted, until the token ends (RFC 9700 §4.9). Do not
    /// name the issuer of the application's own tokens, unless the provider may do all that their callers may.
    pub fn accepts_issuer(mut self, issuer: impl Into<String>) -> Self {
        self.0.issuers.push(issuer.into());
        self
    }

    /// The clock by which tokens end. Default: the clock of the machine.
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.0.request.clock = clock.into();
        self
    }

    /// The configured value. It asks the provider for nothing yet.
    ///
    /// # Errors
    ///
    /// The client cannot be used or is public, the endpoints of the provider are configured and the one for tokens is missing, neither a resource nor an audience is there, the resource is not an absolute URI, or a scope has
    /// characters that a scope may not have.
    pub fn build(self) -> Result<TokenExchange, ConfigError> {
        let Self(settings) = self;
        let mut mistakes = Mistakes::default();
        let request = &settings.request;
        request.check(", because a token that is exchanged says who acts for its subject", &mut mistakes);
        if request.resource.is_none() && request.audience.is_none() {
            mistakes.report(
                "resource",
                "must be there, or an audience: a token for no particular service is good for all of them",
            );
        }
        mistakes.into_result()?;
        Ok(TokenExchange(Arc::new(ExchangeParts { settings: Arc::new(settings), held: HeldTokens::default() })))
    }
}
