//! The role registry: the roles that an application defines, what they imply and what they grant.
//!
//! Threat: an undefined role, misspelt in a rule or carried by a token, that grants something (CWE-863).
//! Promise: with a registry, a rule that names an undefined role is an error when the application is built, and an undefined
//! role in a token grants nothing. The hierarchy is resolved once, when the application is built.

use std::collections::HashMap;
use std::sync::Arc;

use palisade_grammar::hierarchy::Hierarchy;
use palisade_grammar::names::Kind;

use crate::config_error::{ConfigError, Mistakes};
use crate::principal::{Authority, Principal, RegistryId};
use crate::role::{RoleDefinition, RoleName, TypedRole};

/// The role registry, for [`PalisadeBuilder::roles`](crate::PalisadeBuilder::roles).
///
/// ```
/// # fn main() -> Result<(), palisade::ConfigError> {
/// use palisade::Roles;
///
/// let roles = Roles::builder()
///     .role("admin", |role| role.implies("editor").grants("users:delete"))
///     .role("editor", |role| role.implies("user"))
///     .role("user", |role| role)
///     .build()?;
/// # let _ = roles; Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Roles {
    id: RegistryId,
    roles: HashMap<String, Arc<Authority>>,
    permissions: Vec<String>,
}

/// See [`Roles::builder`].
#[derive(Debug, Default)]
#[must_use]
pub struct RolesBuilder {
    roles: Vec<(String, RoleTerms)>,
}

/// What a role implies and grants.
#[derive(Debug, Default)]
#[must_use]
pub struct RoleTerms {
    implies: Vec<String>,
    grants: Vec<String>,
}

impl RoleTerms {
    /// A principal with this role also has the other role, with everything that the other role implies and grants.
    pub fn implies(mut self, role: impl Into<String>) -> Self {
        self.implies.push(role.into());
        self
    }

    /// A principal with this role has the permission.
    pub fn grants(mut self, permission: impl Into<String>) -> Self {
        self.grants.push(permission.into());
        self
    }
}

impl Roles {
    /// Defines roles by their names.
    pub fn builder() -> RolesBuilder {
        RolesBuilder::default()
    }

    /// The roles of an enum with `#[derive(Role)]`. The derive has already rejected cycles and unknown names.
    #[must_use]
    pub fn of<R: TypedRole>() -> Self {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let terms = |role: &RoleDefinition| RoleTerms { implies: owned(role.implies), grants: owned(role.grants) };
        let roles = R::DEFINITIONS.iter().map(|role| (role.name.to_owned(), terms(role)));
        RolesBuilder { roles: roles.collect() }.assembled()
    }

    /// Adds a permission that credentials carry ([`Principal::with_permissions`](crate::Principal::with_permissions)), so that
    /// no role has to grant it. A name that no credential can carry is a configuration error.
    #[must_use]
    pub fn permission(mut self, name: impl Into<String>) -> Self {
        self.permissions.push(name.into());
        self
    }

    /// What the roles of the principal imply and grant together, and which of them are not defined. It is resolved once for a
    /// principal and its clones.
    pub(crate) fn authority(&self, principal: &Principal) -> Arc<Authority> {
        principal.authority_in(self.id, |roles| self.resolve(roles))
    }

    fn resolve(&self, roles: &[String]) -> Arc<Authority> {
        if let [only] = roles
            && let Some(authority) = self.roles.get(only)
        {
            return Arc::clone(authority);
        }
        let mut all = Authority::default();
        for role in roles {
            match self.roles.get(role) {
                Some(authority) => all.join(authority),
                None => all.add_unknown(role),
            }
        }
        Arc::new(all)
    }

    /// The error text for the first role or permission whose name no credential can carry. [`RolesBuilder::build`] has already
    /// checked its names.
    pub(crate) fn mistaken_name(&self) -> Option<String> {
        let role = || self.roles.keys().find_map(|name| Kind::Role.mistake(name));
        self.permissions.iter().find_map(|name| Kind::Permission.mistake(name)).or_else(role)
    }

    /// The error text if this registry lacks the role.
    pub(crate) fn lacks_role(&self, role: &str) -> Option<String> {
        (!self.roles.contains_key(role)).then(|| self.undefined_role(role))
    }

    /// The error text if no role of this registry grants the permission.
    pub(crate) fn lacks_permission(&self, permission: &str) -> Option<String> {
        let help =
            format!("grant it to a role, or register it with `.permission({permission:?})` if credentials carry it");
        (!self.permissions.iter().any(|known| known == permission))
            .then(|| format!("no role grants the permission {permission:?} ({help})"))
    }

    /// The error text if this registry lacks the role of administrators.
    pub(crate) fn lacks_admin(&self, admin: &RoleName) -> Option<String> {
        let help = "name the role of your administrators with `.admin_role(..)`";
        let lacking = || format!("{} ({help})", self.undefined_role(admin.as_str()));
        (!self.roles.contains_key(admin.as_str())).then(lacking)
    }

    fn undefined_role(&self, role: &str) -> String {
        let mut known: Vec<_> = self.roles.keys().map(|name| format!("{name:?}")).collect();
        known.sort_unstable();
        format!("the role {role:?} is not one of {}", known.join(", "))
    }
}

impl RolesBuilder {
    /// Defines a role, with the roles that it implies and the permissions that it grants.
    pub fn role(mut self, name: impl Into<String>, terms: impl FnOnce(RoleTerms) -> RoleTerms) -> Self {
        self.roles.push((name.into(), terms(RoleTerms::default())));
        self
    }

    /// The registry.
    ///
    /// # Errors
    ///
    /// If a role or a permission has a name that no credential can carry (it is empty, has white space around it, contains a
    /// control character or has more than 255 bytes), if two roles have the same name, or if a role implies an unknown role or,
    /// directly or through other roles, itself.
    pub fn build(self) -> Result<Roles, ConfigError> {
        let mut mistakes = Mistakes::default();
        for (at, (name, terms)) in self.roles.iter().enumerate() {
            if let Some(problem) = Kind::Role.mistake(name) {
                mistakes.report("roles", problem);
            }
            for problem in terms.grants.iter().filter_map(|name| Kind::Permission.mistake(name)) {
                mistakes.report("roles", format!("{name:?} grants a permission with an {problem}"));
            }
            if self.roles.iter().take(at).any(|(earlier, _)| earlier == name) {
                mistakes.report("roles", format!("must not define {name:?} twice"));
            }
            for unknown in terms.implies.iter().filter(|implied| self.terms(implied).next().is_none()) {
                mistakes.report("roles", format!("{name:?} implies {unknown:?}, which is not a role of this registry"));
            }
        }
        if let Some(cycle) = self.hierarchy().first_cycle() {
            mistakes.report("roles", format!("must not imply each other in a cycle: {}", cycle.join(" -> ")));
        }
        mistakes.into_result().map(|()| self.assembled())
    }

    /// Resolves what each role implies and grants. An implied role that does not exist is left out.
    fn assembled(&self) -> Roles {
        let hierarchy = self.hierarchy();
        let roles = self.roles.iter().map(|(name, _)| {
            let mut authority = Authority::default();
            for role in hierarchy.closure(name) {
                authority.add_role(role);
                self.terms(role).for_each(|terms| terms.grants.iter().for_each(|name| authority.add_permission(name)));
            }
            (name.clone(), Arc::new(authority))
        });
        let permissions = self.roles.iter().flat_map(|(_, terms)| terms.grants.iter().cloned());
        Roles { id: RegistryId::unique(), roles: roles.collect(), permissions: permissions.collect() }
    }

    fn terms(&self, role: &str) -> impl Iterator<Item = &RoleTerms> {
        self.roles.iter().find(|(name, _)| name == role).map(|(_, terms)| terms).into_iter()
    }

    fn hierarchy(&self) -> Hierarchy<'_> {
        let mut hierarchy = Hierarchy::new();
        for (name, terms) in &self.roles {
            hierarchy.add(name, terms.implies.iter().map(String::as_str));
        }
        hierarchy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carrying(roles: &[&'static str]) -> Principal {
        Principal::new("Bearer", "issuer", "ada").with_roles(roles.iter().copied())
    }

    fn rejected(builder: RolesBuilder) -> String {
        builder.build().unwrap_err().to_string()
    }

    #[test]
    fn implied_roles_and_permissions_are_inherited() {
        let roles = Roles::builder()
            .role("admin", |role| role.implies("editor").grants("users:delete"))
            .role("editor", |role| role.implies("user").grants("pages:write"))
            .role("user", |role| role)
            .build()
            .unwrap();
        let authority = roles.authority(&carrying(&["admin", "root"]));
        assert_eq!(authority.unknown(), [Box::<str>::from("root")]);
        assert!(["admin", "editor", "user"].iter().all(|role| authority.has_role(role)));
        assert!(["users:delete", "pages:write"].iter().all(|permission| authority.has_permission(permission)));
        let authority = roles.authority(&carrying(&["editor"]));
        assert!(!authority.has_role("admin") && !authority.has_permission("users:delete"));
        assert!(!roles.authority(&carrying(&[])).has_role("user"));
        assert!(roles.lacks_permission("reports:read").is_some());
        assert_eq!(roles.mistaken_name(), None);
        assert!(roles.clone().permission("").mistaken_name().is_some());
        assert_eq!(roles.permission("reports:read").lacks_permission("reports:read"), None);
    }

    #[test]
    fn authority_is_resolved_once_for_all_clones() {
        let roles = Roles::builder().role("a", |role| role).role("b", |role| role).build().unwrap();
        let principal = carrying(&["a", "b", "c"]);
        let first = roles.authority(&principal);
        assert!(Arc::ptr_eq(&first, &roles.clone().permission("x").authority(&principal.clone())));
        assert!(first.has_role("a") && first.has_role("b") && !first.has_role("c"));
        assert_eq!(first.unknown(), [Box::<str>::from("c")]);
    }

    #[test]
    fn each_registry_resolves_by_its_own_roles() {
        let implying = |implied: &str| {
            Roles::builder().role("a", |role| role.implies(implied)).role("b", |r| r).role("c", |r| r).build().unwrap()
        };
        let (first, second) = (implying("b"), implying("c"));
        let principal = carrying(&["a"]);
        for _ in 0..2 {
            let (by_first, by_second) = (first.authority(&principal), second.authority(&principal));
            assert!(by_first.has_role("b") && !by_first.has_role("c"));
            assert!(by_second.has_role("c") && !by_second.has_role("b"));
        }
    }

    #[test]
    fn principal_with_other_roles_is_resolved_again() {
        let roles = Roles::builder().role("a", |role| role).role("b", |role| role).build().unwrap();
        let principal = carrying(&["a"]);
        assert!(roles.authority(&principal).has_role("a"));
        // Its roles change in place, and those of a clone in a copy.
        let authority = roles.authority(&principal.clone().with_roles(["b"]));
        assert!(authority.has_role("b") && !authority.has_role("a"));
        let authority = roles.authority(&principal.with_roles(["b"]));
        assert!(authority.has_role("b") && !authority.has_role("a"));
    }

    #[test]
    fn mistaken_definitions_are_rejected() {
        let plain = |name: &str| Roles::builder().role(name, |role| role);
        assert!(rejected(plain("")).contains("must not be empty"));
        assert!(rejected(plain("admin ")).contains("white space"));
        assert!(rejected(plain("ad\nmin")).contains("invalid name \"ad\\nmin\": the name of a role"));
        assert!(rejected(plain(&"a".repeat(256))).contains("255 bytes"));
        let grants = Roles::builder().role("admin", |role| role.grants("users:\u{7f}delete"));
        assert!(
            rejected(grants).contains("\"admin\" grants a permission with an invalid name \"users:\\u{7f}delete\"")
        );
        assert!(rejected(plain("a").role("a", |role| role)).contains("twice"));
        assert!(rejected(plain("a").role("b", |role| role.implies("c"))).contains("\"c\", which is not a role"));
        let cycle = Roles::builder()
            .role("start", |role| role.implies("a"))
            .role("a", |role| role.implies("b"))
            .role("b", |role| role.implies("a"));
        assert!(rejected(cycle).contains("a -> b -> a"));
        assert!(rejected(Roles::builder().role("a", |role| role.implies("a"))).contains("a -> a"));
    }
}
