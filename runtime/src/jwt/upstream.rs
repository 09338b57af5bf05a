//! How the subject of a credential was authenticated at a provider.
//!
//! Threat: a session that goes on after its user was logged out at the provider (CWE-613). Promise: the credential keeps the issuer, the
//! subject and the session of the provider, by which the provider ends it.

use serde::{Deserialize, Serialize};

use super::builder::JwtBuilder;
use super::header::TokenKind;
use crate::authn::AuthError;
use crate::principal::{LastCheck, Principal, Token};

/// How the claims of a credential begin if it has an upstream login.
const BEGIN: &str = "{\"upstream\":";

impl<I, A, K> JwtBuilder<I, A, K> {
    /// For a verifier whose principals are not callers.
    pub(crate) fn kind(mut self, kind: TokenKind) -> Self {
        self.expectations.kind = kind;
        self
    }
}

/// A sign-in at a provider.
#[derive(Clone, Debug)]
pub(crate) struct UpstreamLogin {
    pub(crate) upstream: Upstream,
    pub(crate) acr: Option<String>,
    pub(crate) amr: Vec<String>,
    /// In seconds since 1970.
    pub(crate) auth_time: Option<u64>,
}

/// Whom the provider knows, and in which of its sessions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Upstream {
    pub(crate) iss: Box<str>,
    pub(crate) sub: Box<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sid: Option<Box<str>>,
}

#[derive(Deserialize)]
struct UpstreamMember {
    upstream: Upstream,
}

impl Upstream {
    /// Whom the provider knows, by the claims of a session.
    pub(super) fn of(claims: &str) -> Option<Self> {
        let member: UpstreamMember = serde_json::from_str(claims).ok()?;
        Some(member.upstream)
    }
}

/// Whom a store of revocations is asked about besides the principal itself: the user of the provider, with the session there, as if they had a
/// token that was issued when the credential was. `None` if the credential has no upstream login.
///
/// # Errors
///
/// The claims begin like those of an upstream login and cannot be read as such.
pub(crate) fn upstream_principal(principal: &Principal) -> Result<Option<Principal>, AuthError> {
    let Some(token) = principal.token().filter(|token| token.claims.starts_with(BEGIN)) else { return Ok(None) };
    let UpstreamMember { upstream } = token.claims().map_err(|_| AuthError::Invalid("session_claims"))?;
    let of_provider = Token {
        id: None,
        session: upstream.sid,
        issued: token.issued,
        expires: token.expires,
        claims: "{}".into(),
        last_check: LastCheck::default(),
        last_resource: LastCheck::default(),
    };
    Ok(Some(Principal::new(principal.scheme(), upstream.iss, upstream.sub).with_token(of_provider)))
}

#[cfg(all(test, feature = "cookies"))]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::clock::Clock;
    use crate::jwt::{Grant, Jwt, SessionClaims, TokenIssuer};

    /// A session in a cookie is kept here, so it may name the user of the provider. A token is read by clients, and ends with no logout there.
    #[actix_web::test]
    async fn only_a_session_names_the_user_of_the_provider() {
        let upstream = Upstream { iss: "https://op.example".into(), sub: "ada".into(), sid: Some("s-1".into()) };
        let login = UpstreamLogin {
            upstream,
            acr: Some("phr".into()),
            amr: vec!["otp".into(), String::new()],
            auth_time: Some(7),
        };
        let grant = Grant::new("u-1", Duration::from_secs(60)).authenticated_upstream(login);
        let now = SystemTime::now();
        let sessions = SessionClaims::new("Cookie", "https://app.example".into(), &Clock::system());
        let ends = now + Duration::from_secs(60);
        let claims = sessions.write(&grant, "s", now, ends).unwrap();
        assert!(claims.starts_with(BEGIN) && claims.contains("ada"), "{claims}");
        let upstream = upstream_principal(&sessions.read(&claims, now).unwrap()).unwrap().unwrap();
        assert_eq!((upstream.issuer(), upstream.subject()), ("https://op.example", "ada"));
        let again =
            Grant::new("u-1", Duration::from_secs(60)).continuing(&claims, &sessions.read(&claims, now).unwrap());
        assert_eq!(sessions.write(&again, "s", now, ends).unwrap(), claims);

        let issuer = TokenIssuer::hs256("https://app.example", "api", [7; 32]).unwrap();
        let jwt = Jwt::hs256("https://app.example", "api", [7; 32]).unwrap();
        let principal = jwt.verify(&issuer.issue(&grant).unwrap()).await.unwrap();
        let claims: serde_json::Value = principal.token().unwrap().claims().unwrap();
        assert_eq!(
            (&claims["acr"], &claims["amr"], &claims["auth_time"]),
            (&"phr".into(), &["otp"][..].into(), &7.into())
        );
        assert_eq!(claims.get("upstream"), None);
        assert!(upstream_principal(&principal).unwrap().is_none());
    }
}
