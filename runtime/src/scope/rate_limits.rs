//! Verification of the rate limits of a scope.
//!
//! Threat: two handlers that should share a rate limit and have different numbers, so that a client can use both (CWE-799). Promise:
//! a shared name has one limit and one window.

use std::collections::HashMap;

use super::Mount;
use super::verify::mistake;
use super::walk::Around;
use crate::config_error::Mistakes;
use crate::rate_limit::{By, RateLimit};

pub(super) fn verify(endpoints: &[(Around, &Mount)], mistakes: &mut Mistakes) {
    // The first of each name, by who shares it: all of that name, or all in the scope. Those after it have its numbers.
    let mut known: HashMap<(Option<&str>, &str), (&RateLimit, String)> = HashMap::new();
    for (around, mount) in endpoints {
        for (prefix, rate_limit) in &around.rate_limits {
            if let Some(by) = rate_limit.keys().iter().find(|by| matches!(by, By::Field(_))) {
                let name = rate_limit.name();
                mistakes.note(mistake::<()>(format!(
                    "the rate limit \"{name}\" of the scope {prefix:?} counts by {by}, which is possible above a handler only: move it there"
                )));
            }
        }
        let of_scopes = around.rate_limits.iter().map(|(prefix, rate_limit)| {
            (if rate_limit.shared { None } else { Some(prefix.as_str()) }, rate_limit, format!("the scope {prefix:?}"))
        });
        let shared = mount.policy.rate_limits.iter().filter(|rate_limit| rate_limit.shared);
        let of_handler = shared.map(|rate_limit| (None, rate_limit, format!("`{}`", mount.policy.handler)));
        for (owner, rate_limit, place) in of_scopes.chain(of_handler) {
            let (other, other_place) =
                known.entry((owner, rate_limit.name())).or_insert_with(|| (rate_limit, place.clone()));
            if other.contradicts(rate_limit) {
                mistakes.note(mistake::<()>(format!(
                    "the rate limit \"{}\" is {} at {other_place} and {} at {place}: use the same numbers for one name, or different names",
                    rate_limit.name(),
                    numbers(other),
                    numbers(rate_limit),
                )));
            }
        }
    }
}

fn numbers(rate_limit: &RateLimit) -> String {
    format!("{} per {} s", rate_limit.limit(), rate_limit.window().as_secs())
}
