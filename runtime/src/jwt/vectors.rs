//! For published test vectors, whose payloads are no claims.

use super::header::TokenType;
use super::judgement::{TokenParts, VerificationFailure, chosen};
use super::key_set::KeySet;
use super::workbench::Workbench;
use crate::authn::AuthError;

/// Whether a token's signature verifies under the keys, as a [`Jwt`](crate::Jwt) would find out; its claims are not looked at.
///
/// Danger: a signature alone says nothing about for whom, by whom and for how long. It is for test vectors.
///
/// # Errors
///
/// [`AuthError`] with the reason that the audit log would have.
pub fn verify_signature(keys: &KeySet, token: &str) -> Result<(), AuthError> {
    let parts = TokenParts::split(token).ok_or(AuthError::Invalid("token_malformed"))?;
    let checked = Workbench::borrow(|bench| {
        let (key, algorithm) = chosen(keys, parts.header, TokenType::Jwt, bench)?;
        bench.check_signature((&key, algorithm), parts.signed, parts.signature)?;
        bench.decode(parts.claims, "token_claims")?;
        Ok(())
    });
    checked.map_err(|failure: VerificationFailure| failure.into())
}
