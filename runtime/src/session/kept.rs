//! What a session of refresh tokens keeps of the grant that it began with.
//!
//! Threat: a renewed access token without the actor, the key of the client or the login of the first one, because the application looks up
//! only what the subject may do (CWE-269, CWE-863). Promise: the record keeps the three, in the form of a session in a cookie. A record
//! that cannot be read renews nothing.

use std::time::SystemTime;

use super::SessionRecord;
use crate::jwt::{Grant, IssueError, SessionClaims, TokenIssuer};
use crate::unavailable::Unavailable;

fn claims_at(issuer: &TokenIssuer) -> SessionClaims {
    SessionClaims::new("Bearer", issuer.issuer().to_owned(), issuer.own_clock())
}

/// The claims that the record keeps of this grant. Empty if the grant has no actor, no key and no login.
pub(super) fn claims_of(
    issuer: &TokenIssuer,
    grant: &Grant,
    record: &SessionRecord,
    now: SystemTime,
) -> Result<String, IssueError> {
    match grant.lasting() {
        Some(lasting) => claims_at(issuer).write(&lasting, &record.id, now, record.ends),
        None => Ok(String::new()),
    }
}

/// The grant with what the session keeps, as far as the grant says nothing else.
///
/// # Errors
///
/// The claims of the record cannot be read: the store does not return what it was given.
pub(super) fn continued(
    issuer: &TokenIssuer,
    grant: Grant,
    record: &SessionRecord,
    now: SystemTime,
) -> Result<Grant, Unavailable> {
    if record.claims.is_empty() {
        return Ok(grant);
    }
    let caller = claims_at(issuer).read(&record.claims, now).map_err(|_| Unavailable)?;
    Ok(grant.continuing(&record.claims, &caller))
}
