//! The endpoints of a scope, with the demands of the scopes around them.

use super::{Mount, Scope, ScopeItemKind};
use crate::policy::Rule;
use crate::policy_table::{PolicyRow, PolicyTable};
use crate::rate_limit::RateLimit;

/// The demands of the scopes around an endpoint, the outermost first, each with the prefix of its scope.
#[derive(Clone, Default)]
pub(super) struct Around {
    pub(super) prefix: String,
    pub(super) rules: Vec<(String, Rule)>,
    pub(super) rate_limits: Vec<(String, RateLimit)>,
}

impl Around {
    pub(super) fn inside(&self, scope: &Scope) -> Self {
        let mut around = self.clone();
        around.prefix.push_str(&scope.prefix);
        let prefix = || around.prefix.clone();
        around.rules.extend(scope.rules.iter().map(|rule| (prefix(), *rule)));
        around.rate_limits.extend(scope.rate_limits.iter().map(|rate_limit| (around.prefix.clone(), *rate_limit)));
        around
    }
}

/// The endpoints in the order in which they were added.
pub(super) fn endpoints<'s>(scope: &'s Scope, around: &Around) -> Vec<(Around, &'s Mount)> {
    let around = around.inside(scope);
    let members = scope.items.iter().flat_map(|item| match &item.0 {
        ScopeItemKind::Endpoint(mount) => vec![(around.clone(), mount)],
        ScopeItemKind::Scope(inner) => endpoints(inner, &around),
    });
    members.collect()
}

pub(super) fn table(scope: &Scope) -> PolicyTable {
    let mut table = PolicyTable::default();
    for (around, mount) in endpoints(scope, &Around::default()) {
        let row = PolicyRow::new(&mount.route, &around.prefix, mount.policy, &around.rules, &around.rate_limits);
        table.push(row.with_row_filter(mount.needs.row_filter));
    }
    table
}
