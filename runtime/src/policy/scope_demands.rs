//! The demands of the scopes around an endpoint.

use super::{Credentials, Rule};
use crate::rate_limit::RateLimit;

/// The demands of all scopes around an endpoint, the outermost first.
#[derive(Clone, Debug)]
pub(crate) struct ScopeDemands {
    pub(crate) rules: Vec<Rule>,
    pub(crate) rate_limits: Vec<ScopeRateLimit>,
    /// How strictly the rules together treat credentials.
    pub(crate) credentials: Credentials,
}

/// A rate limit of a scope, and the bucket that its endpoints share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScopeRateLimit {
    pub(crate) rate_limit: RateLimit,
    pub(crate) bucket: u64,
}

impl ScopeDemands {
    pub(crate) const NONE: &'static Self = &Self::new();

    pub(crate) const fn new() -> Self {
        Self { rules: Vec::new(), rate_limits: Vec::new(), credentials: Credentials::Ignored }
    }

    /// Adds the demands of an inner scope. `prefix` is its whole prefix, with those of the scopes around it.
    pub(crate) fn within(&self, prefix: &str, rules: &[Rule], rate_limits: &[RateLimit]) -> Self {
        let mut demands = self.clone();
        demands.rules.extend(rules);
        demands.credentials = rules.iter().fold(demands.credentials, |all, rule| all.and(rule.credentials()));
        let bucketed = |rate_limit: &RateLimit| ScopeRateLimit {
            bucket: rate_limit.bucket_of_scope(prefix),
            rate_limit: *rate_limit,
        };
        demands.rate_limits.extend(rate_limits.iter().map(bucketed));
        demands
    }
}
