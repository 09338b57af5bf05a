//! How the subject of a credential was authenticated at a provider.
//!
//! Threat: a session that goes on after its user was logged out at the provider (CWE-613). Promise: the credential keeps the issuer, the
//! subject and the session of the provider, by which the provider ends it.

use serde::{Deserialize, Serialize};

use super::builder::JwtBuilder;
use super::header::TokenKind;
use crate::authn::AuthError;
use crate::principal::{LastCheck, Principal, Token};

/// How the claims of a credential begin if it has an upstream login.
const BEGIN: &str = "{\"upstream\":";

impl<I, A, K> JwtBuilder<I, A, K> {
    /// For a verifier whose principals are not callers.
    pub(crate) fn kind(mut self, kind: TokenKind) -> Self {
        self.expectations.kind = kind;
        self
    }
}

/// A sign-in at a provider.
#[derive(Clone, Debug)]
pub(crate) struct UpstreamLogin {
    pub(crate) upstream: Upstream,
    pub(crate) acr: Option<String>,
    pub(crate) amr: Vec<String>,
    /// In seconds since 1970.
    pub(crate) auth_time: Option<u64>,
}

/// Whom the provider knows, and in which of its sessions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Upstream {
    pub(crate) iss: Box<str>,
    pub(crate) sub: Box<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sid: Option<Box<str>>,
}

#[derive(Deserialize)]
struct UpstreamMember {
    upstream: Upstream,
}

impl Upstream {
    /// Whom the provider knows, by the claims of a session.
    #[cfg(feature = "cookies")]
    pub(super) fn of(claims: &str) -> Option<Self> {
        let member: UpstreamMember = serde_json::from_str(claims).ok()?;
        Some(member.upstream)
    }
}

/// Whom a store of revocations is asked about besides the principal itself: the user of the provider, with the session there, as if they had a
/// token that was issued when the credential was. `None` if the credential has no upstream login.
///
/// # Errors
///
/// The claims begin like those of an upstream login and cannot be read as such.
pub(crate) fn upstream_principal(principal: &Principal) -> Result<Option<Principal>, AuthError> {
    let Some(token) = principal.token().filter(|token| token.claims.starts_with(BEGIN)) else { return Ok(None) };
    let UpstreamMember { upstream } = token.claims().map_err(|_| AuthError::Invalid("session_claims"))?;
    let of_provider = Token {
        id: None,
        session: upstream.sid,
        issued: token.issued,
        expires: token.expires,
        claims: "{}".into(),
        last_check: LastCheck::default(),
        last_resource: LastCheck::default(),
    };
    Ok(Some(Principal::new(principal.scheme(), upstream.iss, upstream.sub).with_token(of_provider)))
}
