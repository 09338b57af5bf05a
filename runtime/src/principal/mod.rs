//! The caller: an identity that an authenticator has verified.
//!
//! Threat: an identity that the client claims without proof (CWE-290). Promise: a [`Principal`] reaches a handler only through
//! the guard, which gets it from an [`Authenticator`](crate::Authenticator). It is immutable and cheap to clone.
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

mod actor;
mod authority;
mod caller;
mod completed;
mod constraints;
mod token;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use actix_web::http::StatusCode;

pub use self::actor::Actor;
use self::authority::KnownAuthority;
pub(crate) use self::authority::{Authority, RegistryId};
pub use self::caller::{Caller, FromPrincipal};
pub(crate) use self::completed::CompletedPrincipal;
pub use self::constraints::Confirmation;
pub(crate) use self::constraints::Constraints;
pub(crate) use self::token::LastCheck;
pub use self::token::Token;
use crate::clock::Clock;
use crate::problem::{Problem, respond_with_problem};

/// The caller of a route, verified by an authenticator. A handler takes it as an argument.
///
/// Two principals are the same caller only if issuer *and* subject are equal (ASVS V6.8.1).
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
    /// The resolved roles, if the application has a role registry.
    authority: Option<Arc<Authority>>,
}

#[derive(Clone)]
struct Identity {
    scheme: &'static str,
    issuer: Box<str>,
    subject: Box<str>,
    tenant: Option<Box<str>>,
    /// Whether the application assigned the tenant, and the issuer did not claim it.
    has_assigned_tenant: bool,
    roles: Box<[String]>,
    scopes: Box<[String]>,
    permissions: Box<[String]>,
    token: Option<Token>,
    /// The clock of the verifier of the token. `None`: that of the machine.
    clock: Option<Clock>,
    api_key: Option<Box<str>>,
    actor: Option<Box<Actor>>,
    /// What limits the use of the credential. `None`: nothing.
    constraints: Option<Box<Constraints>>,
    known_authority: KnownAuthority,
    completed: CompletedPrincipal,
}

impl Principal {
    /// Creates a principal, for an [`Authenticator`](crate::Authenticator) of your own.
    ///
    /// `scheme` is the authentication scheme, such as `"Basic"`, and `issuer` is the authority that identifies the `subject`.
    /// Creating a principal grants nothing: only a principal that an authenticator returns is used.
    #[must_use]
    pub fn new(scheme: &'static str, issuer: impl Into<Box<str>>, subject: impl Into<Box<str>>) -> Self {
        let identity = Identity {
            scheme,
            issuer: issuer.into(),
            subject: subject.into(),
            tenant: None,
            has_assigned_tenant: false,
            roles: Box::default(),
            scopes: Box::default(),
            permissions: Box::default(),
            token: None,
            clock: None,
            api_key: None,
            actor: None,
            constraints: None,
            known_authority: KnownAuthority::default(),
            completed: CompletedPrincipal::default(),
        };
        Self { identity: Arc::new(identity), authority: None }
    }

    /// The same principal with these roles.
    #[must_use]
    pub fn with_roles(mut self, roles: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.identity_mut().roles = roles.into_iter().map(Into::into).collect();
        self
    }

    /// The same principal with these scopes.
    #[must_use]
    pub fn with_scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.identity_mut().scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// The same principal with these permissions, in addition to those that its roles grant.
    #[must_use]
    pub fn with_permissions(mut self, permissions: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.identity_mut().permissions = permissions.into_iter().map(Into::into).collect();
        self
    }

    /// The same principal with this tenant, which its issuer claims. With several issuers, rules about the tenant accept it only from
    /// [the one whose subjects own](crate::PalisadeBuilder::resource_owner_issuer). A tenant that was
    /// [assigned](Self::with_assigned_tenant) stays assigned if it is the same one; another one replaces it, and is not assigned.
    #[must_use]
    pub fn with_tenant(mut self, tenant: impl Into<Box<str>>) -> Self {
        let (identity, tenant) = (self.identity_mut(), tenant.into());
        identity.has_assigned_tenant &= identity.tenant.as_ref() == Some(&tenant);
        identity.tenant = Some(tenant);
        self
    }

    /// The same principal with this tenant, which the application assigned to the caller or to its issuer, such as from a table of
    /// customers. Rules about the tenant accept it whoever the issuer is. The authenticator for issuers at run time (feature `oauth`) assigns the tenant of its rules in this way.
    ///
    /// Danger: the tenant must not come from the credential. An issuer could name the tenant of another one.
    ///
    /// ```
    /// use palisade::Principal;
    ///
    /// let principal = Principal::new("Bearer", "https://login.acme.example", "u-1").with_assigned_tenant("acme");
    /// assert_eq!(principal.tenant(), Some("acme"));
    /// ```
    #[must_use]
    pub fn with_assigned_tenant(mut self, tenant: impl Into<Box<str>>) -> Self {
        let identity = self.identity_mut();
        (identity.tenant, identity.has_assigned_tenant) = (Some(tenant.into()), true);
        self
    }

    /// Whether the application assigned the tenant, and the issuer did not claim it.
    pub(crate) fn has_assigned_tenant(&self) -> bool {
        self.identity.has_assigned_tenant
    }

    pub(crate) fn with_token(mut self, token: Token) -> Self {
        self.identity_mut().token = Some(token);
        self
    }

    /// The same principal, whose token is judged by this clock.
    pub(crate) fn with_clock(mut self, clock: Clock) -> Self {
        self.identity_mut().clock = Some(clock);
        self
    }

    /// The present time by the clock that judged the token.
    pub(crate) fn wall_time(&self) -> SystemTime {
        self.identity.clock.as_ref().map_or_else(SystemTime::now, Clock::wall_time)
    }

    /// The same principal, authenticated with the API key of this id. For an [`Authenticator`](crate::Authenticator) of your
    /// own whose credentials are API keys ([`has_api_keys`](crate::Authenticator::has_api_keys)).
    ///
    /// A rate limit [by API key](crate::rate_limit::By::ApiKey) counts by the id, so it must be unique among all keys of the
    /// application. It must not be the key itself, because the id is not secret.
    ///
    /// ```
    /// use palisade::Principal;
    ///
    /// let principal = Principal::new("Partner", "https://partners.example", "acme").with_api_key("acme-2");
    /// assert_eq!(principal.api_key(), Some("acme-2"));
    /// ```
    #[must_use]
    pub fn with_api_key(mut self, id: impl Into<Box<str>>) -> Self {
        self.identity_mut().api_key = Some(id.into());
        self
    }

    /// The id of the API key that authenticated the principal, if any.
    #[must_use]
    pub fn api_key(&self) -> Option<&str> {
        self.identity.api_key.as_deref()
    }

    /// The same principal, for whom this actor acts. For an [`Authenticator`](crate::Authenticator) of your own.
    #[must_use]
    pub fn with_actor(mut self, actor: Actor) -> Self {
        self.identity_mut().actor = Some(Box::new(actor));
        self
    }

    /// Who acts for the principal, if it does not act itself (RFC 8693 §4.1).
    #[must_use]
    pub fn actor(&self) -> Option<&Actor> {
        self.identity.actor.as_deref()
    }

    fn identity_mut(&mut self) -> &mut Identity {
        let identity = Arc::make_mut(&mut self.identity);
        // It may be about to change.
        identity.known_authority = KnownAuthority::default();
        identity.completed = CompletedPrincipal::default();
        identity
    }

    pub(crate) fn with_authority(mut self, authority: Arc<Authority>) -> Self {
        self.authority = Some(authority);
        self
    }

    /// What the roles mean by this registry. The first registry that is asked resolves them once, also for all clones.
    pub(crate) fn authority_in(
        &self,
        registry: RegistryId,
        resolve: impl Fn(&[String]) -> Arc<Authority>,
    ) -> Arc<Authority> {
        self.identity.known_authority.in_registry(registry, || resolve(&self.identity.roles))
    }

    /// The tenant that the principal belongs to, which `#[tenant(org)]` compares.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.identity.tenant.as_deref()
    }

    /// Two principals are the same caller only if issuer *and* subject are equal (ASVS V6.8.1).
    pub(crate) fn is_same_caller_as(&self, other: &Self) -> bool {
        self.issuer() == other.issuer() && self.subject() == other.subject()
    }

    /// The token that authenticated the principal, if any.
    #[must_use]
    pub fn token(&self) -> Option<&Token> {
        self.identity.token.as_ref()
    }

    /// The subject: the identifier that `#[owner(id)]` compares.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.identity.subject
    }

    /// The issuer, which identifies the subject.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.identity.issuer
    }

    /// The authentication scheme, such as `Bearer`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        self.identity.scheme
    }

    /// The roles from the credential, without implied roles.
    #[must_use]
    pub fn roles(&self) -> &[String] {
        &self.identity.roles
    }

    /// The scopes from the credential.
    #[must_use]
    pub fn scopes(&self) -> &[String] {
        &self.identity.scopes
    }

    /// Whether the principal has this role, or one that implies it. Names are compared exactly.
    ///
    /// If the application has a role registry ([`Roles`](crate::Roles)), this is `false` for a role that is not in it.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        match &self.authority {
            Some(authority) => authority.has_role(role),
            None => self.identity.roles.iter().any(|own| own == role),
        }
    }

    /// Whether a role of the principal grants this permission, or its credential carries it.
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
        let mut shown = f.debug_struct("Principal");
        shown
            .field("scheme", &self.identity.scheme)
            .field("issuer", &self.identity.issuer)
            .field("subject", &self.identity.subject)
            .field("roles", &self.identity.roles)
            .field("tenant", &self.identity.tenant)
            .field("scopes", &self.identity.scopes);
        if let Some(actor) = &self.identity.actor {
            shown.field("actor", actor);
        }
        if let Some(confirmation) = self.confirmation() {
            shown.field("confirmation", confirmation);
        }
        shown.finish()
    }
}

/// An argument of a handler that cannot be extracted, because of a defect of the application (500, with a log event), or
/// because the caller is not allowed to have it (403).
///
/// Its text explains how to fix the defect. It quotes nothing from the request, and clients do not see it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{help}")]
pub struct ArgumentError {
    pub(crate) status: StatusCode,
    /// For the log: how to fix the defect.
    pub(crate) help: &'static str,
}

impl ArgumentError {
    pub(crate) const fn defect(help: &'static str) -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, help }
    }
}

impl From<ArgumentError> for Problem {
    fn from(error: ArgumentError) -> Self {
        let problem = if error.status == StatusCode::FORBIDDEN { Self::forbidden() } else { Self::internal() };
        problem.caused_by(error)
    }
}

respond_with_problem!(ArgumentError);

#[cfg(test)]
mod tests {
    use super::*;

    fn alice() -> Principal {
        Principal::new("Bearer", "issuer", "alice")
    }

    #[test]
    fn debug_shows_the_actor_but_no_digest() {
        let first = Actor::new("issuer", "first");
        let shown = format!("{:?}", alice().with_actor(Actor::new("issuer", "second").with_behind(first)));
        assert!(shown.contains("second") && shown.contains("first"), "{shown}");
        let shown = format!("{:?}", alice().with_confirmation(Confirmation::DpopKey([171; 32])));
        assert!(shown.contains("DpopKey") && !shown.contains("171"), "{shown}");
    }
}
