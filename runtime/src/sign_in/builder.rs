//! The configuration of a sign-in.
//!
//! Threat: a redirect URI that another site receives, a key that can be guessed (CWE-1188). Promise: what cannot be used is an
//! error when the value is built.

use std::fmt;
use std::sync::Arc;

use palisade_grammar::names::is_scope;
use zeroize::Zeroizing;

use super::id_token::IdTokens;
use super::renewals::Renewals;
use super::running_logouts::RunningLogouts;
use super::sealed::SealingKeys;
use super::used::UsedFlows;
use super::{SignIn, SignInParts};
use crate::client_auth::OAuthClient;
use crate::clock::Clock;
use crate::config_error::{ConfigError, Mistakes};
use crate::outgoing::Address;
use crate::provider::{Provider, ProviderEndpoint};

/// RFC 5869: the key from which others are derived.
const SHORTEST_KEY: usize = 32;
/// So that the cookie of a sign-in stays under 4 KiB.
const LONGEST_REDIRECT_URI: usize = 512;

/// Settings of [`SignIn`]: see [`SignIn::builder`].
#[must_use]
pub struct SignInBuilder {
    provider: Provider,
    client: OAuthClient,
    redirect_uri: String,
    keys: Vec<Zeroizing<Vec<u8>>>,
    scopes: Vec<String>,
    after_logout: Option<String>,
    untyped_logout: bool,
    clock: Clock,
}

impl SignInBuilder {
    pub(super) fn new(provider: Provider, client: OAuthClient, redirect_uri: String, key: &[u8]) -> Self {
        let keys = vec![Zeroizing::new(key.to_vec())];
        Self {
            provider,
            client,
            redirect_uri,
            keys,
            scopes: Vec::new(),
            after_logout: None,
            untyped_logout: false,
            clock: Clock::system(),
        }
    }

    /// A key that was used before. Cookies and tokens that it encrypted can still be read, and nothing new is encrypted with it. For a
    /// change of the key: keep the former one here for as long as something that it encrypted is needed.
    pub fn former_key(mut self, key: impl AsRef<[u8]>) -> Self {
        self.keys.push(Zeroizing::new(key.as_ref().to_vec()));
        self
    }

    /// The scopes to ask for besides `openid`, such as `profile`. Default: none. The provider may grant fewer.
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// The address to which the provider sends the browser after a [logout](SignIn::logout_url), exactly as it is registered there. Default:
    /// none, so that the provider shows a page of its own.
    pub fn after_logout(mut self, address: impl Into<String>) -> Self {
        self.after_logout = Some(address.into());
        self
    }

    /// Also accepts a [logout token](SignIn::back_channel) whose `typ` is `JWT` or missing, as some providers send it. Default: only
    /// `logout+jwt`, as Back-Channel Logout 1.0 recommends it. Other checks also tell it from an ID token: its event, and that it has no nonce.
    pub fn untyped_logout_tokens(mut self) -> Self {
        self.untyped_logout = true;
        self
    }

    /// The clock by which sign-ins and ID tokens expire. Default: the clock of the machine.
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.clock = clock.into();
        self
    }

    /// The configured value. It asks the provider for nothing yet.
    ///
    /// # Errors
    ///
    /// A client that cannot be used, a provider whose endpoints are configured and lack one that is needed, a redirect URI that is not an `https` address without a fragment (`http` only on the loopback
    /// interface), a key under 32 bytes, or a scope with characters that a scope may not have.
    pub fn build(self) -> Result<SignIn, ConfigError> {
        let Self { provider, client, redirect_uri, keys, scopes, after_logout, untyped_logout, clock } = self;
        let mut mistakes = Mistakes::default();
        client.check(&mut mistakes);
        provider.check_endpoints(&[ProviderEndpoint::Authorization, ProviderEndpoint::Token], &mut mistakes);
        if !is_redirect_uri(&redirect_uri) {
            mistakes.report(
                "redirect_uri",
                "must be an https address without a fragment, of at most 512 bytes (http only on the loopback interface), as it is \
                 registered at the provider",
            );
        }
        if after_logout.as_deref().is_some_and(|address| !is_redirect_uri(address)) {
            mistakes.report(
                "after_logout",
                "must be an https address without a fragment (http only on the loopback interface)",
            );
        }
        if keys.iter().any(|key| key.len() < SHORTEST_KEY) {
            mistakes.report("sign-in key", "must be at least 32 bytes from a random number generator");
        }
        if !scopes.iter().all(|scope| is_scope(scope)) {
            mistakes.report("scopes", "must each be visible ASCII without spaces, quotes and backslashes");
        }
        let keys = mistakes.note(SealingKeys::new(&keys));
        let id_tokens = mistakes.note(IdTokens::new(&provider, client.id(), &clock, untyped_logout));
        let (keys, id_tokens) = mistakes.value_or_error(keys.zip(id_tokens))?;
        let others = scopes.iter().map(String::as_str).filter(|scope| *scope != "openid");
        let scopes = std::iter::once("openid").chain(others).collect::<Vec<_>>().join(" ");
        let (used, renewals) = (UsedFlows::default(), Renewals::default());
        let parts = SignInParts {
            provider,
            client,
            redirect_uri,
            after_logout,
            scopes,
            keys,
            id_tokens,
            used,
            logouts: RunningLogouts::default(),
            renewals,
            clock,
        };
        Ok(SignIn(Arc::new(parts)))
    }
}

fn is_redirect_uri(text: &str) -> bool {
    Address::configured("redirect_uri", text).is_ok() && text.len() <= LONGEST_REDIRECT_URI
}

impl fmt::Debug for SignInBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignInBuilder")
            .field("issuer", &self.provider.issuer())
            .field("client", &self.client)
            .field("redirect_uri", &self.redirect_uri)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}
