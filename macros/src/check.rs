//! From what is written to what it means: every rule that one clause alone can't know.

use proc_macro2::Span;
use syn::ext::IdentExt;

use crate::errors::Errors;
use crate::model::{Checked, Clause, Handler, Quota, RateLimit, RouteClause, Rule, Validation, Written};
use crate::suggest::did_you_mean;
use crate::template;

const CHOICES: &str = "say who may call it: `#[public]`, `#[authenticated]`, `#[require_role(\"..\")]`, `#[owner(id)]` or \
                       `#[owner_or_admin(id)]`";

pub(crate) fn check(written: Vec<Written>, handler: Handler, errors: &mut Errors) -> Checked {
    duplicates(&written, errors);
    access(&written, &handler, errors);
    let mut rules = Vec::new();
    let (mut reason, mut route, mut validation) = (None, None, None);
    let mut limits: Vec<(Span, RateLimit)> = Vec::new();
    let public = written.iter().any(|written| matches!(written.clause, Clause::Public(_)));
    for Written { span, clause, .. } in written {
        match clause {
            Clause::Route(clause) => route = route.or(Some(clause)),
            Clause::Public(why) => {
                rules.push(Rule::Public);
                reason = why;
            }
            Clause::Authenticated => rules.push(Rule::Authenticated),
            Clause::RequireRole(roles) => rules.push(any(roles.into_iter().map(Rule::Role).collect())),
            Clause::Owner { parameter, or_admin: false } => rules.push(Rule::Owner(parameter)),
            Clause::Owner { parameter, or_admin: true } => rules.push(any(vec![Rule::Owner(parameter), Rule::Admin])),
            Clause::Misunderstood => rules.push(Rule::Nobody),
            Clause::RateLimit(limit) => limits.push((span, limit)),
            Clause::Validate(names) => validation = Some(validated(span, &names, &handler, errors)),
        }
    }
    if let Some(route) = &route {
        owners(&rules, route, errors);
    }
    let quotas = quotas(limits, &handler, public, errors);
    Checked { rule: all(rules), handler, reason, quotas, validation, route }
}

fn any(mut rules: Vec<Rule>) -> Rule {
    if rules.len() == 1 { rules.remove(0) } else { Rule::Any(rules) }
}

fn all(mut rules: Vec<Rule>) -> Rule {
    match rules.len() {
        0 => Rule::Nobody,
        1 => rules.remove(0),
        _ => Rule::All(rules),
    }
}

fn access(written: &[Written], handler: &Handler, errors: &mut Errors) {
    let grants: Vec<&Written> = written.iter().filter(|written| written.clause.grants_access()).collect();
    if grants.is_empty() {
        let name = &handler.signature.ident;
        errors.push(name.span(), format!("`{name}` declares no access policy: {CHOICES}"));
    }
    let Some(public) = grants.iter().find(|written| written.word == "public") else { return };
    for other in grants.iter().filter(|written| written.word != "public") {
        errors.push(
            public.span,
            format!("`public` lets everybody in and `{}` does not: remove one of the two", other.word),
        );
    }
}

/// Attributes that say something once. `rate_limit` repeats, and so may access attributes that differ.
fn duplicates(written: &[Written], errors: &mut Errors) {
    for (at, one) in written.iter().enumerate() {
        let earlier = &written[..at];
        let twice = match &one.clause {
            Clause::Route(_) => {
                if earlier.iter().any(|other| matches!(other.clause, Clause::Route(_))) {
                    errors.push(
                        one.span,
                        "a handler has one route: for several methods write `#[route(\"..\", method = \"GET\", method = \"POST\")]`",
                    );
                }
                false
            }
            Clause::Public(_) | Clause::Authenticated | Clause::Validate(_) => {
                earlier.iter().any(|other| other.word == one.word)
            }
            Clause::RequireRole(roles) => earlier.iter().any(|other| {
                matches!(&other.clause, Clause::RequireRole(others)
                    if others.len() == roles.len() && others.iter().all(|other| roles.iter().any(|role| role.value() == other.value())))
            }),
            Clause::Owner { parameter, .. } => earlier.iter().any(|other| {
                other.word == one.word && matches!(&other.clause, Clause::Owner { parameter: same, .. } if same == parameter)
            }),
            Clause::RateLimit(limit) => earlier.iter().any(|other| {
                matches!(&other.clause, Clause::RateLimit(same)
                    if same.seconds == limit.seconds && same.by_principal.is_some() == limit.by_principal.is_some()
                        && same.failures_only == limit.failures_only)
            }),
            Clause::Misunderstood => false,
        };
        if twice {
            let cure = match one.clause {
                Clause::RateLimit(_) => {
                    "counts the same requests in the same window as another `rate_limit`: keep the stricter one"
                }
                _ => "stands twice and says the same: remove one",
            };
            errors.push(one.span, format!("`{}` {cure}", one.word));
        }
    }
}

fn owners(rules: &[Rule], route: &RouteClause, errors: &mut Errors) {
    let names = template::parameters(&route.path.value()).unwrap_or_default();
    for rule in rules {
        match rule {
            Rule::Owner(parameter) if !names.iter().any(|name| parameter == name) => {
                let path = route.path.value();
                let hint = did_you_mean(&parameter.to_string(), names.iter().map(String::as_str));
                let cure =
                    if hint.is_empty() { format!(": write it, such as \"{path}/{{{parameter}}}\"") } else { hint };
                errors.push(parameter.span(), format!("the route \"{path}\" has no parameter `{parameter}`{cure}"));
            }
            Rule::Any(rules) | Rule::All(rules) => owners(rules, route, errors),
            _ => {}
        }
    }
}

fn quotas(limits: Vec<(Span, RateLimit)>, handler: &Handler, public: bool, errors: &mut Errors) -> Vec<Quota> {
    let name = handler.signature.ident.unraw().to_string();
    let mut unnamed = 0_usize;
    let mut quotas: Vec<Quota> = Vec::new();
    for (span, written) in limits {
        if let Some(by) = written.by_principal.filter(|_| public) {
            errors.push(
                by,
                "a public route has no principal to count by: write `by = ip`, or demand a principal with `#[authenticated]`",
            );
        }
        let label = match &written.name {
            Some(name) => name.value(),
            None => {
                unnamed += 1;
                if unnamed == 1 { name.clone() } else { format!("{name}-{unnamed}") }
            }
        };
        if quotas.iter().any(|other| other.label == label) {
            errors.push(span, format!("two quotas of this handler are called \"{label}\": give one another name"));
        }
        quotas.push(Quota { label, written });
    }
    quotas
}

fn validated(span: Span, names: &[syn::Ident], handler: &Handler, errors: &mut Errors) -> Validation {
    let arguments = handler.arguments();
    if arguments.is_empty() {
        errors.push(
            span,
            "there is nothing to validate, because the handler takes no arguments: take the input, such as `body: Json<T>`, or remove `#[validate]`",
        );
    }
    if names.is_empty() {
        return Validation { span, named: false, positions: (0..arguments.len()).collect() };
    }
    let mut positions = Vec::new();
    for name in names {
        let found = arguments.iter().position(|argument| argument.name.as_ref() == Some(name));
        match found {
            Some(at) if positions.contains(&at) => {
                errors.push(name.span(), format!("`{name}` stands twice: remove one"));
            }
            Some(at) => positions.push(at),
            None => {
                let known: Vec<String> =
                    arguments.iter().filter_map(|argument| argument.name.as_ref()).map(ToString::to_string).collect();
                let hint = did_you_mean(&name.to_string(), known.iter().map(String::as_str));
                let cure = if hint.is_empty() && !known.is_empty() {
                    format!("; its arguments are `{}`", known.join("`, `"))
                } else {
                    hint
                };
                let handler = &handler.signature.ident;
                errors.push(name.span(), format!("`{handler}` has no argument `{name}`{cure}"));
            }
        }
    }
    Validation { span, named: true, positions }
}
