//! Mistakes of a whole scope, which no handler alone can show.

use super::walk::{self, Around};
use super::{Kind, Mount, Scope, logic};
use crate::endpoint::parameters;
use crate::error::ConfigError;
use crate::policy::{Credentials, Rule};

pub(super) fn verify(scope: &Scope) -> Result<(), ConfigError> {
    reachable(scope, &Around::default(), &mut Vec::new())?;
    walk::endpoints(scope, &Around::default(), &mut endpoint)
}

fn mistake<T>(problem: String) -> Result<T, ConfigError> {
    Err(ConfigError::new("routes", problem))
}

fn endpoint(around: &Around, mount: &Mount) -> Result<(), ConfigError> {
    let (handler, path) = (mount.policy.handler, mount.route.path);
    let outer: Vec<&str> = parameters(&around.prefix).collect();
    let own: Vec<&str> = parameters(path).collect();
    if let Some(name) = own.iter().find(|name| outer.contains(name)) {
        return mistake(format!(
            "the scope {} and `{handler}` at {path} both have a parameter `{name}`: give one another name",
            around.prefix
        ));
    }
    let rule = &mount.policy.rule;
    for (whose, rule) in around
        .rules
        .iter()
        .map(|(prefix, rule)| (format!("scope {prefix}"), rule))
        .chain([(format!("`{handler}`"), rule)])
    {
        for name in rule.parameters() {
            if !outer.contains(&name) && !own.contains(&name) {
                return mistake(format!(
                    "the {rule} of {whose} needs a parameter `{{{name}}}`, which {}{path} lacks",
                    around.prefix
                ));
            }
        }
    }
    sense(around, mount)
}

/// Rules that contradict each other, or that can never matter.
fn sense(around: &Around, mount: &Mount) -> Result<(), ConfigError> {
    let (handler, own) = (mount.policy.handler, &mount.policy.rule);
    let Around { prefix, rules, .. } = around;
    let path = mount.route.path;
    let demanding = rules.iter().find(|(_, rule)| rule.credentials() == Credentials::Required);
    if let (Some((scope, rule)), Rule::Public | Rule::OptionalAuth) = (demanding, own) {
        return mistake(format!(
            "`{handler}` at {prefix}{path} is {own}, but its scope {scope} demands {rule}: take it out of the scope, or say \
             `#[authenticated]`"
        ));
    }
    if *own == Rule::Nobody {
        return Ok(());
    }
    let outer: Vec<&Rule> = rules.iter().map(|(_, rule)| rule).collect();
    let all: Vec<&Rule> = outer.iter().copied().chain([own]).collect();
    let demands = || rules.iter().map(|(scope, rule)| format!("{scope} ({rule})")).collect::<Vec<_>>().join(" and ");
    if !logic::admits_somebody(&all) {
        return mistake(format!(
            "`{handler}` at {prefix}{path} admits nobody: {own} contradicts the scope {}",
            demands()
        ));
    }
    match logic::dead_alternative(&outer, own) {
        Some(dead) if !rules.is_empty() => mistake(format!(
            "`{handler}` at {prefix}{path} says {own}, but `{}` never matters in the scope {}: leave it out, or move the \
             route out of the scope",
            words(dead),
            demands()
        )),
        _ => Ok(()),
    }
}

/// A leaf in the words of an expression.
fn words(rule: &Rule) -> String {
    let words = rule.to_string();
    words.strip_prefix("require_").map(str::to_owned).unwrap_or(words)
}

/// What was mounted before, on the way through the scopes that share one router.
struct Before {
    route: Option<crate::policy::Route>,
    handler: String,
    path: String,
}

fn reachable(scope: &Scope, around: &Around, siblings: &mut Vec<Before>) -> Result<(), ConfigError> {
    let around = around.inside(scope);
    for item in &scope.items {
        match &item.0 {
            Kind::Endpoint(mount) => {
                let path = format!("{}{}", around.prefix, mount.route.path);
                let handler = mount.policy.handler.to_string();
                for before in siblings.iter() {
                    not_hidden(before, &handler, &path, &mount.route)?;
                }
                siblings.push(Before { route: Some(mount.route), handler, path });
            }
            // Without a prefix it is in the same router.
            Kind::Scope(inner) if inner.prefix.is_empty() => reachable(inner, &around, siblings)?,
            Kind::Scope(inner) => {
                let path = format!("{}{}", around.prefix, inner.prefix);
                if let Some(before) =
                    siblings.iter().find(|before| before.route.is_none() && under(&path, &before.path))
                {
                    return mistake(format!(
                        "the scope {path} is never reached: the scope {} before it has every path there; put it inside",
                        before.path
                    ));
                }
                siblings.push(Before { route: None, handler: String::new(), path });
                reachable(inner, &around, &mut Vec::new())?;
            }
        }
    }
    Ok(())
}

fn not_hidden(before: &Before, handler: &str, path: &str, new: &crate::policy::Route) -> Result<(), ConfigError> {
    let Some(route) = &before.route else {
        return if under(path, &before.path) {
            mistake(format!(
                "`{handler}` at {path} is never reached: the scope {} before it has every path there; put it into the scope",
                before.path
            ))
        } else {
            Ok(())
        };
    };
    if super::register::shape(&before.path) != super::register::shape(path) {
        return Ok(());
    }
    if before.path != path {
        return mistake(format!(
            "`{}` at {} and `{handler}` at {path} are one path, and only the first would be found: give its parameters the \
             same names",
            before.handler, before.path
        ));
    }
    match new.methods.iter().find(|method| route.methods.contains(method)) {
        Some(method) => mistake(format!("`{}` and `{handler}` both answer {method} {path}", before.handler)),
        None => Ok(()),
    }
}

/// Whether the path is the prefix itself or below it.
fn under(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
