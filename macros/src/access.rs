//! The access attributes of one handler together: who may call it.
//!
//! Threat: a handler without access control (CWE-862), or attributes that contradict each other, of which one decides by
//! accident (CWE-863). Promise: a handler has at least one access attribute, all of them must hold, and what contradicts or
//! repeats another one does not compile.

use proc_macro2::{Ident, Span};
use syn::LitStr;

use crate::diagnostics::Diagnostics;
use crate::item::Handler;
use crate::policy::AccessPolicy;
use crate::rule::{Owns, Parameter, ParameterSource, Rule};
use crate::{logic, suggest, template};

const CHOICES: &str = "add one that defines who may call it: `#[public]`, `#[authenticated]`, `#[require_role(\"..\")]`, `#[owner(id)]`, \
                       `#[owner_or_admin(id)]` or `#[authorize(..)]`";

/// One access attribute. `None` means that its arguments could not be understood, which was reported.
pub(crate) struct AccessClause {
    pub(crate) keyword: Ident,
    pub(crate) access: Option<AccessPolicy>,
}

/// Which callers a handler may have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Callers {
    /// Credentials are ignored.
    Anonymous,
    /// Callers may be anonymous.
    Optional,
    /// Each caller is authenticated.
    Authenticated,
}

pub(crate) fn callers(clauses: &[AccessClause]) -> Callers {
    let open = clauses.iter().find_map(|clause| match clause.access {
        Some(AccessPolicy::Public(_)) => Some(Callers::Anonymous),
        Some(AccessPolicy::OptionalAuth) => Some(Callers::Optional),
        _ => None,
    });
    open.unwrap_or(Callers::Authenticated)
}

/// Reports each mistake. Returns `None` if it is not clear who may call.
pub(crate) fn check(
    clauses: Vec<AccessClause>,
    handler: &Handler,
    template: Option<&LitStr>,
    diagnostics: &mut Diagnostics,
) -> Option<AccessPolicy> {
    check_together(&clauses, handler, diagnostics);
    report_repeated(&clauses, diagnostics);
    check_parameters(&clauses, template, diagnostics);
    combine(clauses)
}

/// Checks that there is at least one access attribute, that an attribute which admits every caller is the only one, and that the
/// rules are satisfiable together and not redundant.
fn check_together(clauses: &[AccessClause], handler: &Handler, diagnostics: &mut Diagnostics) {
    if clauses.is_empty() {
        let name = &handler.signature.ident;
        diagnostics.error(name.span(), format!("`{name}` has no access attribute"), CHOICES);
        return;
    }
    if clauses.iter().any(|clause| matches!(clause.access, Some(AccessPolicy::DenyAll(_)))) {
        return;
    }
    let admits_everybody =
        |clause: &&AccessClause| matches!(clause.access, Some(AccessPolicy::Public(_) | AccessPolicy::OptionalAuth));
    let Some(open) = clauses.iter().find(admits_everybody) else {
        let rules: Vec<(Span, &Rule)> =
            clauses.iter().filter_map(|clause| Some((clause.keyword.span(), rule(clause)?))).collect();
        one_row_of_each_type(&rules, diagnostics);
        // A clause that could not be understood might change the result, so then the others are not checked.
        if rules.len() == clauses.len() {
            logic::check(&rules, diagnostics);
        }
        return;
    };
    let keyword = &open.keyword;
    let mut others: Vec<String> =
        clauses.iter().filter(|other| other.keyword != *keyword).map(|other| other.keyword.to_string()).collect();
    others.dedup();
    if !others.is_empty() {
        let others = suggest::all_of(others.iter().map(String::as_str));
        let message = format!("`{keyword}` admits every caller, which contradicts {others}");
        diagnostics.error(keyword.span(), message, format!("remove `{keyword}`, or remove {others}"));
    }
}

fn rule(clause: &AccessClause) -> Option<&Rule> {
    if let Some(AccessPolicy::Rule(rule)) = &clause.access { Some(rule) } else { None }
}

/// Reports two rows of the same type: the handler takes a row by its type, so it could not distinguish them.
fn one_row_of_each_type(rules: &[(Span, &Rule)], diagnostics: &mut Diagnostics) {
    let mut leaves = Vec::new();
    rules.iter().for_each(|(_, rule)| rule.leaves(&mut leaves));
    let rows: Vec<&Owns> =
        leaves.iter().filter_map(|leaf| if let Rule::Owns(owns) = leaf { Some(owns) } else { None }).collect();
    for (index, owns) in rows.iter().enumerate() {
        let of = owns.of.text();
        if rows.iter().take(index).any(|other| other.of.text() == of && other.names() != owns.names()) {
            let message = format!("`Owned<{of}>` is ambiguous: the access attributes name two rows of `{of}`");
            let help = format!("use a second type for one of them, such as `struct Target({of})`");
            diagnostics.error(owns.of.range(), message, help);
            return;
        }
    }
}

/// Reports each attribute that means the same as an earlier one.
fn report_repeated(clauses: &[AccessClause], diagnostics: &mut Diagnostics) {
    for (index, clause) in clauses.iter().enumerate() {
        if clauses.iter().take(index).any(|earlier| repeats(earlier, clause)) {
            let message = format!("duplicate `{}`", clause.keyword);
            diagnostics.error(clause.keyword.span(), message, "remove one of the two");
        }
    }
}

fn repeats(earlier: &AccessClause, later: &AccessClause) -> bool {
    match (&earlier.access, &later.access) {
        (Some(AccessPolicy::Public(_)), Some(AccessPolicy::Public(_)))
        | (Some(AccessPolicy::OptionalAuth), Some(AccessPolicy::OptionalAuth))
        | (Some(AccessPolicy::DenyAll(_)), Some(AccessPolicy::DenyAll(_))) => true,
        (
            Some(AccessPolicy::Rule(Rule::Authenticated | Rule::AuthenticatedBy(_))),
            Some(AccessPolicy::Rule(Rule::Authenticated | Rule::AuthenticatedBy(_))),
        ) => true,
        (Some(AccessPolicy::Rule(earlier)), Some(AccessPolicy::Rule(later))) => earlier.text() == later.text(),
        _ => false,
    }
}

/// Checks that the route has each parameter that a rule names. If an attribute of another crate routes the handler, its template
/// is not known, and nothing is checked.
fn check_parameters(clauses: &[AccessClause], template: Option<&LitStr>, diagnostics: &mut Diagnostics) {
    let Some(path) = template.map(LitStr::value) else { return };
    let known = template::parameters(&path).unwrap_or_default();
    let mut leaves = Vec::new();
    clauses.iter().filter_map(rule).for_each(|rule| rule.leaves(&mut leaves));
    for parameters in leaves.into_iter().map(parameters) {
        let is_here = |parameter: &&Parameter| known.contains(&parameter.text().as_str());
        for parameter in &parameters {
            let (name, span) = (parameter.text(), parameter.name.span());
            match parameter.source {
                // Parameters of both may identify a row together.
                ParameterSource::Scope if parameters.iter().all(is_here) => {
                    let message =
                        format!("`from_scope` is not needed: the path \"{path}\" itself has the parameter `{name}`");
                    diagnostics.error(span, message, "remove `from_scope`");
                }
                ParameterSource::Route if !is_here(parameter) => {
                    let listed = || known.iter().copied();
                    let here = match known.as_slice() {
                        [] => format!("write it into the path: \"{}/{{{name}}}\"", path.trim_end_matches('/')),
                        _ => suggest::help(&name, listed()),
                    };
                    let help = match suggest::nearest(&name, listed()) {
                        Some(_) => here,
                        None => format!("{here}; if an outer scope has `{name}`, write `from_scope` after it"),
                    };
                    diagnostics.error(span, format!("the path \"{path}\" has no parameter `{name}`"), help);
                }
                ParameterSource::Scope | ParameterSource::Route => {}
            }
        }
    }
}

fn parameters(leaf: &Rule) -> Vec<&Parameter> {
    match leaf {
        Rule::Owner(parameter) | Rule::Tenant(parameter) => vec![parameter],
        Rule::Owns(owns) => owns.parameters.iter().collect(),
        Rule::Check(predicate) => predicate.parameters().collect(),
        _ => Vec::new(),
    }
}

/// Combines the clauses: all rules must hold. If `#[deny_all]` is present, the other attributes have no effect.
fn combine(clauses: Vec<AccessClause>) -> Option<AccessPolicy> {
    let mut accesses = clauses.into_iter().map(|clause| clause.access).collect::<Option<Vec<AccessPolicy>>>()?;
    if let Some(closed) = accesses.iter().position(|access| matches!(access, AccessPolicy::DenyAll(_))) {
        return Some(accesses.swap_remove(closed));
    }
    if accesses.len() <= 1 {
        return accesses.pop();
    }
    let rule = |access| if let AccessPolicy::Rule(rule) = access { Some(rule) } else { None };
    accesses.into_iter().map(rule).collect::<Option<Vec<Rule>>>().map(|rules| AccessPolicy::Rule(Rule::All(rules)))
}
