//! What the access attributes of one handler mean together: the truth table of their leaves.
//!
//! Whoever is asked is known by then, so `authenticated` always holds; two leaves of one text are one question.

use proc_macro2::Span;

use crate::diagnostics::{Diagnostics, SourceRange};
use crate::rule::Rule;

/// A larger table is not drawn up; no rule that anybody reads has so many leaves.
const MOST: usize = 12;

/// Reports a rule that admits nobody, and an alternative that can never matter.
pub(crate) fn sense(rules: &[(Span, &Rule)], diagnostics: &mut Diagnostics) {
    let mut leaves = Vec::new();
    for (_, rule) in rules {
        rule.leaves(&mut leaves);
    }
    let mut atoms: Vec<String> =
        leaves.iter().filter(|leaf| constant(leaf).is_none()).map(|leaf| leaf.text()).collect();
    atoms.sort();
    atoms.dedup();
    if atoms.len() > MOST {
        return;
    }
    let rows = || 0..(1_usize << atoms.len());
    let all = |row: usize, without: Option<&Rule>| rules.iter().all(|(_, rule)| holds(rule, &atoms, row, without));
    if !rows().any(|row| all(row, None)) {
        let Some((span, _)) = rules.last() else { return };
        let what = "these access attributes contradict each other: nobody can pass them";
        diagnostics.error(*span, what, "remove what contradicts; to close a route write `#[deny_all(\"why\")]`");
        return;
    }
    for (span, rule) in rules {
        let mut alternatives = Vec::new();
        collect(rule, &mut alternatives);
        let dead = alternatives.into_iter().find(|dead| rows().all(|row| all(row, None) == all(row, Some(dead))));
        if let Some(dead) = dead {
            let text = dead.text();
            let what = format!("`{text}` never matters here: the rest of what is demanded decides without it");
            let cure = format!("remove `{text}`, or what makes it useless");
            diagnostics.error(dead.range().unwrap_or_else(|| SourceRange::from(*span)), what, cure);
            return;
        }
    }
}

const fn constant(rule: &Rule) -> Option<bool> {
    match rule {
        Rule::Authenticated => Some(true),
        _ => None,
    }
}

fn holds(rule: &Rule, atoms: &[String], row: usize, without: Option<&Rule>) -> bool {
    if without.is_some_and(|without| std::ptr::eq(without, rule)) {
        return false;
    }
    match rule {
        Rule::Not(rule) => !holds(rule, atoms, row, without),
        Rule::All(rules) => rules.iter().all(|rule| holds(rule, atoms, row, without)),
        Rule::Any(rules) => rules.iter().any(|rule| holds(rule, atoms, row, without)),
        leaf => constant(leaf).unwrap_or_else(|| {
            let text = leaf.text();
            atoms.iter().position(|atom| *atom == text).is_some_and(|at| row >> at & 1 == 1)
        }),
    }
}

fn collect<'r>(rule: &'r Rule, alternatives: &mut Vec<&'r Rule>) {
    match rule {
        Rule::Not(rule) => collect(rule, alternatives),
        Rule::All(rules) => rules.iter().for_each(|rule| collect(rule, alternatives)),
        Rule::Any(rules) => {
            for rule in rules {
                alternatives.push(rule);
                collect(rule, alternatives);
            }
        }
        _ => {}
    }
}
