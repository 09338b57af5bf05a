//! The rate limits of one mounted handler, as a request is charged.
//!
//! Threat: a request that is charged twice for one bucket, or by the laxer of two terms (CWE-799). Promise: each key of each
//! rate limit is charged once, and if a scope and a handler name the same bucket, the stricter terms apply.

use super::definition::{By, Count, RateLimit, Stage};
use super::store::Few;

/// One key of a rate limit that each request of a handler must pass.
#[derive(Clone)]
pub(crate) struct MountedRateLimit {
    pub(crate) rate_limit: RateLimit,
    pub(crate) by: By,
    /// When the key is known.
    pub(crate) stage: Stage,
    pub(crate) bucket: u64,
    /// How many units one request costs.
    pub(crate) cost: u32,
    /// Whether it only observes, and rejects nothing.
    pub(crate) observed: bool,
}

impl MountedRateLimit {
    /// Each key of these rate limits, which have these buckets.
    pub(crate) fn of(rate_limits: impl Iterator<Item = (RateLimit, u64)>) -> Few<Self> {
        let mut mounted: Few<Self> = Few::new();
        for (rate_limit, bucket) in rate_limits {
            for by in rate_limit.counted_by() {
                let bucket = rate_limit.bucket_of(bucket, *by);
                match mounted.iter_mut().find(|other| other.bucket == bucket && other.by == *by) {
                    Some(other) => {
                        if rate_limit.count == Count::All || other.rate_limit.count != Count::All {
                            other.rate_limit = rate_limit;
                        }
                        other.cost = other.cost.max(rate_limit.cost);
                        other.observed &= rate_limit.observe;
                    }
                    None => mounted.push(Self {
                        rate_limit,
                        by: *by,
                        stage: by.stage(),
                        bucket,
                        cost: rate_limit.cost,
                        observed: rate_limit.observe,
                    }),
                }
            }
        }
        mounted
    }
}
