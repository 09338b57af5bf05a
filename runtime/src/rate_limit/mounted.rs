//! The rate limits of one mounted handler, as a request is charged.
//!
//! Threat: a request that is charged twice for one bucket, or by the laxer of two terms (CWE-799). Promise: each key of each
//! rate limit is charged once, and if a scope and a handler name the same bucket, the stricter terms apply.

use std::rc::Rc;

use actix_web::http::header::HeaderValue;

use super::definition::{By, Count, OnStoreFailure, RateLimit, Stage};
use super::headers::{ReportedLimit, policy_of};

/// All rate limits that each request of a handler must pass, by the stage of the checks in which their key is known: a [`Stage`]
/// is an index here.
#[derive(Default)]
pub(crate) struct MountedRateLimits {
    by_stage: [Vec<Rc<MountedRateLimit>>; 3],
    /// How many of them responses report, and `RateLimit-Policy` with all of these.
    pub(super) policy: Option<(usize, HeaderValue)>,
}

impl MountedRateLimits {
    /// Each key of these rate limits, which have these buckets.
    pub(crate) fn of(rate_limits: impl Iterator<Item = (RateLimit, u64)>) -> Self {
        let mut mounted = Self::default();
        for each in MountedRateLimit::of(rate_limits) {
            let [connection, caller, input] = &mut mounted.by_stage;
            let of_stage = match each.by.stage() {
                Stage::Connection => connection,
                Stage::Caller => caller,
                Stage::Input => input,
            };
            of_stage.push(Rc::new(each));
        }
        let all = || mounted.by_stage.iter().flatten();
        let reported = || all().filter_map(|mounted| mounted.reported.as_ref());
        mounted.policy = policy_of(reported()).map(|policy| (reported().count(), policy));
        mounted
    }

    pub(crate) fn at(&self, stage: Stage) -> &[Rc<MountedRateLimit>] {
        self.by_stage.get(stage as usize).map_or(&[], Vec::as_slice)
    }
}

/// One key of a rate limit that each request of a handler must pass.
pub(crate) struct MountedRateLimit {
    pub(crate) rate_limit: RateLimit,
    pub(crate) by: By,
    pub(crate) bucket: u64,
    /// How many units one request costs.
    pub(crate) cost: u32,
    /// Whether it only observes, and rejects nothing.
    pub(crate) observed: bool,
    /// What it does while the shared store does not respond.
    pub(crate) on_outage: OnStoreFailure,
    /// What responses report. `None` if they report nothing.
    pub(crate) reported: Option<ReportedLimit>,
}

impl MountedRateLimit {
    fn of(rate_limits: impl Iterator<Item = (RateLimit, u64)>) -> Vec<Self> {
        let mut mounted: Vec<Self> = Vec::new();
        for (rate_limit, bucket) in rate_limits {
            for by in rate_limit.counted_by() {
                let bucket = rate_limit.bucket_of(bucket, *by);
                match mounted.iter_mut().find(|other| other.bucket == bucket && other.by == *by) {
                    Some(other) => {
                        if other.rate_limit.count != rate_limit.count {
                            other.rate_limit = rate_limit.count(Count::All);
                        }
                        other.cost = other.cost.max(rate_limit.cost);
                        other.observed &= rate_limit.observe;
                        other.on_outage = stricter(other.on_outage, rate_limit.action_on_outage());
                    }
                    None => mounted.push(Self {
                        rate_limit,
                        by: *by,
                        bucket,
                        cost: rate_limit.cost,
                        observed: rate_limit.observe,
                        on_outage: rate_limit.action_on_outage(),
                        reported: ReportedLimit::of(&rate_limit, *by),
                    }),
                }
            }
        }
        mounted
    }
}

fn stricter(one: OnStoreFailure, other: OnStoreFailure) -> OnStoreFailure {
    match (one, other) {
        (OnStoreFailure::Deny, _) | (_, OnStoreFailure::Deny) => OnStoreFailure::Deny,
        (OnStoreFailure::Local, _) | (_, OnStoreFailure::Local) => OnStoreFailure::Local,
        (OnStoreFailure::Allow, OnStoreFailure::Allow) => OnStoreFailure::Allow,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(one: RateLimit, other: RateLimit) -> MountedRateLimit {
        let mut mounted = MountedRateLimit::of([(one, 7), (other, 7)].into_iter());
        assert_eq!(mounted.len(), 1, "one bucket is charged once");
        mounted.remove(0)
    }

    #[test]
    fn stricter_action_on_outage_applies() {
        use OnStoreFailure::{Allow, Deny, Local};
        let limit = |action| RateLimit::per_seconds("login", 5, 900).on_outage(action);
        for (one, other, expected) in [
            (Deny, Allow, Deny),
            (Allow, Deny, Deny),
            (Local, Allow, Local),
            (Allow, Local, Local),
            (Deny, Local, Deny),
        ] {
            assert_eq!(merged(limit(one), limit(other)).on_outage, expected, "{one:?} and {other:?}");
        }
        let counts_all = RateLimit::per_seconds("login", 5, 900);
        let counts_failures = counts_all.count(Count::Failures);
        assert_eq!(merged(counts_all, counts_failures).on_outage, Deny);
        assert_eq!(merged(counts_failures, counts_all).on_outage, Deny);
    }

    #[test]
    fn two_different_counts_count_all() {
        let limit = |count| RateLimit::per_seconds("login", 5, 900).count(count);
        for (one, other, expected) in [
            (Count::Failures, Count::Failures, Count::Failures),
            (Count::Failures, Count::All, Count::All),
            (Count::All, Count::Failures, Count::All),
            (Count::Failures, Count::Successes, Count::All),
        ] {
            assert_eq!(merged(limit(one), limit(other)).rate_limit.count, expected, "{one:?} and {other:?}");
        }
    }

    #[test]
    fn higher_cost_applies_and_enforcement_wins() {
        let limit = RateLimit::per_seconds("login", 5, 900);
        let both = merged(limit.cost(2).observe(), limit.cost(3));
        assert_eq!((both.cost, both.observed), (3, false));
    }
}
