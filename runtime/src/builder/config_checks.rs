//! What an application is asked before it starts.
//!
//! Threat: a rule or a rate limit that can't mean what it says, found out by the first attacker (CWE-1188).
//! Promise: whatever of that can be known at boot is an error there, which names the setting and the cure.

use std::collections::BTreeSet;
use std::sync::Arc;

use actix_web::http::header::HeaderValue;
use palisade_grammar::names::Kind;

use crate::authn::Authenticator;
use crate::authz::{self, Owners};
use crate::config_error::ConfigError;
use crate::policy::{Credentials, Rule};
use crate::policy_table::{PolicyRow, PolicyTable};
use crate::proxy::TrustedProxies;
use crate::rate_limit::By;
use crate::role::RoleName;
use crate::role::Roles;

pub(super) fn exemption(prefix: &str, reason: &str) -> Result<(), ConfigError> {
    let refuse = |problem: &'static str| Err(ConfigError::new(format!("allow_unguarded {prefix:?}"), problem));
    if !prefix.starts_with('/') || prefix.ends_with('/') || prefix.contains(['{', '%']) {
        return refuse("is the prefix of a mounted service, such as \"/static\"");
    }
    if reason.trim().is_empty() {
        return refuse("needs a reason, such as \"style sheets for everybody\"");
    }
    Ok(())
}

/// Whether no `Jwt` stands before another that is to take the same tokens.
pub(super) fn each_issuer_has_one_jwt(issuers: &[String]) -> Result<(), ConfigError> {
    let mut seen = BTreeSet::new();
    match issuers.iter().find(|issuer| !seen.insert(issuer.as_str())) {
        None => Ok(()),
        Some(issuer) => {
            let problem = format!(
                "two `Jwt` take the tokens of {issuer:?}, and the first would refuse what only the second accepts: make them one `Jwt`, with `.audience(..)` for each audience and `.keys(..)` for each key source"
            );
            Err(ConfigError::new("authenticator", problem))
        }
    }
}

/// Whose subjects own: who was named, or the only issuer that there is.
pub(super) fn owners(named: Option<String>, authenticators: &[Arc<dyn Authenticator>]) -> Result<Owners, ConfigError> {
    let issuers: Option<BTreeSet<&str>> = authenticators.iter().map(|authenticator| authenticator.issuer()).collect();
    let issuers: Option<Vec<&str>> = issuers.map(|known| known.into_iter().collect());
    match (named, issuers.as_deref()) {
        (Some(named), Some(known)) if !known.is_empty() && !known.contains(&named.as_str()) => {
            let problem = format!("names {named:?}, but the authenticators vouch for {}", known.join(", "));
            Err(ConfigError::new("resource_owner_issuer", problem))
        }
        (Some(named), _) => Ok(Owners::Of(named)),
        (None, _) if authenticators.len() <= 1 => Ok(Owners::TheOnlyOnes),
        (None, Some([only])) => Ok(Owners::Of((*only).to_owned())),
        (None, _) => Ok(Owners::Unset),
    }
}

pub(super) fn is_a_role(admin: &RoleName) -> Result<(), ConfigError> {
    Kind::Role.mistake(admin.as_str()).map_or(Ok(()), |problem| Err(ConfigError::new("admin_role", problem)))
}

/// Whether everything that a handler's `RowFilter` asks for can be answered.
fn scoped_is_met(row: &PolicyRow, owners: &Owners, roles: Option<&Roles>) -> Result<(), ConfigError> {
    if !row.takes_scoped() {
        return Ok(());
    }
    let taker = || format!("`{}` at {} takes a `RowFilter`", row.handler(), row.path());
    if matches!(owners, Owners::Unset) {
        let problem = format!(
            "say whose subjects and tenants count with `.resource_owner_issuer(issuer)`: there are several authenticators, not all of one \
             issuer, and {}",
            taker()
        );
        return Err(ConfigError::new("resource_owner_issuer", problem));
    }
    match roles.and_then(|roles| roles.lacks_admin(row.admin_role())) {
        Some(lacking) => Err(ConfigError::new("roles", format!("{lacking}, but {}", taker()))),
        None => Ok(()),
    }
}

/// Whether everything that the rules ask for can be answered.
pub(super) fn needs_are_met(
    policies: &PolicyTable,
    authenticators: &[Arc<dyn Authenticator>],
    owners: &Owners,
    roles: Option<&Roles>,
) -> Result<(), ConfigError> {
    if roles.is_some() && policies.rows().is_empty() {
        let cure = "are checked against the rules of the application: give its routes too, with `.routes(&routes())`";
        return Err(ConfigError::new("roles", cure));
    }
    if let Some(problem) = roles.and_then(Roles::mistaken_name) {
        return Err(ConfigError::new("roles", problem));
    }
    for row in policies.rows() {
        scoped_is_met(row, owners, roles)?;
        for rule in row.rules() {
            let words = || row.words(&rule);
            let at = || format!("`{}` at {}", row.handler(), row.path());
            if rule.credentials() == Credentials::Required && authenticators.is_empty() {
                let problem = format!("none is there, but {} demands {}", at(), words());
                return Err(ConfigError::new("authenticator", problem));
            }
            let (mut of_an_owner, mut permission) = (false, None);
            rule.leaves(&mut |leaf| match leaf {
                Rule::Owner(_) | Rule::Owns(_) | Rule::Tenant(_) => of_an_owner = true,
                Rule::Permission(name) => permission = Some(*name),
                _ => {}
            });
            if of_an_owner && matches!(owners, Owners::Unset) {
                let problem = format!(
                    "say whose subjects and tenants count with `.resource_owner_issuer(issuer)`: there are {} authenticators, not all of one issuer, and {} demands {}",
                    authenticators.len(),
                    at(),
                    words()
                );
                return Err(ConfigError::new("resource_owner_issuer", problem));
            }
            match (roles, permission) {
                (Some(roles), _) => {
                    if let Some(lacking) = rule.undefined_in(roles, row.admin_role()) {
                        let problem = format!("{lacking}, but {} demands {}", at(), words());
                        return Err(ConfigError::new("roles", problem));
                    }
                }
                (None, Some(permission)) => {
                    let problem = format!(
                        "no role grants {permission:?}, which {} demands: give the roles with `.roles(..)`",
                        at()
                    );
                    return Err(ConfigError::new("roles", problem));
                }
                (None, None) => {}
            }
        }
    }
    Ok(())
}

pub(super) fn challenges(
    authenticators: &[Arc<dyn Authenticator>],
    realm: &str,
    presented: bool,
) -> Result<Vec<HeaderValue>, ConfigError> {
    if realm.contains(['"', '\\']) || !realm.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        return Err(ConfigError::new("realm", "has only printable ASCII without `\"` and `\\`"));
    }
    let mut challenges = Vec::new();
    for authenticator in authenticators {
        let challenge = HeaderValue::try_from(authenticator.challenge(realm, presented))
            .map_err(|_| ConfigError::new("authenticator", "its challenge can't stand in a header"))?;
        // Several issuers of one scheme are one challenge.
        if !challenges.contains(&challenge) {
            challenges.push(challenge);
        }
    }
    Ok(challenges)
}

/// Whether every rate limit can find out whom it counts.
pub(super) fn rate_limits_have_keys(
    policies: &PolicyTable,
    authenticators: &[Arc<dyn Authenticator>],
    proxies: &TrustedProxies,
) -> Result<(), ConfigError> {
    for row in policies.rows() {
        for (rate_limit, _) in row.each_rate_limit() {
            let at = || format!("`{}` at {} counts \"{}\" by", row.handler(), row.path(), rate_limit.name());
            for by in rate_limit.keys() {
                match by {
                    By::Header(name) if proxies.is_empty() => {
                        let problem = format!(
                            "{} the header {name}, and only a trusted proxy may say that: name them with `.trusted_proxies([\"10.0.0.0/8\"])?`",
                            at()
                        );
                        return Err(ConfigError::new("trusted_proxies", problem));
                    }
                    By::ApiKey if !authenticators.iter().any(|known| known.has_api_keys()) => {
                        let problem = format!(
                            "{} API key, and no authenticator has any: give the `ApiKeys` with `.authenticator(..)`, or let \
                             `has_api_keys` of your own `Authenticator` return `true`",
                            at()
                        );
                        return Err(ConfigError::new("authenticator", problem));
                    }
                    _ => {}
                }
            }
        }
    }
    Ok(())
}

/// Whether what lifts rate limits can be told from the caller alone.
pub(super) fn lifts_are_of_the_caller(rules: &[Rule]) -> Result<(), ConfigError> {
    if let Some(problem) = rules.iter().find_map(Rule::mistaken_name) {
        return Err(ConfigError::new("exempt_from_rate_limits_if", format!("has an {problem}")));
    }
    match rules.iter().find(|rule| !authz::is_of_the_caller_alone(rule)) {
        None => Ok(()),
        Some(rule) => {
            let problem = format!("is made of roles, permissions and scopes alone, and {rule} is not");
            Err(ConfigError::new("exempt_from_rate_limits_if", problem))
        }
    }
}
