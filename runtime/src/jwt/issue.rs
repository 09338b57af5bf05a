//! Issuing tokens.
//!
//! Threat: a token that says more, or lasts longer, than was meant (CWE-269, CWE-613), or that other software reads
//! otherwise than we do. Promise: what is issued is for the one audience (ASVS V9.2.4), expires, can be told from every
//! other by its `jti`, and is held to the same rules by which tokens are verified.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use palisade_grammar::names::{is_credential_text, is_scope};
use serde::Serialize;

use serde_json::{Map, Value};

use super::builder::{JwtBuilder, Set, check_names};
use super::claims::LAST_DATE;
use super::signing::SigningKey;
use super::{Algorithm, Jwt, LONGEST_TOKEN, header, since_epoch};
use crate::config_error::{ConfigError, Mistakes};
use crate::problem::{Problem, answer_with_a_problem};

/// Issues access tokens in the shape of RFC 9068, for one audience, with one key.
///
/// Cheap to clone. `Debug` shows no secret. For tokens that are refreshed and taken back, see
/// [`Sessions`](crate::session::Sessions).
///
/// ```
/// use std::time::Duration;
/// use palisade::jwt::{Grant, TokenIssuer};
///
/// # #[actix_web::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let secret = [7; 32];
/// let issuer = TokenIssuer::hs256("https://accounts.example", "accounts-api", secret)?;
/// let token = issuer.issue(&Grant::new("u-1", Duration::from_secs(900)).roles(["admin"]))?;
///
/// let jwt = issuer.verifier().build()?;
/// let principal = jwt.verify(&token).await.expect("a token of our own");
/// assert_eq!(principal.subject(), "u-1");
/// assert!(principal.has_role("admin"));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct TokenIssuer(Arc<Issuing>);

#[derive(Clone, Debug)]
struct Issuing {
    key: SigningKey,
    issuer: String,
    audience: String,
    client: String,
    header: String,
}

impl TokenIssuer {
    /// Signs with this key. `issuer` goes into every token as `iss`, `audience` as `aud`: the name of the API that the tokens
    /// are for.
    ///
    /// # Errors
    ///
    /// A blank issuer or audience.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>, key: SigningKey) -> Result<Self, ConfigError> {
        Self::checked(issuer.into(), audience.into(), Ok(key))
    }

    fn checked(issuer: String, audience: String, key: Result<SigningKey, ConfigError>) -> Result<Self, ConfigError> {
        let mut mistakes = Mistakes::default();
        check_names(&issuer, &audience, &mut mistakes);
        let key = mistakes.note(key);
        let key = mistakes.value_or_error(key)?;
        let header = header::encoded(key.algorithm(), key.id());
        Ok(Self(Arc::new(Issuing { key, issuer, client: audience.clone(), audience, header })))
    }

    /// Signs with HMAC-SHA-256: short for [`new`](Self::new) with [`SigningKey::hmac`]. [`Jwt::hs256`] with the same three
    /// arguments accepts the tokens.
    ///
    /// # Errors
    ///
    /// A secret under 32 bytes, a blank issuer or audience, or a crypto backend that fails its self-test.
    pub fn hs256(
        issuer: impl Into<String>,
        audience: impl Into<String>,
        secret: impl AsRef<[u8]>,
    ) -> Result<Self, ConfigError> {
        Self::checked(issuer.into(), audience.into(), SigningKey::hmac(Algorithm::Hs256, secret))
    }

    /// The client that tokens are issued to (`client_id`, RFC 9068 §2.2), such as the name of the application's own front end.
    /// Default: the audience.
    #[must_use]
    pub fn client(mut self, client: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.0).client = client.into();
        self
    }

    /// Who issues: the `iss` of every token.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// The builder of a verifier for these tokens. It has no revocations:
    /// [`Sessions::verifier`](crate::session::Sessions::verifier) has them.
    ///
    /// If the crypto backend cannot derive the verifying key, that is a mistake of [`JwtBuilder::build`].
    pub fn verifier(&self) -> JwtBuilder<Set, Set, Set> {
        let Issuing { key, issuer, audience, .. } = &*self.0;
        Jwt::builder().issuer(issuer).audience(audience).keys_or_mistake(key.verifying_key())
    }

    /// Issues a token that the [verifier](Self::verifier) accepts until the lifetime of the grant is over.
    ///
    /// It carries `iss`, `sub`, `aud`, `client_id`, `iat` to the microsecond, `exp`, a random `jti` of 128 bits, and what the
    /// grant says. It is signed, not encrypted: whoever holds it can read it.
    ///
    /// # Errors
    ///
    /// A grant that could not be verified again, or a machine without randomness or a sound clock: [`IssueError`].
    pub fn issue(&self, grant: &Grant) -> Result<String, IssueError> {
        self.issue_at(grant, since_epoch().ok_or(IssueError::Unavailable)?)
    }

    /// [`issue`](Self::issue) at a given time since 1970.
    pub(crate) fn issue_at(&self, grant: &Grant, now: Duration) -> Result<String, IssueError> {
        issue(&self.0, grant, now)
    }
}

/// What a token is to say: for whom, with which roles and scopes, how long.
///
/// ```
/// use std::time::Duration;
/// use palisade::jwt::Grant;
///
/// let grant = Grant::new("u-1", Duration::from_secs(900)).roles(["admin"]).scopes(["orders:read", "orders:write"]);
/// # let _ = grant;
/// ```
#[derive(Clone, Debug)]
#[must_use = "a grant does nothing until a token is issued for it"]
pub struct Grant {
    subject: String,
    lifetime: Duration,
    roles: Vec<String>,
    scopes: Vec<String>,
    tenant: Option<String>,
    permissions: Vec<String>,
    session: Option<String>,
    as_of: Option<Duration>,
    claims: Map<String, Value>,
}

impl Grant {
    /// A grant without roles and scopes.
    ///
    /// `subject` identifies the caller for ever: 1 to 255 bytes without control characters, never given to somebody else.
    /// `lifetime` counts in whole seconds, at least one; keep it short, since the token itself can't be taken back.
    pub fn new(subject: impl Into<String>, lifetime: Duration) -> Self {
        Self {
            subject: subject.into(),
            lifetime,
            roles: Vec::new(),
            scopes: Vec::new(),
            tenant: None,
            permissions: Vec::new(),
            session: None,
            as_of: None,
            claims: Map::new(),
        }
    }

    /// Whom it is for.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    pub(crate) fn granted_lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Its scopes.
    pub(crate) fn granted_scopes(&self) -> &[String] {
        &self.scopes
    }

    /// The session that it is issued in.
    pub(crate) fn session(mut self, session: impl Into<String>) -> Self {
        self.session = Some(session.into());
        self
    }

    /// The moment *before* roles and the rest were looked up, where some time lies between that and the issue of the token, such as
    /// the check of a password. The token is issued as of then (`iat`), so that a
    /// [change of rights](crate::session::Sessions::renew_all_of) in between takes it back; its lifetime counts from then. Default: the
    /// moment of issue. A moment that is still to come counts as that.
    pub fn as_of(mut self, moment: SystemTime) -> Self {
        self.as_of = moment.duration_since(UNIX_EPOCH).ok();
        self
    }

    /// The earlier moment counts.
    pub(crate) fn no_later_than(mut self, moment: Duration) -> Self {
        self.as_of = Some(self.as_of.map_or(moment, |own| own.min(moment)));
        self
    }

    /// Only those of the scopes that are among these.
    pub(crate) fn within(mut self, scopes: &[String]) -> Self {
        self.scopes.retain(|scope| scopes.contains(scope));
        self
    }

    /// Permissions beside those that the roles grant, in place of earlier ones: each 1 to 255 bytes without control characters.
    pub fn permissions(mut self, permissions: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.permissions = permissions.into_iter().map(Into::into).collect();
        self
    }

    /// A claim of the application's own, which a handler reads with [`Claims`](crate::Claims). One that palisade writes itself
    /// is refused when the token is issued.
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.claims.insert(name.into(), value.into());
        self
    }

    /// The roles, in place of earlier ones: each 1 to 255 bytes without control characters.
    pub fn roles(mut self, roles: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.roles = roles.into_iter().map(Into::into).collect();
        self
    }

    /// The tenant that the subject belongs to: 1 to 255 bytes without control characters.
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// The scopes, in place of earlier ones: each of visible ASCII without `"` and `\` (RFC 6749 §3.3).
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }
}

/// Why no token was issued: 500, because the application made the grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// The subject is empty, over 255 bytes, or has control characters.
    #[error("the subject of a token is 1 to 255 bytes without control characters")]
    Subject,
    /// A role is empty, over 255 bytes, or has control characters.
    #[error("a role in a token is 1 to 255 bytes without control characters")]
    Role,
    /// The tenant is empty, over 255 bytes, or has control characters.
    #[error("the tenant in a token is 1 to 255 bytes without control characters")]
    Tenant,
    /// A permission is empty, over 255 bytes, or has control characters.
    #[error("a permission in a token is 1 to 255 bytes without control characters")]
    Permission,
    /// A claim of the application has a name that palisade or RFC 7519 gives a meaning to.
    #[error("a claim of the application can't have the name of a registered one")]
    Claim,
    /// A scope is empty, or has spaces, quotes, backslashes or anything but visible ASCII.
    #[error("a scope in a token is visible ASCII without quotes and backslashes")]
    Scope,
    /// The lifetime is under a second, or ends after the year 9999.
    #[error("a token lives at least one second and not past the year 9999")]
    Lifetime,
    /// The token would be over 8 KiB: too many roles or scopes.
    #[error("the token would be over 8 KiB: grant fewer roles or scopes")]
    TooLong,
    /// The machine has no randomness, no sound clock, or no working crypto backend.
    #[error("this machine lacks randomness, a sound clock or a crypto backend")]
    Unavailable,
}

impl From<IssueError> for Problem {
    fn from(error: IssueError) -> Self {
        Self::internal().caused_by(error)
    }
}

answer_with_a_problem!(IssueError);

/// What palisade writes, and the times that RFC 7519 §4.1 gives a meaning to.
const OWN: [&str; 13] =
    ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "sid", "roles", "permissions", "scope", "tenant"];

#[derive(Serialize)]
struct IssuedClaims<'g> {
    iss: &'g str,
    sub: &'g str,
    aud: &'g str,
    client_id: &'g str,
    exp: u64,
    /// To the microsecond (RFC 7519 §2), so that "issued before" can be told within a second.
    iat: f64,
    jti: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'g str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    roles: &'g [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    permissions: &'g [String],
    #[serde(skip_serializing_if = "String::is_empty")]
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'g str>,
    #[serde(flatten)]
    claims: &'g Map<String, Value>,
}

fn issue(issuing: &Issuing, grant: &Grant, now: Duration) -> Result<String, IssueError> {
    let now = grant.as_of.map_or(now, |moment| moment.min(now));
    let mistake = if !is_credential_text(&grant.subject) {
        Some(IssueError::Subject)
    } else if !grant.roles.iter().all(|role| is_credential_text(role)) {
        Some(IssueError::Role)
    } else if !grant.permissions.iter().all(|permission| is_credential_text(permission)) {
        Some(IssueError::Permission)
    } else if !grant.scopes.iter().all(|scope| is_scope(scope)) {
        Some(IssueError::Scope)
    } else if grant.tenant.as_deref().is_some_and(|tenant| !is_credential_text(tenant)) {
        Some(IssueError::Tenant)
    } else if grant.claims.keys().any(|name| OWN.contains(&name.as_str())) {
        Some(IssueError::Claim)
    } else {
        None
    };
    if let Some(mistake) = mistake {
        return Err(mistake);
    }
    let (iat, lifetime) = (now.as_secs(), grant.lifetime.as_secs());
    let exp = iat.checked_add(lifetime).filter(|exp| *exp <= LAST_DATE.as_secs() && lifetime > 0);
    let claims = IssuedClaims {
        iss: &issuing.issuer,
        sub: &grant.subject,
        aud: &issuing.audience,
        client_id: &issuing.client,
        exp: exp.ok_or(IssueError::Lifetime)?,
        iat: Duration::new(iat, now.subsec_micros().saturating_mul(1000)).as_secs_f64(),
        jti: random_id()?,
        sid: grant.session.as_deref(),
        roles: &grant.roles,
        permissions: &grant.permissions,
        scope: grant.scopes.join(" "),
        tenant: grant.tenant.as_deref(),
        claims: &grant.claims,
    };
    let claims = serde_json::to_vec(&claims).map_err(|_| IssueError::Unavailable)?;

    let mut token = format!("{}.", issuing.header);
    URL_SAFE_NO_PAD.encode_string(claims, &mut token);
    let signature = issuing.key.signer().ok().and_then(|signer| signer.try_sign(token.as_bytes()).ok());
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature.ok_or(IssueError::Unavailable)?, &mut token);
    if token.len() > LONGEST_TOKEN { Err(IssueError::TooLong) } else { Ok(token) }
}

/// 128 random bits: no two tokens share it (RFC 7519 §4.1.7).
fn random_id() -> Result<String, IssueError> {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits).map_err(|_| IssueError::Unavailable)?;
    Ok(URL_SAFE_NO_PAD.encode(bits))
}
