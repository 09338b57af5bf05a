//! The caller: the identity that an authenticator vouches for.
//!
//! Threat: an identity that is taken from what the client merely claims (CWE-290). Promise: a [`Principal`] reaches a handler only
//! through the guard, which got it from an [`Authenticator`](crate::Authenticator). It is immutable and cheap to clone.
//!
//! ```
//! use palisade::{Principal, authenticated, get};
//!
//! #[get("/me")]
//! #[authenticated]
//! async fn me(caller: Principal) -> String {
//!     format!("{} of {}", caller.subject(), caller.issuer())
//! }
//! ```

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::http::StatusCode;
use serde::de::DeserializeOwned;

use crate::problem::{Problem, answer_with_a_problem};

/// The caller of a route, as vouched for by an authenticator. A handler takes it as an argument.
///
/// Two principals are the same caller only if issuer *and* subject agree (ASVS V6.8.1).
///
/// ```
/// use palisade::{Principal, authenticated, get};
///
/// #[get("/me")]
/// #[authenticated]
/// async fn me(principal: Principal) -> String {
///     principal.subject().to_owned()
/// }
/// # let _ = me;
/// ```
#[derive(Clone)]
pub struct Principal {
    identity: Arc<Identity>,
    /// What the roles mean, where the application has a vocabulary of roles.
    authority: Option<Arc<Authority>>,
}

#[derive(Clone)]
struct Identity {
    scheme: &'static str,
    issuer: Box<str>,
    subject: Box<str>,
    tenant: Option<Box<str>>,
    roles: Box<[String]>,
    scopes: Box<[String]>,
    permissions: Box<[String]>,
    token: Option<Token>,
    api_key: Option<Box<str>>,
}

/// What roles give: themselves, those that they imply, and permissions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Authority {
    roles: Vec<Box<str>>,
    permissions: Vec<Box<str>>,
}

impl Authority {
    /// Whether it is new.
    pub(crate) fn add_role(&mut self, role: &str) -> bool {
        let new = !self.has_role(role);
        if new {
            self.roles.push(role.into());
        }
        new
    }

    pub(crate) fn add_permission(&mut self, permission: &str) {
        if !self.has_permission(permission) {
            self.permissions.push(permission.into());
        }
    }

    pub(crate) fn join(&mut self, other: &Self) {
        for role in &other.roles {
            self.add_role(role);
        }
        other.permissions.iter().for_each(|permission| self.add_permission(permission));
    }

    pub(crate) fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|own| **own == *role)
    }

    pub(crate) fn has_permission(&self, permission: &str) -> bool {
        self.permissions.iter().any(|own| **own == *permission)
    }
}

impl Principal {
    /// A principal of an [`Authenticator`](crate::Authenticator) of your own.
    ///
    /// `scheme` is the authentication scheme (`"Basic"`), `issuer` is who vouches for the `subject`.
    /// Making one gives no authority: only what an authenticator returns counts.
    #[must_use]
    pub fn new(scheme: &'static str, issuer: impl Into<Box<str>>, subject: impl Into<Box<str>>) -> Self {
        let identity = Identity {
            scheme,
            issuer: issuer.into(),
            subject: subject.into(),
            tenant: None,
            roles: Box::default(),
            scopes: Box::default(),
            permissions: Box::default(),
            token: None,
            api_key: None,
        };
        Self { identity: Arc::new(identity), authority: None }
    }

    /// The same principal with these roles.
    #[must_use]
    pub fn with_roles(mut self, roles: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Arc::make_mut(&mut self.identity).roles = roles.into_iter().map(Into::into).collect();
        self
    }

    /// The same principal with these scopes.
    #[must_use]
    pub fn with_scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Arc::make_mut(&mut self.identity).scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// The same principal with these permissions, beside those that its roles grant.
    #[must_use]
    pub fn with_permissions(mut self, permissions: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Arc::make_mut(&mut self.identity).permissions = permissions.into_iter().map(Into::into).collect();
        self
    }

    /// The same principal, of this tenant.
    #[must_use]
    pub fn with_tenant(mut self, tenant: impl Into<Box<str>>) -> Self {
        Arc::make_mut(&mut self.identity).tenant = Some(tenant.into());
        self
    }

    pub(crate) fn with_token(mut self, token: Token) -> Self {
        Arc::make_mut(&mut self.identity).token = Some(token);
        self
    }

    /// The same principal, come with the API key of this id: for an [`Authenticator`](crate::Authenticator) of your own whose
    /// credentials are keys ([`has_api_keys`](crate::Authenticator::has_api_keys)).
    ///
    /// A rate limit [by API key](crate::rate_limit::By::ApiKey) counts by the id, so it has to be unique among all keys of the
    /// application. It is not the key itself: the id is in no way secret.
    ///
    /// ```
    /// use palisade::Principal;
    ///
    /// let principal = Principal::new("Partner", "https://partners.example", "acme").with_api_key("acme-2");
    /// assert_eq!(principal.api_key(), Some("acme-2"));
    /// ```
    #[must_use]
    pub fn with_api_key(mut self, id: impl Into<Box<str>>) -> Self {
        Arc::make_mut(&mut self.identity).api_key = Some(id.into());
        self
    }

    /// The id of the API key that the principal came with, where it did come with one.
    #[must_use]
    pub fn api_key(&self) -> Option<&str> {
        self.identity.api_key.as_deref()
    }

    pub(crate) fn with_authority(mut self, authority: Arc<Authority>) -> Self {
        self.authority = Some(authority);
        self
    }

    /// The tenant that the principal belongs to, which `#[tenant(org)]` compares.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.identity.tenant.as_deref()
    }

    /// Two principals are the same caller only if issuer *and* subject agree (ASVS V6.8.1).
    pub(crate) fn is_same_caller_as(&self, other: &Self) -> bool {
        self.issuer() == other.issuer() && self.subject() == other.subject()
    }

    /// The token that the principal came with, where it did come with one.
    #[must_use]
    pub fn token(&self) -> Option<&Token> {
        self.identity.token.as_ref()
    }

    /// The subject: the identifier that `#[owner(id)]` compares.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.identity.subject
    }

    /// Who vouches for the subject.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.identity.issuer
    }

    /// The authentication scheme, such as `Bearer`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        self.identity.scheme
    }

    /// The roles, as the authenticator found them.
    #[must_use]
    pub fn roles(&self) -> &[String] {
        &self.identity.roles
    }

    /// The scopes, as the authenticator found them.
    #[must_use]
    pub fn scopes(&self) -> &[String] {
        &self.identity.scopes
    }

    /// Whether the principal has this role, or one that implies it; compared exactly.
    ///
    /// Where the application has a vocabulary of [`Roles`](crate::Roles), one outside of it is nobody's.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        match &self.authority {
            Some(authority) => authority.has_role(role),
            None => self.identity.roles.iter().any(|own| own == role),
        }
    }

    /// Whether a role of the principal grants this permission, or its credential brought it along.
    #[must_use]
    pub fn has_permission(&self, permission: &str) -> bool {
        self.identity.permissions.iter().any(|own| own == permission)
            || self.authority.as_ref().is_some_and(|authority| authority.has_permission(permission))
    }

    /// Whether the credential carries this scope.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.identity.scopes.iter().any(|own| own == scope)
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("scheme", &self.identity.scheme)
            .field("issuer", &self.identity.issuer)
            .field("subject", &self.identity.subject)
            .field("roles", &self.identity.roles)
            .field("tenant", &self.identity.tenant)
            .field("scopes", &self.identity.scopes)
            .finish()
    }
}

/// What is known of the verified token that a [`Principal`] came with. The token itself is not kept.
#[derive(Clone)]
pub struct Token {
    pub(crate) id: Option<Box<str>>,
    pub(crate) session: Option<Box<str>>,
    pub(crate) issued: Duration,
    pub(crate) expires: Duration,
    /// The whole claims set, a JSON object.
    pub(crate) claims: Box<str>,
}

impl Token {
    /// What tells it from every other token of its issuer (`jti`, RFC 7519 §4.1.7).
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The session that it was issued in (`sid`), where its issuer tells.
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// The names under which it can be taken back: its own, and that of its session.
    pub fn revocable_ids(&self) -> impl Iterator<Item = &str> {
        self.id().into_iter().chain(self.session())
    }

    /// When it was issued (`iat`). 1970 if the token does not carry it, so that the token counts as older than any other.
    #[must_use]
    pub fn issued(&self) -> SystemTime {
        UNIX_EPOCH.checked_add(self.issued).unwrap_or(UNIX_EPOCH)
    }

    /// When it ends (`exp`), leeway not counted.
    #[must_use]
    pub fn expires(&self) -> SystemTime {
        UNIX_EPOCH.checked_add(self.expires).unwrap_or(UNIX_EPOCH)
    }

    /// Reads the claims of the token, the registered ones among them, into a type of the application.
    ///
    /// A handler takes them as [`Claims<T>`](crate::Claims).
    ///
    /// # Errors
    ///
    /// If the claims do not have the shape of `T`. The error may quote values of the token: it is for no client.
    pub fn claims<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.claims)
    }
}

/// Without the claims: they may hold what is in no log.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("id", &self.id).field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// An argument that this request can't be given: because of a defect of the application (500, and a line in the log), or
/// because the caller may not have it (403).
///
/// Its text says what to write instead. It quotes nothing of the request, and no client reads it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{cure}")]
pub struct ArgumentError {
    pub(crate) status: StatusCode,
    /// For the log: what to write instead.
    pub(crate) cure: &'static str,
}

impl ArgumentError {
    pub(crate) const fn defect(cure: &'static str) -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, cure }
    }
}

impl From<ArgumentError> for Problem {
    fn from(error: ArgumentError) -> Self {
        let problem = if error.status == StatusCode::FORBIDDEN { Self::forbidden() } else { Self::internal() };
        problem.caused_by(error)
    }
}

answer_with_a_problem!(ArgumentError);
