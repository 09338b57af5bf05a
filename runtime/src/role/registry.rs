//! The roles that there are, what they imply and what they grant.
//!
//! Threat: a role that nobody defined, misspelt in a rule or brought by a token, and that means something all the same
//! (CWE-863). Promise: with a vocabulary, what is outside of it is an error where we wrote it and no authority where a token
//! brings it; the hierarchy is worked out once, when the application is built.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config_error::{ConfigError, Mistakes};
use crate::principal::Authority;
use crate::role::{RoleDefinition, RoleName, TypedRole};

/// The vocabulary of roles, for [`PalisadeBuilder::roles`](crate::PalisadeBuilder::roles).
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
    /// Whoever has this role has that one too, with all that it implies and grants.
    pub fn implies(mut self, role: impl Into<String>) -> Self {
        self.implies.push(role.into());
        self
    }

    /// Whoever has this role has the permission.
    pub fn grants(mut self, permission: impl Into<String>) -> Self {
        self.grants.push(permission.into());
        self
    }
}

impl Roles {
    /// Roles by name.
    pub fn builder() -> RolesBuilder {
        RolesBuilder::default()
    }

    /// The roles of an enum with `#[derive(Role)]`, which has refused cycles and unknown names already.
    #[must_use]
    pub fn of<R: TypedRole>() -> Self {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let terms = |role: &RoleDefinition| RoleTerms { implies: owned(role.implies), grants: owned(role.grants) };
        let roles = R::DEFINITIONS.iter().map(|role| (role.name.to_owned(), terms(role)));
        RolesBuilder { roles: roles.collect() }.assembled()
    }

    /// One permission more, which credentials bring along ([`Principal::with_permissions`](crate::Principal::with_permissions)),
    /// so that no role has to grant it.
    #[must_use]
    pub fn permission(mut self, name: impl Into<String>) -> Self {
        self.permissions.push(name.into());
        self
    }

    /// What these roles give together, and those that there are not.
    pub(crate) fn authority<'a>(&self, roles: &'a [String]) -> (Arc<Authority>, Vec<&'a str>) {
        let mut unknown = Vec::new();
        let mut known = Vec::new();
        for role in roles {
            match self.roles.get(role) {
                Some(authority) => known.push(authority),
                None => unknown.push(role.as_str()),
            }
        }
        let authority = match known.as_slice() {
            [only] => Arc::clone(only),
            several => Arc::new(several.iter().fold(Authority::default(), |mut all, one| {
                all.join(one);
                all
            })),
        };
        (authority, unknown)
    }

    /// That this registry lacks the role, in words.
    pub(crate) fn lacks_role(&self, role: &str) -> Option<String> {
        (!self.roles.contains_key(role)).then(|| self.is_none_of_them(role))
    }

    /// That no role of this registry grants the permission, in words.
    pub(crate) fn lacks_permission(&self, permission: &str) -> Option<String> {
        let help = format!("grant it to a role, or write `.permission({permission:?})` where credentials bring it");
        (!self.permissions.iter().any(|known| known == permission))
            .then(|| format!("no role grants the permission {permission:?} ({help})"))
    }

    /// That this vocabulary lacks the role of administrators, in words.
    pub(crate) fn lacks_admin(&self, admin: &RoleName) -> Option<String> {
        let cure = "name the role of your administrators with `.admin_role(..)`";
        let lacking = || format!("{} ({cure})", self.is_none_of_them(admin.as_str()));
        (!self.roles.contains_key(admin.as_str())).then(lacking)
    }

    fn is_none_of_them(&self, role: &str) -> String {
        let mut known: Vec<_> = self.roles.keys().map(|name| format!("{name:?}")).collect();
        known.sort_unstable();
        format!("the role {role:?} is none of {}", known.join(", "))
    }
}

impl RolesBuilder {
    /// A role, with what it implies and grants.
    pub fn role(mut self, name: impl Into<String>, terms: impl FnOnce(RoleTerms) -> RoleTerms) -> Self {
        self.roles.push((name.into(), terms(RoleTerms::default())));
        self
    }

    /// The vocabulary.
    ///
    /// # Errors
    ///
    /// If a name is empty or stands twice, a role implies one that there is not, or one that implies it in turn.
    pub fn build(self) -> Result<Roles, ConfigError> {
        let mut mistakes = Mistakes::default();
        for (at, (name, terms)) in self.roles.iter().enumerate() {
            if name.trim() != name || name.is_empty() {
                mistakes.report(
                    "roles",
                    format!("a role's name must not be empty or have space around it; {name:?} is not one"),
                );
            }
            if self.roles.iter().take(at).any(|(earlier, _)| earlier == name) {
                mistakes.report("roles", format!("{name:?} is defined twice"));
            }
            for unknown in terms.implies.iter().filter(|implied| self.find(implied).is_none()) {
                mistakes.report("roles", format!("{name:?} implies {unknown:?}, which is not a role of this registry"));
            }
            let mut way = vec![name.as_str()];
            // Each circle is reported once, by its first name.
            if self.leads_back(name, terms, &mut way) && way.iter().all(|other| name.as_str() <= *other) {
                mistakes.report("roles", format!("roles imply each other in a circle: {}", way.join(" -> ")));
            }
        }
        mistakes.into_result().map(|()| self.assembled())
    }

    /// What each role comes to. One that is implied and does not exist is passed over.
    fn assembled(&self) -> Roles {
        let roles = self.roles.iter().map(|(name, terms)| {
            let mut authority = Authority::default();
            self.add(name, terms, &mut authority);
            (name.clone(), Arc::new(authority))
        });
        let permissions = self.roles.iter().flat_map(|(_, terms)| terms.grants.iter().cloned());
        Roles { roles: roles.collect(), permissions: permissions.collect() }
    }

    fn find(&self, role: &str) -> Option<&RoleTerms> {
        self.roles.iter().find(|(name, _)| name == role).map(|(_, terms)| terms)
    }

    /// Whether one that these terms imply, however far away, is `goal`; the way there is left in `way`.
    fn leads_back<'a>(&'a self, goal: &str, terms: &'a RoleTerms, way: &mut Vec<&'a str>) -> bool {
        for implied in &terms.implies {
            let seen = implied != goal && way.contains(&implied.as_str());
            if seen {
                continue;
            }
            way.push(implied);
            if implied == goal || self.find(implied).is_some_and(|terms| self.leads_back(goal, terms, way)) {
                return true;
            }
            way.pop();
        }
        false
    }

    fn add(&self, name: &str, terms: &RoleTerms, authority: &mut Authority) {
        if !authority.add_role(name) {
            return;
        }
        terms.grants.iter().for_each(|permission| authority.add_permission(permission));
        for implied in &terms.implies {
            if let Some(terms) = self.find(implied) {
                self.add(implied, terms, authority);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(builder: RolesBuilder) -> String {
        builder.build().unwrap_err().to_string()
    }

    #[test]
    fn what_a_role_implies_and_grants_is_handed_on() {
        let roles = Roles::builder()
            .role("admin", |role| role.implies("editor").grants("users:delete"))
            .role("editor", |role| role.implies("user").grants("pages:write"))
            .role("user", |role| role)
            .build()
            .unwrap();
        let brought = ["admin".to_owned(), "root".to_owned()];
        let (authority, unknown) = roles.authority(&brought);
        assert_eq!(unknown, ["root"]);
        assert!(["admin", "editor", "user"].iter().all(|role| authority.has_role(role)));
        assert!(["users:delete", "pages:write"].iter().all(|permission| authority.has_permission(permission)));
        let brought = ["editor".to_owned()];
        let (authority, _) = roles.authority(&brought);
        assert!(!authority.has_role("admin") && !authority.has_permission("users:delete"));
        assert!(!roles.authority(&[]).0.has_role("user"));
        assert!(roles.lacks_permission("reports:read").is_some());
        assert_eq!(roles.permission("reports:read").lacks_permission("reports:read"), None);
    }

    #[test]
    fn a_vocabulary_that_makes_no_sense_is_refused() {
        let plain = |name: &str| Roles::builder().role(name, |role| role);
        assert!(refused(plain("")).contains("not be empty"));
        assert!(refused(plain("a").role("a", |role| role)).contains("twice"));
        assert!(refused(plain("a").role("b", |role| role.implies("c"))).contains("\"c\", which is not a role"));
        let circle = Roles::builder()
            .role("start", |role| role.implies("a"))
            .role("a", |role| role.implies("b"))
            .role("b", |role| role.implies("a"));
        assert!(refused(circle).contains("a -> b -> a"));
        assert!(refused(Roles::builder().role("a", |role| role.implies("a"))).contains("a -> a"));
    }
}
