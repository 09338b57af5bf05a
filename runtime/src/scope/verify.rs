//! Finds mistakes of a scope that the macros cannot find, because they see one handler at a time.

use palisade_grammar::template::{MOST_PARAMETERS, parameters};
use smallvec::SmallVec;

use super::members::{Mount, ScopeItemKind};
use super::siblings::Siblings;
use super::walk::{self, Neighbours, OuterScopes};
use super::{Scope, call_limits, logic, rate_limits, responses};
use crate::config_error::{ConfigError, Mistakes};
use crate::cors::CorsRules;
use crate::headers::SecurityHeaders;
use crate::policy::{Credentials, Ownership, Policy, Rule, SchemeChoices};
use crate::policy_table::{PolicyTable, prefix_or_slash};
use crate::role::RoleName;
use crate::template;

/// So many rules of a scope are remembered. With more, some are checked again.
const MOST_REMEMBERED: usize = 15;

pub(super) fn verify(scope: &Scope, admin: Option<&RoleName>) -> Result<(), ConfigError> {
    let mut mistakes = Mistakes::default();
    let readable = check_templates(scope, &OuterScopes::default(), &mut mistakes);
    let routers = Routers { own: &mut Siblings::default(), around: &[] };
    check_reachability(scope, &OuterScopes::default(), routers, &readable, &mut mistakes);
    let endpoints = walk::endpoints(scope);
    for Neighbours { outer, mounts } in &endpoints {
        let mut of_scopes = CheckedScopes::new(outer);
        if !readable.contains(&outer.prefix) {
            continue;
        }
        of_scopes.check_rules(&mut mistakes);
        for mount in mounts {
            if readable.contains(mount.route.path) {
                of_scopes.check_endpoint(mount, admin, &mut mistakes);
            }
        }
    }
    rate_limits::verify(&endpoints, &mut mistakes);
    call_limits::verify(scope, &mut mistakes);
    responses::verify(scope, &mut mistakes);
    check_cors(scope, &mut mistakes);
    check_headers(scope, &mut mistakes);
    mistakes.into_result()
}

/// Adds the mistakes in the security headers of a scope and of what is in it.
fn check_headers(scope: &Scope, mistakes: &mut Mistakes) {
    if let Some(headers) = &scope.responses.headers {
        mistakes.extend(headers.mistakes());
    }
    let check_mount = |mount: &Mount, mistakes: &mut Mistakes| {
        // The macros have checked the changes in attributes, but not those in the policy of a guarded service.
        mistakes.extend(SecurityHeaders::of(mount.policy.header_changes).mistakes());
    };
    scope.default.iter().for_each(|default| check_mount(default, mistakes));
    for item in &scope.items {
        match &item.0 {
            ScopeItemKind::Endpoint(mount) => check_mount(mount, mistakes),
            ScopeItemKind::Scope(inner) => check_headers(inner, mistakes),
        }
    }
}

/// Which templates the router can parse. The other checks skip those that it cannot.
enum Readable {
    Each,
    Except(Vec<String>),
}

impl Readable {
    /// Whether the path, which may have the prefixes of scopes, can be parsed.
    fn contains(&self, path: &str) -> bool {
        match self {
            Self::Each => true,
            Self::Except(unreadable) => !unreadable.iter().any(|own| path.contains(own)),
        }
    }
}

/// Checks the prefixes, which no macro checks, and the paths. The router panics on a template that it cannot parse.
fn check_templates(scope: &Scope, outer: &OuterScopes, mistakes: &mut Mistakes) -> Readable {
    let mut unreadable = Vec::new();
    let outer = outer.inside(scope);
    let mut check = |template: &str, what: &dyn Fn() -> String| {
        if let Err(problem) = template::readable(template) {
            mistakes.report("routes", format!("{} {problem}", what()));
            unreadable.push(template.to_owned());
        }
    };
    check(&scope.prefix, &|| format!("the prefix {} of a scope ({})", scope.prefix, scope.place()));
    for item in &scope.items {
        if let ScopeItemKind::Endpoint(mount) = &item.0 {
            check(mount.route.path, &|| format!("the path {} of {}", mount.route.path, mount.policy.declared()));
        }
    }
    for problem in &scope.network_mistakes {
        let prefix = prefix_or_slash(&scope.prefix);
        mistakes.report("routes", format!("the network of the scope {prefix} ({}): {problem}", scope.place()));
    }
    if scope.prefix.is_empty() && scope.default.is_some() {
        let problem = "a scope without a prefix has no unknown paths, so it cannot have a default service: give it a prefix, or use \
                       `App::default_service(web::to(..))` with the same function";
        mistakes.report("routes", format!("{problem} ({})", scope.place()));
    }
    for item in &scope.items {
        if let ScopeItemKind::Scope(inner) = &item.0
            && let Readable::Except(more) = check_templates(inner, &outer, mistakes)
        {
            unreadable.extend(more);
        }
    }
    if unreadable.is_empty() { Readable::Each } else { Readable::Except(unreadable) }
}

/// Finds mistakes of the CORS rules. A macro has checked those of a route, unless the policy was written by hand.
fn check_cors(scope: &Scope, mistakes: &mut Mistakes) {
    if let Some(rules) = &scope.responses.cors {
        report_cors(rules, &|| format!("the scope {} ({})", prefix_or_slash(&scope.prefix), scope.place()), mistakes);
    }
    let check_route = |mount: &Mount, mistakes: &mut Mistakes| {
        if let Some(own) = mount.policy.cors {
            report_cors(&CorsRules::from(*own), &|| mount.policy.declared(), mistakes);
        }
    };
    scope.default.iter().for_each(|mount| check_route(mount, mistakes));
    for item in &scope.items {
        match &item.0 {
            ScopeItemKind::Scope(inner) => check_cors(inner, mistakes),
            ScopeItemKind::Endpoint(mount) => check_route(mount, mistakes),
        }
    }
}

fn report_cors(rules: &CorsRules, of: &dyn Fn() -> String, mistakes: &mut Mistakes) {
    let Err(error) = rules.mistakes().clone().into_result() else { return };
    for mistake in error.mistakes() {
        mistakes.report(mistake.setting().to_owned(), format!("{}; it is in the rule of {}", mistake.message(), of()));
    }
}

/// The scopes around some endpoints, and what is known about them without the endpoints.
struct CheckedScopes<'s> {
    outer: &'s OuterScopes,
    parameters: Vec<&'s str>,
    /// Rules of endpoints that these scopes do not conflict with. Many endpoints have the same rule.
    satisfiable: Vec<&'s Rule>,
}

impl<'s> CheckedScopes<'s> {
    fn new(outer: &'s OuterScopes) -> Self {
        let parameters = parameters(&outer.prefix).collect();
        Self { outer, parameters, satisfiable: Vec::new() }
    }

    fn check_endpoint(&mut self, mount: &'s Mount, admin: Option<&RoleName>, mistakes: &mut Mistakes) {
        let (own_path, prefix) = (mount.route.path, &self.outer.prefix);
        let handler = || mount.policy.declared();
        let own_parameters: SmallVec<[&str; MOST_PARAMETERS]> = parameters(own_path).collect();
        if let Some(name) = own_parameters.iter().find(|name| self.parameters.contains(name)) {
            let problem = format!(
                "the scope {} and {} at {own_path} both have a parameter `{name}`: rename one of them",
                self.outer.declared(prefix),
                handler()
            );
            mistakes.report("routes", problem);
        }
        if let Some(problem) = mount.problem {
            mistakes.report("routes", format!("{} at {} {problem}", handler(), mount.route.shown_below(prefix)));
        }
        let rule = &mount.policy.rule;
        // The macros have checked the names in attributes, but not those in the rule of a guarded service.
        if let Some(problem) = rule.mistaken_name() {
            mistakes.report("routes", format!("{rule} of {} has an {problem}", handler()));
        }
        for name in rule.parameters() {
            if !self.parameters.contains(&name) && !own_parameters.contains(&name) {
                let problem = format!(
                    "{rule} of {} needs the parameter `{{{name}}}`, which {prefix}{own_path} does not have",
                    handler()
                );
                mistakes.report("routes", problem);
            }
        }
        let path = mount.route.shown_below(prefix);
        let count = self.parameters.len().saturating_add(own_parameters.len());
        for accepted in &mount.needs.parameter_counts {
            if let Some(problem) = accepted.mistake(mount.policy, &path, count) {
                mistakes.report("routes", problem);
            }
        }
        mistakes.note(check_deny_option(self.outer, mount));
        if !self.satisfiable.contains(&rule) {
            if mistakes.note(check_satisfiable(&self.outer.rules, mount.policy, &path, admin)).is_none() {
                return;
            }
            self.satisfiable.truncate(MOST_REMEMBERED);
            self.satisfiable.insert(0, rule);
        }
    }

    /// The rules of a scope also apply to its unknown paths, so the parameters of the rules must be in the prefix.
    fn check_rules(&self, mistakes: &mut Mistakes) {
        for (prefix, rule) in &self.outer.rules {
            let scope = || self.outer.declared(prefix);
            // The macros have checked the rules of handlers. A scope's rule may be written by hand.
            if let Some(problem) = rule.mistaken_name() {
                mistakes.report("routes", format!("{rule} of the scope {} has an {problem}", scope()));
            }
            for name in rule.parameters() {
                if !parameters(prefix).any(|own| own == name) {
                    let problem =
                        format!("{rule} of the scope {} needs the parameter `{{{name}}}` in its prefix", scope());
                    mistakes.report("routes", problem);
                }
            }
        }
    }
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
            "{} at {}{} protects the same row of {} by two attributes, only one of which has `deny = 403`: write it in both or \
             in neither",
            mount.policy.declared(),
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
    let (handler, own) = (policy.declared(), &policy.rule);
    let admin_role = admin.unwrap_or(&RoleName::ADMIN);
    let text = |rule: &Rule| rule.as_attributes(admin_role).to_string();
    let with_principal = outer.iter().find(|(_, rule)| rule.credentials() == Credentials::Required);
    if let (Some((prefix, rule)), Rule::Public | Rule::OptionalAuth) = (with_principal, own) {
        return ConfigError::routes(format!(
            "{handler} at {path} is {own}, but its scope {} requires {}: move it out of the scope, or write \
             `#[authenticated]`",
            prefix_or_slash(prefix),
            text(rule)
        ));
    }
    if *own == Rule::Nobody {
        return Ok(());
    }
    let all: Vec<&Rule> = outer.iter().map(|(_, rule)| rule).chain([own]).collect();
    if let Some(choices) = SchemeChoices::of(all.iter().copied())
        && choices.are_disjoint()
    {
        return ConfigError::routes(format!(
            "{handler} at {path} accepts no credential, because no scheme is in all of these: {choices}; write the scheme only \
             once, or name a scheme that they share"
        ));
    }
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
        return ConfigError::routes(format!("{handler} at {path} admits nobody: {why}"));
    }
    let Some(redundant) = truth_table.redundant_alternative(own) else { return Ok(()) };
    let (own, redundant) = (text(own), redundant.as_term(admin_role));
    if outer.is_empty() {
        ConfigError::routes(format!(
            "{handler} at {path} has {own}, but `{redundant}` is redundant: the other conditions already imply the result; \
             remove it"
        ))
    } else {
        ConfigError::routes(format!(
            "{handler} at {path} has {own}, but `{redundant}` is redundant in the scope {}: the other conditions already \
             imply the result; remove it, or move the route out of the scope",
            demands()
        ))
    }
}

/// The routes that were added to one router, and to each router around it, before a route.
struct Routers<'r> {
    own: &'r mut Siblings,
    around: &'r [&'r Siblings],
}

/// Finds each endpoint and each scope that never gets a request, because an earlier one takes its requests.
fn check_reachability(
    scope: &Scope,
    outer: &OuterScopes,
    routers: Routers<'_>,
    readable: &Readable,
    mistakes: &mut Mistakes,
) {
    let (outer, Routers { own, around }) = (outer.inside(scope), routers);
    for item in &scope.items {
        match &item.0 {
            ScopeItemKind::Endpoint(mount) => {
                let path = format!("{}{}", outer.prefix, mount.route.path);
                if readable.contains(&path) {
                    around.iter().for_each(|router| _ = mistakes.note(router.check_route(mount, &path)));
                    mistakes.note(own.add_route(mount, path, outer.has_guards()));
                }
            }
            // A scope without a prefix shares the router of the outer scope.
            ScopeItemKind::Scope(inner) if inner.prefix.is_empty() => {
                check_reachability(inner, &outer, Routers { own: &mut *own, around }, readable, mistakes);
            }
            ScopeItemKind::Scope(inner) => {
                let path = format!("{}{}", outer.prefix, inner.prefix);
                if !readable.contains(&path) {
                    continue;
                }
                // A scope that gets no request is one mistake, and not one for each of its routes.
                if mistakes.note(own.check_scope(inner, &path)).is_some() {
                    let around: Vec<&Siblings> = around.iter().copied().chain([&*own]).collect();
                    let routers = Routers { own: &mut Siblings::default(), around: &around };
                    check_reachability(inner, &outer, routers, readable, mistakes);
                }
                own.add_scope(inner, path, outer.has_guards());
            }
        }
    }
}
