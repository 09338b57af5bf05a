//! What rules mean together: the truth table of their leaves.

use crate::policy::Rule;

/// A table of more rows than 2 to this is not drawn up; no rule that anybody reads has so many leaves.
const MOST_LEAVES: usize = 12;

/// Whether anybody could pass all of the rules.
pub(super) fn admits_somebody(rules: &[&Rule]) -> bool {
    let Some(leaves) = leaves(rules) else { return true };
    rows(&leaves).any(|row| all(rules, &leaves, row, None))
}

/// An alternative of `own` that changes nothing beside the `outer` rules: without it the same callers are admitted.
pub(super) fn dead_alternative<'r>(outer: &[&Rule], own: &'r Rule) -> Option<&'r Rule> {
    let rules: Vec<&Rule> = outer.iter().copied().chain([own]).collect();
    let leaves = leaves(&rules)?;
    let mut alternatives = Vec::new();
    collect(own, &mut alternatives);
    alternatives.into_iter().find(|alternative| {
        rows(&leaves).all(|row| all(&rules, &leaves, row, None) == all(&rules, &leaves, row, Some(alternative)))
    })
}

fn collect<'r>(rule: &'r Rule, alternatives: &mut Vec<&'r Rule>) {
    match rule {
        Rule::Not(rule) => collect(rule, alternatives),
        Rule::All(rules) => rules.iter().for_each(|rule| collect(rule, alternatives)),
        Rule::Any(rules) => {
            for rule in *rules {
                alternatives.push(rule);
                collect(rule, alternatives);
            }
        }
        _ => {}
    }
}

/// The leaves that may be so or so; `None` where there are too many.
fn leaves<'r>(rules: &[&'r Rule]) -> Option<Vec<&'r Rule>> {
    let mut leaves: Vec<&Rule> = Vec::new();
    for rule in rules {
        rule.leaves(&mut |leaf| {
            let open = !matches!(leaf, Rule::Public | Rule::OptionalAuth | Rule::Authenticated | Rule::Nobody);
            if open && !leaves.contains(&leaf) {
                leaves.push(leaf);
            }
        });
    }
    (leaves.len() <= MOST_LEAVES).then_some(leaves)
}

/// Every row of the table: a bit for each leaf.
fn rows(leaves: &[&Rule]) -> impl Iterator<Item = usize> + use<> {
    0..(1_usize << leaves.len().min(MOST_LEAVES))
}

fn all(rules: &[&Rule], leaves: &[&Rule], row: usize, without: Option<&Rule>) -> bool {
    rules.iter().all(|rule| holds(rule, leaves, row, without))
}

fn holds(rule: &Rule, leaves: &[&Rule], row: usize, without: Option<&Rule>) -> bool {
    if without.is_some_and(|without| std::ptr::eq(without, rule)) {
        return false;
    }
    match rule {
        Rule::Public | Rule::OptionalAuth | Rule::Authenticated => true,
        Rule::Nobody => false,
        Rule::Not(rule) => !holds(rule, leaves, row, without),
        Rule::All(rules) => !rules.is_empty() && rules.iter().all(|rule| holds(rule, leaves, row, without)),
        Rule::Any(rules) => rules.iter().any(|rule| holds(rule, leaves, row, without)),
        leaf => leaves.iter().position(|known| *known == leaf).is_some_and(|at| row >> at & 1 == 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADMIN: Rule = Rule::Role("admin");
    const OWNER_OR_ADMIN: Rule = Rule::Any(&[Rule::Owner("id"), ADMIN]);

    #[test]
    fn what_admits_nobody_is_found() {
        assert!(!admits_somebody(&[&ADMIN, &Rule::Not(&ADMIN)]));
        assert!(!admits_somebody(&[&Rule::Not(&Rule::Authenticated)]));
        assert!(admits_somebody(&[&ADMIN, &OWNER_OR_ADMIN]));
    }

    #[test]
    fn an_alternative_that_never_matters_is_found() {
        assert_eq!(dead_alternative(&[&ADMIN], &OWNER_OR_ADMIN), Some(&Rule::Owner("id")));
        assert_eq!(dead_alternative(&[], &OWNER_OR_ADMIN), None);
        assert_eq!(dead_alternative(&[&Rule::Scope("x")], &OWNER_OR_ADMIN), None);
        assert_eq!(dead_alternative(&[&Rule::Owner("id")], &OWNER_OR_ADMIN), Some(&ADMIN));
    }
}
