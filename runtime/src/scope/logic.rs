//! What rules mean together: the truth table of their leaves.

use crate::policy::Rule;
use crate::role::RoleName;

/// A table of more rows than 2 to this is not drawn up; no rule that anybody reads has so many leaves.
const MOST_LEAVES: usize = 12;

/// Whether anybody could pass all of the rules, where administrators have the role `admin`; `None` where that may be any.
pub(super) fn admits_somebody(rules: &[&Rule], admin: Option<&RoleName>) -> bool {
    let Some(leaves) = leaves(rules, admin) else { return true };
    rows(&leaves.list).any(|row| all(rules, &leaves, row, None))
}

/// An alternative of `own` that changes nothing beside the `outer` rules: without it the same callers are admitted.
pub(super) fn dead_alternative<'r>(outer: &[&Rule], own: &'r Rule, admin: Option<&RoleName>) -> Option<&'r Rule> {
    let rules: Vec<&Rule> = outer.iter().copied().chain([own]).collect();
    let leaves = leaves(&rules, admin)?;
    let mut alternatives = Vec::new();
    collect(own, &mut alternatives);
    alternatives.into_iter().find(|alternative| {
        rows(&leaves.list).all(|row| all(&rules, &leaves, row, None) == all(&rules, &leaves, row, Some(alternative)))
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

/// The questions that may be answered so or so.
struct Leaves<'r, 'a> {
    list: Vec<&'r Rule>,
    admin: Option<&'a RoleName>,
}

impl Leaves<'_, '_> {
    fn position(&self, leaf: &Rule) -> Option<usize> {
        self.list.iter().position(|known| is_one_question(known, leaf, self.admin))
    }
}

/// `owner_or_admin` asks for the role of administrators, `require_role` for one by its name: they may be the same role.
fn is_one_question(one: &Rule, other: &Rule, admin: Option<&RoleName>) -> bool {
    one == other
        || match (one, other) {
            (Rule::Admin, Rule::Role(name)) | (Rule::Role(name), Rule::Admin) => {
                admin.is_some_and(|admin| admin.as_str() == *name)
            }
            _ => false,
        }
}

/// The leaves that may be so or so; `None` where there are too many.
fn leaves<'r, 'a>(rules: &[&'r Rule], admin: Option<&'a RoleName>) -> Option<Leaves<'r, 'a>> {
    let mut leaves = Leaves { list: Vec::new(), admin };
    for rule in rules {
        rule.leaves(&mut |leaf| {
            let open = !matches!(leaf, Rule::Public | Rule::OptionalAuth | Rule::Authenticated | Rule::Nobody);
            if open && leaves.position(leaf).is_none() {
                leaves.list.push(leaf);
            }
        });
    }
    (leaves.list.len() <= MOST_LEAVES).then_some(leaves)
}

/// Every row of the table: a bit for each leaf.
fn rows(leaves: &[&Rule]) -> impl Iterator<Item = usize> + use<> {
    0..(1_usize << leaves.len().min(MOST_LEAVES))
}

fn all(rules: &[&Rule], leaves: &Leaves<'_, '_>, row: usize, without: Option<&Rule>) -> bool {
    rules.iter().all(|rule| holds(rule, leaves, row, without))
}

fn holds(rule: &Rule, leaves: &Leaves<'_, '_>, row: usize, without: Option<&Rule>) -> bool {
    if without.is_some_and(|without| std::ptr::eq(without, rule)) {
        return false;
    }
    match rule {
        Rule::Public | Rule::OptionalAuth | Rule::Authenticated => true,
        Rule::Nobody => false,
        Rule::Not(rule) => !holds(rule, leaves, row, without),
        Rule::All(rules) => !rules.is_empty() && rules.iter().all(|rule| holds(rule, leaves, row, without)),
        Rule::Any(rules) => rules.iter().any(|rule| holds(rule, leaves, row, without)),
        leaf => leaves.position(leaf).is_some_and(|at| row >> at & 1 == 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADMIN: Rule = Rule::Role("admin");
    const OWNER_OR_ADMIN: Rule = Rule::Any(&[Rule::Owner("id"), Rule::Admin]);
    const NAMED: Option<&RoleName> = Some(&RoleName::ADMIN);

    #[test]
    fn what_admits_nobody_is_found() {
        assert!(!admits_somebody(&[&ADMIN, &Rule::Not(&ADMIN)], None));
        assert!(!admits_somebody(&[&Rule::Not(&Rule::Authenticated)], None));
        assert!(admits_somebody(&[&ADMIN, &OWNER_OR_ADMIN], NAMED));
        assert!(!admits_somebody(&[&Rule::Admin, &Rule::Not(&ADMIN)], NAMED));
    }

    #[test]
    fn an_alternative_that_never_matters_is_found() {
        assert_eq!(dead_alternative(&[&ADMIN], &OWNER_OR_ADMIN, NAMED), Some(&Rule::Owner("id")));
        assert_eq!(dead_alternative(&[], &OWNER_OR_ADMIN, NAMED), None);
        assert_eq!(dead_alternative(&[&Rule::Scope("x")], &OWNER_OR_ADMIN, NAMED), None);
        assert_eq!(dead_alternative(&[&Rule::Owner("id")], &OWNER_OR_ADMIN, NAMED), Some(&Rule::Admin));
    }

    #[test]
    fn the_role_of_administrators_is_compared_by_its_real_name() {
        let root = RoleName::from("root");
        for unknown_or_other in [None, Some(&root)] {
            assert_eq!(dead_alternative(&[&ADMIN], &OWNER_OR_ADMIN, unknown_or_other), None);
            assert!(admits_somebody(&[&Rule::Admin, &Rule::Not(&ADMIN)], unknown_or_other));
        }
        assert_eq!(dead_alternative(&[&Rule::Role("root")], &OWNER_OR_ADMIN, Some(&root)), Some(&Rule::Owner("id")));
    }
}
