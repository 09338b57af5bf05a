//! Mistakes of a whole scope, which no handler alone can show.

use super::rate_limits;
use super::siblings::Siblings;
use super::walk::{self, Around};
use super::{Kind, Mount, Scope, logic};
use crate::config_error::ConfigError;
use crate::policy::{Credentials, Ownership, Policy, Rule};
use crate::policy_table::PolicyTable;
use crate::role::RoleName;
use crate::template::{self, parameters};

pub(super) fn verify(scope: &Scope, admin: Option<&RoleName>) -> Result<(), ConfigError> {
    prefixes(scope)?;
    reachable(scope, &Around::default(), &mut Siblings::default())?;
    let endpoints = walk::endpoints(scope, &Around::default());
    endpoints.iter().try_for_each(|(around, mount)| endpoint(around, mount, admin))?;
    rate_limits::verify(&endpoints)
}

/// Prefixes are read by no macro, and the router panics about one that it can't read.
fn prefixes(scope: &Scope) -> Result<(), ConfigError> {
    template::readable(&scope.prefix)
        .or_else(|problem| mistake(format!("the prefix {} of a scope {problem}", scope.prefix)))?;
    scope.items.iter().try_for_each(|item| match &item.0 {
        Kind::Endpoint(mount) => template::readable(mount.route.path).or_else(|problem| {
            mistake(format!("the path {} of `{}` {problem}", mount.route.path, mount.policy.handler))
        }),
        Kind::Scope(inner) => prefixes(inner),
    })
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
            "the scope {} and `{handler}` at {path} both have a parameter `{name}`: give one another name",
            around.prefix
        ));
    }
    // What a scope demands holds for its unknown paths too, so its parameters are those of its own prefix.
    for (prefix, rule) in &around.rules {
        if let Some(name) = rule.parameters().into_iter().find(|name| !parameters(prefix).any(|own| own == *name)) {
            return mistake(format!("the {rule} of the scope {prefix} needs a parameter `{{{name}}}` in its prefix"));
        }
    }
    let rule = &mount.policy.rule;
    if let Some(name) = rule.parameters().into_iter().find(|name| !outer.contains(name) && !own.contains(name)) {
        let prefix = &around.prefix;
        return mistake(format!(
            "the {rule} of `{handler}` needs a parameter `{{{name}}}`, which {prefix}{path} lacks"
        ));
    }
    let parameters = outer.len().saturating_add(own.len());
    if let Some(parts) = mount.needs.path_parts.iter().find(|parts| !parts.fit(parameters)) {
        let has = if parameters == 1 { "1 parameter".to_owned() } else { format!("{parameters} parameters") };
        return mistake(format!(
            "`{handler}` takes a `Path` of {parts}, but {}{path} has {has}: give the one as many as the other",
            around.prefix
        ));
    }
    one_answer_for_each_row(around, mount)?;
    let path = format!("{}{path}", around.prefix);
    sense(&around.rules, mount.policy, &path, admin)
}

/// A row that is both revealed and not can't be answered in a way that both mean.
fn one_answer_for_each_row(around: &Around, mount: &Mount) -> Result<(), ConfigError> {
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
            "`{}` at {}{} is about one row of {} with `deny = 403` and without: say the same wherever it is named",
            mount.policy.handler,
            around.prefix,
            mount.route.path,
            row.resource()
        )),
        None => Ok(()),
    }
}

/// What only the application's own name for its administrators shows, once that is known.
pub(crate) fn check_rows(table: &PolicyTable) -> Result<(), ConfigError> {
    for row in table.rows() {
        sense(row.outer(), row.policy(), row.path(), Some(row.admin_role()))?;
    }
    Ok(())
}

/// Rules that contradict each other, or that can never matter.
fn sense(rules: &[(String, Rule)], policy: &Policy, path: &str, admin: Option<&RoleName>) -> Result<(), ConfigError> {
    let (handler, own) = (policy.handler, &policy.rule);
    let name = admin.unwrap_or(&RoleName::ADMIN);
    let words = |rule: &Rule| rule.as_attributes(name).to_string();
    let demanding = rules.iter().find(|(_, rule)| rule.credentials() == Credentials::Required);
    if let (Some((scope, rule)), Rule::Public | Rule::OptionalAuth) = (demanding, own) {
        return mistake(format!(
            "`{handler}` at {path} is {own}, but its scope {scope} demands {}: take it out of the scope, or say \
             `#[authenticated]`",
            words(rule)
        ));
    }
    if *own == Rule::Nobody {
        return Ok(());
    }
    let outer: Vec<&Rule> = rules.iter().map(|(_, rule)| rule).collect();
    let all: Vec<&Rule> = outer.iter().copied().chain([own]).collect();
    let demands =
        || rules.iter().map(|(scope, rule)| format!("{scope} ({})", words(rule))).collect::<Vec<_>>().join(" and ");
    if !logic::admits_somebody(&all, admin) {
        let why = if rules.is_empty() {
            format!("{} contradicts itself", words(own))
        } else {
            format!("{} contradicts the scope {}", words(own), demands())
        };
        return mistake(format!("`{handler}` at {path} admits nobody: {why}"));
    }
    let Some(dead) = logic::dead_alternative(&outer, own, admin) else { return Ok(()) };
    let (own, dead) = (words(own), dead.as_term(name));
    if rules.is_empty() {
        mistake(format!(
            "`{handler}` at {path} says {own}, but `{dead}` never matters beside the rest of it: leave it out"
        ))
    } else {
        mistake(format!(
            "`{handler}` at {path} says {own}, but `{dead}` never matters in the scope {}: leave it out, or move the \
             route out of the scope",
            demands()
        ))
    }
}

fn reachable(scope: &Scope, around: &Around, siblings: &mut Siblings) -> Result<(), ConfigError> {
    let around = around.inside(scope);
    for item in &scope.items {
        match &item.0 {
            Kind::Endpoint(mount) => siblings.mount(mount, format!("{}{}", around.prefix, mount.route.path))?,
            // Without a prefix it is in the same router.
            Kind::Scope(inner) if inner.prefix.is_empty() => reachable(inner, &around, siblings)?,
            Kind::Scope(inner) => {
                siblings.nest(format!("{}{}", around.prefix, inner.prefix))?;
                reachable(inner, &around, &mut Siblings::default())?;
            }
        }
    }
    Ok(())
}
