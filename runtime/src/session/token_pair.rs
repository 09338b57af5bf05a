//! The tokens of a session, as their client gets them.
//!
//! Threat: a token in a log (CWE-532). Promise: `Debug` shows none.

use std::fmt;

use serde::Serialize;
use zeroize::Zeroizing;

/// The token response for a client, in the format of RFC 6749 §5.1. `Debug` shows no token.
#[derive(Serialize)]
pub struct TokenPair {
    pub(super) access_token: String,
    pub(super) token_type: &'static str,
    pub(super) expires_in: u64,
    #[serde(serialize_with = "as_text")]
    pub(super) refresh_token: Zeroizing<String>,
}

fn as_text<S: serde::Serializer>(token: &Zeroizing<String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(token)
}

impl TokenPair {
    /// For `Authorization: Bearer`, or `DPoP` if the token is bound to the key of proofs. The member `token_type` of the response says which
    /// (RFC 9449 §5).
    #[must_use]
    pub fn access_token(&self) -> &str {
        &self.access_token
    }

    /// For [`Sessions::refresh`](super::Sessions::refresh), once.
    #[must_use]
    pub fn refresh_token(&self) -> &str {
        &self.refresh_token
    }

    /// How long the access token is valid, in seconds.
    #[must_use]
    pub fn expires_in(&self) -> u64 {
        self.expires_in
    }
}

impl fmt::Debug for TokenPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenPair").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}
