//! What the access attributes of one handler mean together.
//!
//! The caller is known when these rules are asked, so `authenticated` always holds. Two leaves with the same text are one
//! question.

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
            Rule::Named(..) | Rule::Admin(_) | Rule::Owner(_) | Rule::Tenant(_) | Rule::Owns(_) | Rule::Check(_) => {
                Node::Question
            }
        }
    }
}

/// Reports a rule that admits nobody, or else the first alternative that is redundant.
pub(crate) fn sense(rules: &[(Span, &Rule)], diagnostics: &mut Diagnostics) {
    let all: Vec<&Rule> = rules.iter().map(|(_, rule)| *rule).collect();
    let Some(table) = TruthTable::new(&all, |one, other| one.text() == other.text()) else { return };
    if !table.is_satisfiable() {
        let Some((span, _)) = rules.last() else { return };
        let what = "these access attributes contradict each other: nobody can pass them";
        diagnostics.error(*span, what, "remove what contradicts; to close a route write `#[deny_all(\"why\")]`");
        return;
    }
    for (span, rule) in rules {
        if let Some(redundant) = table.redundant_alternative(rule) {
            let text = redundant.text();
            let what = format!("`{text}` is redundant: the other conditions already imply the result");
            let cure = format!("remove `{text}`, or the condition that makes it redundant");
            diagnostics.error(redundant.range().unwrap_or_else(|| SourceRange::from(*span)), what, cure);
            return;
        }
    }
}
