//! Finds routes that hide each other in one router.
//!
//! Threat: an endpoint never gets a request, because an earlier route with a weaker policy takes its requests (CWE-863).
//! Promise: such a mistake is found when the application is built. The cost grows linearly with the number of routes.

use std::collections::HashMap;

use super::Mount;
use super::index::{Matches, PathIndex};
use crate::config_error::ConfigError;
use crate::policy::Route;
use crate::template::{self, shape};

/// The routes of one router that were added so far.
#[derive(Default)]
pub(super) struct Siblings {
    added: Vec<AddedRoute>,
    /// The indexes of the endpoints of each shape. The shape is the template without parameter names.
    by_shape: HashMap<String, Vec<usize>>,
    index: PathIndex,
}

/// An endpoint or a scope of the router.
struct AddedRoute {
    /// `None` for a scope.
    route: Option<Route>,
    handler: String,
    path: String,
}

impl Siblings {
    /// Adds an endpoint. Its path has the prefixes of all outer scopes.
    pub(super) fn add_endpoint(&mut self, mount: &Mount, path: String) -> Result<(), ConfigError> {
        let handler = mount.policy.handler.to_string();
        let same_shape = self.by_shape.entry(shape(&path)).or_default();
        let known = same_shape.iter().filter_map(|index| self.added.get(*index)).any(|earlier| earlier.path == path);
        let hidden_by = if known { None } else { self.index.first(&path, &sample(&path)) };
        // The error names the earliest route that hides this one. A route of the same shape has an error text of its own.
        for index in same_shape.iter().take_while(|index| hidden_by.is_none_or(|hidden_by| **index <= hidden_by)) {
            let earlier = self.added.get(*index);
            earlier.map_or(Ok(()), |earlier| earlier.check_beside(&handler, &path, &mount.route))?;
        }
        if let Some(earlier) = hidden_by.and_then(|index| self.added.get(index)) {
            return earlier.hides_error(&format!("`{handler}` at {path}"));
        }
        let index = self.added.len();
        same_shape.push(index);
        self.index.add(index, &path, Matches::Path);
        self.added.push(AddedRoute { route: Some(mount.route), handler, path });
        Ok(())
    }

    /// Adds a scope with a prefix. It has a router of its own.
    pub(super) fn add_scope(&mut self, path: String) -> Result<(), ConfigError> {
        let below = format!("{path}/below");
        if let Some(earlier) = self.index.first(&below, &sample(&below)).and_then(|index| self.added.get(index)) {
            return earlier.hides_error(&format!("the scope {path}"));
        }
        self.index.add(self.added.len(), &path, Matches::Prefix);
        self.added.push(AddedRoute { route: None, handler: String::new(), path });
        Ok(())
    }
}

impl AddedRoute {
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
    fn check_beside(&self, handler: &str, path: &str, new: &Route) -> Result<(), ConfigError> {
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
