//! What a caller's identity means here: the role registry, the role of administrators, and whose subjects own resources.

use super::PalisadeBuilder;
use crate::role::{RoleName, Roles};

impl PalisadeBuilder {
    /// The issuer whose subjects own resources and whose tenants count, for every `owner`, `owner_or_admin` and `tenant` and
    /// for [`RowFilter`](crate::RowFilter). Default: the issuer of the authenticators if all have the same one. Otherwise there
    /// is none, and a route that needs it is a mistake if the [`routes`](Self::routes) are given; else it responds with 500.
    ///
    /// Danger: if the subjects of every issuer could own, the `alice` of one issuer could read what belongs to the `alice` of
    /// another (ASVS V6.8.1).
    pub fn resource_owner_issuer(mut self, issuer: impl Into<String>) -> Self {
        self.owners = Some(issuer.into());
        self
    }

    /// The role registry: which roles exist, and what they imply and grant. Default: no registry, and a role is just its name.
    ///
    /// With a registry, a rule that names another role or permission is a mistake, so the registry needs the
    /// [`routes`](Self::routes) too; a route that is mounted beside them responds with 500. A role of a credential that is not
    /// in the registry grants nothing, and is one event in the audit trail.
    pub fn roles(mut self, roles: Roles) -> Self {
        self.roles = Some(roles);
        self
    }

    /// The role of administrators, for `owner_or_admin`, [`RowFilter`](crate::RowFilter) and
    /// [`Rule::Admin`](crate::policy::Rule::Admin). Default: `admin`.
    ///
    /// `#[require_role("admin")]` and `role("admin")` name a role, and mean that role whatever is set here. If the
    /// [role registry](Self::roles) lacks the role, a route that means administrators is a mistake.
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
