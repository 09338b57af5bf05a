//! Checks the rules of all access attributes of one handler together.
//!
//! Rules are evaluated for authenticated callers only, so `authenticated` always holds. Two leaves with the same text are the
//! same question.

use palisade_grammar::expression::{Expression, Node, TruthTable};
use proc_macro2::Span;

use crate::diagnostics::{Diagnostics, SourceRange};
use crate::rule::Rule;

impl Expression for Rule {
    fn node(&self) -> Node<'_, Self> {
        match self {
            Rule::Authenticated => Node::Always,
            Rule::Not(rule) => Node::Not(rule),
            Rule::All(rules) => Node::All(rules),
            Rule::Any(rules) => Node::Any(rules),
            Rule::AuthenticatedBy(_)
            | Rule::Scheme(_)
            | Rule::Network(_)
            | Rule::Named(..)
            | Rule::Admin(_)
            | Rule::Owner(_)
            | Rule::Tenant(_)
            | Rule::Bound
            | Rule::Delegated
            | Rule::StepUp(_)
            | Rule::Owns(_)
            | Rule::Check(_)
            | Rule::Constant(_) => Node::Question,
        }
    }
}

/// Reports rules that are not satisfiable together, or else the first redundant alternative.
pub(crate) fn check(rules: &[(Span, &Rule)], diagnostics: &mut Diagnostics) {
    let all: Vec<&Rule> = rules.iter().map(|(_, rule)| *rule).collect();
    let Some(table) = TruthTable::new(&all, |one, other| one.text() == other.text()) else { return };
    if !table.is_satisfiable() {
        let Some((span, _)) = rules.last() else { return };
        let message = "these access attributes contradict each other: no caller satisfies all of them";
        diagnostics.error(*span, message, "remove one of them; to close a route, write `#[deny_all(\"why\")]`");
        return;
    }
    for (span, rule) in rules {
        if let Some(redundant) = table.redundant_alternative(rule) {
            let text = redundant.text();
            let message = format!("`{text}` is redundant: the other conditions already imply the result");
            let help = format!("remove `{text}`, or the condition that makes it redundant");
            diagnostics.error(redundant.range().unwrap_or_else(|| SourceRange::from(*span)), message, help);
            return;
        }
    }
}
