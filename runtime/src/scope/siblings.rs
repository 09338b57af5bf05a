//! Finds routes that hide each other in one router.
//!
//! Threat: an endpoint never gets a request, because an earlier route with a weaker policy takes its requests (CWE-863).
//! Promise: such a mistake is found when the application is built. The cost grows linearly with the number of routes.

use std::cell::OnceCell;

use actix_web::dev::ResourceDef;

use super::Scope;
#[cfg(test)]
use super::index::work;
use super::index::{Matches, PathIndex};
use super::members::Mount;
use crate::config_error::ConfigError;
use crate::policy::{Policy, Route, ServedPaths};
use crate::template::{self, shape};

/// The routes of one router that were added so far.
#[derive(Default)]
pub(super) struct Siblings {
    added: Vec<AddedRoute>,
    index: PathIndex,
}

/// An endpoint, a service or a scope of the router.
struct AddedRoute {
    kind: SiblingKind,
    path: String,
    /// Whether a guard passes on some of the requests for its paths.
    has_guards: bool,
    /// Whether the index finds it only for paths that it matches.
    is_plain: bool,
    compiled: OnceCell<ResourceDef>,
}

enum SiblingKind {
    /// The route, and its policy, which names the handler.
    Route(Route, &'static Policy),
    /// A scope takes the requests of each method. The text is its source location.
    Scope(String),
}

impl Siblings {
    /// Adds an endpoint or a service. Its path has the prefixes of all outer scopes. `has_guards` is whether those have guards.
    pub(super) fn add_route(&mut self, mount: &Mount, path: String, has_guards: bool) -> Result<(), ConfigError> {
        self.check_route(mount, &path)?;
        self.push(SiblingKind::Route(mount.route, mount.policy), path, has_guards || !mount.guards.0.is_empty());
        Ok(())
    }

    /// Finds a route of the router that takes the requests of a method of this one, which may be in an inner scope.
    pub(super) fn check_route(&self, mount: &Mount, path: &str) -> Result<(), ConfigError> {
        for method in mount.route.methods {
            if let Some(earlier) = self.first(path, Some(method)) {
                let what = format!("{} at {path}", mount.policy.declared());
                return earlier.error(&what, path, &mount.route, method);
            }
        }
        Ok(())
    }

    /// Finds a scope or a service that takes the requests of each method for a scope with a prefix.
    pub(super) fn check_scope(&self, scope: &Scope, path: &str) -> Result<(), ConfigError> {
        match self.first(&format!("{path}/below"), None) {
            Some(earlier) => earlier.hides(&format!("the scope {path} ({}) is never reached", scope.place())),
            None => Ok(()),
        }
    }

    /// Adds a scope with a prefix. It has a router of its own.
    pub(super) fn add_scope(&mut self, scope: &Scope, path: String, has_guards: bool) {
        self.push(SiblingKind::Scope(scope.place()), path, has_guards || !scope.guards.0.is_empty());
    }

    fn push(&mut self, kind: SiblingKind, path: String, has_guards: bool) {
        let matches = match &kind {
            SiblingKind::Route(route, _) if route.paths == ServedPaths::Template => Matches::Path,
            _ => Matches::Prefix,
        };
        // An endpoint without a path has the root. A service without a path has each path.
        let template = if path.is_empty() && matches == Matches::Path { "/" } else { &path };
        let is_plain = self.index.add(self.added.len(), template, matches);
        self.added.push(AddedRoute { kind, path, has_guards, is_plain, compiled: OnceCell::new() });
    }

    /// Returns the first route that takes the requests of this method for this template, or of each method (`None`).
    fn first(&self, template: &str, method: Option<&str>) -> Option<&AddedRoute> {
        let sample = sample(template);
        let takes = |earlier: &&AddedRoute| earlier.serves_each(method) && earlier.takes(&sample, template);
        self.index.all_candidates(&sample).into_iter().filter_map(|index| self.added.get(index)).find(takes)
    }
}

impl AddedRoute {
    /// Whether it serves all requests of this method, or of each method (`None`).
    fn serves_each(&self, method: Option<&str>) -> bool {
        !self.has_guards
            && match &self.kind {
                SiblingKind::Scope(_) => true,
                SiblingKind::Route(route, _) => {
                    method.map_or(route.paths == ServedPaths::Below, |method| route.serves(method))
                }
            }
    }

    fn matches(&self) -> Matches {
        match &self.kind {
            SiblingKind::Route(route, _) if route.paths == ServedPaths::Template => Matches::Path,
            _ => Matches::Prefix,
        }
    }

    /// Whether this route takes the requests for a template for which the index found it. `sample` is an example of its paths.
    fn takes(&self, sample: &str, template: &str) -> bool {
        if self.is_plain {
            return true;
        }
        #[cfg(test)]
        work::step();
        let compiled = self.compiled.get_or_init(|| {
            #[cfg(test)]
            work::compile();
            match self.matches() {
                Matches::Path => ResourceDef::new(&*self.path),
                Matches::Prefix => ResourceDef::prefix(&*self.path),
            }
        });
        // A pattern takes the requests of a template with the same pattern, even if it does not match the example path.
        compiled.is_match(sample)
            || match self.matches() {
                Matches::Path => shape(template) == shape(&self.path),
                Matches::Prefix => is_below(&shape(template), &shape(&self.path)),
            }
    }

    /// Returns the error that this route takes the requests of a method of another one.
    fn error(&self, what: &str, path: &str, route: &Route, method: &str) -> Result<(), ConfigError> {
        match &self.kind {
            SiblingKind::Route(own, policy)
                if own.paths == ServedPaths::Template && route.paths == ServedPaths::Template =>
            {
                if self.path == path {
                    return ConfigError::routes(format!(
                        "{} and {what} both serve {method} {path}: remove one of them",
                        policy.declared()
                    ));
                }
                if shape(&self.path) == shape(path) {
                    return ConfigError::routes(format!(
                        "{} and {what} match the same paths, and both serve {method}, so the second one would never get such a \
                         request: remove one of them",
                        self.name()
                    ));
                }
            }
            _ => {}
        }
        match route.methods {
            [_] => self.hides(&format!("{what} is never reached")),
            _ => self.hides(&format!("{what} never gets {method} requests")),
        }
    }

    /// Returns the error that this route takes the requests of another one.
    fn hides(&self, what: &str) -> Result<(), ConfigError> {
        ConfigError::routes(format!(
            "{what}, because {} is added before it and takes its requests: {}",
            self.name(),
            self.help()
        ))
    }

    fn help(&self) -> &'static str {
        match self.kind {
            SiblingKind::Route(..) => "add it first",
            SiblingKind::Scope(_) => "move it into that scope, or add it first",
        }
    }

    fn name(&self) -> String {
        match &self.kind {
            SiblingKind::Route(_, policy) => format!("{} at {}", policy.declared(), self.path),
            SiblingKind::Scope(place) => format!("the scope {} ({place})", self.path),
        }
    }
}

/// A path that the template matches. Each parameter has a value that equals no literal.
fn sample(template: &str) -> String {
    template::filled(template, |_| "~any~")
}

/// Returns whether the path equals the prefix or is below it.
fn is_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    use super::*;
    use crate::policy::Rule;

    /// Compares the template with each earlier one, as the router does.
    fn one_by_one(before: &[(String, Matches)], template: &str) -> Option<usize> {
        let path = sample(template);
        before.iter().position(|(own, matches)| {
            let own = if own.is_empty() && *matches == Matches::Path { "/" } else { own.as_str() };
            match matches {
                Matches::Path => ResourceDef::new(own).is_match(&path) || shape(template) == shape(own),
                Matches::Prefix => ResourceDef::prefix(own).is_match(&path) || is_below(&shape(template), &shape(own)),
            }
        })
    }

    fn indexed(before: &[(String, Matches)], template: &str) -> Option<usize> {
        static POLICY: Policy = Policy::new(Rule::Public);
        let mut siblings = Siblings::default();
        for (own, matches) in before {
            let kind = match matches {
                Matches::Path => SiblingKind::Route(Route::get(""), &POLICY),
                Matches::Prefix => SiblingKind::Scope(String::new()),
            };
            siblings.push(kind, own.clone(), false);
        }
        let first = siblings.first(template, Some("GET"))?;
        siblings.added.iter().position(|added| std::ptr::eq(added, first))
    }

    /// Templates from few segments, so that they often match the same paths. The router requires unique parameter names.
    fn template() -> impl Strategy<Value = String> {
        let segment = select(vec![
            "a",
            "b",
            "",
            "~any~",
            "{x}",
            "{x}",
            "a{x}",
            "{x}.{y}",
            r"{x:\d+}",
            r"{x:[^a]+}",
            "{x:.*}",
            "{x:(a|b)}",
            "{x:[^/]+}",
            "{x:a)|(b}",
            "{x:~any~}",
        ]);
        (vec(segment, 0..4), select(vec!["", "", "", "/", "/{tail}*", "/c*"])).prop_map(|(segments, end)| {
            let mut template = String::new();
            for (number, segment) in segments.iter().enumerate() {
                let named = segment.replace("{x", &format!("{{x{number}")).replace("{y", &format!("{{y{number}"));
                template.extend(["/", &named]);
            }
            template + end
        })
    }

    #[test]
    fn the_index_agrees_with_the_router() {
        let cases = (vec((template(), prop_oneof![Just(Matches::Path), Just(Matches::Prefix)]), 0..8), template());
        let mut runner = TestRunner::deterministic();
        let mut counts = [0_usize; 2];
        for _ in 0..800 {
            let (before, searched) = cases.new_tree(&mut runner).unwrap().current();
            let expected = one_by_one(&before, &searched);
            assert_eq!(indexed(&before, &searched), expected, "{searched} after {before:?}");
            counts[usize::from(expected.is_some())] += 1;
        }
        assert!(counts.iter().all(|count| *count > 100), "the random cases are not balanced: {counts:?}");
    }
}
