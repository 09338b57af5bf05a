//! Routes that hide each other in one router.
//!
//! Threat: an endpoint that never gets a request, because an earlier route with a weaker policy takes its requests (CWE-863).
//! Promise: such a mistake is found when the application is built. The cost grows linearly with the number of routes.

use std::collections::HashMap;

use super::Mount;
use super::index::{PathIndex, Takes};
use super::verify::mistake;
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
        let known = alike.iter().filter_map(|place| self.mounted.get(*place)).any(|before| before.path == path);
        let taken = if known { None } else { self.index.first(&path, &sample(&path)) };
        // The error names the earliest route that hides this one. A route of the same shape has an error text of its own.
        for place in alike.iter().take_while(|place| taken.is_none_or(|taken| **place <= taken)) {
            let before = self.mounted.get(*place);
            before.map_or(Ok(()), |before| before.agrees(&handler, &path, &mount.route))?;
        }
        if let Some(before) = taken.and_then(|place| self.mounted.get(place)) {
            return before.hides(&format!("`{handler}` at {path}"));
        }
        let place = self.mounted.len();
        alike.push(place);
        self.index.add(place, &path, Takes::Path);
        self.mounted.push(Before { route: Some(mount.route), handler, path });
        Ok(())
    }

    /// Adds a scope with a prefix. It has a router of its own.
    pub(super) fn nest(&mut self, path: String) -> Result<(), ConfigError> {
        let below = format!("{path}/below");
        if let Some(before) = self.index.first(&below, &sample(&below)).and_then(|place| self.mounted.get(place)) {
            return before.hides(&format!("the scope {path}"));
        }
        self.index.add(self.mounted.len(), &path, Takes::Prefix);
        self.mounted.push(Before { route: None, handler: String::new(), path });
        Ok(())
    }
}

impl Before {
    fn hides(&self, what: &str) -> Result<(), ConfigError> {
        mistake(format!(
            "{what} is never reached, because {} is added before it and takes its requests: {}",
            self.name(),
            self.help()
        ))
    }

    fn help(&self) -> &'static str {
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

    /// Checks whether an endpoint of the same shape can be added beside this one.
    fn agrees(&self, handler: &str, path: &str, new: &Route) -> Result<(), ConfigError> {
        let Some(route) = &self.route else { return Ok(()) };
        if self.path != path {
            return mistake(format!(
                "`{}` at {} and `{handler}` at {path} are the same path, so only the first would be found: give the \
                 parameters the same names",
                self.handler, self.path
            ));
        }
        match new.methods.iter().find(|method| route.methods.contains(method)) {
            Some(method) => {
                mistake(format!("`{}` and `{handler}` both serve {method} {path}: remove one of them", self.handler))
            }
            None => Ok(()),
        }
    }
}

/// A path that the template matches. Each parameter has a value that equals no literal.
fn sample(template: &str) -> String {
    template::filled(template, |_| "~any~")
}
