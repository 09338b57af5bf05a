//! What the scopes around an endpoint demand.

use super::{Credentials, Quota, Rule};

/// The demands of all scopes around an endpoint, the outermost first.
#[derive(Clone, Debug)]
pub(crate) struct Outer {
    pub(crate) rules: Vec<Rule>,
    pub(crate) quotas: Vec<ScopeQuota>,
}

/// A quota of a scope, and the bucket that its endpoints draw on together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScopeQuota {
    pub(crate) quota: Quota,
    pub(crate) bucket: u64,
}

impl Outer {
    pub(crate) const NONE: &'static Self = &Self::new();

    pub(crate) const fn new() -> Self {
        Self { rules: Vec::new(), quotas: Vec::new() }
    }

    /// What all of it together with the route's own rule does with credentials.
    pub(crate) fn credentials(&self, own: &Rule) -> Credentials {
        self.rules.iter().fold(own.credentials(), |all, rule| all.and(rule.credentials()))
    }
}
