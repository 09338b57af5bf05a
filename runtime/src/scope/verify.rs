//! Finds mistakes of a scope that the macros cannot find, because they see one handler at a time.

use palisade_grammar::template::{MOST_PARAMETERS, parameters};
use smallvec::SmallVec;

use super::rate_limits;
use super::siblings::Siblings;
use super::walk::{self, Neighbours, OuterScopes};
use super::{Mount, Scope, ScopeItemKind, logic};
use crate::config_error::{ConfigError, Mistakes};
use crate::policy::{Credentials, Ownership, Policy, Rule};
use crate::policy_table::{PolicyTable, prefix_or_slash};
use crate::role::RoleName;
use crate::template;

/// So many rules of a scope are remembered. With more, some are checked again.
const MOST_REMEMBERED: usize = 15;

pub(super) fn verify(scope: &Scope, admin: Option<&RoleName>) -> Result<(), ConfigError> {
    // The other checks need paths that can be parsed.
    check_templates(scope)?;
    let mut mistakes = Mistakes::default();
    check_reachability(scope, &OuterScopes::default(), &mut Siblings::default(), &mut mistakes);
    let endpoints = walk::endpoints(scope);
    for Neighbours { outer, mounts } in &endpoints {
        let mut of_scopes = CheckedScopes::new(outer);
        for mount in mounts {
            mistakes.note(of_scopes.check_endpoint(mount, admin));
        }
    }
    rate_limits::verify(&endpoints, &mut mistakes);
    mistakes.into_result()
}

/// Checks the prefixes, which no macro checks, and the paths. The router panics on a template that it cannot parse.
fn check_templates(scope: &Scope) -> Result<(), ConfigError> {
    let mut mistakes = Mistakes::default();
    mistakes.note(
        template::readable(&scope.prefix)
            .or_else(|problem| ConfigError::routes(format!("the prefix {} of a scope {problem}", scope.prefix))),
    );
    for item in &scope.items {
        mistakes.note(match &item.0 {
            ScopeItemKind::Endpoint(mount) => template::readable(mount.route.path).or_else(|problem| {
                ConfigError::routes(format!("the path {} of `{}` {problem}", mount.route.path, mount.policy.handler))
            }),
            ScopeItemKind::Scope(inner) => check_templates(inner),
        });
    }
    mistakes.into_result()
}

/// The scopes around some endpoints, and what is known about them without the endpoints.
struct CheckedScopes<'s> {
    outer: &'s OuterScopes,
    parameters: Vec<&'s str>,
    rules: Result<(), ConfigError>,
    /// Rules of endpoints that these scopes do not conflict with. Many endpoints have the same rule.
    satisfiable: Vec<&'s Rule>,
}

impl<'s> CheckedScopes<'s> {
    fn new(outer: &'s OuterScopes) -> Self {
        let parameters = parameters(&outer.prefix).collect();
        Self { outer, parameters, rules: check_rules(outer), satisfiable: Vec::new() }
    }

    fn check_endpoint(&mut self, mount: &'s Mount, admin: Option<&RoleName>) -> Result<(), ConfigError> {
        let (handler, own_path, prefix) = (mount.policy.handler, mount.route.path, &self.outer.prefix);
        let own_parameters: SmallVec<[&str; MOST_PARAMETERS]> = parameters(own_path).collect();
        if let Some(name) = own_parameters.iter().find(|name| self.parameters.contains(name)) {
            return ConfigError::routes(format!(
                "the scope {prefix} and `{handler}` at {own_path} both have a parameter `{name}`: rename one of them"
            ));
        }
        self.rules.clone()?;
        let rule = &mount.policy.rule;
        let is_missing = |name: &&str| !self.parameters.contains(name) && !own_parameters.contains(name);
        if let Some(name) = rule.parameters().into_iter().find(is_missing) {
            return ConfigError::routes(format!(
                "{rule} of `{handler}` needs the parameter `{{{name}}}`, which {prefix}{own_path} does not have"
            ));
        }
        let path = format!("{prefix}{own_path}");
        let count = self.parameters.len().saturating_add(own_parameters.len());
        let mistake = mount.needs.parameter_counts.iter().find_map(|accepted| accepted.mistake(handler, &path, count));
        mistake.map_or(Ok(()), ConfigError::routes)?;
        check_deny_option(self.outer, mount)?;
        if !self.satisfiable.contains(&rule) {
            check_satisfiable(&self.outer.rules, mount.policy, &path, admin)?;
            self.satisfiable.truncate(MOST_REMEMBERED);
            self.satisfiable.insert(0, rule);
        }
        Ok(())
    }
}

/// The rules of a scope also apply to its unknown paths, so the parameters of the rules must be in the prefix.
fn check_rules(outer: &OuterScopes) -> Result<(), ConfigError> {
    for (prefix, rule) in &outer.rules {
        let scope = prefix_or_slash(prefix);
        // The macros have checked the rules of handlers. A scope's rule may be written by hand.
        if let Some(problem) = rule.mistaken_name() {
            return ConfigError::routes(format!("{rule} of the scope {scope} has an {problem}"));
        }
        if let Some(name) = rule.parameters().into_iter().find(|name| !parameters(prefix).any(|own| own == *name)) {
            return ConfigError::routes(format!(
                "{rule} of the scope {scope} needs the parameter `{{{name}}}` in its prefix"
            ));
        }
    }
    Ok(())
}

/// Finds a row whose existence one attribute reveals by 403 and another one conceals by 404.
fn check_deny_option(outer: &OuterScopes, mount: &Mount) -> Result<(), ConfigError> {
    let mut ownerships: Vec<&Ownership> = Vec::new();
    for rule in outer.rules.iter().map(|(_, rule)| rule).chain([&mount.policy.rule]) {
        rule.leaves(&mut |leaf| {
            if let Rule::Owns(ownership) = leaf {
                ownerships.push(ownership);
            }
        });
    }
    // `==` ignores the `deny` option, so equal ownerships are about the same row.
    let inconsistent = ownerships
        .iter()
        .find(|one| ownerships.iter().any(|other| other == *one && other.rejected() != one.rejected()));
    match inconsistent {
        Some(ownership) => ConfigError::routes(format!(
            "`{}` at {}{} protects the same row of {} by two attributes, only one of which has `deny = 403`: write it in both or \
             in neither",
            mount.policy.handler,
            outer.prefix,
            mount.route.path,
            ownership.resource()
        )),
        None => Ok(()),
    }
}

/// Checks the rules again, now that the administrator role is known.
pub(crate) fn check_policy_table(policies: &PolicyTable) -> Result<(), ConfigError> {
    let mut mistakes = Mistakes::default();
    for row in policies.rows() {
        mistakes.note(check_satisfiable(row.outer(), row.policy(), row.path(), Some(row.admin_role())));
    }
    mistakes.into_result()
}

/// Finds rules that conflict, and alternatives that are redundant. `outer` has the rules of the outer scopes.
fn check_satisfiable(
    outer: &[(String, Rule)],
    policy: &Policy,
    path: &str,
    admin: Option<&RoleName>,
) -> Result<(), ConfigError> {
    let (handler, own) = (policy.handler, &policy.rule);
    let admin_role = admin.unwrap_or(&RoleName::ADMIN);
    let text = |rule: &Rule| rule.as_attributes(admin_role).to_string();
    let with_principal = outer.iter().find(|(_, rule)| rule.credentials() == Credentials::Required);
    if let (Some((prefix, rule)), Rule::Public | Rule::OptionalAuth) = (with_principal, own) {
        return ConfigError::routes(format!(
            "`{handler}` at {path} is {own}, but its scope {} requires {}: move it out of the scope, or write \
             `#[authenticated]`",
            prefix_or_slash(prefix),
            text(rule)
        ));
    }
    if *own == Rule::Nobody {
        return Ok(());
    }
    let all: Vec<&Rule> = outer.iter().map(|(_, rule)| rule).chain([own]).collect();
    let demands = || {
        let each = outer.iter().map(|(prefix, rule)| format!("{} ({})", prefix_or_slash(prefix), text(rule)));
        each.collect::<Vec<_>>().join(" and ")
    };
    // Too many conditions for a truth table: not checked.
    let Some(truth_table) = logic::truth_table(&all, admin) else { return Ok(()) };
    if !truth_table.is_satisfiable() {
        let why = if outer.is_empty() {
            format!("{} conflicts with itself", text(own))
        } else {
            format!("{} conflicts with the scope {}", text(own), demands())
        };
        return ConfigError::routes(format!("`{handler}` at {path} admits nobody: {why}"));
    }
    let Some(redundant) = truth_table.redundant_alternative(own) else { return Ok(()) };
    let (own, redundant) = (text(own), redundant.as_term(admin_role));
    if outer.is_empty() {
        ConfigError::routes(format!(
            "`{handler}` at {path} has {own}, but `{redundant}` is redundant: the other conditions already imply the result; \
             remove it"
        ))
    } else {
        ConfigError::routes(format!(
            "`{handler}` at {path} has {own}, but `{redundant}` is redundant in the scope {}: the other conditions already \
             imply the result; remove it, or move the route out of the scope",
            demands()
        ))
    }
}

/// Finds each endpoint and each scope that never gets a request, because an earlier one of the same router takes its requests.
/// `siblings` has the routes that were added to that router before.
fn check_reachability(scope: &Scope, outer: &OuterScopes, siblings: &mut Siblings, mistakes: &mut Mistakes) {
    let outer = outer.inside(scope);
    for item in &scope.items {
        match &item.0 {
            ScopeItemKind::Endpoint(mount) => {
                mistakes.note(siblings.add_endpoint(mount, format!("{}{}", outer.prefix, mount.route.path)));
            }
            // A scope without a prefix shares the router of the outer scope.
            ScopeItemKind::Scope(inner) if inner.prefix.is_empty() => {
                check_reachability(inner, &outer, siblings, mistakes);
            }
            ScopeItemKind::Scope(inner) => {
                mistakes.note(siblings.add_scope(format!("{}{}", outer.prefix, inner.prefix)));
                check_reachability(inner, &outer, &mut Siblings::default(), mistakes);
            }
        }
    }
}
