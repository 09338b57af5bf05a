//! JSON Web Tokens as bearer credentials.
//!
//! Threat: a token that is forged, altered, meant for somebody else, or no longer good (CWE-347, CWE-287), and a token
//! whose reader is made to follow the token's own advice about keys and algorithms (RFC 8725 §2). Promise: [`Jwt`]
//! believes a token only if its signature verifies under the one configured key with the one algorithm of that key, and
//! only then looks at its claims (ASVS V9.1.1 to V9.1.3); `iss`, `aud`, `exp`, `iat` and `sub` are then required and
//! typed, `nbf` is honoured (ASVS V9.2.1 to V9.2.4). Nothing in a header selects a key or makes a request.
//!
//! Every refusal is a stable word for the audit log, never text of the token:
//!
//! | word | refused because |
//! |---|---|
//! | `authorization_repeated`, `bearer_malformed` | the `Authorization` header is not one bearer credential |
//! | `token_too_long`, `token_malformed` | over 8 KiB; not three parts |
//! | `token_header`, `token_claims` | not base64url of a UTF-8 JSON object of acceptable size |
//! | `token_duplicate_member` | a name occurs twice in one object |
//! | `token_alg`, `token_typ`, `token_crit`, `token_b64` | the header parameter is missing, foreign, or must not be there |
//! | `token_signature` | it is not ours |
//! | `token_iss`, `token_aud`, `token_exp`, `token_iat`, `token_nbf`, `token_sub`, `token_jti`, `token_roles`, `token_scope` | the claim is missing or of a wrong shape |
//! | `token_foreign_issuer`, `token_foreign_audience` | not from the issuer, not for this API |
//! | `token_expired`, `token_not_yet_valid`, `token_issued_in_future` | not now |

mod bearer;
mod claims;
mod header;
mod issue;
mod json;
mod key;
mod workbench;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use self::claims::{Claims, Expectations};
pub use self::issue::{Grant, IssueError};
use self::key::Key;
use self::workbench::Workbench;
use super::AuthError;
use crate::error::ConfigError;
use crate::principal::Principal;

/// The longest token that is looked at, and issued, in bytes: what fits beside other headers in every HTTP stack.
const LONGEST_TOKEN: usize = 8 * 1024;
const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);
const LONGEST_LEEWAY: Duration = Duration::from_secs(60);

/// Issues and verifies JSON Web Tokens (RFC 7519) for one issuer, one audience and one key, and authenticates requests
/// that carry one as `Authorization: Bearer <token>` (RFC 6750 §2.1; never from a query or a body).
///
/// Cheap to clone; the clones share the key. `Debug` shows no secret. The key is wiped when the last clone is gone, what a
/// thread prepared of it when that thread ends or prepares the next key.
///
/// ```
/// use std::time::Duration;
/// use palisade::{Grant, Jwt};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let secret = [7; 32];
/// let jwt = Jwt::hs256("https://accounts.example", "accounts-api", secret)?;
/// let token = jwt.issue(&Grant::new("u-1", Duration::from_secs(900)).roles(["admin"]))?;
///
/// let principal = jwt.verify(&token).expect("a token of our own");
/// assert_eq!(principal.subject(), "u-1");
/// assert!(principal.has_role("admin"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Jwt {
    key: Arc<Key>,
    expectations: Arc<Expectations>,
}

impl Jwt {
    /// Tokens signed with HMAC-SHA-256 (`HS256`).
    ///
    /// `issuer` is what every token must carry as `iss`, `audience` what it must carry in `aud`: the name of this API.
    /// `secret` is at least 32 bytes out of a random number generator, never a password (RFC 8725 §3.5); whoever
    /// verifies with it can also issue. It is copied; wiping the caller's own copy is up to the caller.
    ///
    /// # Errors
    ///
    /// A secret under 32 bytes (RFC 7518 §3.2), a blank issuer or audience, or a crypto backend that fails its self-test.
    pub fn hs256(
        issuer: impl Into<String>,
        audience: impl Into<String>,
        secret: impl AsRef<[u8]>,
    ) -> Result<Self, ConfigError> {
        let (issuer, audience) = (issuer.into(), audience.into());
        if issuer.trim().is_empty() {
            return Err(ConfigError::new(
                "jwt issuer",
                "is blank; name who issues the tokens, such as the URL of the service",
            ));
        }
        if audience.trim().is_empty() {
            return Err(ConfigError::new("jwt audience", "is blank; name the API that the tokens are for"));
        }
        Ok(Self {
            key: Arc::new(Key::hs256(secret.as_ref())?),
            expectations: Arc::new(Expectations { issuer, audience, leeway: DEFAULT_LEEWAY }),
        })
    }

    /// How far the clocks of issuer and verifier may be apart. Default 30 seconds.
    ///
    /// A token is good while `now < exp + leeway`, and from `nbf - leeway` and `iat - leeway` on.
    ///
    /// # Errors
    ///
    /// More than 60 seconds: a token would outlive its expiry too long.
    pub fn leeway(mut self, leeway: Duration) -> Result<Self, ConfigError> {
        if leeway > LONGEST_LEEWAY {
            return Err(ConfigError::new("jwt leeway", "is over 60 seconds; set the clocks instead"));
        }
        Arc::make_mut(&mut self.expectations).leeway = leeway;
        Ok(self)
    }

    /// Issues a token that [`verify`](Self::verify) accepts until the lifetime of the grant is over.
    ///
    /// It carries `iss`, `sub`, `aud`, `iat`, `exp`, a random `jti` of 128 bits, and `roles` and `scope` if there are any.
    /// It is signed, not encrypted: whoever holds it can read it.
    ///
    /// # Errors
    ///
    /// A grant that could not be verified again, or a machine without randomness or a sound clock: [`IssueError`].
    pub fn issue(&self, grant: &Grant) -> Result<String, IssueError> {
        self.issue_at(grant, since_epoch().ok_or(IssueError::Unavailable)?)
    }

    /// Verifies a token in compact form and gives the principal it speaks for.
    ///
    /// # Errors
    ///
    /// [`AuthError::Invalid`] with the reason for the audit log; tell the client no more than `invalid_token`.
    /// [`AuthError::Unavailable`] if the clock of the machine is before 1970 or the crypto backend fails.
    pub fn verify(&self, token: &str) -> Result<Principal, AuthError> {
        self.verify_at(token, since_epoch().ok_or(AuthError::Unavailable("clock"))?)
    }

    /// [`issue`](Self::issue) at a given time since 1970.
    pub(crate) fn issue_at(&self, grant: &Grant, now: Duration) -> Result<String, IssueError> {
        issue::issue(&self.key, &self.expectations, grant, now)
    }

    /// [`verify`](Self::verify) at a given time since 1970.
    pub(crate) fn verify_at(&self, token: &str, now: Duration) -> Result<Principal, AuthError> {
        if token.len() > LONGEST_TOKEN {
            return Err(AuthError::Invalid("token_too_long"));
        }
        let parts = Parts::split(token).ok_or(AuthError::Invalid("token_malformed"))?;
        Workbench::borrow(|bench| {
            header::judge(parts.header, self.key.name(), bench)?;
            bench.check_signature(&self.key, parts.signed, parts.signature)?;
            // ASVS V9.1.1: only here, behind the signature, is a claim looked at.
            Claims::read(bench.decode(parts.claims, "token_claims")?)?.judge(&self.expectations, now)
        })
    }
}

/// The three parts of a token in compact form (RFC 7515 §7.1), and what the signature covers.
struct Parts<'t> {
    signed: &'t str,
    header: &'t str,
    claims: &'t str,
    signature: &'t str,
}

impl<'t> Parts<'t> {
    fn split(token: &'t str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        (!claims.contains('.')).then_some(Self { signed, header, claims, signature })
    }
}

fn since_epoch() -> Option<Duration> {
    SystemTime::now().duration_since(UNIX_EPOCH).ok()
}

impl fmt::Debug for Jwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwt").field("key", &self.key).field("expectations", &self.expectations).finish()
    }
}
