//! The cache of verified scopes.
//!
//! Threat: each worker builds the same scope and verifies it again, which slows down the start. Promise: the verification is
//! skipped only if an equal scope passed it. A scope with a mistake fails each time.

use std::collections::VecDeque;
use std::ptr;
use std::time::Duration;

use parking_lot::Mutex;

use super::members::{Mount, ScopeItem, ScopeItemKind};
use super::{Scope, verify};
use crate::config_error::ConfigError;
use crate::endpoint::ParameterCount;
use crate::endpoint::arguments::InputArgument;
use crate::navigation;
use crate::policy::{ForeignRow, Policy, Route, Rule};
use crate::rate_limit::RateLimit;

/// The last scopes that passed. An application has few scopes. In a process with many scopes, such as a test, older ones are
/// verified again.
static KNOWN: Mutex<VecDeque<Outline>> = Mutex::new(VecDeque::new());
const MAX_KNOWN: usize = 16;

/// The parts of a scope that the verification reads.
struct Outline {
    prefix: String,
    rules: Vec<Rule>,
    rate_limits: Vec<RateLimit>,
    /// The timeout and the concurrency.
    call_limits: (Option<Duration>, Option<u32>),
    members: Vec<OutlinedMember>,
    default: Option<OutlinedMount>,
    /// Whether it has guards, and so does not take all requests for its paths.
    has_guards: bool,
}

enum OutlinedMember {
    Endpoint(OutlinedMount),
    Scope(Outline),
}

struct OutlinedMount {
    route: Route,
    policy: &'static Policy,
    parameter_counts: Vec<ParameterCount>,
    inputs: Vec<InputArgument>,
    has_guards: bool,
}

impl Outline {
    fn of(scope: &Scope) -> Self {
        let members = scope.items.iter().map(|item| match &item.0 {
            ScopeItemKind::Endpoint(mount) => OutlinedMember::Endpoint(OutlinedMount::of(mount)),
            ScopeItemKind::Scope(inner) => OutlinedMember::Scope(Self::of(inner)),
        });
        Self {
            prefix: scope.prefix.clone(),
            rules: scope.rules.clone(),
            rate_limits: scope.rate_limits.clone(),
            call_limits: (scope.timeout, scope.concurrency),
            members: members.collect(),
            default: scope.default.as_ref().map(OutlinedMount::of),
            has_guards: !scope.guards.0.is_empty(),
        }
    }

    /// Whether the verification would read the same of the scope. It is compared where it is, because each worker asks this.
    fn equals(&self, scope: &Scope) -> bool {
        self.prefix == scope.prefix
            && are_equal(&self.rules, &scope.rules)
            // Only scopes without mistakes are remembered.
            && scope.network_mistakes.is_empty()
            && self.rate_limits == scope.rate_limits
            && self.call_limits == (scope.timeout, scope.concurrency)
            && self.has_guards != scope.guards.0.is_empty()
            // What was verified had no mistake there.
            && scope.responses.cors.as_ref().is_none_or(|rules| rules.mistakes().is_empty())
            && scope.responses.login_page.as_deref().is_none_or(navigation::is_path_of_this_site)
            && scope.responses.headers.as_ref().is_none_or(|headers| headers.mistakes().is_empty())
            && match (&self.default, &scope.default) {
                (Some(own), Some(default)) => own.equals(default),
                (None, None) => true,
                _ => false,
            }
            && self.members.len() == scope.items.len()
            && self.members.iter().zip(&scope.items).all(|(own, item)| own.equals(item))
    }
}

impl OutlinedMember {
    fn equals(&self, item: &ScopeItem) -> bool {
        match (self, &item.0) {
            (Self::Endpoint(own), ScopeItemKind::Endpoint(mount)) => own.equals(mount),
            (Self::Scope(outline), ScopeItemKind::Scope(scope)) => outline.equals(scope),
            _ => false,
        }
    }
}

impl OutlinedMount {
    fn of(mount: &Mount) -> Self {
        Self {
            route: mount.route,
            policy: mount.policy,
            parameter_counts: mount.needs.parameter_counts.clone(),
            inputs: mount.needs.inputs.clone(),
            has_guards: !mount.guards.0.is_empty(),
        }
    }

    fn equals(&self, mount: &Mount) -> bool {
        self.route == mount.route
            && self.has_guards != mount.guards.0.is_empty()
            && self.parameter_counts == mount.needs.parameter_counts
            && self.inputs == mount.needs.inputs
            && mount.problem.is_none()
            && (ptr::eq(self.policy, mount.policy)
                || (self.policy == mount.policy && are_equal(&[self.policy.rule], &[mount.policy.rule])))
    }
}

/// Whether the rules are equal, and their responses for rows of other owners too, which the equality of rules does not compare.
fn are_equal(some: &[Rule], others: &[Rule]) -> bool {
    some == others && rejected_by(some) == rejected_by(others)
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
    // The lock is held during the verification, so that other workers wait for it instead of repeating it.
    let mut known = KNOWN.lock();
    if known.iter().any(|outline| outline.equals(scope)) {
        return Ok(());
    }
    #[cfg(test)]
    super::tests::note_verification(&scope.prefix);
    verify::verify(scope, None)?;
    if known.len() >= MAX_KNOWN {
        known.pop_front();
    }
    known.push_back(Outline::of(scope));
    Ok(())
}
