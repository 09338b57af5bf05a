//! What a credential grants: the content of a token, or of a session in a cookie.
//!
//! Threat: a grant with a text that the reader of a credential understands differently (CWE-436). Promise: each text satisfies the
//! rules by which tokens are verified, and no claim of the application has the name of one that palisade writes.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use palisade_grammar::names::{is_credential_text, is_scope};
use serde::Serialize;
use serde_json::{Map, Value};

use super::actor::{IssuedActor, is_valid};
use super::claims::LAST_DATE;
use super::confirmation::IssuedConfirmation;
use super::login::StatedLogin;
#[cfg(feature = "oauth")]
use super::upstream::{Upstream, UpstreamLogin};
use crate::principal::{Actor, Confirmation, Principal};
use crate::problem::{Problem, respond_with_problem};

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
    #[cfg(feature = "oauth")]
    upstream: Option<Box<Upstream>>,
    login: Option<Box<StatedLogin>>,
    pub(super) confirmation: Option<Confirmation>,
    actor: Option<Actor>,
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
            #[cfg(feature = "oauth")]
            upstream: None,
            login: None,
            confirmation: None,
            actor: None,
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

    pub(super) fn granted_session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// The scopes of the token.
    pub(crate) fn granted_scopes(&self) -> &[String] {
        &self.scopes
    }

    /// Notes how the subject was authenticated at a provider.
    #[cfg(feature = "oauth")]
    pub(crate) fn authenticated_upstream(mut self, login: UpstreamLogin) -> Self {
        let UpstreamLogin { upstream, acr, amr, auth_time } = login;
        self.upstream = Some(Box::new(upstream));
        self.login = Some(Box::new(StatedLogin::at_provider(acr, amr, auth_time)));
        self
    }

    /// Takes over what an earlier grant of the same session says about its login, its key and who acts, unless this grant says it itself.
    /// `claims` are those that the session has, and `caller` is the principal that they mean.
    pub(crate) fn continuing(mut self, claims: &str, caller: &Principal) -> Self {
        #[cfg(feature = "oauth")]
        {
            self.upstream = self.upstream.or_else(|| Upstream::of(claims).map(Box::new));
        }
        self.login = self.login.or_else(|| StatedLogin::of(claims).map(Box::new));
        self.confirmation = self.confirmation.or_else(|| caller.confirmation().cloned());
        self.actor = self.actor.or_else(|| caller.actor().cloned());
        self
    }

    /// What [`continuing`](Self::continuing) takes over of this grant for another token. `None` if that is nothing.
    pub(crate) fn lasting(&self) -> Option<Self> {
        let mut lasting = Self::new(self.subject.clone(), self.lifetime);
        (lasting.login, lasting.confirmation) = (self.login.clone(), self.confirmation.clone());
        lasting.actor = self.actor.clone();
        let has_any = lasting.login.is_some() || lasting.confirmation.is_some() || lasting.actor.is_some();
        has_any.then_some(lasting)
    }

    /// How and when the subject was authenticated: the class of the authentication (`acr`), its methods (`amr`, RFC 8176 §2), and its
    /// time (`auth_time`, in whole seconds). [`#[step_up]`](macro@crate::step_up) compares the class and the time. Each text is 1 to 255
    /// bytes without control characters. Default: the token says nothing about it, and meets no such demand.
    ///
    /// A login that the application checked itself, such as a second factor, is stated by this:
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use palisade::jwt::Grant;
    ///
    /// let grant = Grant::new("u-1", Duration::from_secs(900)).authenticated("phr", ["pwd", "otp"], SystemTime::now());
    /// # let _ = grant;
    /// ```
    ///
    /// Danger: `when` is the time at which the user proved who they are, and not the time of this call.
    pub fn authenticated(
        mut self,
        acr: impl Into<String>,
        amr: impl IntoIterator<Item = impl Into<String>>,
        when: SystemTime,
    ) -> Self {
        self.login = Some(Box::new(StatedLogin::new(acr.into(), amr.into_iter().map(Into::into).collect(), when)));
        self
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

    /// Binds the token to a key of the client that gets it (the claim `cnf`): to the key of the DPoP proof (RFC 9449 §5) or of the client
    /// certificate (RFC 8705 §3) with which the client asked for it. The token is accepted only with the proof of that key.
    ///
    /// [`Confirmation::Unsupported`] binds it to nothing that could be proved, so each verifier rejects it.
    pub fn bound_to(mut self, confirmation: Confirmation) -> Self {
        self.confirmation = Some(confirmation);
        self
    }

    /// Who will act on behalf of the subject (the claim `act`, RFC 8693 §4.1), each with a text of 1 to 255 bytes without control
    /// characters, and at most 8 in a chain.
    pub fn actor(mut self, actor: Actor) -> Self {
        self.actor = Some(actor);
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
    /// An actor has an issuer or a subject that is empty, over 255 bytes, or has control characters, or there are more than 8 in a chain.
    #[error(
        "an actor in a token must have texts of 1 to 255 bytes without control characters, and be one of at most 8"
    )]
    Actor,
    /// The class or a method of the authentication is empty, over 255 bytes, or has control characters, or its time is before 1970.
    #[error(
        "how the subject was authenticated must be texts of 1 to 255 bytes without control characters and a time since 1970"
    )]
    Authentication,
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
const RESERVED_CLAIMS: [&str; 19] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "client_id",
    "sid",
    "roles",
    "permissions",
    "scope",
    "tenant",
    "acr",
    "amr",
    "auth_time",
    "upstream",
    "cnf",
    "act",
];

/// The credential that a grant becomes: what the grant itself does not say.
pub(super) struct NewCredential<'a> {
    pub(super) issuer: &'a str,
    pub(super) audience: &'a str,
    pub(super) client: &'a str,
    pub(super) id: Option<&'a str>,
    pub(super) session: Option<&'a str>,
    pub(super) lifetime: Duration,
    /// Whether it is kept here, so that it may say whom the provider knows. Clients read other credentials.
    #[cfg(feature = "oauth")]
    pub(super) keeps_upstream: bool,
}

#[derive(Serialize)]
struct IssuedClaims<'g> {
    /// First, so that the text of a session without it costs one comparison.
    #[cfg(feature = "oauth")]
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream: Option<&'g Upstream>,
    iss: &'g str,
    sub: &'g str,
    aud: &'g str,
    client_id: &'g str,
    exp: u64,
    /// To the microsecond (RFC 7519 §2), so that tokens of the same second can be ordered.
    iat: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<&'g str>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    cnf: Option<IssuedConfirmation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<IssuedActor<'g>>,
    #[serde(flatten)]
    login: Option<&'g StatedLogin>,
    #[serde(flatten)]
    claims: &'g Map<String, Value>,
}

impl Grant {
    /// The claims of a credential that is granted now, as JSON. `now` is the time since 1970.
    pub(super) fn claims(&self, credential: &NewCredential<'_>, now: Duration) -> Result<Vec<u8>, IssueError> {
        self.check()?;
        let now = self.as_of.map_or(now, |moment| moment.min(now));
        let lifetime = credential.lifetime.as_secs();
        let exp = now.as_secs().checked_add(lifetime).filter(|exp| *exp <= LAST_DATE.as_secs() && lifetime > 0);
        let claims = IssuedClaims {
            #[cfg(feature = "oauth")]
            upstream: self.upstream.as_deref().filter(|_| credential.keeps_upstream),
            iss: credential.issuer,
            sub: &self.subject,
            aud: credential.audience,
            client_id: credential.client,
            exp: exp.ok_or(IssueError::Lifetime)?,
            iat: Duration::new(now.as_secs(), now.subsec_micros().saturating_mul(1000)).as_secs_f64(),
            jti: credential.id,
            sid: credential.session,
            roles: &self.roles,
            permissions: &self.permissions,
            scope: self.scopes.join(" "),
            tenant: self.tenant.as_deref(),
            cnf: self.confirmation.as_ref().map(IssuedConfirmation::of),
            act: self.actor.as_ref().map(IssuedActor::of),
            login: self.login.as_deref(),
            claims: &self.claims,
        };
        serde_json::to_vec(&claims).map_err(|_| IssueError::Unavailable)
    }

    fn check(&self) -> Result<(), IssueError> {
        let mistake = if !is_credential_text(&self.subject) {
            IssueError::Subject
        } else if !self.roles.iter().all(|role| is_credential_text(role)) {
            IssueError::Role
        } else if !self.permissions.iter().all(|permission| is_credential_text(permission)) {
            IssueError::Permission
        } else if !self.scopes.iter().all(|scope| is_scope(scope)) {
            IssueError::Scope
        } else if self.tenant.as_deref().is_some_and(|tenant| !is_credential_text(tenant)) {
            IssueError::Tenant
        } else if self.actor.as_ref().is_some_and(|actor| !is_valid(actor)) {
            IssueError::Actor
        } else if self.login.as_ref().is_some_and(|login| !login.is_valid()) {
            IssueError::Authentication
        } else if self.claims.keys().any(|name| RESERVED_CLAIMS.contains(&name.as_str())) {
            IssueError::Claim
        } else {
            return Ok(());
        };
        Err(mistake)
    }
}
