//! Tokens of a provider that are kept, and renewed with a refresh token that is used once (RFC 6749 §6, RFC 9700 §4.14).
//!
//! Threat: two requests that use the same refresh token, so that the provider takes one of them for a thief and ends both; a new refresh
//! token that is lost because its client hung up; a stolen table that holds tokens (CWE-522). Promise: in one process a refresh
//! token is used once: whoever comes later with it gets the tokens that it was exchanged for. The exchange goes on if its caller is
//! gone. What is stored is encrypted, and bound to the provider and the client.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::timeout;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::error::{SignInError, unavailable};
use super::identity::UpstreamTokens;
use super::{SignIn, SignInParts};
use crate::authn::digest::{Digest, sha256};
use crate::client_auth::{RequestError, TokenAnswer};
use crate::problem::{Problem, respond_with_problem};
use crate::provider::ProviderEndpoint;
use crate::token_source::AccessToken;

/// How many refresh tokens are remembered with what they were exchanged for. The least used one is forgotten.
const MOST: usize = 1_024;
/// Longer than the time limit of a call.
const LONGEST_WAIT: Duration = Duration::from_secs(40);
/// What the content is bound to, with the issuer and the client.
const LABEL: &str = "upstream tokens";

type Renewed = Result<UpstreamTokens, UpstreamError>;
type Exchanges = quick_cache::sync::Cache<Digest, watch::Receiver<Option<Renewed>>>;

/// The refresh tokens that were used a short time ago.
pub(super) struct UsedRefreshTokens(std::sync::Mutex<Exchanges>);

impl Default for UsedRefreshTokens {
    fn default() -> Self {
        Self(std::sync::Mutex::new(Exchanges::new(MOST)))
    }
}

/// Why the tokens of a provider were not renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpstreamError {
    /// The provider does not accept the refresh token any more, there is none, or the answer is of another user: the user must sign in again,
    /// and the application should end what it keeps: 401.
    #[error("the tokens of the provider cannot be renewed any more")]
    Ended,
    /// The provider does not respond, or not as the standard says: 503 with `Retry-After`. The tokens may be renewed later.
    #[error("the tokens of the provider cannot be renewed now")]
    Unavailable,
}

impl From<UpstreamError> for Problem {
    fn from(error: UpstreamError) -> Self {
        let problem = match error {
            UpstreamError::Ended => {
                Self::new(actix_web::http::StatusCode::UNAUTHORIZED).with_detail("Please sign in again.")
            }
            UpstreamError::Unavailable => Self::unavailable(),
        };
        problem.caused_by(error)
    }
}

respond_with_problem!(UpstreamError);

impl SignIn {
    /// Exchanges the refresh token for new tokens. Save them (as [sealed](Self::seal_tokens) text) before the access token is used: the old
    /// refresh token is no longer valid at most providers.
    ///
    /// Call it when the [access token](UpstreamTokens::access_token) ends soon. In one process a refresh token is used once. A second caller
    /// with the same token, also some time later, gets the same new tokens. Several processes must agree among themselves, for example by a
    /// lock of the row in which they keep the tokens.
    ///
    /// If the provider issues no new refresh token, the old one stays.
    ///
    /// # Errors
    ///
    /// [`UpstreamError`].
    pub async fn refreshed(&self, held: &UpstreamTokens) -> Result<UpstreamTokens, UpstreamError> {
        let refresh = held.refresh.as_ref().ok_or(UpstreamError::Ended)?;
        let digest = sha256(refresh.as_bytes());
        let mut exchange = self.exchange_of(digest, held).ok_or(UpstreamError::Unavailable)?;
        let outcome = match timeout(LONGEST_WAIT, exchange.wait_for(Option::is_some)).await {
            Ok(Ok(outcome)) => outcome.clone().unwrap_or(Err(UpstreamError::Unavailable)),
            _ => Err(UpstreamError::Unavailable),
        };
        if outcome.is_err() {
            // It may be tried again.
            self.0.refreshed.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&digest);
        }
        let renewed = outcome?;
        self.check_renewed(held, &renewed).await?;
        Ok(renewed)
    }

    /// The exchange of this refresh token, which begins now if there was none.
    fn exchange_of(&self, digest: Digest, held: &UpstreamTokens) -> Option<watch::Receiver<Option<Renewed>>> {
        let exchanges = self.0.refreshed.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = exchanges.get(&digest) {
            return Some(running);
        }
        let runtime = tokio::runtime::Handle::try_current().ok()?;
        let (sender, outcome) = watch::channel(None);
        exchanges.insert(digest, outcome.clone());
        let (parts, held) = (Arc::clone(&self.0), held.clone());
        // In a task of its own, so that it continues if the client that caused it disconnects.
        runtime.spawn(async move {
            let renewed = parts.refresh(&held).await;
            sender.send_replace(Some(renewed));
        });
        Some(outcome)
    }

    /// OpenID Connect Core §12.2: a new ID token must be of the same user.
    async fn check_renewed(&self, held: &UpstreamTokens, renewed: &UpstreamTokens) -> Result<(), UpstreamError> {
        let Some(id_token) = renewed.id_token.as_ref().filter(|new| held.id_token.as_ref() != Some(new)) else {
            return Ok(());
        };
        let login = self.0.id_tokens.verify(id_token).await.map_err(|error| match error {
            SignInError::Unavailable(_) => UpstreamError::Unavailable,
            _ => UpstreamError::Ended,
        })?;
        let is_same_user = login.principal.subject() == &*held.subject;
        if is_same_user && login.is_for_the_client(renewed.access.expose()).is_ok() {
            Ok(())
        } else {
            Err(UpstreamError::Ended)
        }
    }

    /// The tokens as encrypted text, for a table of the application. Only a [`SignIn`] of the same provider and client, with the same key
    /// or this key as a [former one](crate::oauth::SignInBuilder::former_key), can read it.
    ///
    /// # Errors
    ///
    /// The crypto backend fails.
    pub fn seal_tokens(&self, tokens: &UpstreamTokens) -> Result<String, SignInError> {
        let expires = tokens.access.expires().duration_since(UNIX_EPOCH).unwrap_or_default();
        let kept = KeptTokens {
            subject: tokens.subject.to_string(),
            access: tokens.access.expose().to_owned(),
            expires: expires.as_secs(),
            scopes: tokens.access.scopes().to_vec(),
            refresh: tokens.refresh.as_ref().map(|token| token.to_string()),
            id_token: tokens.id_token.as_ref().map(|token| token.to_string()),
        };
        let text = Zeroizing::new(serde_json::to_vec(&kept).map_err(|_| unavailable("crypto_backend"))?);
        self.0.keys.seal(&self.0.bound_name(LABEL), &text).ok_or(unavailable("crypto_backend"))
    }

    /// The tokens of a text of [`seal_tokens`](Self::seal_tokens). `None` if it was made by another application, provider, client or key, or
    /// was changed.
    #[must_use]
    pub fn open_tokens(&self, sealed: &str) -> Option<UpstreamTokens> {
        let text = self.0.keys.open(&self.0.bound_name(LABEL), sealed)?;
        let kept: KeptTokens = serde_json::from_slice(&text).ok()?;
        let expires = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(kept.expires))?;
        Some(UpstreamTokens {
            subject: kept.subject.as_str().into(),
            access: AccessToken::new(Zeroizing::new(kept.access.clone()), expires, kept.scopes.clone()),
            refresh: kept.refresh.clone().map(Zeroizing::new),
            id_token: kept.id_token.clone().map(Zeroizing::new),
        })
    }
}

#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
struct KeptTokens {
    subject: String,
    access: String,
    /// In seconds since 1970.
    expires: u64,
    scopes: Vec<String>,
    refresh: Option<String>,
    id_token: Option<String>,
}

impl SignInParts {
    async fn refresh(&self, held: &UpstreamTokens) -> Renewed {
        let refresh = held.refresh.as_ref().ok_or(UpstreamError::Ended)?;
        let metadata = self.provider.metadata().await.map_err(|_| UpstreamError::Unavailable)?;
        let endpoint = metadata.address(ProviderEndpoint::Token).ok_or(UpstreamError::Unavailable)?;
        let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
        let answer = self.client.post(&self.provider, endpoint, &fields, &self.clock).await;
        let answer = answer.map_err(|error| match error {
            RequestError::Refused(code) if &*code == "invalid_grant" => UpstreamError::Ended,
            _ => UpstreamError::Unavailable,
        })?;
        let answer = TokenAnswer::read(&answer.body).ok_or(UpstreamError::Unavailable)?;
        let mut renewed = UpstreamTokens::of(answer, &held.subject, &self.clock).ok_or(UpstreamError::Unavailable)?;
        // RFC 6749 §6: without a new one, the old one goes on.
        renewed.refresh = renewed.refresh.or_else(|| held.refresh.clone());
        renewed.id_token = renewed.id_token.or_else(|| held.id_token.clone());
        Ok(renewed)
    }
}
