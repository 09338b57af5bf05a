//! From what is written to what it means: every rule that one clause alone can't know.

mod rate_limits;

use proc_macro2::Ident;
use syn::LitStr;
use syn::ext::IdentExt;

use crate::condition::Condition;
use crate::errors::Errors;
use crate::model::{
    Argument, Call, Checked, Clause, ClauseKind, Fitness, From, Handler, Named, Parameter, Policy, Rule, Said, Step,
    Validate, Validates, Validation, Written,
};
use crate::{logic, suggest, template};

const CHOICES: &str = "say who may call it: `#[public]`, `#[authenticated]`, `#[require_role(\"..\")]`, `#[owner(id)]`, \
                       `#[owner_or_admin(id)]` or `#[authorize(..)]`";

/// Reports every mistake; where the rule is in doubt, it lets nobody in.
pub(crate) fn check(written: Written, errors: &mut Errors) -> Checked {
    let Written { handler, clauses } = written;
    access(&clauses, &handler, errors);
    duplicates(&clauses, errors);
    owners(&clauses, errors);
    rate_limits::principals(&clauses, errors);
    let mut checked = Checked {
        policy: Policy {
            rule: Rule::Nobody,
            reason: None,
            rate_limits: Vec::new(),
            validates: Validates::Nothing,
            compressed: None,
        },
        route: None,
        call: match handler.fitness {
            Fitness::Fit => Call::Direct,
            Fitness::Unfit => Call::Never,
        },
        handler,
    };
    let mut rules = Vec::new();
    let mut closed = None;
    let mut limits = Vec::new();
    for Clause { word, said } in clauses {
        match said {
            Said::Public(reason) => {
                checked.policy.reason = checked.policy.reason.or(reason);
                rules.push(Rule::Public);
            }
            Said::OptionalAuth => rules.push(Rule::OptionalAuth),
            Said::DenyAll(reason) => closed = closed.or(Some(reason)),
            Said::Demand(rule) => rules.push(rule),
            Said::Unclear => rules.push(Rule::Nobody),
            Said::Route(route) => checked.route = checked.route.or(Some(route)),
            Said::RateLimit(limit) => limits.push((word, limit)),
            Said::CompressedBody(bytes) => checked.policy.compressed = checked.policy.compressed.or(Some(bytes)),
            Said::Validate(validate) => validation(&word, &validate, &mut checked, errors),
        }
    }
    checked.policy.rule = all(rules);
    // It is a switch above the other attributes: while it stands there, they say nothing.
    if let Some(reason) = closed {
        checked.policy.rule = Rule::Nobody;
        checked.policy.reason = Some(reason);
    }
    checked.policy.rate_limits = rate_limits::labelled(limits, &checked.handler.signature.ident, errors);
    let fields = rate_limits::located(&checked.policy.rate_limits, &checked.handler, errors);
    if !fields.is_empty() {
        checked.call = match checked.call {
            Call::Direct => Call::Counted { validation: None, fields },
            Call::Validated(validation) => Call::Counted { validation: Some(validation), fields },
            other => other,
        };
    }
    checked
}

fn all(mut rules: Vec<Rule>) -> Rule {
    match rules.len() {
        0 => Rule::Nobody,
        1 => rules.remove(0),
        _ => Rule::All(rules),
    }
}

/// There is at least one access attribute; what lets everybody in stands alone; and what is demanded makes sense together.
fn access(clauses: &[Clause], handler: &Handler, errors: &mut Errors) {
    let all: Vec<&Clause> = clauses.iter().filter(|clause| clause.said.kind() == ClauseKind::Access).collect();
    if all.is_empty() {
        let name = &handler.signature.ident;
        errors.push(name.span(), format!("`{name}` does not say who may call it"), CHOICES);
        return;
    }
    if all.iter().any(|clause| matches!(clause.said, Said::DenyAll(_))) {
        return;
    }
    let lets_in = |clause: &&&Clause| matches!(clause.said, Said::Public(_) | Said::OptionalAuth);
    let Some(open) = all.iter().find(lets_in) else {
        let demands = all.iter().filter_map(|clause| match &clause.said {
            Said::Demand(rule) => Some((clause.word.span(), rule)),
            _ => None,
        });
        let demands: Vec<_> = demands.collect();
        one_row_of_each_type(&demands, errors);
        // An attribute that was not understood may be what makes sense of the others.
        if demands.len() == all.len() {
            logic::sense(&demands, errors);
        }
        return;
    };
    let mut words: Vec<String> =
        all.iter().filter(|other| other.word != open.word).map(|other| other.word.to_string()).collect();
    words.dedup();
    if !words.is_empty() {
        let narrower = suggest::all_of(words.iter().map(String::as_str));
        let word = &open.word;
        let what = format!("`{word}` lets everybody in, which contradicts {narrower}");
        errors.push(word.span(), what, format!("remove `{word}`, or {narrower}"));
    }
}

/// The handler takes a row by its type, so two of one type could not be told apart.
fn one_row_of_each_type(demands: &[(proc_macro2::Span, &Rule)], errors: &mut Errors) {
    let mut leaves = Vec::new();
    demands.iter().for_each(|(_, rule)| rule.leaves(&mut leaves));
    let rows: Vec<_> =
        leaves.iter().filter_map(|leaf| if let Rule::Owns(owns) = leaf { Some(owns) } else { None }).collect();
    for (at, owns) in rows.iter().enumerate() {
        let of = owns.of.text();
        if rows.iter().take(at).any(|other| other.of.text() == of && other.names() != owns.names()) {
            let what = format!("two rows of `{of}` can't be told apart: the handler's `Owned<{of}>` could be either");
            let cure = format!("make a second type of one of them, such as `struct Target({of})`");
            errors.push(owns.of.place(), what, cure);
            return;
        }
    }
}

/// Each attribute says something that no earlier one said.
fn duplicates(clauses: &[Clause], errors: &mut Errors) {
    for (at, clause) in clauses.iter().enumerate() {
        let again = clauses.iter().take(at).any(|earlier| repeats(&earlier.said, &clause.said));
        if again {
            let what = match clause.said {
                Said::Route(_) => "this handler has a route already".to_owned(),
                Said::RateLimit(_) => "this handler has the very same rate limit already".to_owned(),
                _ => format!("`{}` says this already", clause.word),
            };
            let cure = match clause.said {
                Said::Route(_) => "for several methods write `#[route(\"..\", method = \"GET\", method = \"POST\")]`",
                _ => "remove one of the two",
            };
            errors.push(clause.word.span(), what, cure);
        }
    }
}

fn repeats(earlier: &Said, later: &Said) -> bool {
    match (earlier, later) {
        (Said::Route(_), Said::Route(_))
        | (Said::Public(_), Said::Public(_))
        | (Said::OptionalAuth, Said::OptionalAuth)
        | (Said::DenyAll(_), Said::DenyAll(_))
        | (Said::CompressedBody(_), Said::CompressedBody(_))
        | (Said::Validate(_), Said::Validate(_)) => true,
        // Any order: neither list holds a name twice.
        (Said::Demand(earlier), Said::Demand(later)) => earlier.text() == later.text(),
        (Said::RateLimit(earlier), Said::RateLimit(later)) => earlier.text() == later.text(),
        _ => false,
    }
}

/// The route has the parameter that names the owner. Where somebody else's attribute routes, the template is unknown.
fn owners(clauses: &[Clause], errors: &mut Errors) {
    let route =
        clauses.iter().find_map(|clause| if let Said::Route(route) = &clause.said { Some(route) } else { None });
    let Some(path) = route.and_then(|route| route.path.as_ref()).map(LitStr::value) else { return };
    let known = template::parameters(&path).unwrap_or_default();
    let mut leaves = Vec::new();
    for clause in clauses {
        if let Said::Demand(rule) = &clause.said {
            rule.leaves(&mut leaves);
        }
    }
    for parameters in leaves.into_iter().map(parameters) {
        let here = |parameter: &Parameter| known.contains(&parameter.text().as_str());
        for parameter in parameters {
            let (name, place) = (parameter.text(), parameter.name.span());
            match parameter.from {
                // A row may be named by parameters of both.
                From::Scope if parameters.iter().all(here) => {
                    errors.push(
                        place,
                        format!("the path \"{path}\" has the parameter `{name}` itself"),
                        "remove `from_scope`",
                    );
                }
                From::Route if !here(parameter) => {
                    let listed = || known.iter().copied();
                    let here = match known.as_slice() {
                        [] => format!("write it into the path: \"{}/{{{name}}}\"", path.trim_end_matches('/')),
                        _ => suggest::cure(&name, listed()),
                    };
                    let cure = match suggest::nearest(&name, listed()) {
                        Some(_) => here,
                        None => format!("{here}; if an outer scope has `{name}`, write `from_scope` behind it"),
                    };
                    errors.push(place, format!("the path \"{path}\" has no parameter `{name}`"), cure);
                }
                From::Scope | From::Route => {}
            }
        }
    }
}

fn parameters(leaf: &Rule) -> &[Parameter] {
    match leaf {
        Rule::Owner(parameter) | Rule::Tenant(parameter) => std::slice::from_ref(parameter),
        Rule::Owns(owns) => &owns.parameters,
        _ => &[],
    }
}

fn validation(word: &Ident, validate: &Validate, checked: &mut Checked, errors: &mut Errors) {
    let Handler { signature, arguments, .. } = &checked.handler;
    if arguments.is_empty() {
        let what = format!("`{}` takes no arguments, so there is nothing to validate", signature.ident);
        errors.push(word.span(), what, "take the input, such as `body: Json<T>`, or remove `#[validate]`");
        return;
    }
    let (steps, validates) = match validate {
        Validate::Every => (vec![Step::Each; arguments.len()], Validates::Inputs),
        Validate::Only(names) => {
            let mut steps = vec![Step::Skip; arguments.len()];
            let mut named = Vec::new();
            for name in names {
                let found = positions(name, &checked.handler, errors);
                let present = Condition::any(found.iter().map(|at| arguments[*at].present.as_ref()));
                found.into_iter().for_each(|at| steps[at] = Step::Named);
                named.push(Named { name: name.unraw().to_string(), present });
            }
            (steps, Validates::Named(named))
        }
    };
    checked.policy.validates = validates;
    if matches!(checked.call, Call::Direct) && steps.iter().any(|step| !matches!(step, Step::Skip)) {
        checked.call = Call::Validated(Validation { steps, attribute: word.span() });
    }
}

/// Which argument of the handler, that has some, binds the name: several, where each has another `#[cfg(..)]`.
fn positions(name: &Ident, handler: &Handler, errors: &mut Errors) -> Vec<usize> {
    let Handler { signature, arguments, .. } = handler;
    let binds = |(at, argument): (usize, &Argument)| argument.names.contains(name).then_some(at);
    let found: Vec<usize> = arguments.iter().enumerate().filter_map(binds).collect();
    if found.is_empty() {
        let every: Vec<String> =
            arguments.iter().flat_map(|argument| &argument.names).map(ToString::to_string).collect();
        let cure = match every.as_slice() {
            [] => "give the argument a name, as in `body: Json<T>` or `Json(body): Json<T>`".to_owned(),
            every => suggest::cure(&name.to_string(), every.iter().map(String::as_str)),
        };
        errors.push(name.span(), format!("`{}` has no argument `{name}`", signature.ident), cure);
    }
    found
}
