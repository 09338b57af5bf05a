//! Finds routes that hide each other in one router.
//!
//! Threat: an endpoint never gets a request, because an earlier route with a weaker policy takes its requests (CWE-863).
//! Promise: such a mistake is found when the application is built. The cost grows linearly with the number of routes.

use std::collections::HashMap;

use super::Mount;
use super::index::{Matches, PathIndex};
use super::verify::routes_error;
use crate::config_error::ConfigError;
use crate::policy::Route;
use crate::template::{self, shape};

/// The routes of one router that were added so far.
#[derive(Default)]
pub(super) struct Siblings {
    mounted: Vec<Before>,
    /// The indexes of the endpoints of each shape. The shape is the template without parameter names.
    by_shape: HashMap<String, Vec<usize>>,
    index: PathIndex,
}

struct Before {
    route: Option<Route>,
    handler: String,
    path: String,
}

impl Siblings {
    pub(super) fn mount(&mut self, mount: &Mount, path: String) -> Result<(), ConfigError> {
        let handler = mount.policy.handler.to_string();
        let alike = self.by_shape.entry(shape(&path)).or_default();
        let known = alike.iter().filter_map(|index| self.mounted.get(*index)).any(|before| before.path == path);
        let hidden_by = if known { None } else { self.index.first(&path, &sample(&path)) };
        // The error names the earliest route that hides this one. A route of the same shape has an error text of its own.
        for index in alike.iter().take_while(|index| hidden_by.is_none_or(|hidden_by| **index <= hidden_by)) {
            let before = self.mounted.get(*index);
            before.map_or(Ok(()), |before| before.allows(&handler, &path, &mount.route))?;
        }
        if let Some(before) = hidden_by.and_then(|index| self.mounted.get(index)) {
            return before.hides(&format!("`{handler}` at {path}"));
        }
        let index = self.mounted.len();
        alike.push(index);
        self.index.add(index, &path, Matches::Path);
        self.mounted.push(Before { route: Some(mount.route), handler, path });
        Ok(())
    }

    /// Adds a scope with a prefix. It has a router of its own.
    pub(super) fn nest(&mut self, path: String) -> Result<(), ConfigError> {
        let below = format!("{path}/below");
        if let Some(before) = self.index.first(&below, &sample(&below)).and_then(|index| self.mounted.get(index)) {
            return before.hides(&format!("the scope {path}"));
        }
        self.index.add(self.mounted.len(), &path, Matches::Prefix);
        self.mounted.push(Before { route: None, handler: String::new(), path });
        Ok(())
    }
}

impl Before {
    fn hides(&self, what: &str) -> Result<(), ConfigError> {
        routes_error(format!(
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
    fn allows(&self, handler: &str, path: &str, new: &Route) -> Result<(), ConfigError> {
        let Some(route) = &self.route else { return Ok(()) };
        if self.path != path {
            return routes_error(format!(
                "`{}` at {} and `{handler}` at {path} match the same paths, so the second one would never be reached: give the \
                 parameters the same names",
                self.handler, self.path
            ));
        }
        match new.methods.iter().find(|method| route.methods.contains(method)) {
            Some(method) => routes_error(format!(
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
