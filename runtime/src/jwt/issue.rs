//! Issuing tokens.
//!
//! Threat: a token that grants more, or lasts longer, than intended (CWE-269, CWE-613), or that other software interprets
//! differently. Promise: each token has exactly one audience (ASVS V9.2.4), expires, has a unique `jti`, and satisfies the
//! rules by which tokens are verified.

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
use super::{Algorithm, Jwt, LONGEST_TOKEN, header};
use crate::clock::Clock;
use crate::config_error::{ConfigError, Mistakes};
use crate::problem::{Problem, respond_with_problem};

/// Issues access tokens in the format of RFC 9068, for one audience, with one key.
///
/// Cheap to clone. `Debug` shows no secret. For tokens that can be refreshed and revoked, see
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
    clock: Clock,
}

impl TokenIssuer {
    /// Creates an issuer that signs with this key. Every token carries `issuer` as `iss` and `audience` as `aud`: the name of
    /// the API that the tokens are for.
    ///
    /// # Errors
    ///
    /// If the issuer or the audience is blank.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>, key: SigningKey) -> Result<Self, ConfigError> {
        Self::checked(issuer.into(), audience.into(), Ok(key))
    }

    fn checked(issuer: String, audience: String, key: Result<SigningKey, ConfigError>) -> Result<Self, ConfigError> {
        let mut mistakes = Mistakes::default();
        check_names(&issuer, &audience, &mut mistakes);
        let key = mistakes.note(key);
        let key = mistakes.value_or_error(key)?;
        let header = header::encoded(key.algorithm(), key.id());
        Ok(Self(Arc::new(Issuing { key, issuer, client: audience.clone(), audience, header, clock: Clock::system() })))
    }

    /// Creates an issuer that signs with HMAC-SHA-256: short for [`new`](Self::new) with [`SigningKey::hmac`]. [`Jwt::hs256`]
    /// with the same three arguments accepts the tokens.
    ///
    /// # Errors
    ///
    /// If the secret is under 32 bytes, the issuer or the audience is blank, or the crypto backend fails its self-test.
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

    /// The clock of the tokens, of their [verifier](Self::verifier), and of the [`Sessions`](crate::session::Sessions) of this
    /// issuer. Default: the clock of the machine.
    #[must_use]
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        Arc::make_mut(&mut self.0).clock = clock.into();
        self
    }

    /// The present date and time by the clock of the tokens.
    pub(crate) fn wall_time(&self) -> SystemTime {
        self.0.clock.wall_time()
    }

    /// The time since 1970 by the clock of the tokens, unless it is before.
    pub(crate) fn since_1970(&self) -> Option<Duration> {
        self.0.clock.since_1970()
    }

    /// The `iss` of every token.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// The builder of a verifier for these tokens. It checks no revocations;
    /// [`Sessions::verifier`](crate::session::Sessions::verifier) does.
    ///
    /// If the crypto backend cannot derive the verifying key, [`JwtBuilder::build`] returns the error.
    pub fn verifier(&self) -> JwtBuilder<Set, Set, Set> {
        let Issuing { key, issuer, audience, clock, .. } = &*self.0;
        Jwt::builder().clock(clock).issuer(issuer).audience(audience).keys_or_mistake(key.verifying_key())
    }

    /// Issues a token that the [verifier](Self::verifier) accepts until the lifetime of the grant is over.
    ///
    /// It carries `iss`, `sub`, `aud`, `client_id`, `iat` to the microsecond, `exp`, a random `jti` of 128 bits, and the values
    /// of the grant. It is signed, not encrypted: anyone who has the token can read it.
    ///
    /// # Errors
    ///
    /// [`IssueError`], if the verifier would reject the token, or the machine has no random numbers or a wrong clock.
    pub fn issue(&self, grant: &Grant) -> Result<String, IssueError> {
        self.issue_at(grant, self.since_1970().ok_or(IssueError::Unavailable)?)
    }

    /// [`issue`](Self::issue) at a given time since 1970.
    pub(crate) fn issue_at(&self, grant: &Grant, now: Duration) -> Result<String, IssueError> {
        issue(&self.0, grant, now)
    }
}

/// The content of a token to be issued: its subject, roles, scopes and lifetime.
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
    /// `subject` identifies the caller permanently: 1 to 255 bytes without control characters, never reused for another caller.
    /// `lifetime` counts in whole seconds, at least one. Keep it short, because the token cannot be changed once it is issued.
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

    /// The subject of the token.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    pub(crate) fn granted_lifetime(&self) -> Duration {
        self.lifetime
    }

    /// The scopes of the token.
    pub(crate) fn granted_scopes(&self) -> &[String] {
        &self.scopes
    }

    /// Sets the session in which the token is issued.
    pub(crate) fn session(mut self, session: impl Into<String>) -> Self {
        self.session = Some(session.into());
        self
    }

    /// The time *before* roles and other rights were looked up, if time passes between the lookup and the issue of the token,
    /// such as for the check of a password. It becomes the `iat` of the token, so that a [change of
    /// rights](crate::session::Sessions::renew_all_of) in between revokes the token. The lifetime also counts from then.
    /// Default: the time of issue. A later time is treated as the time of issue.
    pub fn as_of(mut self, moment: SystemTime) -> Self {
        self.as_of = moment.duration_since(UNIX_EPOCH).ok();
        self
    }

    /// Uses this time if it is earlier.
    pub(crate) fn no_later_than(mut self, moment: Duration) -> Self {
        self.as_of = Some(self.as_of.map_or(moment, |own| own.min(moment)));
        self
    }

    /// Keeps only the scopes that are among these.
    pub(crate) fn within(mut self, scopes: &[String]) -> Self {
        self.scopes.retain(|scope| scopes.contains(scope));
        self
    }

    /// Permissions in addition to those that the roles grant: each 1 to 255 bytes without control characters. Replaces earlier
    /// ones.
    pub fn permissions(mut self, permissions: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.permissions = permissions.into_iter().map(Into::into).collect();
        self
    }

    /// A claim of the application, which a handler reads with [`Claims`](crate::Claims). If palisade writes a claim of this
    /// name itself, issuing the token returns [`IssueError::Claim`].
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.claims.insert(name.into(), value.into());
        self
    }

    /// The roles: each 1 to 255 bytes without control characters. Replaces earlier ones.
    pub fn roles(mut self, roles: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.roles = roles.into_iter().map(Into::into).collect();
        self
    }

    /// The tenant that the subject belongs to: 1 to 255 bytes without control characters.
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// The scopes: each of visible ASCII without `"` and `\` (RFC 6749 §3.3). Replaces earlier ones.
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }
}

/// Why no token was issued. The response is 500, because the application created the grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// The subject is empty, over 255 bytes, or has control characters.
    #[error("the subject of a token must be 1 to 255 bytes without control characters")]
    Subject,
    /// A role is empty, over 255 bytes, or has control characters.
    #[error("a role in a token must be 1 to 255 bytes without control characters")]
    Role,
    /// The tenant is empty, over 255 bytes, or has control characters.
    #[error("the tenant in a token must be 1 to 255 bytes without control characters")]
    Tenant,
    /// A permission is empty, over 255 bytes, or has control characters.
    #[error("a permission in a token must be 1 to 255 bytes without control characters")]
    Permission,
    /// A claim of the application has a name that palisade or RFC 7519 defines.
    #[error("a claim of the application must not have the name of a registered claim")]
    Claim,
    /// A scope is empty, or has a character other than visible ASCII without quotes and backslashes.
    #[error("a scope in a token must be visible ASCII without quotes and backslashes")]
    Scope,
    /// The lifetime is under a second, or ends after the year 9999.
    #[error("the lifetime of a token must be at least one second and end before the year 10000")]
    Lifetime,
    /// The token would be over 8 KiB: too many roles or scopes.
    #[error("the token would be over 8 KiB: grant fewer roles or scopes")]
    TooLong,
    /// The machine has no random numbers, a clock before 1970, or no working crypto backend.
    #[error("the machine lacks random numbers, a correct clock or a crypto backend")]
    Unavailable,
}

impl From<IssueError> for Problem {
    fn from(error: IssueError) -> Self {
        Self::internal().caused_by(error)
    }
}

respond_with_problem!(IssueError);

/// The claims that palisade writes, and the dates that RFC 7519 §4.1 defines.
const RESERVED_CLAIMS: [&str; 13] =
    ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "sid", "roles", "permissions", "scope", "tenant"];

#[derive(Serialize)]
struct IssuedClaims<'g> {
    iss: &'g str,
    sub: &'g str,
    aud: &'g str,
    client_id: &'g str,
    exp: u64,
    /// To the microsecond (RFC 7519 §2), so that tokens of the same second can be ordered.
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
    } else if grant.claims.keys().any(|name| RESERVED_CLAIMS.contains(&name.as_str())) {
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

/// 128 random bits, so that the id is unique (RFC 7519 §4.1.7).
fn random_id() -> Result<String, IssueError> {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits).map_err(|_| IssueError::Unavailable)?;
    Ok(URL_SAFE_NO_PAD.encode(bits))
}
