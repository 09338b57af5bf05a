//! Verification of the rate limits of a scope.
//!
//! Threat: two handlers should share a rate limit but have different numbers, so that a client can use both (CWE-799). Promise:
//! a shared name has one limit and one window.

use std::collections::HashMap;
use std::fmt;

use super::members::Mount;
use super::walk::{Neighbours, OuterScopes};
use crate::config_error::Mistakes;
use crate::endpoint::arguments::FieldMistake;
use crate::policy::HandlerPath;
use crate::policy_table::prefix_or_slash;
use crate::rate_limit::{By, RateLimit};

pub(super) fn verify<'s>(endpoints: &'s [Neighbours<'s>], mistakes: &mut Mistakes) {
    // The first rate limit of each name. The key is the scope that shares it (`None`: all routes) and the name. Later ones must have
    // the same numbers.
    let mut known: HashMap<(Option<&str>, &str), (&RateLimit, DeclaredAt<'s>)> = HashMap::new();
    let mut compare = |scope, rate_limit: &'s RateLimit, source, mistakes: &mut Mistakes| {
        let (other, other_source) = known.entry((scope, rate_limit.name())).or_insert((rate_limit, source));
        if other.contradicts(rate_limit) {
            mistakes.report("routes", format!(
                "the rate limit \"{}\" is {} at {other_source} and {} at {source}: use the same numbers for one name, or different names",
                rate_limit.name(),
                numbers(other),
                numbers(rate_limit),
            ));
        }
    };
    for Neighbours { outer, mounts } in endpoints {
        for (prefix, rate_limit) in &outer.rate_limits {
            for by in rate_limit.counted_by().iter().filter(|by| matches!(by, By::Field(_))) {
                let problem = format!(
                    "the rate limit \"{}\" of the scope {} counts by {by}, which is possible only above a handler: move it there, or \
                     name the field as it is on the wire, with `By::InputField`",
                    rate_limit.name(),
                    outer.declared(prefix),
                );
                mistakes.report("routes", problem);
            }
            for field in rate_limit.input_fields() {
                mounts.iter().for_each(|mount| check_field(outer, (prefix, rate_limit), field, mount, mistakes));
            }
        }
        for (prefix, rate_limit) in &outer.rate_limits {
            let scope = if rate_limit.shared { None } else { Some(prefix.as_str()) };
            compare(scope, rate_limit, DeclaredAt::Scope(prefix), mistakes);
        }
        for mount in mounts {
            for rate_limit in mount.policy.rate_limits.iter().filter(|rate_limit| rate_limit.shared) {
                compare(None, rate_limit, DeclaredAt::Handler(mount.policy.handler), mistakes);
            }
        }
    }
}

/// Checks that a scope counts by a field that each handler in it has.
fn check_field(
    outer: &OuterScopes,
    (prefix, rate_limit): (&str, &RateLimit),
    field: &str,
    mount: &Mount,
    mistakes: &mut Mistakes,
) {
    let problem = match mount.needs.place_of(field) {
        Err(FieldMistake::Missing) => {
            "has no `Json`, `Form` or `Query` argument of a struct with that field, as a text or a whole number: move the handler out of \
             the scope, or the rate limit above the handlers that have the field"
        }
        Err(FieldMistake::Doubled) => {
            "has two arguments with that field, so it is unclear which one counts: write the rate limit above the handlers"
        }
        Ok(_) if mount.policy.max_inflated_bytes().is_some() => {
            "accepts compressed bodies, in which the field cannot be read: remove `compressed_body`, or write the rate limit above the \
             handler"
        }
        Ok(_) => return,
    };
    let (name, scope, handler) = (rate_limit.name(), outer.declared(prefix), mount.policy.declared());
    let text = format!(
        "the rate limit \"{name}\" of the scope {scope} counts by the field {field:?}, but {handler} {problem}"
    );
    mistakes.report("routes", text);
}

/// Where a rate limit is written.
#[derive(Clone, Copy)]
enum DeclaredAt<'s> {
    Scope(&'s str),
    Handler(HandlerPath),
}

impl fmt::Display for DeclaredAt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scope(prefix) => write!(f, "the scope {}", prefix_or_slash(prefix)),
            Self::Handler(handler) => write!(f, "`{handler}`"),
        }
    }
}

fn numbers(rate_limit: &RateLimit) -> String {
    if rate_limit.lacks_numbers() {
        return "configured".to_owned();
    }
    format!("{} per {} s", rate_limit.limit(), rate_limit.window().as_secs())
}
