//! The rules for tokens that their provider is asked about (RFC 7662), as far as they are those of JSON Web Tokens: where a token is, and
//! how its claims are judged.
//!
//! Threat: two kinds of token whose claims are judged by different rules (CWE-436). Promise: the members of an introspection response
//! (RFC 7662 §2.2) are judged by the same function as the claims of a JWT.

use std::time::Duration;

use actix_web::HttpRequest;
use serde_json::{Map, Value};

use super::bearer::{Credential, is_token68};
use super::builder::{JwtBuilder, Set, Unset};
use super::cache::TokenCache;
use super::claims::{JudgedClaims, RawClaims};
use super::judgement::Judgement;
use super::{AuthError, Jwt};
use crate::config_error::ConfigError;
use crate::principal::Principal;

/// The token of a request.
pub(crate) enum FoundToken<'r> {
    Absent,
    Malformed(&'static str),
    /// `proved`: by the scheme `DPoP` (RFC 9449 §7.1), so that the token must be bound to a key.
    Token {
        token: &'r str,
        proved: bool,
    },
}

/// Where tokens are and what their claims must be, without keys.
#[derive(Clone, Debug)]
pub(crate) struct TokenRules(Jwt);

impl TokenRules {
    pub(crate) fn new(builder: JwtBuilder<Set, Set, Unset>) -> Result<Self, ConfigError> {
        builder.cache(TokenCache::Off).checked().map(Self)
    }

    /// What says how the token is presented, and how challenges are written.
    pub(crate) fn jwt(&self) -> &Jwt {
        &self.0
    }

    pub(crate) fn since_1970(&self) -> Option<Duration> {
        self.0.0.clock.since_1970()
    }

    pub(crate) fn presented<'r>(&self, request: &'r HttpRequest) -> FoundToken<'r> {
        let (presented, proved) = match self.0.credential(request) {
            Credential::Absent => return FoundToken::Absent,
            Credential::Malformed(reason) => return FoundToken::Malformed(reason),
            Credential::Presented(presented) => (presented, false),
            Credential::Proved(presented) => (presented, true),
        };
        match std::str::from_utf8(presented) {
            Ok(token) if is_token68(token) => FoundToken::Token { token, proved },
            _ => FoundToken::Malformed("bearer_malformed"),
        }
    }

    /// Whether a token is longer than any that is accepted.
    pub(crate) fn is_too_long(&self, token: &str) -> bool {
        token.len() > self.0.0.longest
    }

    /// The principal of these claims, and until when they are valid (since 1970, without leeway). `any_audience` accepts claims of every
    /// audience, and without one.
    pub(crate) fn judge(
        &self,
        claims: Map<String, Value>,
        any_audience: bool,
        now: Duration,
    ) -> Result<(Principal, Duration), AuthError> {
        let expected = &self.0.0.expectations;
        let text = Value::Object(claims).to_string();
        let read = RawClaims::read(&text, &expected.paths)?;
        let read = match expected.audiences.first() {
            Some(audience) if any_audience => read.with_audience(audience),
            _ => read,
        };
        let JudgedClaims { principal, until, .. } = read.judge(expected, &text, now)?;
        let expires = principal.token().map_or(until, |token| token.expires);
        Ok((principal, expires))
    }

    /// The principal, unless it is revoked.
    pub(crate) fn unless_revoked(&self, principal: Principal) -> Judgement<'_> {
        self.0.unless_revoked(principal)
    }
}
