//! Which scopes were verified.
//!
//! Threat: each worker builds the same scope and verifies it again, so that start-up takes so many times as long.
//! Promise: a scope is passed over only if one that is equal in everything that is verified was found right; what was found
//! wrong is found wrong each time.

use std::collections::VecDeque;

use parking_lot::Mutex;

use super::{Kind, Scope, verify};
use crate::config_error::ConfigError;
use crate::endpoint::Parts;
use crate::policy::{Policy, Refused, Route, Rule};
use crate::rate_limit::RateLimit;

/// The last that were found right. An application has few; a process that builds many (tests) verifies the older again.
static KNOWN: Mutex<VecDeque<Outline>> = Mutex::new(VecDeque::new());
const MOST_KNOWN: usize = 16;

/// All of a scope that its verification looks at.
#[derive(PartialEq)]
struct Outline {
    prefix: String,
    rules: Vec<Rule>,
    /// What the rows of the rules reveal: two of one row are equal whatever they do.
    refused: Vec<Refused>,
    rate_limits: Vec<RateLimit>,
    members: Vec<Member>,
}

#[derive(PartialEq)]
enum Member {
    Endpoint(Route, &'static Policy, Vec<Refused>, Vec<Parts>),
    Scope(Outline),
}

impl Outline {
    fn of(scope: &Scope) -> Self {
        let members = scope.items.iter().map(|item| match &item.0 {
            Kind::Endpoint(mount) => {
                let refused = refused_by(&[mount.policy.rule]);
                Member::Endpoint(mount.route, mount.policy, refused, mount.needs.path_parts.clone())
            }
            Kind::Scope(inner) => Member::Scope(Self::of(inner)),
        });
        Self {
            prefix: scope.prefix.clone(),
            refused: refused_by(&scope.rules),
            rules: scope.rules.clone(),
            rate_limits: scope.rate_limits.clone(),
            members: members.collect(),
        }
    }
}

fn refused_by(rules: &[Rule]) -> Vec<Refused> {
    let mut refused = Vec::new();
    for rule in rules {
        rule.leaves(&mut |leaf| {
            if let Rule::Owns(ownership) = leaf {
                refused.push(ownership.refused());
            }
        });
    }
    refused
}

/// For whatever role administrators have: what that decides is verified where it is known.
pub(super) fn verify(scope: &Scope) -> Result<(), ConfigError> {
    let outline = Outline::of(scope);
    // It is held meanwhile: workers that start at the same time wait for the first instead of doing the same.
    let mut known = KNOWN.lock();
    if known.contains(&outline) {
        return Ok(());
    }
    #[cfg(test)]
    super::tests::note_verification(&outline.prefix);
    verify::verify(scope, None)?;
    if known.len() >= MOST_KNOWN {
        known.pop_front();
    }
    known.push_back(outline);
    Ok(())
}
