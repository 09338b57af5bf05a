//! Verification of the rate limits of a scope.
//!
//! Threat: two handlers should share a rate limit but have different numbers, so that a client can use both (CWE-799). Promise:
//! a shared name has one limit and one window.

use std::collections::HashMap;

use super::Mount;
use super::walk::OuterScopes;
use crate::config_error::Mistakes;
use crate::policy_table::prefix_or_slash;
use crate::rate_limit::{By, RateLimit};

pub(super) fn verify(endpoints: &[(OuterScopes, &Mount)], mistakes: &mut Mistakes) {
    // The first rate limit of each name. The key is the scope that shares it (`None`: all routes) and the name. Later ones must have
    // the same numbers.
    let mut known: HashMap<(Option<&str>, &str), (&RateLimit, String)> = HashMap::new();
    for (outer, mount) in endpoints {
        for (prefix, rate_limit) in &outer.rate_limits {
            if let Some(by) = rate_limit.counted_by().iter().find(|by| matches!(by, By::Field(_))) {
                let name = rate_limit.name();
                mistakes.report("routes", format!(
                    "the rate limit \"{name}\" of the scope {} counts by {by}, which is possible only above a handler: move it there",
                    prefix_or_slash(prefix)
                ));
            }
        }
        let of_scopes = outer.rate_limits.iter().map(|(prefix, rate_limit)| {
            (
                if rate_limit.shared { None } else { Some(prefix.as_str()) },
                rate_limit,
                format!("the scope {}", prefix_or_slash(prefix)),
            )
        });
        let shared = mount.policy.rate_limits.iter().filter(|rate_limit| rate_limit.shared);
        let of_handler = shared.map(|rate_limit| (None, rate_limit, format!("`{}`", mount.policy.handler)));
        for (scope, rate_limit, source) in of_scopes.chain(of_handler) {
            let (other, other_source) =
                known.entry((scope, rate_limit.name())).or_insert_with(|| (rate_limit, source.clone()));
            if other.contradicts(rate_limit) {
                mistakes.report("routes", format!(
                    "the rate limit \"{}\" is {} at {other_source} and {} at {source}: use the same numbers for one name, or different names",
                    rate_limit.name(),
                    numbers(other),
                    numbers(rate_limit),
                ));
            }
        }
    }
}

fn numbers(rate_limit: &RateLimit) -> String {
    format!("{} per {} s", rate_limit.limit(), rate_limit.window().as_secs())
}
