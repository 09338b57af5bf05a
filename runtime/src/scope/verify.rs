//! Mistakes of a whole scope, which no handler alone can show.

use actix_web::dev::ResourceDef;

use super::quotas;
use super::walk::{self, Around};
use super::{Kind, Mount, Scope, logic};
use crate::error::ConfigError;
use crate::policy::{Credentials, Ownership, Route, Rule};
use crate::template::{self, parameters, shape};

pub(super) fn verify(scope: &Scope) -> Result<(), ConfigError> {
    prefixes(scope)?;
    reachable(scope, &Around::default(), &mut Vec::new())?;
    let endpoints = walk::endpoints(scope, &Around::default());
    endpoints.iter().try_for_each(|(around, mount)| endpoint(around, mount))?;
    quotas::verify(&endpoints)
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
    if let Some(parts) = mount.parts.iter().find(|parts| !parts.fit(parameters)) {
        let has = if parameters == 1 { "1 parameter".to_owned() } else { format!("{parameters} parameters") };
        return mistake(format!(
            "`{handler}` takes a `Path` of {parts}, but {}{path} has {has}: give the one as many as the other",
            around.prefix
        ));
    }
    one_answer_for_each_row(around, mount)?;
    sense(around, mount)
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
            dead.as_term(),
            demands()
        )),
        _ => Ok(()),
    }
}

/// What was mounted before, on the way through the scopes that share one router.
struct Before {
    route: Option<Route>,
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
                let known = siblings.iter().any(|before| before.route.is_some() && before.path == path);
                for before in siblings.iter() {
                    not_hidden(before, &handler, &path, &mount.route)?;
                    if !known && before.takes(&path) {
                        let name = before.name();
                        return mistake(format!(
                            "`{handler}` at {path} is never reached: {name} before it takes its requests; {}",
                            before.cure()
                        ));
                    }
                }
                siblings.push(Before { route: Some(mount.route), handler, path });
            }
            // Without a prefix it is in the same router.
            Kind::Scope(inner) if inner.prefix.is_empty() => reachable(inner, &around, siblings)?,
            Kind::Scope(inner) => {
                let path = format!("{}{}", around.prefix, inner.prefix);
                let below = format!("{path}/below");
                if let Some(before) = siblings.iter().find(|before| before.takes(&below)) {
                    let name = before.name();
                    return mistake(format!(
                        "the scope {path} is never reached: {name} before it takes its requests; {}",
                        before.cure()
                    ));
                }
                siblings.push(Before { route: None, handler: String::new(), path });
                reachable(inner, &around, &mut Vec::new())?;
            }
        }
    }
    Ok(())
}

impl Before {
    /// Whether the router would give it the requests for this template, and ask nobody after it.
    fn takes(&self, template: &str) -> bool {
        let path = sample(template);
        let own = if self.path.is_empty() { "/" } else { self.path.as_str() };
        match self.route {
            Some(_) => ResourceDef::new(own).is_match(&path),
            // A pattern need not match the sample, but it takes what has the very same pattern.
            None => ResourceDef::prefix(own).is_match(&path) || under(&shape(template), &shape(own)),
        }
    }

    fn cure(&self) -> &'static str {
        match self.route {
            Some(_) => "add it first",
            None => "put it inside of that scope, or add it first",
        }
    }

    fn name(&self) -> String {
        match self.route {
            Some(_) => format!("`{}` at {}", self.handler, self.path),
            None => format!("the scope {}", self.path),
        }
    }
}

/// A path that the template is for: what a parameter stands for is a text that no literal is.
fn sample(template: &str) -> String {
    template::filled(template, |_| "~any~")
}

fn not_hidden(before: &Before, handler: &str, path: &str, new: &Route) -> Result<(), ConfigError> {
    let Some(route) = &before.route else { return Ok(()) };
    if shape(&before.path) != shape(path) {
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
