//! The roles of callers, the role of administrators, and the issuer whose subjects own resources.

use std::time::Duration;

use actix_web::HttpRequest;

use super::PalisadeBuilder;
use crate::authn::{AuthError, PrincipalLookup};
use crate::principal::Principal;
use crate::role::{RoleName, Roles};

/// A deleted user must not stay for longer.
const LONGEST_MEMORY: Duration = Duration::from_secs(60);

impl PalisadeBuilder {
    /// Completes each authenticated caller from the application's own data, or rejects the caller: a user who was deleted, roles that
    /// a table has and the token does not. Default: none.
    ///
    /// The function is asked once for each request with a credential, after the credential was accepted and before any rule
    /// decides. It gets the principal, and the request, in which it finds the application's data. It returns the principal with
    /// more or other roles, scopes, permissions or tenant. [`AuthError::Invalid`] rejects the caller with 401, and
    /// [`AuthError::Unavailable`] with 503. A principal of another issuer or subject is a defect: 500.
    ///
    /// With several issuers, give a caller the tenant of your own table by
    /// [`with_assigned_tenant`](crate::Principal::with_assigned_tenant). One that `with_tenant` gives is taken for a claim of the issuer, and
    /// rules about the tenant accept it only from the [`resource_owner_issuer`](Self::resource_owner_issuer).
    ///
    /// It is not asked for callers that a test [assumes](crate::guide::testing).
    ///
    /// ```
    /// use std::collections::HashMap;
    ///
    /// use actix_web::web::Data;
    /// use palisade::Palisade;
    /// use palisade::authn::AuthError;
    ///
    /// /// The roles of each user.
    /// type Users = HashMap<String, Vec<String>>;
    ///
    /// let palisade = Palisade::builder().principals(async |principal, request| {
    ///     let users = request.app_data::<Data<Users>>().ok_or(AuthError::Unavailable("no_users"))?;
    ///     let roles = users.get(principal.subject()).ok_or(AuthError::Invalid("user_deleted"))?;
    ///     Ok(principal.with_roles(roles))
    /// });
    /// # let _ = palisade;
    /// ```
    pub fn principals<F>(mut self, function: F) -> Self
    where
        F: AsyncFn(Principal, &HttpRequest) -> Result<Principal, AuthError> + Send + Sync + 'static,
    {
        self.principal_lookup = Some(PrincipalLookup::new(function));
        self
    }

    /// For how long a result of [`principals`](Self::principals) is used for later requests with the same token: at most 60 seconds.
    /// Default: zero, so that each request asks. A rejection is never remembered.
    ///
    /// Only the principal of a token that a [`Jwt`](crate::Jwt) has in its cache is remembered.
    ///
    /// Danger: a user who was deleted, or lost a role, keeps the access for this long. The result must depend on the principal alone:
    /// it is used for other paths and scopes too, whose `app_data` may differ.
    pub fn remember_principals(mut self, longest: Duration) -> Self {
        self.remember_principals = longest;
        self
    }

    /// The function and its settings.
    pub(super) fn take_principal_lookup(&mut self) -> Option<PrincipalLookup> {
        let longest = self.remember_principals;
        if longest > LONGEST_MEMORY {
            let problem = "must be at most 60 seconds, because a user who was deleted keeps the access for this long";
            self.mistakes.report("remember_principals", problem);
        }
        if !longest.is_zero() && self.principal_lookup.is_none() {
            self.mistakes.report("remember_principals", "needs `.principals(..)`");
        }
        let principal_lookup = self.principal_lookup.take()?;
        Some(PrincipalLookup { remembered_for: longest, ..principal_lookup })
    }

    /// The issuer whose subjects own resources and whose tenants count, for every `owner`, `owner_or_admin` and `tenant` and
    /// for [`RowFilter`](crate::RowFilter). Default: the issuer of the authenticators if all have the same one. Otherwise there
    /// is no default: a route that needs the issuer is then a configuration error if the [`routes`](Self::routes) are given,
    /// and responds with 500 if they are not.
    ///
    /// A tenant that the application [assigned](crate::Principal::with_assigned_tenant) counts for every issuer.
    ///
    /// Danger: if the subjects of every issuer could own, the `alice` of one issuer could read what belongs to the `alice` of
    /// another (ASVS V6.8.1).
    pub fn resource_owner_issuer(mut self, issuer: impl Into<String>) -> Self {
        self.owners = Some(issuer.into());
        self
    }

    /// The role registry: which roles exist, and what they imply and grant. Default: no registry; a role is then only a name,
    /// and implies and grants nothing.
    ///
    /// With a registry, a rule that names another role or permission is a configuration error. The registry therefore needs the
    /// [`routes`](Self::routes) too; a route that is not among them responds with 500. A role in a credential that is not in
    /// the registry grants nothing, and is recorded in the audit trail.
    pub fn roles(mut self, roles: Roles) -> Self {
        self.roles = Some(roles);
        self
    }

    /// The role of administrators, for `owner_or_admin`, [`RowFilter`](crate::RowFilter) and
    /// [`Rule::Admin`](crate::policy::Rule::Admin). Default: `admin`.
    ///
    /// `#[require_role("admin")]` and `role("admin")` always mean the role of that name; this setting does not change them. If
    /// the [role registry](Self::roles) lacks the role set here, a route that refers to administrators is a configuration
    /// error.
    ///
    /// ```
    /// use palisade::{Palisade, Roles};
    ///
    /// #[derive(Clone, Copy, palisade::Role)]
    /// enum Role {
    ///     #[implies(Staff)]
    ///     Root,
    ///     Staff,
    /// }
    ///
    /// let builder = Palisade::builder().admin_role(Role::Root);
    /// let by_name = Palisade::builder().admin_role("root");
    /// # let _ = (builder, by_name);
    /// ```
    pub fn admin_role(mut self, role: impl Into<RoleName>) -> Self {
        self.admin = role.into();
        self
    }
}
