//! The path of a handler in the source code.

use std::fmt;

/// The full path of a handler: its module and its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HandlerPath {
    pub(crate) module: &'static str,
    pub(crate) name: &'static str,
}

impl fmt::Display for HandlerPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.module {
            "" => f.write_str(self.name),
            module => write!(f, "{module}::{}", self.name),
        }
    }
}
