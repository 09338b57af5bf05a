//! Every endpoint of a scope, with all that stands around it.

use super::{Kind, Mount, Scope};
use crate::policy::Rule;
use crate::policy_table::{PolicyRow, PolicyTable};
use crate::rate_limit::RateLimit;

/// What the scopes around an endpoint say, the outermost first, each under the prefix that says it.
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

/// Every endpoint, in the order in which they were added.
pub(super) fn endpoints<'s>(scope: &'s Scope, around: &Around) -> Vec<(Around, &'s Mount)> {
    let around = around.inside(scope);
    let members = scope.items.iter().flat_map(|item| match &item.0 {
        Kind::Endpoint(mount) => vec![(around.clone(), mount)],
        Kind::Scope(inner) => endpoints(inner, &around),
    });
    members.collect()
}

pub(super) fn table(scope: &Scope) -> PolicyTable {
    let mut table = PolicyTable::default();
    for (around, mount) in endpoints(scope, &Around::default()) {
        let row = PolicyRow::new(&mount.route, &around.prefix, mount.policy, &around.rules, &around.rate_limits);
        table.push(row.taking_scoped(mount.needs.row_filter));
    }
    table
}
