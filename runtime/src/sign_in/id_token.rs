//! The ID token of a sign-in (OpenID Connect Core §3.1.3.7).
//!
//! Threat: an ID token that is forged, was issued to another client, or belongs to another sign-in of the same client (CWE-347, CWE-294,
//! token substitution). Promise: [`Jwt`] verifies it with the public keys of the provider, for this client as its audience. The kind of the
//! key decides which algorithms it has (RFC 8725 §3.1), and the metadata of the provider can only narrow that. Then the nonce is compared
//! in constant time, with `azp`, `at_hash`, its age, and the age of the authentication if that was demanded.

use std::time::{Duration, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA256, SHA384, SHA512, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use palisade_grammar::names::is_credential_text;
use serde::Deserialize;
use serde_json::Value;

use super::error::{SignInError, rejected, unavailable};
use super::flow::{Flow, is_same};
use crate::authn::AuthError;
use crate::clock::Clock;
use crate::config_error::ConfigError;
use crate::jwt::{Jwt, KeySource, TokenCache, TokenKind};
use crate::principal::{Principal, Token};
use crate::provider::{Provider, ProviderMetadata};

/// How long ago an ID token may have been issued: it comes straight from the provider.
pub(super) const OLDEST: Duration = Duration::from_secs(300);
/// In bytes.
const LONGEST_TOKEN: usize = 16 * 1024;
/// By how much the clocks may differ where an age is demanded.
const LEEWAY: Duration = Duration::from_secs(30);

/// Verifies what a provider signs for one client.
pub(super) struct IdTokens {
    verifier: Jwt,
    /// Verifies logout tokens, with the same keys.
    pub(super) logout: Jwt,
    provider: Provider,
    client: String,
    clock: Clock,
}

/// The algorithms of ID tokens in the metadata (OpenID Connect Discovery 1.0 §3).
const ALGORITHMS: &str = "id_token_signing_alg_values_supported";

/// A verified ID token.
pub(super) struct Login {
    pub(super) principal: Principal,
    pub(super) claims: IdTokenClaims,
    /// The JOSE name of the algorithm of its signature.
    algorithm: String,
    /// The time since 1970 at which it was received.
    received: Duration,
    client: String,
}

#[derive(Deserialize)]
pub(super) struct IdTokenClaims {
    nonce: Option<String>,
    azp: Option<String>,
    aud: Audience,
    at_hash: Option<String>,
    pub(super) auth_time: Option<f64>,
    /// Of any type, like the next one: some providers write something else than the standard says, which then grants nothing.
    #[serde(default)]
    acr: Value,
    #[serde(default)]
    amr: Value,
}

impl IdTokenClaims {
    pub(super) fn acr(&self) -> Option<&str> {
        self.acr.as_str()
    }

    pub(super) fn amr(&self) -> Vec<String> {
        self.amr.as_array().into_iter().flatten().filter_map(|method| method.as_str().map(str::to_owned)).collect()
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(#[expect(dead_code, reason = "only the number of audiences matters: the verifier has compared it")] String),
    Several(Vec<String>),
}

impl IdTokens {
    /// `untyped_logout` is whether a logout token without its own type is accepted.
    pub(super) fn new(
        provider: &Provider,
        client: &str,
        clock: &Clock,
        untyped_logout: bool,
    ) -> Result<Self, ConfigError> {
        let keys = KeySource::from(provider.clone());
        let verifier = |kind| {
            let verifier = Jwt::builder().issuer(provider.issuer()).audience(client).keys(keys.clone()).clock(clock);
            verifier.kind(kind).cache(TokenCache::Off).longest_token(LONGEST_TOKEN).build()
        };
        let (id, logout) = (verifier(TokenKind::Id)?, verifier(TokenKind::Logout { untyped: untyped_logout })?);
        Ok(Self { verifier: id, logout, provider: provider.clone(), client: client.to_owned(), clock: clock.clone() })
    }

    pub(super) async fn verify(&self, token: &str) -> Result<Login, SignInError> {
        self.verify_as_of(token, self.clock.since_1970().ok_or(unavailable("clock"))?).await
    }

    /// The same for a token that was received at this time since 1970, which may be a while ago.
    pub(super) async fn verify_as_of(&self, token: &str, received: Duration) -> Result<Login, SignInError> {
        let principal = self.verifier.verify_as_of(token, received).await.map_err(|error| match error {
            AuthError::Invalid(reason) => rejected(reason),
            AuthError::Unavailable(_) => unavailable("provider_unavailable"),
        })?;
        let claims = principal.token().and_then(|token| token.claims().ok()).ok_or(rejected("id_token_claims"))?;
        if principal.token().and_then(Token::session).is_some_and(|session| !is_credential_text(session)) {
            // It must fit into the claims of a session.
            return Err(rejected("token_sid"));
        }
        let algorithm = algorithm_of(token).ok_or(rejected("id_token_claims"))?;
        self.is_listed(&algorithm).await?;
        Ok(Login { principal, claims, algorithm, received, client: self.client.clone() })
    }

    /// Checks that the metadata name the algorithm, if they name any.
    async fn is_listed(&self, algorithm: &str) -> Result<(), SignInError> {
        if is_in_list(&*self.provider.metadata().await?, algorithm) {
            return Ok(());
        }
        // The provider may use a new algorithm, and the metadata that are known are older.
        let newer = self.provider.newer_metadata().await?;
        if is_in_list(&newer, algorithm) { Ok(()) } else { Err(rejected("token_alg")) }
    }

    /// Whether the keys or the metadata that are known may be older than those of the provider, because they cannot be fetched now.
    pub(super) fn have_old_copies(&self) -> bool {
        self.verifier.has_old_keys() || self.provider.has_old_metadata()
    }
}

fn is_in_list(metadata: &ProviderMetadata, algorithm: &str) -> bool {
    // RFC 9864 §2.2: `Ed25519` is another name of `EdDSA` with this curve.
    let one_name = |name| if name == "Ed25519" { "EdDSA" } else { name };
    let listed = metadata.list(ALGORITHMS);
    listed.is_none_or(|listed| listed.into_iter().any(|listed| one_name(listed) == one_name(algorithm)))
}

impl Login {
    /// Checks that the token is that of the sign-in, and of the access token beside it.
    pub(super) fn is_of(&self, flow: &Flow, access_token: &str) -> Result<(), SignInError> {
        let claims = &self.claims;
        if !claims.nonce.as_ref().is_some_and(|nonce| is_same(nonce, &flow.nonce)) {
            return Err(rejected("id_token_nonce"));
        }
        self.is_for_the_client(access_token)?;
        let is_recent =
            flow.max_age.is_none_or(|age| self.is_authenticated_since(self.received, Duration::from_secs(age)));
        let is_new = !flow.again || self.is_authenticated_since(flow.begun(), Duration::ZERO);
        if is_recent && is_new { Ok(()) } else { Err(rejected("id_token_auth_time")) }
    }

    /// Whether the user authenticated at most this long before `when`, and not in the future.
    fn is_authenticated_since(&self, when: Duration, age: Duration) -> bool {
        self.authenticated().is_some_and(|authenticated| {
            let is_old = when.saturating_sub(authenticated) > age.saturating_add(LEEWAY);
            let is_future = authenticated.saturating_sub(self.received) > LEEWAY;
            !is_old && !is_future
        })
    }

    /// Checks what holds for each ID token, also for one that comes with a refreshed access token.
    pub(super) fn is_for_the_client(&self, access_token: &str) -> Result<(), SignInError> {
        let claims = &self.claims;
        let is_azp_needed = matches!(&claims.aud, Audience::Several(all) if all.len() > 1);
        match &claims.azp {
            Some(azp) if *azp != self.client => return Err(rejected("id_token_azp")),
            None if is_azp_needed => return Err(rejected("id_token_azp")),
            _ => {}
        }
        if let Some(at_hash) = &claims.at_hash {
            let hash = half_hash(&self.algorithm, access_token).ok_or(rejected("id_token_at_hash"))?;
            if !is_same(at_hash, &hash) {
                return Err(rejected("id_token_at_hash"));
            }
        }
        // A token without `iat` counts as one of 1970.
        let issued = self.principal.token().map(|token| token.issued().duration_since(UNIX_EPOCH).unwrap_or_default());
        if self.received.saturating_sub(issued.unwrap_or_default()) > OLDEST {
            return Err(rejected("id_token_issued"));
        }
        Ok(())
    }

    /// When the user authenticated, since 1970.
    pub(super) fn authenticated(&self) -> Option<Duration> {
        self.claims.auth_time.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
    }
}

/// The algorithm that the header names. The signature was verified with it.
fn algorithm_of(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct AlgorithmMember {
        alg: String,
    }

    let header = URL_SAFE_NO_PAD.decode(token.split('.').next()?).ok()?;
    serde_json::from_slice(&header).ok().map(|AlgorithmMember { alg }| alg)
}

/// OpenID Connect Core §3.1.3.6: the left half of the hash of the access token, with the hash of the algorithm of the ID token.
fn half_hash(algorithm: &str, access_token: &str) -> Option<String> {
    let hash = match algorithm {
        // RFC 9864 §2.2: the second is the full name of the first with this curve.
        "EdDSA" | "Ed25519" => &SHA512,
        _ if algorithm.ends_with("256") => &SHA256,
        _ if algorithm.ends_with("384") => &SHA384,
        _ if algorithm.ends_with("512") => &SHA512,
        _ => return None,
    };
    let hashed = digest(hash, access_token.as_bytes());
    let bytes = hashed.as_ref();
    Some(URL_SAFE_NO_PAD.encode(bytes.get(..bytes.len().div_euclid(2))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// OpenID Connect Core, Appendix A.3: the `at_hash` of its example.
    #[test]
    fn half_hash_of_the_standard() {
        assert_eq!(
            half_hash("RS256", "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y").as_deref(),
            Some("77QmUPtjPfzWtF2AnpK9RQ")
        );
        assert_eq!(half_hash("ES384", "a").unwrap().len(), 32);
        assert_eq!(half_hash("EdDSA", "a").unwrap().len(), 43);
        // RFC 9864: the same algorithm by its full name.
        assert_eq!(half_hash("Ed25519", "a"), half_hash("EdDSA", "a"));
        assert_eq!(half_hash("none", "a"), None);
    }
}
