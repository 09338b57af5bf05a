//! Issuing tokens.
//!
//! Threat: a token that says more, or lasts longer, than was meant (CWE-269, CWE-613), or that other software reads
//! otherwise than we do. Promise: what is issued is for the one audience (ASVS V9.2.4), expires, can be told from every
//! other by its `jti`, and is held to the same rules by which tokens are verified.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use super::claims::{Expectations, LAST_DATE, is_name, is_scope};
use super::key::Key;
use super::{LONGEST_TOKEN, header};

/// What a token is to say: for whom, with which roles and scopes, how long.
///
/// ```
/// use std::time::Duration;
/// use palisade::Grant;
///
/// let grant = Grant::new("u-1", Duration::from_secs(900)).roles(["admin"]).scopes(["orders:read", "orders:write"]);
/// # let _ = grant;
/// ```
#[derive(Clone, Debug)]
#[must_use = "a grant does nothing until a token is issued for it"]
pub struct Grant {
    subject: String,
    lifetime: Duration,
    roles: Vec<String>,
    scopes: Vec<String>,
    tenant: Option<String>,
}

impl Grant {
    /// A grant without roles and scopes.
    ///
    /// `subject` identifies the caller for ever: 1 to 255 bytes without control characters, never given to somebody else.
    /// `lifetime` counts in whole seconds, at least one; keep it short, since the token itself can't be taken back.
    pub fn new(subject: impl Into<String>, lifetime: Duration) -> Self {
        Self { subject: subject.into(), lifetime, roles: Vec::new(), scopes: Vec::new(), tenant: None }
    }

    /// The roles, in place of earlier ones: each 1 to 255 bytes without control characters.
    pub fn roles(mut self, roles: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.roles = roles.into_iter().map(Into::into).collect();
        self
    }

    /// The tenant that the subject belongs to: 1 to 255 bytes without control characters.
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// The scopes, in place of earlier ones: each of visible ASCII without `"` and `\` (RFC 6749 §3.3).
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }
}

/// Why no token was issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IssueError {
    /// The subject is empty, over 255 bytes, or has control characters.
    Subject,
    /// A role is empty, over 255 bytes, or has control characters.
    Role,
    /// The tenant is empty, over 255 bytes, or has control characters.
    Tenant,
    /// A scope is empty, or has spaces, quotes, backslashes or anything but visible ASCII.
    Scope,
    /// The lifetime is under a second, or ends after the year 9999.
    Lifetime,
    /// The token would be over 8 KiB: too many roles or scopes.
    TooLong,
    /// The machine has no randomness, no sound clock, or no working crypto backend.
    Unavailable,
}

impl fmt::Display for IssueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Subject => "the subject of a token is 1 to 255 bytes without control characters",
            Self::Role => "a role in a token is 1 to 255 bytes without control characters",
            Self::Tenant => "the tenant in a token is 1 to 255 bytes without control characters",
            Self::Scope => "a scope in a token is visible ASCII without quotes and backslashes",
            Self::Lifetime => "a token lives at least one second and not past the year 9999",
            Self::TooLong => "the token would be over 8 KiB: grant fewer roles or scopes",
            Self::Unavailable => "this machine lacks randomness, a sound clock or a crypto backend",
        })
    }
}

impl std::error::Error for IssueError {}

#[derive(Serialize)]
struct Issued<'g> {
    iss: &'g str,
    sub: &'g str,
    aud: &'g str,
    exp: u64,
    iat: u64,
    jti: String,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    roles: &'g [String],
    #[serde(skip_serializing_if = "String::is_empty")]
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'g str>,
}

pub(super) fn issue(key: &Key, expected: &Expectations, grant: &Grant, now: Duration) -> Result<String, IssueError> {
    if !is_name(&grant.subject) {
        return Err(IssueError::Subject);
    }
    if !grant.roles.iter().all(|role| is_name(role)) {
        return Err(IssueError::Role);
    }
    if !grant.scopes.iter().all(|scope| is_scope(scope)) {
        return Err(IssueError::Scope);
    }
    if grant.tenant.as_deref().is_some_and(|tenant| !is_name(tenant)) {
        return Err(IssueError::Tenant);
    }
    let (iat, lifetime) = (now.as_secs(), grant.lifetime.as_secs());
    let exp = iat.checked_add(lifetime).filter(|exp| *exp <= LAST_DATE.as_secs() && lifetime > 0);
    let claims = Issued {
        iss: &expected.issuer,
        sub: &grant.subject,
        aud: &expected.audience,
        exp: exp.ok_or(IssueError::Lifetime)?,
        iat,
        jti: random_id()?,
        roles: &grant.roles,
        scope: grant.scopes.join(" "),
        tenant: grant.tenant.as_deref(),
    };
    let claims = serde_json::to_vec(&claims).map_err(|_| IssueError::Unavailable)?;

    let mut token = format!("{}.", header::ISSUED);
    URL_SAFE_NO_PAD.encode_string(claims, &mut token);
    let signature =
        key.signer().ok().and_then(|signer| signer.try_sign(token.as_bytes()).ok()).ok_or(IssueError::Unavailable)?;
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    if token.len() > LONGEST_TOKEN { Err(IssueError::TooLong) } else { Ok(token) }
}

/// 128 random bits: no two tokens share it (RFC 7519 §4.1.7).
fn random_id() -> Result<String, IssueError> {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits).map_err(|_| IssueError::Unavailable)?;
    Ok(URL_SAFE_NO_PAD.encode(bits))
}
