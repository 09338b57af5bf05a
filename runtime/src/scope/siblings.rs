//! Finds routes that hide each other in one router.
//!
//! Threat: an endpoint never gets a request, because an earlier route with a weaker policy takes its requests (CWE-863).
//! Promise: such a mistake is found when the application is built. The cost grows linearly with the number of routes.

use std::cell::OnceCell;
use std::collections::HashMap;

use actix_web::dev::ResourceDef;
use foldhash::fast::FixedState;
use smallvec::SmallVec;

use super::Mount;
#[cfg(test)]
use super::index::work;
use super::index::{Matches, PathIndex};
use crate::config_error::ConfigError;
use crate::policy::{HandlerPath, Route};
use crate::template::{self, shape};

/// The routes of one router that were added so far.
#[derive(Default)]
pub(super) struct Siblings {
    added: Vec<AddedRoute>,
    /// The indexes of the endpoints of each shape. The shape is the template without parameter names.
    by_shape: HashMap<String, SmallVec<[usize; 1]>, FixedState>,
    index: PathIndex,
}

/// An endpoint or a scope of the router.
struct AddedRoute {
    /// `None` for a scope.
    route: Option<Route>,
    handler: HandlerPath,
    path: String,
    /// Whether the index finds it only for paths that it matches.
    is_plain: bool,
    compiled: OnceCell<ResourceDef>,
}

impl Siblings {
    /// Adds an endpoint. Its path has the prefixes of all outer scopes.
    pub(super) fn add_endpoint(&mut self, mount: &Mount, path: String) -> Result<(), ConfigError> {
        let handler = mount.policy.handler;
        let shape = shape(&path);
        let same_shape = self.by_shape.get(&shape).map_or(&[][..], |indexes| indexes);
        let known = same_shape.iter().filter_map(|index| self.added.get(*index)).any(|earlier| earlier.path == path);
        let hidden_by = if known { None } else { self.first(&path) };
        // The error names the earliest route that hides this one. A route of the same shape has an error text of its own.
        for index in same_shape.iter().take_while(|index| hidden_by.is_none_or(|hidden_by| **index <= hidden_by)) {
            let earlier = self.added.get(*index);
            earlier.map_or(Ok(()), |earlier| earlier.check_beside(handler, &path, &mount.route))?;
        }
        if let Some(earlier) = hidden_by.and_then(|index| self.added.get(index)) {
            return earlier.hides_error(&format!("`{handler}` at {path}"));
        }
        self.by_shape.entry(shape).or_default().push(self.added.len());
        self.push(Some(mount.route), handler, path);
        Ok(())
    }

    /// Adds a scope with a prefix. It has a router of its own.
    pub(super) fn add_scope(&mut self, path: String) -> Result<(), ConfigError> {
        if let Some(earlier) = self.first(&format!("{path}/below")).and_then(|index| self.added.get(index)) {
            return earlier.hides_error(&format!("the scope {path}"));
        }
        self.push(None, HandlerPath { module: "", name: "" }, path);
        Ok(())
    }

    fn push(&mut self, route: Option<Route>, handler: HandlerPath, path: String) {
        let matches = if route.is_some() { Matches::Path } else { Matches::Prefix };
        let template = if path.is_empty() { "/" } else { &path };
        let is_plain = self.index.add(self.added.len(), template, matches);
        self.added.push(AddedRoute { route, handler, path, is_plain, compiled: OnceCell::new() });
    }

    /// Returns the first route that takes the requests for this template.
    fn first(&self, template: &str) -> Option<usize> {
        let sample = sample(template);
        let takes = |index: &usize| self.added.get(*index).is_some_and(|earlier| earlier.takes(&sample, template));
        self.index.candidates(&sample).into_iter().find(takes)
    }
}

impl AddedRoute {
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
            match self.route {
                Some(_) => ResourceDef::new(&*self.path),
                None => ResourceDef::prefix(&*self.path),
            }
        });
        // A pattern takes the requests of a template with the same pattern, even if it does not match the example path.
        compiled.is_match(sample) || (self.route.is_none() && is_below(&shape(template), &shape(&self.path)))
    }

    /// Returns the error that this route takes all requests for `what`.
    fn hides_error(&self, what: &str) -> Result<(), ConfigError> {
        ConfigError::routes(format!(
            "{what} is never reached, because {} is added before it and takes its requests: {}",
            self.name(),
            self.help()
        ))
    }

    fn help(&self) -> &'static str {
        match self.route {
            Some(_) => "add it first",
            None => "move it into that scope, or add it first",
        }
    }

    fn name(&self) -> String {
        match self.route {
            Some(_) => format!("`{}` at {}", self.handler, self.path),
            None => format!("the scope {}", self.path),
        }
    }

    /// Checks whether an endpoint of the same shape can be added beside this one.
    fn check_beside(&self, handler: HandlerPath, path: &str, new: &Route) -> Result<(), ConfigError> {
        let Some(route) = &self.route else { return Ok(()) };
        if self.path != path {
            return ConfigError::routes(format!(
                "`{}` at {} and `{handler}` at {path} match the same paths, so the second one would never be reached: give the \
                 parameters the same names",
                self.handler, self.path
            ));
        }
        match new.methods.iter().find(|method| route.methods.contains(method)) {
            Some(method) => ConfigError::routes(format!(
                "`{}` and `{handler}` both serve {method} {path}: remove one of them",
                self.handler
            )),
            None => Ok(()),
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

    /// Compares the template with each earlier one, as the router does.
    fn one_by_one(before: &[(String, Matches)], template: &str) -> Option<usize> {
        let path = sample(template);
        before.iter().position(|(own, matches)| {
            let own = if own.is_empty() { "/" } else { own.as_str() };
            match matches {
                Matches::Path => ResourceDef::new(own).is_match(&path),
                Matches::Prefix => ResourceDef::prefix(own).is_match(&path) || is_below(&shape(template), &shape(own)),
            }
        })
    }

    fn indexed(before: &[(String, Matches)], template: &str) -> Option<usize> {
        let mut siblings = Siblings::default();
        for (own, matches) in before {
            let route = (*matches == Matches::Path).then_some(Route::get(""));
            siblings.push(route, HandlerPath { module: "", name: "" }, own.clone());
        }
        siblings.first(template)
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
