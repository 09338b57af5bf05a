//! Who calls: the identity that an authenticator vouches for.
//!
//! Threat: identity taken from what the client merely claims (CWE-290). Promise: a [`Principal`] reaches a handler only
//! through the guard, which got it from an [`Authenticator`](crate::Authenticator); it is immutable and cheap to clone.

use std::fmt;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};

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
pub struct Principal(Arc<Identity>);

#[derive(Clone)]
struct Identity {
    scheme: &'static str,
    issuer: Box<str>,
    subject: Box<str>,
    tenant: Option<Box<str>>,
    roles: Box<[String]>,
    scopes: Box<[String]>,
    permissions: Box<[String]>,
    /// What the roles mean, where the application has a vocabulary of roles.
    authority: Option<Arc<Authority>>,
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
        Self(Arc::new(Identity {
            scheme,
            issuer: issuer.into(),
            subject: subject.into(),
            tenant: None,
            roles: Box::default(),
            scopes: Box::default(),
            permissions: Box::default(),
            authority: None,
        }))
    }

    /// The same principal with these roles.
    #[must_use]
    pub fn with_roles(mut self, roles: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Arc::make_mut(&mut self.0).roles = roles.into_iter().map(Into::into).collect();
        self
    }

    /// The same principal with these scopes.
    #[must_use]
    pub fn with_scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Arc::make_mut(&mut self.0).scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// The same principal with these permissions, beside those that its roles grant.
    #[must_use]
    pub fn with_permissions(mut self, permissions: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Arc::make_mut(&mut self.0).permissions = permissions.into_iter().map(Into::into).collect();
        self
    }

    /// The same principal, of this tenant.
    #[must_use]
    pub fn with_tenant(mut self, tenant: impl Into<Box<str>>) -> Self {
        Arc::make_mut(&mut self.0).tenant = Some(tenant.into());
        self
    }

    pub(crate) fn with_authority(mut self, authority: Arc<Authority>) -> Self {
        Arc::make_mut(&mut self.0).authority = Some(authority);
        self
    }

    /// The tenant that the principal belongs to, which `#[tenant(org)]` compares.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.0.tenant.as_deref()
    }

    /// The subject: the identifier that `#[owner(id)]` compares.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// Who vouches for the subject.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// The authentication scheme, such as `Bearer`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        self.0.scheme
    }

    /// The roles, as the authenticator found them.
    #[must_use]
    pub fn roles(&self) -> &[String] {
        &self.0.roles
    }

    /// The scopes, as the authenticator found them.
    #[must_use]
    pub fn scopes(&self) -> &[String] {
        &self.0.scopes
    }

    /// Whether the principal has this role, or one that implies it; compared exactly.
    ///
    /// Where the application has a vocabulary of [`Roles`](crate::Roles), one outside of it is nobody's.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        match &self.0.authority {
            Some(authority) => authority.has_role(role),
            None => self.0.roles.iter().any(|own| own == role),
        }
    }

    /// Whether a role of the principal grants this permission, or its credential brought it along.
    #[must_use]
    pub fn has_permission(&self, permission: &str) -> bool {
        self.0.permissions.iter().any(|own| own == permission)
            || self.0.authority.as_ref().is_some_and(|authority| authority.has_permission(permission))
    }

    /// Whether the credential carries this scope.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.0.scopes.iter().any(|own| own == scope)
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("scheme", &self.0.scheme)
            .field("issuer", &self.0.issuer)
            .field("subject", &self.0.subject)
            .field("roles", &self.0.roles)
            .field("tenant", &self.0.tenant)
            .field("scopes", &self.0.scopes)
            .finish()
    }
}

/// An argument that this request can't be given: because of a defect of the application (500, and a line in the log), or
/// because the caller may not have it (403).
#[derive(Debug)]
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

impl fmt::Display for ArgumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an argument can't be given for this request")
    }
}

impl ResponseError for ArgumentError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status)
    }
}
