//! Mistakes of the quotas of a whole scope.
//!
//! Threat: two handlers that mean to share a quota and do not, so that a client has both (CWE-799).
//! Promise: one name has one limit and one window, wherever it is shared.

use std::collections::HashMap;

use super::Mount;
use super::verify::mistake;
use super::walk::Around;
use crate::error::ConfigError;
use crate::policy::{By, Quota};

pub(super) fn verify(endpoints: &[(Around, &Mount)]) -> Result<(), ConfigError> {
    // The first of each name, by who shares it: all of that name, or all in the scope. Those after it have its numbers.
    let mut known: HashMap<(Option<&str>, &str), (&Quota, String)> = HashMap::new();
    for (around, mount) in endpoints {
        for (prefix, quota) in &around.quotas {
            if let Some(by) = quota.keys().iter().find(|by| matches!(by, By::Field(_))) {
                let name = quota.name();
                return mistake(format!(
                    "the quota \"{name}\" of the scope {prefix:?} counts by {by}, which only a handler's own can: put it above the handlers"
                ));
            }
        }
        let of_scopes = around.quotas.iter().map(|(prefix, quota)| {
            (if quota.shared { None } else { Some(prefix.as_str()) }, quota, format!("the scope {prefix:?}"))
        });
        let shared = mount.policy.quotas.iter().filter(|quota| quota.shared);
        let of_handler = shared.map(|quota| (None, quota, format!("`{}`", mount.policy.handler)));
        for (owner, quota, place) in of_scopes.chain(of_handler) {
            let (other, other_place) = known.entry((owner, quota.name())).or_insert_with(|| (quota, place.clone()));
            if other.contradicts(quota) {
                return mistake(format!(
                    "the quota \"{}\" is {} at {other_place} and {} at {place}: one name has the same numbers everywhere",
                    quota.name(),
                    numbers(other),
                    numbers(quota),
                ));
            }
        }
    }
    Ok(())
}

fn numbers(quota: &Quota) -> String {
    format!("{} per {} s", quota.limit(), quota.window().as_secs())
}
