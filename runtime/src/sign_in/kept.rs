//! Tokens of a provider that the application keeps in a table of its own.
//!
//! Threat: a stolen table that holds tokens (CWE-522), tokens of another provider or client in it (CWE-345). Promise: what is stored is
//! encrypted and authenticated, and bound to the issuer and the client. It is not bound to a row.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::error::{SignInError, unavailable};
use super::identity::UpstreamTokens;
use super::{SignIn, SignInParts};
use crate::token_source::AccessToken;

/// What the content is bound to, with the issuer and the client.
const LABEL: &str = "upstream tokens";

impl SignIn {
    /// The tokens as encrypted text, for a table of the application. Only a [`SignIn`] of the same provider and client, with the same key
    /// or this key as a [former one](crate::oauth::SignInBuilder::former_key), can read it. The redirect URI may change.
    ///
    /// The text does not say to which account it belongs: who can write the table can also give one account the tokens of another one.
    /// [`UpstreamTokens::subject`] of the opened tokens is the user at the provider, to be compared with that of the account.
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
        self.0.keys.seal(&self.0.name_of_tokens(), &text).ok_or(unavailable("crypto_backend"))
    }

    /// The tokens of a text of [`seal_tokens`](Self::seal_tokens). `None` if it was made by another application, provider, client or key, or
    /// was changed.
    #[must_use]
    pub fn open_tokens(&self, sealed: &str) -> Option<UpstreamTokens> {
        let text = self.0.keys.open(&self.0.name_of_tokens(), sealed)?;
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

impl SignInParts {
    /// The redirect URI is not in it, because an application that moves to another address keeps its tokens.
    fn name_of_tokens(&self) -> String {
        [LABEL, self.provider.issuer(), self.client.id()].join("\n")
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
