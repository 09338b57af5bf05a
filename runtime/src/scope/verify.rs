//! Finds mistakes of a scope that the macros cannot find, because they see one handler at a time.

use palisade_grammar::template::parameters;

use super::rate_limits;
use super::siblings::Siblings;
use super::walk::{self, Around};
use super::{Mount, Scope, ScopeItemKind, logic};
use crate::config_error::{ConfigError, Mistakes};
use crate::policy::{Credentials, Ownership, Policy, Rule};
use crate::policy_table::PolicyTable;
use crate::role::RoleName;
use crate::template;

pub(super) fn verify(scope: &Scope, admin: Option<&RoleName>) -> Result<(), ConfigError> {
    // The other checks need paths that can be parsed.
    prefixes(scope)?;
    let mut mistakes = Mistakes::default();
    reachable(scope, &Around::default(), &mut Siblings::default(), &mut mistakes);
    let endpoints = walk::endpoints(scope, &Around::default());
    for (around, mount) in &endpoints {
        mistakes.note(endpoint(around, mount, admin));
    }
    rate_limits::verify(&endpoints, &mut mistakes);
    mistakes.into_result()
}

/// Checks the prefixes, which no macro checks, and the paths. The router would panic about one that it cannot parse.
fn prefixes(scope: &Scope) -> Result<(), ConfigError> {
    let mut mistakes = Mistakes::default();
    mistakes.note(
        template::readable(&scope.prefix)
            .or_else(|problem| mistake(format!("the prefix {} of a scope {problem}", scope.prefix))),
    );
    for item in &scope.items {
        mistakes.note(match &item.0 {
            ScopeItemKind::Endpoint(mount) => template::readable(mount.route.path).or_else(|problem| {
                mistake(format!("the path {} of `{}` {problem}", mount.route.path, mount.policy.handler))
            }),
            ScopeItemKind::Scope(inner) => prefixes(inner),
        });
    }
    mistakes.into_result()
}

pub(super) fn mistake<T>(problem: String) -> Result<T, ConfigError> {
    Err(ConfigError::new("routes", problem))
}

fn endpoint(around: &Around, mount: &Mount, admin: Option<&RoleName>) -> Result<(), ConfigError> {
    let (handler, path) = (mount.policy.handler, mount.route.path);
    let outer: Vec<&str> = parameters(&around.prefix).collect();
    let own: Vec<&str> = parameters(path).collect();
    if let Some(name) = own.iter().find(|name| outer.contains(name)) {
        return mistake(format!(
            "the scope {} and `{handler}` at {path} both have a parameter `{name}`: rename one of them",
            around.prefix
        ));
    }
    // The rules of a scope also apply to its unknown paths, so their parameters must be in the prefix.
    for (prefix, rule) in &around.rules {
        // The macros have checked the rules of handlers. A scope's rule may be written by hand.
        if let Some(problem) = rule.mistaken_name() {
            return mistake(format!("{rule} of the scope {prefix} has an {problem}"));
        }
        if let Some(name) = rule.parameters().into_iter().find(|name| !parameters(prefix).any(|own| own == *name)) {
            return mistake(format!("{rule} of the scope {prefix} needs the parameter `{{{name}}}` in its prefix"));
        }
    }
    let rule = &mount.policy.rule;
    if let Some(name) = rule.parameters().into_iter().find(|name| !outer.contains(name) && !own.contains(name)) {
        let prefix = &around.prefix;
        return mistake(format!(
            "{rule} of `{handler}` needs the parameter `{{{name}}}`, which {prefix}{path} does not have"
        ));
    }
    let parameters = outer.len().saturating_add(own.len());
    if let Some(parts) = mount.needs.path_parts.iter().find(|parts| !parts.fit(parameters)) {
        let has = if parameters == 1 { "1 parameter".to_owned() } else { format!("{parameters} parameters") };
        return mistake(format!("`{handler}` takes a `Path` of {parts}, but {}{path} has {has}", around.prefix));
    }
    check_deny_of_rows(around, mount)?;
    let path = format!("{}{path}", around.prefix);
    check_satisfiable(&around.rules, mount.policy, &path, admin)
}

/// Finds a row whose existence one attribute reveals by 403 and another one conceals by 404.
fn check_deny_of_rows(around: &Around, mount: &Mount) -> Result<(), ConfigError> {
    let mut rows: Vec<&Ownership> = Vec::new();
    for rule in around.rules.iter().map(|(_, rule)| rule).chain([&mount.policy.rule]) {
        rule.leaves(&mut |leaf| {
            if let Rule::Owns(ownership) = leaf {
                rows.push(ownership);
            }
        });
    }
    let twice = rows.iter().find(|row| rows.iter().any(|other| other == *row && other.refused() != row.refused()));
    match twice {
        Some(row) => mistake(format!(
            "`{}` at {}{} names one row of {} with `deny = 403` and without it: write the same `deny` each time",
            mount.policy.handler,
            around.prefix,
            mount.route.path,
            row.resource()
        )),
        None => Ok(()),
    }
}

/// Finds the mistakes that depend on the role of administrators.
pub(crate) fn check_rows(table: &PolicyTable) -> Result<(), ConfigError> {
    let mut mistakes = Mistakes::default();
    for row in table.rows() {
        mistakes.note(check_satisfiable(row.outer(), row.policy(), row.path(), Some(row.admin_role())));
    }
    mistakes.into_result()
}

/// Finds rules that conflict, and alternatives that are redundant.
fn check_satisfiable(
    rules: &[(String, Rule)],
    policy: &Policy,
    path: &str,
    admin: Option<&RoleName>,
) -> Result<(), ConfigError> {
    let (handler, own) = (policy.handler, &policy.rule);
    let name = admin.unwrap_or(&RoleName::ADMIN);
    let text = |rule: &Rule| rule.as_attributes(name).to_string();
    let with_principal = rules.iter().find(|(_, rule)| rule.credentials() == Credentials::Required);
    if let (Some((scope, rule)), Rule::Public | Rule::OptionalAuth) = (with_principal, own) {
        return mistake(format!(
            "`{handler}` at {path} is {own}, but its scope {scope} requires {}: move it out of the scope, or write \
             `#[authenticated]`",
            text(rule)
        ));
    }
    if *own == Rule::Nobody {
        return Ok(());
    }
    let all: Vec<&Rule> = rules.iter().map(|(_, rule)| rule).chain([own]).collect();
    let demands =
        || rules.iter().map(|(scope, rule)| format!("{scope} ({})", text(rule))).collect::<Vec<_>>().join(" and ");
    let Some(table) = logic::table(&all, admin) else { return Ok(()) };
    if !table.is_satisfiable() {
        let why = if rules.is_empty() {
            format!("{} conflicts with itself", text(own))
        } else {
            format!("{} conflicts with the scope {}", text(own), demands())
        };
        return mistake(format!("`{handler}` at {path} admits nobody: {why}"));
    }
    let Some(redundant) = table.redundant_alternative(own) else { return Ok(()) };
    let (own, redundant) = (text(own), redundant.as_term(name));
    if rules.is_empty() {
        mistake(format!(
            "`{handler}` at {path} has {own}, but `{redundant}` is redundant beside the other conditions: remove it"
        ))
    } else {
        mistake(format!(
            "`{handler}` at {path} has {own}, but `{redundant}` is redundant in the scope {}: remove it, or move the \
             route out of the scope",
            demands()
        ))
    }
}

fn reachable(scope: &Scope, around: &Around, siblings: &mut Siblings, mistakes: &mut Mistakes) {
    let around = around.inside(scope);
    for item in &scope.items {
        match &item.0 {
            ScopeItemKind::Endpoint(mount) => {
                mistakes.note(siblings.mount(mount, format!("{}{}", around.prefix, mount.route.path)));
            }
            // A scope without a prefix is in the same router.
            ScopeItemKind::Scope(inner) if inner.prefix.is_empty() => reachable(inner, &around, siblings, mistakes),
            ScopeItemKind::Scope(inner) => {
                mistakes.note(siblings.nest(format!("{}{}", around.prefix, inner.prefix)));
                reachable(inner, &around, &mut Siblings::default(), mistakes);
            }
        }
    }
}
