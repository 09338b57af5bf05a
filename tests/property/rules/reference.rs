//! The statuses that are correct for a rule and a caller, by a reading of the rule without the guard.

use super::ADMIN;
use super::cases::{Answer, Caller, Found, Tree};

/// The reference evaluator, a direct reading of the tree. `None` means that the result cannot be determined.
fn holds(tree: &Tree, caller: &Caller) -> Option<bool> {
    holds_for(tree, caller, None)
}

/// The same, if each row except this one belongs to another user.
fn holds_for(tree: &Tree, caller: &Caller, only: Option<Found>) -> Option<bool> {
    let known = |demand: bool| Some(caller.known && demand);
    match tree {
        Tree::Public => Some(true),
        Tree::Authenticated => known(true),
        Tree::Nobody => Some(false),
        // A role with a lower index implies more.
        Tree::Role(wanted) | Tree::Permission(wanted) => known(caller.roles.iter().any(|role| role <= wanted)),
        Tree::Admin => known(caller.roles.iter().any(|role| *role <= ADMIN)),
        Tree::Scope(scope) => known(caller.scopes.contains(scope)),
        Tree::Owner => known(caller.owner),
        Tree::Tenant => known(caller.tenant),
        Tree::Scheme(scheme) => known(caller.scheme == *scheme),
        Tree::By(schemes) => known(schemes.contains(&caller.scheme)),
        Tree::Network(inside) => {
            if caller.known && !caller.located {
                None
            } else {
                known(*inside)
            }
        }
        Tree::Check(_) | Tree::Row(_) | Tree::Not(_) if !caller.known => Some(false),
        Tree::Row(found) if only.is_some_and(|only| only != *found) => Some(false),
        Tree::Check(Answer::Down) | Tree::Row(Found::Down) => None,
        Tree::Check(answer) => Some(*answer == Answer::Allow),
        Tree::Row(found) => Some(*found == Found::Own && caller.owner),
        Tree::Not(tree) => holds_for(tree, caller, only).map(|holds| !holds),
        Tree::All(trees) => {
            let answers: Vec<_> = trees.iter().map(|tree| holds_for(tree, caller, only)).collect();
            if answers.is_empty() || answers.contains(&Some(false)) {
                Some(false)
            } else if answers.contains(&None) {
                None
            } else {
                Some(true)
            }
        }
        Tree::Any(trees) => {
            let answers: Vec<_> = trees.iter().map(|tree| holds_for(tree, caller, only)).collect();
            if answers.contains(&Some(true)) {
                Some(true)
            } else if answers.contains(&None) {
                None
            } else {
                Some(false)
            }
        }
    }
}

fn names_a_caller(tree: &Tree) -> bool {
    match tree {
        Tree::Public | Tree::Nobody => false,
        Tree::All(trees) | Tree::Any(trees) => trees.is_empty() || trees.iter().any(names_a_caller),
        _ => true,
    }
}

fn names_a_network(tree: &Tree) -> bool {
    match tree {
        Tree::Network(_) => true,
        Tree::Not(tree) => names_a_network(tree),
        Tree::All(trees) | Tree::Any(trees) => trees.iter().any(names_a_network),
        _ => false,
    }
}

/// The schemes that the route accepts. Only a choice that must hold is one, and not one below an alternative. `None`: all.
fn accepted(tree: &Tree) -> Option<Vec<usize>> {
    match tree {
        Tree::By(schemes) => Some(schemes.clone()),
        Tree::All(trees) => trees.iter().filter_map(accepted).reduce(|mut common, choice| {
            common.retain(|scheme| choice.contains(scheme));
            common
        }),
        _ => None,
    }
}

fn rows(tree: &Tree, found: &mut Vec<Found>) {
    match tree {
        Tree::Row(row) => found.push(*row),
        Tree::Not(tree) => rows(tree, found),
        Tree::All(trees) | Tree::Any(trees) => trees.iter().for_each(|tree| rows(tree, found)),
        _ => {}
    }
}

/// Each status that is correct for the case: 200, or the allowed rejections.
pub(crate) fn expected(tree: &Tree, caller: &Caller) -> Vec<u16> {
    let mut named = Vec::new();
    rows(tree, &mut named);
    // A credential of another scheme is not looked at. If no authenticator is accepted, the application is misconfigured.
    match accepted(tree) {
        Some(schemes) if schemes.is_empty() => return vec![500],
        Some(schemes) if !schemes.contains(&caller.scheme) => return vec![401],
        _ => {}
    }
    match (names_a_caller(tree), caller.known, holds(tree, caller)) {
        (true, false, _) => vec![401],
        // Trying again does not help a caller without an address.
        (_, _, None) => vec![if !caller.located && names_a_network(tree) { 403 } else { 503 }],
        // If the caller is admitted, the rows that the rule names must exist and be visible to this caller.
        (_, _, Some(true)) if caller.known => {
            let mut statuses = Vec::new();
            for row in &named {
                match row {
                    Found::Missing | Found::OfAnotherTenant => statuses.push(404),
                    Found::Down => statuses.push(503),
                    Found::Own if caller.owner => {}
                    Found::Own | Found::Foreign if holds_for(tree, caller, Some(*row)) == Some(true) => {}
                    Found::Own | Found::Foreign => statuses.push(404),
                }
            }
            if statuses.is_empty() { vec![200] } else { statuses }
        }
        (_, _, Some(true)) => vec![200],
        (_, _, Some(false)) if named.is_empty() => vec![403],
        (_, _, Some(false)) => vec![403, 404],
    }
}
