//! Checks of a configuration before the application starts.
//!
//! Threat: a rule or a rate limit that cannot work as written, and that an attacker is the first to notice (CWE-1188).
//! Promise: each configuration error that can be found at startup is reported at startup, with the setting and what to change.

use std::collections::BTreeSet;
use std::sync::Arc;

use palisade_grammar::names::Kind;

use crate::authn::Authenticator;
use crate::authz::{self, Owners};
use crate::config_error::{ConfigError, Mistakes};
use crate::headers::{ApplicationHeaders, lacking_endpoint};
use crate::policy::{Credentials, Rule, SchemeChoices};
use crate::policy_table::{PolicyRow, PolicyTable, prefix_or_slash};
use crate::proxy::TrustedProxies;
use crate::rate_limit::By;
use crate::role::{RoleName, Roles};

/// Checks an unguarded prefix and its reason.
pub(super) fn check_unguarded_prefix(prefix: &str, reason: &str, mistakes: &mut Mistakes) {
    let setting = || format!("allow_unguarded {prefix:?}");
    if !prefix.starts_with('/') || prefix.ends_with('/') || prefix.contains(['{', '%']) {
        mistakes.report(setting(), "must be the prefix of a mounted service, such as \"/static\"");
    }
    if reason.trim().is_empty() {
        mistakes.report(setting(), "needs a reason, such as \"public style sheets\"");
    }
}

/// Checks that no `Jwt` hides another one for the tokens of the same issuer.
pub(super) fn each_issuer_has_one_jwt(issuers: &[String]) -> Result<(), ConfigError> {
    let mut seen = BTreeSet::new();
    match issuers.iter().find(|issuer| !seen.insert(issuer.as_str())) {
        None => Ok(()),
        Some(issuer) => {
            let problem = format!(
                "must have one `Jwt` for the issuer {issuer:?}, but there are two, and the first would reject tokens that only the second accepts; make them one `Jwt`, with `.audience(..)` for each audience and `.keys(..)` for each key source"
            );
            Err(ConfigError::new("authenticator", problem))
        }
    }
}

/// The issuer whose subjects own resources: the configured one, or the only one.
pub(super) fn owners(named: Option<String>, authenticators: &[Arc<dyn Authenticator>]) -> Result<Owners, ConfigError> {
    let issuers: Option<BTreeSet<&str>> = authenticators.iter().map(|authenticator| authenticator.issuer()).collect();
    let issuers: Option<Vec<&str>> = issuers.map(|known| known.into_iter().collect());
    match (named, issuers.as_deref()) {
        (Some(named), Some(known)) if !known.is_empty() && !known.contains(&named.as_str()) => {
            let problem = format!(
                "must be an issuer of an authenticator, but is {named:?}; the issuers are {}",
                known.join(", ")
            );
            Err(ConfigError::new("resource_owner_issuer", problem))
        }
        (Some(named), _) => Ok(Owners::Of(named)),
        // The subject of one issuer must not own what that of another one owns.
        (None, _) if authenticators.iter().any(|known| known.has_many_issuers()) => Ok(unset(authenticators)),
        (None, _) if authenticators.len() <= 1 => Ok(Owners::OnlyIssuer),
        (None, Some([only])) => Ok(Owners::Of((*only).to_owned())),
        (None, _) => Ok(unset(authenticators)),
    }
}

fn unset(authenticators: &[Arc<dyn Authenticator>]) -> Owners {
    Owners::Unset { tenants_are_assigned: authenticators.iter().all(|known| known.assigns_tenants()) }
}

pub(super) fn is_valid_admin_role(admin: &RoleName) -> Result<(), ConfigError> {
    Kind::Role.mistake(admin.as_str()).map_or(Ok(()), |problem| Err(ConfigError::new("admin_role", problem)))
}

/// The settings that the rules of the routes may need.
pub(super) struct Configured<'a> {
    pub(super) authenticators: &'a [Arc<dyn Authenticator>],
    pub(super) roles: Option<&'a Roles>,
    pub(super) owners: &'a Owners,
    pub(super) strict_input: bool,
}

/// Checks that the settings are present which the rules and the arguments of the routes need. A missing setting is reported
/// once, with the first route that needs it; each undefined role is reported.
pub(super) fn check_requirements(policies: &PolicyTable, known: &Configured<'_>, mistakes: &mut Mistakes) {
    if known.roles.is_some() && policies.rows().is_empty() {
        let problem = "needs `.routes(..)`, so that the rules can be checked against the registered roles";
        return mistakes.report("roles", problem);
    }
    if let Some(problem) = known.roles.and_then(Roles::mistaken_name) {
        mistakes.report("roles", problem);
    }
    if known.strict_input && policies.rows().is_empty() {
        let problem = "needs `.routes(..)`, so that the arguments of the handlers can be checked";
        return mistakes.report("strict_input", problem);
    }
    for row in policies.rows() {
        if known.strict_input && row.takes_actix_input() {
            let taker = format!("{} at {}", row.policy().declared(), row.path());
            mistakes.report("strict_input", format!("{taker} takes an extractor of actix-web, which ignores unknown fields: take that of `palisade::input`"));
        }
        check_row_filter(row, known, mistakes);
        check_schemes(row, known, mistakes);
        for rule in row.rules() {
            check_rule(row, &rule, known, mistakes);
        }
    }
}

/// Checks that there is a proxy that can write the headers in which an authenticator looks for credentials.
pub(super) fn check_headers_of_proxies(
    authenticators: &[Arc<dyn Authenticator>],
    proxies: &TrustedProxies,
    mistakes: &mut Mistakes,
) {
    let reading = authenticators.iter().find(|known| known.reads_headers_of_proxies());
    if let (Some(reading), true) = (reading, proxies.is_empty()) {
        let problem = format!(
            "must name the proxies whose header has the credential of the scheme {:?}, such as \"10.0.0.0/8\"",
            reading.scheme()
        );
        mistakes.report("trusted_proxies", problem);
    }
}

/// Checks that there are authenticators of the schemes that a route accepts, and of those that its rules name.
fn check_schemes(row: &PolicyRow, known: &Configured<'_>, mistakes: &mut Mistakes) {
    if known.authenticators.is_empty() {
        return;
    }
    let rules: Vec<Rule> = row.rules().collect();
    let mut lacking = Vec::new();
    if let Some(choices) = SchemeChoices::of(&rules)
        && !known.authenticators.iter().any(|own| choices.admit(own.scheme(), own.has_api_keys()))
    {
        lacking.push(format!("credentials of {choices}"));
    }
    let is_known = |name: &str| known.authenticators.iter().any(|own| own.scheme().eq_ignore_ascii_case(name));
    rules.iter().for_each(|rule| {
        rule.leaves(&mut |leaf| match leaf {
            Rule::Scheme(name) if !is_known(name) => lacking.push(format!("the scheme {name:?}")),
            _ => {}
        });
    });
    for lacking in lacking {
        let mut schemes: Vec<&str> = known.authenticators.iter().map(|own| own.scheme()).collect();
        schemes.sort_unstable();
        schemes.dedup();
        let problem = format!(
            "must be of each scheme that the routes accept, but {} at {} accepts {lacking}, and the schemes of the authenticators \
             are {}; add one with `.authenticator(..)`, or correct the name",
            row.policy().declared(),
            row.path(),
            schemes.join(", ")
        );
        mistakes.report("authenticator", problem);
    }
}

/// Checks that the `RowFilter` argument of a handler, if it has one, can be created.
fn check_row_filter(row: &PolicyRow, known: &Configured<'_>, mistakes: &mut Mistakes) {
    if !row.takes_row_filter() {
        return;
    }
    let taker = format!("{} at {} takes a `RowFilter`", row.policy().declared(), row.path());
    check_owner_issuer(known, &taker, mistakes);
    if let Some(lacking) = known.roles.and_then(|roles| roles.lacks_admin(row.admin_role())) {
        mistakes.report("roles", format!("{lacking}, but {taker}"));
    }
}

/// Checks that one rule of a route can be decided.
fn check_rule(row: &PolicyRow, rule: &Rule, known: &Configured<'_>, mistakes: &mut Mistakes) {
    let at = format!("{} at {}", row.policy().declared(), row.path());
    let requires = || format!("{at} requires {}", row.words(rule));
    if rule.credentials() == Credentials::Required && known.authenticators.is_empty() {
        if !mistakes.is_reported("authenticator") {
            mistakes
                .report("authenticator", format!("none is set, but {}; add one with `.authenticator(..)`", requires()));
        }
        return;
    }
    let (mut needs_owner_issuer, mut permission) = (false, None);
    rule.leaves(&mut |leaf| match leaf {
        Rule::Owner(_) | Rule::Owns(_) => needs_owner_issuer = true,
        Rule::Tenant(_) => needs_owner_issuer |= known.authenticators.iter().any(|known| !known.assigns_tenants()),
        Rule::Permission(name) => permission = Some(*name),
        _ => {}
    });
    if needs_owner_issuer {
        check_owner_issuer(known, &requires(), mistakes);
    }
    match (known.roles, permission) {
        (Some(roles), _) => {
            for lacking in rule.undefined_in(roles, row.admin_role()) {
                mistakes.report("roles", format!("{lacking}, but {}", requires()));
            }
        }
        (None, Some(permission)) if !mistakes.is_reported("roles") => mistakes.report(
            "roles",
            format!("must be registered with `.roles(..)`, because {at} requires {permission:?}, which no role grants"),
        ),
        (None, _) => {}
    }
}

fn check_owner_issuer(known: &Configured<'_>, needed_by: &str, mistakes: &mut Mistakes) {
    if matches!(known.owners, Owners::Unset { .. }) && !mistakes.is_reported("resource_owner_issuer") {
        let problem = format!(
            "must be set with `.resource_owner_issuer(issuer)`, because the {} \
             authenticators do not all have one known issuer, and {needed_by}",
            known.authenticators.len(),
        );
        mistakes.report("resource_owner_issuer", problem);
    }
}

pub(super) fn is_valid_realm(realm: &str) -> Result<(), ConfigError> {
    if realm.contains(['"', '\\']) || !realm.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        return Err(ConfigError::new("realm", "must be printable ASCII without `\"` and `\\`"));
    }
    Ok(())
}

/// Checks that every rate limit can determine its key.
pub(super) fn check_rate_limit_keys(
    policies: &PolicyTable,
    authenticators: &[Arc<dyn Authenticator>],
    proxies: &TrustedProxies,
    mistakes: &mut Mistakes,
) {
    let mut lacks_api_keys = authenticators.iter().all(|known| !known.has_api_keys());
    for row in policies.rows() {
        for (rate_limit, _) in row.each_rate_limit() {
            let counts =
                || format!("{} at {} counts \"{}\" by", row.policy().declared(), row.path(), rate_limit.name());
            for by in rate_limit.counted_by() {
                match by {
                    By::Header(name) if proxies.is_empty() && !mistakes.is_reported("trusted_proxies") => {
                        let problem = format!(
                            "must list the proxies, such as `.trusted_proxies([\"10.0.0.0/8\"])`, because {} the header {name}, \
                             which only a trusted proxy may set",
                            counts()
                        );
                        mistakes.report("trusted_proxies", problem);
                    }
                    By::ApiKey if lacks_api_keys => {
                        lacks_api_keys = false; // Report this once.
                        let problem = format!(
                            "must have API keys, because {} API key; add the `ApiKeys` with `.authenticator(..)`, or let \
                             `has_api_keys` of your own `Authenticator` return `true`",
                            counts()
                        );
                        mistakes.report("authenticator", problem);
                    }
                    _ => {}
                }
            }
        }
    }
}

/// Checks that each `report-to` in a policy of a scope or a route names an endpoint. The mistake of a scope is reported once.
pub(super) fn check_reports(policies: &PolicyTable, headers: &ApplicationHeaders, mistakes: &mut Mistakes) {
    for row in policies.rows() {
        for name in headers.unknown_endpoints(row.each_header_change().map(|(changes, _)| changes)) {
            let by = row.each_header_change().filter(|(changes, _)| changes.report_to(&name)).last();
            let by = match by {
                Some((_, Some(scope))) => format!("the scope {}", prefix_or_slash(scope)),
                _ => format!("{} at {}", row.policy().declared(), row.path()),
            };
            let problem = format!("{}, or correct the name in the policy of {by}", lacking_endpoint(&name));
            mistakes.report("security headers", problem);
        }
    }
}

/// Checks that each rule that exempts callers from rate limits depends only on the caller, not on the request.
pub(super) fn check_exempting_rules(rules: &[Rule], mistakes: &mut Mistakes) {
    for problem in rules.iter().filter_map(Rule::mistaken_name) {
        mistakes.report("exempt_from_rate_limits_if", format!("must not have an {problem}"));
    }
    for rule in rules.iter().filter(|rule| !authz::depends_only_on_caller(rule)) {
        let problem = format!("must be made of roles, permissions and scopes only, but {rule} is not");
        mistakes.report("exempt_from_rate_limits_if", problem);
    }
}
