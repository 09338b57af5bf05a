//! Assertions by which a client proves that it has its private key (RFC 7523, OpenID Connect Core §9).
//!
//! Threat: an assertion that its receiver, or a thief, presents somewhere else or later (CWE-294). Promise: it names the provider as its
//! audience, lives a minute, and has a random id, by which the provider recognises a second use.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use crate::jwt::SigningKey;

/// In seconds.
const LIFETIME: u64 = 60;

/// Signs the assertions of one client.
pub(super) struct Assertions {
    pub(super) key: SigningKey,
    /// Whether the audience is the address of the called endpoint, such as the token endpoint, and not the issuer.
    pub(super) for_token_endpoint: bool,
}

#[derive(Serialize)]
struct AssertionClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    jti: String,
    iat: u64,
    exp: u64,
}

impl Assertions {
    /// An assertion of this client for this audience. `now` is the time since 1970. `None` if the machine has no random numbers, or no
    /// working crypto backend.
    pub(super) fn assertion(&self, client: &str, audience: &str, now: Duration) -> Option<String> {
        let mut id = [0; 16];
        getrandom::fill(&mut id).ok()?;
        let now = now.as_secs();
        let claims = AssertionClaims {
            iss: client,
            sub: client,
            aud: audience,
            jti: URL_SAFE_NO_PAD.encode(id),
            iat: now,
            exp: now.saturating_add(LIFETIME),
        };
        self.key.compact("JWT", &claims)
    }
}
