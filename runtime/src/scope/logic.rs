//! Evaluates the rules of a scope together with the rule of an endpoint in it.

use palisade_grammar::expression::TruthTable;

use crate::policy::Rule;
use crate::role::RoleName;

/// The truth table of the rules. `admin` is the role of administrators. If it is `None`, any role may be that of administrators.
/// Returns `None` if the rules have too many conditions for a truth table.
pub(super) fn truth_table<'r>(rules: &[&'r Rule], admin: Option<&RoleName>) -> Option<TruthTable<'r, Rule>> {
    TruthTable::new(rules, |one, other| is_same_condition(one, other, admin))
}

/// `owner_or_admin` requires the role of administrators, and `require_role` requires a role by its name. That may be the same role.
fn is_same_condition(one: &Rule, other: &Rule, admin: Option<&RoleName>) -> bool {
    one == other
        || match (one, other) {
            (Rule::Admin, Rule::Role(name)) | (Rule::Role(name), Rule::Admin) => {
                admin.is_some_and(|admin| admin.as_str() == *name)
            }
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADMIN: Rule = Rule::Role("admin");
    const OWNER_OR_ADMIN: Rule = Rule::Any(&[Rule::Owner("id"), Rule::Admin]);
    const NAMED: Option<&RoleName> = Some(&RoleName::ADMIN);

    fn is_satisfiable(rules: &[&Rule], admin: Option<&RoleName>) -> bool {
        truth_table(rules, admin).unwrap().is_satisfiable()
    }

    fn redundant(outer: &[&'static Rule], own: &'static Rule, admin: Option<&RoleName>) -> Option<&'static Rule> {
        truth_table(&[outer, &[own]].concat(), admin).unwrap().redundant_alternative(own)
    }

    #[test]
    fn contradictions_are_found() {
        assert!(!is_satisfiable(&[&ADMIN, &Rule::Not(&ADMIN)], None));
        assert!(!is_satisfiable(&[&Rule::Not(&Rule::Authenticated)], None));
        assert!(is_satisfiable(&[&ADMIN, &OWNER_OR_ADMIN], NAMED));
        assert!(!is_satisfiable(&[&Rule::Admin, &Rule::Not(&ADMIN)], NAMED));
    }

    #[test]
    fn redundant_alternatives_are_found() {
        assert_eq!(redundant(&[&ADMIN], &OWNER_OR_ADMIN, NAMED), Some(&Rule::Owner("id")));
        assert_eq!(redundant(&[], &OWNER_OR_ADMIN, NAMED), None);
        assert_eq!(redundant(&[&Rule::Scope("x")], &OWNER_OR_ADMIN, NAMED), None);
        assert_eq!(redundant(&[&Rule::Owner("id")], &OWNER_OR_ADMIN, NAMED), Some(&Rule::Admin));
    }

    #[test]
    fn the_admin_role_is_compared_by_name() {
        let root = RoleName::from("root");
        for unknown_or_other in [None, Some(&root)] {
            assert_eq!(redundant(&[&ADMIN], &OWNER_OR_ADMIN, unknown_or_other), None);
            assert!(is_satisfiable(&[&Rule::Admin, &Rule::Not(&ADMIN)], unknown_or_other));
        }
        assert_eq!(redundant(&[&Rule::Role("root")], &OWNER_OR_ADMIN, Some(&root)), Some(&Rule::Owner("id")));
    }
}
