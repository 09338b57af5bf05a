//! The cache of verified scopes.
//!
//! Threat: each worker builds the same scope and verifies it again, which slows down the start. Promise: the verification is
//! skipped only if an equal scope passed it. A scope with a mistake fails each time.

use std::collections::VecDeque;

use parking_lot::Mutex;

use super::{Scope, ScopeItemKind, verify};
use crate::config_error::ConfigError;
use crate::endpoint::ParameterCount;
use crate::policy::{ForeignRow, Policy, Route, Rule};
use crate::rate_limit::RateLimit;

/// The last scopes that passed. An application has few scopes. In a process with many scopes, such as a test, older ones are
/// verified again.
static KNOWN: Mutex<VecDeque<Outline>> = Mutex::new(VecDeque::new());
const MAX_KNOWN: usize = 16;

/// The parts of a scope that the verification reads.
#[derive(PartialEq)]
struct Outline {
    prefix: String,
    rules: Vec<Rule>,
    /// The responses for rows of other owners. The equality of rules does not compare them.
    rejected: Vec<ForeignRow>,
    rate_limits: Vec<RateLimit>,
    members: Vec<Member>,
}

#[derive(PartialEq)]
enum Member {
    Endpoint(Route, &'static Policy, Vec<ForeignRow>, Vec<ParameterCount>),
    Scope(Outline),
}

impl Outline {
    fn of(scope: &Scope) -> Self {
        let members = scope.items.iter().map(|item| match &item.0 {
            ScopeItemKind::Endpoint(mount) => {
                let rejected = rejected_by(&[mount.policy.rule]);
                Member::Endpoint(mount.route, mount.policy, rejected, mount.needs.parameter_counts.clone())
            }
            ScopeItemKind::Scope(inner) => Member::Scope(Self::of(inner)),
        });
        Self {
            prefix: scope.prefix.clone(),
            rejected: rejected_by(&scope.rules),
            rules: scope.rules.clone(),
            rate_limits: scope.rate_limits.clone(),
            members: members.collect(),
        }
    }
}

fn rejected_by(rules: &[Rule]) -> Vec<ForeignRow> {
    let mut rejected = Vec::new();
    for rule in rules {
        rule.leaves(&mut |leaf| {
            if let Rule::Owns(ownership) = leaf {
                rejected.push(ownership.rejected());
            }
        });
    }
    rejected
}

/// Verifies the scope for any role of administrators. Mistakes that depend on that role are found when it is known.
pub(super) fn verify(scope: &Scope) -> Result<(), ConfigError> {
    let outline = Outline::of(scope);
    // The lock is held during the verification, so that other workers wait for it instead of repeating it.
    let mut known = KNOWN.lock();
    if known.contains(&outline) {
        return Ok(());
    }
    #[cfg(test)]
    super::tests::note_verification(&outline.prefix);
    verify::verify(scope, None)?;
    if known.len() >= MAX_KNOWN {
        known.pop_front();
    }
    known.push_back(outline);
    Ok(())
}
