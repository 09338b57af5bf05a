//! The endpoints of a scope, with the demands of the scopes around them.

use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::Scope;
use super::members::{Mount, ScopeItemKind};
use crate::cors::CorsRules;
use crate::headers::SecurityHeaders;
use crate::policy::{Network, Rule};
use crate::policy_table::{PolicyRow, PolicyTable, RowCors, prefix_or_slash};
#[cfg(feature = "oauth")]
use crate::protected_resource::ProtectedResource;
use crate::rate_limit::RateLimit;

/// The demands of the scopes around an endpoint, the outermost first, each with the prefix of its scope.
#[derive(Clone, Default)]
pub(super) struct OuterScopes {
    pub(super) prefix: String,
    pub(super) rules: Vec<(String, Rule)>,
    pub(super) networks: Vec<(String, Arc<[Network]>)>,
    pub(super) rate_limits: Vec<(String, RateLimit)>,
    /// The timeout of the innermost scope that has one.
    pub(super) timeout: Option<(String, Duration)>,
    pub(super) concurrency: Vec<(String, u32)>,
    /// The rule for other origins of the innermost scope that has one.
    cors: Option<(String, Arc<CorsRules>)>,
    /// The protected resource of the innermost scope that is one.
    #[cfg(feature = "oauth")]
    resource: Option<(String, ProtectedResource)>,
    /// What the scopes change in the security headers.
    pub(super) headers: Vec<(String, SecurityHeaders)>,
    /// The source location of each scope, with its prefix.
    declared_at: Vec<(String, &'static Location<'static>)>,
    /// Whether the members are in the router of a scope further out, and only some requests get to them.
    has_guards: bool,
}

impl OuterScopes {
    /// Returns the outer scopes of a member of `scope`: these, and `scope` itself.
    pub(super) fn inside(&self, scope: &Scope) -> Self {
        let mut outer = self.clone();
        outer.prefix.push_str(&scope.prefix);
        let prefix = || outer.prefix.clone();
        outer.rules.extend(scope.rules.iter().map(|rule| (prefix(), *rule)));
        outer.networks.extend(scope.networks.iter().map(|networks| (outer.prefix.clone(), Arc::clone(networks))));
        outer.rate_limits.extend(scope.rate_limits.iter().map(|rate_limit| (outer.prefix.clone(), *rate_limit)));
        outer.timeout = scope.timeout.map(|timeout| (outer.prefix.clone(), timeout)).or(outer.timeout);
        outer.concurrency.extend(scope.concurrency.map(|limit| (outer.prefix.clone(), limit)));
        outer.cors = scope
            .responses
            .cors
            .as_ref()
            .map(|rules| (outer.prefix.clone(), Arc::new((**rules).clone())))
            .or(outer.cors);
        outer.headers.extend(scope.responses.headers.iter().map(|headers| (outer.prefix.clone(), headers.clone())));
        #[cfg(feature = "oauth")]
        {
            let own = scope.resource.as_ref().map(|resource| (outer.prefix.clone(), resource.clone()));
            outer.resource = own.or(outer.resource);
        }
        outer.declared_at.push((outer.prefix.clone(), scope.declared_at));
        outer.has_guards = scope.prefix.is_empty() && (self.has_guards || !scope.guards.0.is_empty());
        outer
    }

    /// Whether the guards of scopes without a prefix apply to each member, so that it does not take all requests for its path.
    pub(super) fn has_guards(&self) -> bool {
        self.has_guards
    }

    /// The scope of this prefix with its source location, for a message about a mistake: `/users (src/users.rs:12)`.
    pub(super) fn declared(&self, prefix: &str) -> String {
        let shown = prefix_or_slash(prefix);
        match self.declared_at.iter().rev().find(|(own, _)| own == prefix) {
            Some((_, location)) => format!("{shown} ({}:{})", location.file(), location.line()),
            None => shown.to_owned(),
        }
    }
}

/// Endpoints that follow each other in one scope.
pub(super) struct Neighbours<'s> {
    pub(super) outer: Rc<OuterScopes>,
    pub(super) mounts: Vec<&'s Mount>,
}

/// The endpoints in the order in which they were added.
pub(super) fn endpoints<'s>(scope: &'s Scope) -> Vec<Neighbours<'s>> {
    let mut found = Vec::new();
    add_endpoints(scope, &OuterScopes::default(), &mut found);
    found
}

fn add_endpoints<'s>(scope: &'s Scope, outer: &OuterScopes, found: &mut Vec<Neighbours<'s>>) {
    let outer = Rc::new(outer.inside(scope));
    for item in &scope.items {
        match &item.0 {
            ScopeItemKind::Endpoint(mount) => match found.last_mut() {
                Some(last) if Rc::ptr_eq(&last.outer, &outer) => last.mounts.push(mount),
                _ => found.push(Neighbours { outer: Rc::clone(&outer), mounts: vec![mount] }),
            },
            ScopeItemKind::Scope(inner) => add_endpoints(inner, &outer, found),
        }
    }
    if let Some(default) = &scope.default {
        found.push(Neighbours { outer, mounts: vec![default] });
    }
}

pub(super) fn table(scope: &Scope) -> PolicyTable {
    let mut table = PolicyTable::default();
    for Neighbours { outer, mounts } in endpoints(scope) {
        for mount in mounts {
            let row = PolicyRow::new(&mount.route, &outer.prefix, mount.policy, &outer.rules, &outer.rate_limits);
            let row = row.with_call_limits(outer.timeout.as_ref(), &outer.concurrency);
            let row = row.with_networks(&outer.networks);
            let of_scope = outer.cors.as_ref().map(|(prefix, rules)| (prefix.as_str(), Arc::clone(rules)));
            let row = row.with_cors(RowCors::new(mount.policy.cors.map(|own| (*own).into()), of_scope));
            let row = row.with_headers(&outer.headers);
            #[cfg(feature = "oauth")]
            let row = row.with_resource(outer.resource.as_ref(), mount.metadata_of.as_ref());
            table.push(row.with_arguments(mount.needs.row_filter, mount.needs.takes_actix_input()));
        }
    }
    table
}
