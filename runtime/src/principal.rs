//! Who calls: the identity that an authenticator vouches for.
//!
//! Threat: identity taken from what the client merely claims (CWE-290). Promise: a [`Principal`] reaches a handler only
//! through the guard, which got it from an [`Authenticator`](crate::Authenticator); it is immutable and cheap to clone.

use std::fmt;
use std::sync::Arc;

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
    roles: Box<[String]>,
    scopes: Box<[String]>,
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
            roles: Box::default(),
            scopes: Box::default(),
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

    /// Whether the principal has this role, compared exactly.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.0.roles.iter().any(|own| own == role)
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("scheme", &self.0.scheme)
            .field("issuer", &self.0.issuer)
            .field("subject", &self.0.subject)
            .field("roles", &self.0.roles)
            .field("scopes", &self.0.scopes)
            .finish()
    }
}

/// A handler asked for a [`Principal`] on a route that demands none: a defect of the application, answered with 500.
#[derive(Debug)]
pub struct NoPrincipal(pub(crate) ());

impl fmt::Display for NoPrincipal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the route demands no principal")
    }
}

impl ResponseError for NoPrincipal {
    fn error_response(&self) -> HttpResponse {
        HttpResponse::InternalServerError().finish()
    }
}
