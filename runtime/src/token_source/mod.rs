//! Tokens with which the application calls other services.
//!
//! Threat: a thousand requests that each fetch a token and bring the provider down (CWE-400), a token that is used after its end, a token
//! of a caller that is forwarded to a service that it was not meant for (RFC 9700 §4.9, CWE-441). Promise: a token is held until
//! shortly before its end, is renewed by one request for all, and survives an outage of the provider as long as it lives. Tokens are
//! zeroed when they are dropped, and shown by no `Debug`.

mod client_credentials;
mod error;
mod exchange;
mod held;
mod held_tokens;
mod presented;
mod request;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use zeroize::Zeroizing;

pub use self::client_credentials::{ClientCredentials, ClientCredentialsBuilder};
pub use self::error::TokenError;
pub use self::exchange::{TokenExchange, TokenExchangeBuilder};
pub(crate) use self::held::pause_after;
pub use self::presented::CallerToken;
use crate::provider::Provider;

/// Longer than a request for a token can take: two calls for metadata, the request itself, and their queues.
fn longest_request(provider: &Provider) -> Duration {
    provider.outgoing().longest_call().saturating_mul(3).saturating_add(Duration::from_secs(2))
}

/// A bearer token for calls to another service (RFC 6750). Cheap to clone. `Debug` does not show it.
#[derive(Clone)]
pub struct AccessToken(Arc<AccessTokenParts>);

struct AccessTokenParts {
    text: Zeroizing<String>,
    expires: SystemTime,
    scopes: Vec<String>,
}

impl AccessToken {
    pub(crate) fn new(text: Zeroizing<String>, expires: SystemTime, scopes: Vec<String>) -> Self {
        Self(Arc::new(AccessTokenParts { text, expires, scopes }))
    }

    /// The token, as `Authorization: Bearer <token>` carries it: visible ASCII. Mark the header as sensitive, as `bearer_auth` of HTTP
    /// clients does, so that no log shows it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0.text
    }

    /// When it ends. If the provider did not say so, a minute after it was issued.
    #[must_use]
    pub fn expires(&self) -> SystemTime {
        self.0.expires
    }

    /// The scopes that the provider granted, which may be fewer than those that were asked for (RFC 6749 §3.3).
    #[must_use]
    pub fn scopes(&self) -> &[String] {
        &self.0.scopes
    }

    /// Whether both are clones of the same token.
    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken")
            .field("expires", &self.0.expires)
            .field("scopes", &self.0.scopes)
            .finish_non_exhaustive()
    }
}
