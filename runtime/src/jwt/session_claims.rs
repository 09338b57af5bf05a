//! The claims that a store keeps of a session: those of a token that is neither signed nor sent.
//!
//! Threat: a session whose caller differs from that of a token with the same grant (CWE-863). Promise: the same code writes and reads the
//! claims of both, so roles, scopes, permissions and the tenant mean the same, and the same revocations apply.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::LONGEST_TOKEN;
use super::algorithms::AcceptedAlgorithms;
use super::claims::{Expectations, RawClaims};
use super::grant::{Grant, IssueError, NewCredential};
use super::header::TokenType;
use super::paths::Paths;
use crate::authn::{AuthError, LONGEST_LEEWAY};
use crate::clock::Clock;
use crate::principal::Principal;

/// Writes and reads the claims of one issuer's sessions.
#[derive(Clone, Debug)]
pub(crate) struct SessionClaims(Expectations);

impl SessionClaims {
    /// `scheme` is that of the principals.
    pub(crate) fn new(scheme: &'static str, issuer: String, clock: &Clock) -> Self {
        Self(Expectations {
            scheme,
            audiences: vec![issuer.clone()],
            issuer,
            revocable: true,
            // The store decides when a session is over. This is for a clock that was set back.
            leeway: LONGEST_LEEWAY,
            kind: TokenType::default().into(),
            algorithms: AcceptedAlgorithms::default(),
            needs_proof: false,
            paths: Paths::default(),
            assigned_tenant: None,
            clock: Some(clock.clone()),
        })
    }

    #[cfg(feature = "cookies")]
    pub(crate) fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// The claims of a session that is granted now, and lasts until `ends`.
    pub(crate) fn write(
        &self,
        grant: &Grant,
        session: &str,
        now: SystemTime,
        ends: SystemTime,
    ) -> Result<String, IssueError> {
        let now = now.duration_since(UNIX_EPOCH).map_err(|_| IssueError::Unavailable)?;
        let ends = ends.duration_since(UNIX_EPOCH).map_err(|_| IssueError::Unavailable)?;
        let credential = NewCredential {
            issuer: &self.0.issuer,
            audience: &self.0.issuer,
            client: &self.0.issuer,
            id: None,
            session: Some(session),
            lifetime: ends.saturating_sub(now).saturating_add(Duration::from_secs(1)),
            #[cfg(feature = "oauth")]
            keeps_upstream: true,
        };
        let claims = grant.claims(&credential, now)?;
        if claims.len() > LONGEST_TOKEN {
            return Err(IssueError::TooLong);
        }
        String::from_utf8(claims).map_err(|_| IssueError::Unavailable)
    }

    /// The caller of a session with these claims.
    pub(crate) fn read(&self, claims: &str, now: SystemTime) -> Result<Principal, AuthError> {
        let now = now.duration_since(UNIX_EPOCH).map_err(|_| AuthError::Unavailable("clock"))?;
        Ok(RawClaims::read(claims, &self.0.paths)?.judge(&self.0, claims, now)?.principal)
    }
}
