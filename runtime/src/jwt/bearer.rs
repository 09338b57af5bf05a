//! The bearer scheme: extracts the token from the `Authorization` header and writes the challenge.
//!
//! Threat: a token in a query or a body, where it may leak (CWE-598), and a credential that two parsers understand differently
//! (CWE-436). Promise: a token is read from exactly one `Authorization` header, by the grammar of RFC 6750 §2.1 and RFC 9110
//! §11.4, and from no other place unless one was configured ([`locations`](super::locations)).

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use palisade_grammar::names::is_token_byte;

use super::Jwt;
use super::judgement::{Judgement, has_form_of_jwt};
use crate::authn::{Attempt, AuthError, Authenticator, ChallengeContext, Challenges};
use crate::challenge;
use crate::principal::{Confirmation, Principal};

impl Authenticator for Jwt {
    fn authenticate<'a>(&'a self, request: &'a HttpRequest) -> Attempt<'a> {
        let presented = match self.credential(request) {
            Credential::Absent => return Attempt::Absent,
            Credential::Malformed(reason) => return Attempt::Done(Err(AuthError::Invalid(reason))),
            Credential::Presented(presented) => presented,
            Credential::Proved(presented) => return Attempt::Pending(Box::pin(self.judge_proved(presented))),
        };
        let Some(now) = self.0.clock.since_1970() else {
            return Attempt::Done(Err(AuthError::Unavailable("clock")));
        };
        let judgement = match self.cached(presented, now) {
            Some(principal) => self.unless_revoked(principal),
            None => self.judge_presented(presented, now),
        };
        match judgement {
            Judgement::Done(verdict) => Attempt::Done(verdict),
            Judgement::Pending(verdict) => Attempt::Pending(verdict),
        }
    }

    fn scheme(&self) -> &'static str {
        self.0.expectations.scheme
    }

    fn issuer(&self) -> Option<&str> {
        Some(Jwt::issuer(self))
    }

    #[cfg(feature = "jwks")]
    fn authorization_server(&self) -> Option<&str> {
        // A server that publishes its keys. The tokens of others are our own.
        self.0.sources.iter().any(|source| source.remote().is_some()).then(|| Jwt::issuer(self))
    }

    fn accepts_audience(&self, audience: &str) -> bool {
        // A protected resource reads `aud`.
        let expected = &self.0.expectations;
        expected.paths.audience.is_usual() && expected.audiences.iter().any(|own| own == audience)
    }

    fn disowns(&self, request: &HttpRequest) -> bool {
        match self.credential(request) {
            Credential::Presented(token) | Credential::Proved(token) => {
                // Another authenticator may know a token that is not a JWT, such as by introspection.
                let is_foreign = |token| !has_form_of_jwt(token) || self.is_of_another_issuer(token);
                std::str::from_utf8(token).is_ok_and(|token| is_token68(token) && is_foreign(token))
            }
            Credential::Absent | Credential::Malformed(_) => false,
        }
    }

    fn is_ambient(&self, request: &HttpRequest) -> bool {
        let Some(locations) = &self.0.locations else { return false };
        locations.finds_cookie(Credential::of(request.headers(), self.scheme()), request)
    }

    fn challenge(&self, context: &ChallengeContext<'_>, challenges: &mut Challenges) {
        challenge::add_of_tokens(self.scheme(), context, challenges);
    }
}

impl Jwt {
    pub(super) fn credential<'r>(&self, request: &'r HttpRequest) -> Credential<'r> {
        self.located(Credential::of(request.headers(), self.scheme()), request)
    }

    /// The credential of the header, or what the other places have, if tokens may be in other places.
    fn located<'r>(&self, header: Credential<'r>, request: &'r HttpRequest) -> Credential<'r> {
        self.0.locations.as_ref().map_or(header, |locations| locations.find(header, request))
    }

    /// Judges a token that was presented with a proof (RFC 9449 §7.1). Whether the proof is valid is checked later, for each bound
    /// credential alike. A token that is not bound to a key would make the proof one of nothing.
    #[cold]
    async fn judge_proved(&self, presented: &[u8]) -> Result<Principal, AuthError> {
        let malformed = AuthError::Invalid("bearer_malformed");
        let token = std::str::from_utf8(presented).map_err(|_| malformed)?;
        if !is_token68(token) {
            return Err(malformed);
        }
        only_bound(self.verify(token).await?)
    }

    /// Judges a token that is not cached. One that is verified consists of base64url and dots, so the grammar is checked only
    /// before any other verdict.
    fn judge_presented<'a>(&'a self, presented: &'a [u8], now: Duration) -> Judgement<'a> {
        let malformed = Judgement::Done(Err(AuthError::Invalid("bearer_malformed")));
        let Ok(token) = std::str::from_utf8(presented) else { return malformed };
        match self.judge(token, now) {
            accepted @ Judgement::Done(Ok(_)) => accepted,
            _ if !is_token68(token) => malformed,
            other => other,
        }
    }
}

/// RFC 6750 §2.1.
pub(super) const BEARER: &str = "Bearer";
/// RFC 9449 §7.1.
const DPOP: &str = "DPoP";

/// RFC 9449 §7.1: under the scheme DPoP, only a token that is bound to a key is accepted.
pub(crate) fn only_bound(principal: Principal) -> Result<Principal, AuthError> {
    match principal.confirmation().and_then(Confirmation::dpop_key) {
        Some(_) => Ok(principal),
        None => Err(AuthError::Invalid("token_not_bound")),
    }
}

#[derive(Clone, Copy)]
pub(super) enum Credential<'r> {
    Absent,
    Malformed(&'static str),
    /// The bytes where the token should be.
    Presented(&'r [u8]),
    /// The same, by the scheme `DPoP` (RFC 9449 §7.1).
    Proved(&'r [u8]),
}

impl<'r> Credential<'r> {
    fn of(headers: &'r HeaderMap, expected: &str) -> Self {
        let mut values = headers.get_all(AUTHORIZATION);
        let value = match (values.next(), values.next()) {
            (None, _) => return Self::Absent,
            (Some(value), None) => value.as_bytes().trim_ascii(),
            // RFC 9110 §5.3: this header is not a list, so with two values it is undefined which one applies.
            (Some(_), Some(_)) => return Self::Malformed("authorization_repeated"),
        };
        let (rest, proved) = match value.split_at_checked(expected.len()) {
            Some((name, rest)) if is_scheme(name, expected) && is_end(rest) => (rest, false),
            _ => match value.split_at_checked(DPOP.len()) {
                Some((name, rest)) if expected == BEARER && is_scheme(name, DPOP) && is_end(rest) => (rest, true),
                _ => return Self::Absent,
            },
        };
        let token = rest.trim_ascii_start();
        // RFC 9110 §11.4: one or more spaces, and no other white space, before the token.
        let spaces = rest.len().saturating_sub(token.len());
        match rest.get(..spaces) {
            Some(spaces @ [_, ..]) if !token.is_empty() && spaces.iter().all(|byte| *byte == b' ') => {
                if proved {
                    Self::Proved(token)
                } else {
                    Self::Presented(token)
                }
            }
            _ => Self::Malformed("bearer_malformed"),
        }
    }
}

/// RFC 9110 §11.1: case does not matter. Most clients write the scheme in the usual way, which is compared faster.
#[inline]
fn is_scheme(name: &[u8], scheme: &str) -> bool {
    name == scheme.as_bytes() || name.eq_ignore_ascii_case(scheme.as_bytes())
}

/// Whether the name of a scheme ends before this rest.
#[inline]
fn is_end(rest: &[u8]) -> bool {
    !rest.first().is_some_and(|next| is_token_byte(*next))
}

/// RFC 9110 §11.2: `token68 = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`.
pub(super) fn is_token68(text: &str) -> bool {
    let inner = text.trim_end_matches('=');
    // `-`, `.`, `/` and the digits are contiguous in ASCII. The loop does not stop early, so that the compiler can vectorize
    // it.
    let is_allowed = |byte: u8| matches!(byte, b'+' | b'-'..=b'9' | b'A'..=b'Z' | b'_' | b'a'..=b'z' | b'~');
    let all_allowed = inner.bytes().fold(true, |so_far, byte| so_far & is_allowed(byte));
    all_allowed && !inner.is_empty()
}
