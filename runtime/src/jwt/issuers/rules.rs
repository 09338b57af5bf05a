//! What the tokens of one issuer must be like, and what they may grant.
//!
//! Threat: a customer who runs an issuer makes its users administrators of the application, or members of another tenant (CWE-269,
//! CWE-639). Promise: no role and no permission is read from a token unless the rules name its claim, and the tenant is never read.

use super::RunTimeIssuers;
use crate::config_error::ConfigError;
use crate::jwt::cache::TokenCache;
use crate::jwt::header::TokenType;
use crate::jwt::paths::{ClaimPath, ClaimSource};
use crate::jwt::{Algorithm, Jwt, JwtBuilder, Set};
use crate::provider::Provider;

/// How much memory the verified tokens of one issuer may take, and those of all.
const CACHE: u64 = 1024 * 1024;
const CACHES: u64 = 256 * CACHE;

/// How much memory the verified tokens of one issuer may take, if so many are remembered.
pub(super) fn cache_of_one(most: usize) -> TokenCache {
    let share = u64::try_from(most).ok().and_then(|most| CACHES.checked_div(most)).unwrap_or_default();
    TokenCache::Bytes(share.min(CACHE))
}

/// What the tokens of one issuer must be like, as the function of [`Issuers`](super::Issuers) says.
///
/// Danger: the metadata of the issuer name where its keys are. As for a [`Provider`], that can be an address of your private
/// network, or a name that resolves to one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct IssuerRules {
    audiences: Vec<String>,
    tenant: Option<Box<str>>,
    roles_at: Option<ClaimPath>,
    scopes_at: Option<ClaimPath>,
    permissions_at: Option<ClaimPath>,
    token_type: TokenType,
    algorithms: Option<Vec<Algorithm>>,
    needs_proof: bool,
}

impl IssuerRules {
    /// The name of this API, which every token must carry in `aud`.
    pub fn new(audience: impl Into<String>) -> Self {
        let audiences = vec![audience.into()];
        Self {
            audiences,
            tenant: None,
            roles_at: None,
            scopes_at: None,
            permissions_at: None,
            token_type: TokenType::default(),
            algorithms: None,
            needs_proof: false,
        }
    }

    /// Another audience: a token is accepted if it carries any of them. Repeatable.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// The tenant of each principal of the issuer, which [`#[tenant(..)]`](macro@crate::tenant) compares whoever the issuer is. Default:
    /// none. A claim about the tenant is ignored, because the issuer could name the tenant of another one.
    pub fn tenant(mut self, tenant: impl Into<Box<str>>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// The claim that holds roles: see [`JwtBuilder::roles_at`](crate::jwt::JwtBuilder::roles_at). Default: none. No role is read from a
    /// token, not even from a claim `roles`.
    ///
    /// Danger: whoever runs the issuer gives its users the roles of this application.
    pub fn roles_at(mut self, path: impl Into<ClaimPath>) -> Self {
        self.roles_at = Some(path.into());
        self
    }

    /// The claim that holds scopes: see [`JwtBuilder::scopes_at`](crate::jwt::JwtBuilder::scopes_at). Default: `scope` (RFC 9068 §2.2.3).
    ///
    /// Danger: whoever runs the issuer decides about the scopes of its tokens. A scope limits what a client may do for its user, and is no
    /// right of the user. A route that demands a scope and nothing else is open to the users of each accepted issuer: demand the
    /// [tenant](macro@crate::tenant), a role or an owner beside it.
    pub fn scopes_at(mut self, path: impl Into<ClaimPath>) -> Self {
        self.scopes_at = Some(path.into());
        self
    }

    /// The claim that holds permissions: see [`JwtBuilder::permissions_at`](crate::jwt::JwtBuilder::permissions_at). Default: none. No
    /// permission is read from a token, not even from a claim `permissions`.
    ///
    /// Danger: whoever runs the issuer gives its users the permissions of this application.
    pub fn permissions_at(mut self, path: impl Into<ClaimPath>) -> Self {
        self.permissions_at = Some(path.into());
        self
    }

    /// Rejects tokens that are not bound to a key of their caller: see
    /// [`JwtBuilder::require_proof`](crate::jwt::JwtBuilder::require_proof).
    pub fn require_proof(mut self) -> Self {
        self.needs_proof = true;
        self
    }

    /// The `typ` that a token must have: see [`JwtBuilder::token_type`](crate::jwt::JwtBuilder::token_type).
    pub fn token_type(mut self, token_type: TokenType) -> Self {
        self.token_type = token_type;
        self
    }

    /// The algorithms that are accepted, of those that the keys of the issuer allow: see
    /// [`JwtBuilder::algorithms`](crate::jwt::JwtBuilder::algorithms). Default: all of these. With an empty list, or with an algorithm of
    /// secrets such as `Hs256`, the issuer is not accepted, and the log says why.
    ///
    /// Danger: a token is rejected too if the issuer moves to an algorithm that is not listed.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = Some(algorithms.into_iter().collect());
        self
    }

    /// The verifier for the tokens of this issuer.
    pub(super) fn verifier(&self, issuer: &str, known: &RunTimeIssuers) -> Result<Jwt, ConfigError> {
        let provider = Provider::builder(issuer).clock(known.clock.clone()).sharing(&known.outgoing).build()?;
        let jwt = Jwt::builder().issuer(issuer).keys(provider).audience_comes_later();
        let mut jwt: JwtBuilder<Set, Set, Set> = self.audiences.iter().fold(jwt, JwtBuilder::audience);
        jwt.expectations.assigned_tenant.clone_from(&self.tenant);
        let paths = &mut jwt.expectations.paths;
        paths.tenant = ClaimSource::Nowhere;
        paths.roles = ClaimSource::only_at(self.roles_at.as_ref());
        paths.permissions = ClaimSource::only_at(self.permissions_at.as_ref());
        if let Some(path) = &self.scopes_at {
            paths.scopes = ClaimSource::At(path.clone());
        }
        jwt.expectations.needs_proof = self.needs_proof;
        if let Some(algorithms) = &self.algorithms {
            jwt = jwt.algorithms(algorithms.iter().copied());
        }
        jwt.revocations.clone_from(&known.revocations);
        jwt.token_type(self.token_type).cache(known.cache).clock(known.clock.clone()).build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_of_all_issuers_is_bounded() {
        for most in 1..=10_000_usize {
            let TokenCache::Bytes(one) = cache_of_one(most) else { panic!("a cache") };
            assert!(
                one * most as u64 <= 256 * 1024 * 1024 && (26 * 1024..=1024 * 1024).contains(&one),
                "{most}: {one}"
            );
        }
        assert_eq!(cache_of_one(256), TokenCache::Bytes(1024 * 1024));
    }
}
