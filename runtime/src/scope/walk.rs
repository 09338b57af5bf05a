//! The endpoints of a scope, with the demands of the scopes around them.

use super::{Mount, Scope, ScopeItemKind};
use crate::policy::Rule;
use crate::policy_table::{PolicyRow, PolicyTable};
use crate::rate_limit::RateLimit;

/// The demands of the scopes around an endpoint, the outermost first, each with the prefix of its scope.
#[derive(Clone, Default)]
pub(super) struct OuterScopes {
    pub(super) prefix: String,
    pub(super) rules: Vec<(String, Rule)>,
    pub(super) rate_limits: Vec<(String, RateLimit)>,
}

impl OuterScopes {
    /// Returns the outer scopes of a member of `scope`: these, and `scope` itself.
    pub(super) fn inside(&self, scope: &Scope) -> Self {
        let mut outer = self.clone();
        outer.prefix.push_str(&scope.prefix);
        let prefix = || outer.prefix.clone();
        outer.rules.extend(scope.rules.iter().map(|rule| (prefix(), *rule)));
        outer.rate_limits.extend(scope.rate_limits.iter().map(|rate_limit| (outer.prefix.clone(), *rate_limit)));
        outer
    }
}

/// The endpoints in the order in which they were added.
pub(super) fn endpoints<'s>(scope: &'s Scope, outer: &OuterScopes) -> Vec<(OuterScopes, &'s Mount)> {
    let outer = outer.inside(scope);
    let members = scope.items.iter().flat_map(|item| match &item.0 {
        ScopeItemKind::Endpoint(mount) => vec![(outer.clone(), mount)],
        ScopeItemKind::Scope(inner) => endpoints(inner, &outer),
    });
    members.collect()
}

pub(super) fn table(scope: &Scope) -> PolicyTable {
    let mut table = PolicyTable::default();
    for (outer, mount) in endpoints(scope, &OuterScopes::default()) {
        let row = PolicyRow::new(&mount.route, &outer.prefix, mount.policy, &outer.rules, &outer.rate_limits);
        table.push(row.with_row_filter(mount.needs.row_filter));
    }
    table
}
