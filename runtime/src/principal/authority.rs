//! What the roles of a principal mean in an application.
//!
//! Threat: the authority of one application, or of other roles, that is used for this request (CWE-863). Promise: what was
//! worked out for one role registry is never the answer to another one, and a principal whose roles change forgets it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// Identifies the roles of a registry: two registries of a process have different ones, and clones have the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RegistryId(u64);

impl RegistryId {
    pub(crate) fn unique() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// The resolved roles of a principal: its roles, the roles that they imply, and the permissions that they grant.
#[derive(Clone, Debug, Default)]
pub(crate) struct Authority {
    roles: Vec<Box<str>>,
    permissions: Vec<Box<str>>,
    /// What several roles mean. They are shared with the registry, because each cached token may have another combination.
    of_roles: Vec<Arc<Authority>>,
    /// Roles of the credential that the registry does not define. They grant nothing.
    unknown: Vec<Box<str>>,
}

impl Authority {
    /// Adds a role. Returns whether it is new.
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

    pub(crate) fn add_unknown(&mut self, role: &str) {
        self.unknown.push(role.into());
    }

    pub(crate) fn join(&mut self, other: &Arc<Self>) {
        self.of_roles.push(Arc::clone(other));
    }

    pub(crate) fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|own| **own == *role) || self.of_roles.iter().any(|one| one.has_role(role))
    }

    pub(crate) fn has_permission(&self, permission: &str) -> bool {
        self.permissions.iter().any(|own| **own == *permission)
            || self.of_roles.iter().any(|one| one.has_permission(permission))
    }

    pub(crate) fn unknown(&self) -> &[Box<str>] {
        &self.unknown
    }
}

/// The authority in the first registry that was asked. A token that is cached is resolved only once that way.
#[derive(Clone, Debug, Default)]
pub(super) struct KnownAuthority(OnceLock<(RegistryId, Arc<Authority>)>);

impl KnownAuthority {
    /// For any other registry the roles are resolved each time.
    pub(super) fn in_registry(&self, registry: RegistryId, resolve: impl Fn() -> Arc<Authority>) -> Arc<Authority> {
        let (of, authority) = self.0.get_or_init(|| (registry, resolve()));
        if *of == registry { Arc::clone(authority) } else { resolve() }
    }
}
