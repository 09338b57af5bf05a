//! Verification of published test vectors, whose payloads are not claims.

use super::base64url;
use super::header::TokenType;
use super::judgement::{TokenParts, VerificationFailure, choose_key};
use super::key_set::KeySet;
use super::verifier_cache::VerifierCache;
use crate::authn::AuthError;

/// Verifies the signature of a token as a [`Jwt`](crate::Jwt) does. The claims are not judged.
///
/// Danger: a valid signature alone proves neither the issuer, nor the audience, nor that the token has not expired. Use it for
/// test vectors only.
///
/// # Errors
///
/// [`AuthError`] with the reason that the audit log would show.
pub fn verify_signature(keys: &KeySet, token: &str) -> Result<(), AuthError> {
    let parts = TokenParts::split(token).ok_or(AuthError::Invalid("token_malformed"))?;
    let checked = VerifierCache::borrow(|verifiers| {
        let (key, algorithm) = choose_key(keys, parts.header, TokenType::Jwt, verifiers)?;
        verifiers.check_signature((&key, algorithm), parts.signed, parts.signature)?;
        base64url::decode(parts.claims, &mut verifiers.decoded, "token_claims")?;
        Ok(())
    });
    checked.map_err(|failure: VerificationFailure| failure.into())
}
