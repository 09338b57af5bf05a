//! The roles of callers, the role of administrators, and the issuer whose subjects own resources.

use super::PalisadeBuilder;
use crate::role::{RoleName, Roles};

impl PalisadeBuilder {
    /// The issuer whose subjects own resources and whose tenants count, for every `owner`, `owner_or_admin` and `tenant` and
    /// for [`RowFilter`](crate::RowFilter). Default: the issuer of the authenticators if all have the same one. Otherwise there
    /// is no default: a route that needs the issuer is then a configuration error if the [`routes`](Self::routes) are given,
    /// and responds with 500 if they are not.
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
