//! The bearer scheme: from the `Authorization` header to a token, and the challenge back.
//!
//! Threat: a token taken from where it leaks, such as a query or a body (CWE-598), or a credential that one reader takes
//! for another than the next one does (CWE-436). Promise: one `Authorization` header, read by the grammar of RFC 6750
//! §2.1 and RFC 9110 §11.4, or nothing.

use actix_web::HttpRequest;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};

use super::claims::SCHEME;
use super::{Judgement, Jwt};
use crate::authn::names::quoted;
use crate::authn::{Attempt, AuthError, Authenticator};

impl Authenticator for Jwt {
    fn authenticate<'a>(&'a self, request: &'a HttpRequest) -> Attempt<'a> {
        match Credential::of(request.headers()) {
            Credential::Absent => Attempt::Absent,
            Credential::Malformed(word) => Attempt::Done(Err(AuthError::Invalid(word))),
            Credential::Token(token) => match self.judge(token) {
                Judgement::Done(verdict) => Attempt::Done(verdict),
                Judgement::Pending(verdict) => Attempt::Pending(verdict),
            },
        }
    }

    fn scheme(&self) -> &'static str {
        SCHEME
    }

    fn disowns(&self, request: &HttpRequest) -> bool {
        match Credential::of(request.headers()) {
            Credential::Token(token) => self.is_of_another_issuer(token),
            Credential::Absent | Credential::Malformed(_) => false,
        }
    }

    fn challenge(&self, realm: &str, presented: bool) -> String {
        // RFC 6750 §3.1: no error code for a request without credentials, one and the same for every refused token.
        let error = if presented { r#", error="invalid_token""# } else { "" };
        format!("{SCHEME} realm=\"{}\"{error}", quoted(realm))
    }
}

enum Credential<'r> {
    Absent,
    Malformed(&'static str),
    Token(&'r str),
}

impl<'r> Credential<'r> {
    fn of(headers: &'r HeaderMap) -> Self {
        let mut values = headers.get_all(AUTHORIZATION);
        match (values.next(), values.next()) {
            (None, _) => Self::Absent,
            (Some(value), None) => Self::parse(value.as_bytes()),
            // RFC 9110 §5.3: not a list, so which one counts is anybody's guess.
            (Some(_), Some(_)) => Self::Malformed("authorization_repeated"),
        }
    }

    fn parse(value: &'r [u8]) -> Self {
        let value = value.trim_ascii();
        let Some((scheme, rest)) = value.split_at_checked(SCHEME.len()) else {
            return Self::Absent;
        };
        if !scheme.eq_ignore_ascii_case(SCHEME.as_bytes()) || rest.first().is_some_and(|next| is_token_byte(*next)) {
            return Self::Absent;
        }
        let Some(spaces) = rest.iter().position(|byte| *byte != b' ').filter(|spaces| *spaces > 0) else {
            return Self::Malformed("bearer_malformed");
        };
        match rest.get(spaces..).map(std::str::from_utf8) {
            Some(Ok(token)) if is_token68(token) => Self::Token(token),
            _ => Self::Malformed("bearer_malformed"),
        }
    }
}

/// RFC 9110 §5.6.2: what the name of a scheme is made of.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// RFC 9110 §11.2: `token68 = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`.
fn is_token68(text: &str) -> bool {
    let text = text.trim_end_matches('=');
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
}
