//! What the scopes around an endpoint demand.

use super::{Credentials, Quota, Rule};

/// The demands of all scopes around an endpoint, the outermost first.
#[derive(Clone, Debug)]
pub(crate) struct Outer {
    pub(crate) rules: Vec<Rule>,
    pub(crate) quotas: Vec<ScopeQuota>,
    /// What all of the rules together do with credentials.
    pub(crate) credentials: Credentials,
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
        Self { rules: Vec::new(), quotas: Vec::new(), credentials: Credentials::Ignored }
    }

    /// The same with one scope more, whose prefix begins the whole path of its endpoints.
    pub(crate) fn within(&self, prefix: &str, rules: &[Rule], quotas: &[Quota]) -> Self {
        let mut outer = self.clone();
        outer.rules.extend(rules);
        outer.credentials = rules.iter().fold(outer.credentials, |all, rule| all.and(rule.credentials()));
        let bucketed = |quota: &Quota| ScopeQuota { bucket: quota.bucket_of_scope(prefix), quota: *quota };
        outer.quotas.extend(quotas.iter().map(bucketed));
        outer
    }
}
